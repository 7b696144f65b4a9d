// `weir tenants list`: every tenant, the one that is always there first. It makes no store where there is none.

import { loadConfig } from '../config/load.ts'
import { DEFAULT_TENANT } from '../core/rights.ts'
import type { Command, CommandInput } from './command.ts'
import { JSON_ARRAY, showRows } from './people.ts'
import { withExistingStore } from './store.ts'
import { TENANTS } from './tenants.ts'

export const tenantsList: Command = {
  name: 'tenants list',
  summary: 'show tenants',
  usage: 'tenants list [--json]',
  options: [JSON_ARRAY],
  examples: ['weir tenants list --json'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const stored = await withExistingStore(config, input.output, (store) => store.tenants.list())
  showRows(input, TENANTS, stored ?? [DEFAULT_TENANT])
  return 0
}
