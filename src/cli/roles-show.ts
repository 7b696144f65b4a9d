// `weir roles show`: one role and every action it gives, patterns worked out.

import { loadConfig } from '../config/load.ts'
import { ACTIONS, roleGives, type Action } from '../core/permission.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { builtInRole } from '../core/roles.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { jsonText, printable } from './format.ts'
import { argument, IN_TENANT, JSON_OBJECT } from './people.ts'
import { PLATFORM_OPTION, roleJson } from './roles.ts'
import { tenantOf, withExistingStore } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const rolesShow: Command = {
  name: 'roles show',
  summary: 'show every action a role gives',
  usage: 'roles show ID [--tenant ID | --platform] [--json]',
  options: [IN_TENANT, PLATFORM_OPTION, JSON_OBJECT],
  examples: ['weir roles show operator'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const id = argument(input, 0, 'the id of the role')
  const { config } = loadConfig({ flags: configFlags })
  const owner = isOn(input, 'platform') ? PLATFORM_TENANT_ID : tenantOf(input)
  const own = await withExistingStore(config, output, (store) => store.roles.list(owner))
  const role = builtInRole(id) ?? own?.find((each) => each.id === id)
  if (role === undefined) {
    output.error(`There is no role '${printable(id)}'. See 'weir roles list'.\n`)
    return 1
  }
  const given = (Object.keys(ACTIONS) as Action[]).filter((action) => roleGives(role, action))
  if (isOn(input, 'json')) {
    output.out(`${jsonText({ ...roleJson(role), gives: given })}\n`)
    return 0
  }
  output.error(`${printable(`${role.name}: ${role.description}`)}\n`)
  const columns = [{ header: 'ACTION' }, { header: 'WHAT IT IS' }]
  const rows = given.map((action) => [action, ACTIONS[action]])
  output.out(renderTable(columns, rows, tableStyle(output)))
  return 0
}
