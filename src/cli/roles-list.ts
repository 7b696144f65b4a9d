// `weir roles list`: the built-in roles, then the tenant's own.

import type { Command, CommandInput } from './command.ts'
import { BUILT_IN_ROLES } from '../core/roles.ts'
import { loadConfig } from '../config/load.ts'
import { IN_TENANT, JSON_ARRAY, listIn, showRows } from './people.ts'
import { ownerOf, PLATFORM_OPTION, ROLES } from './roles.ts'
import { hasStore } from './store.ts'

export const rolesList: Command = {
  name: 'roles list',
  summary: 'show roles and what they give',
  usage: 'roles list [--tenant ID | --platform] [--json]',
  options: [IN_TENANT, PLATFORM_OPTION, JSON_ARRAY],
  examples: ['weir roles list --tenant acme'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  if (!hasStore(config)) {
    showRows(input, ROLES, BUILT_IN_ROLES)
    return 0
  }
  return await listIn(input, ROLES, async (place) => [
    ...BUILT_IN_ROLES,
    ...(await place.store.roles.list(ownerOf(input, place))),
  ])
}
