// `weir tenants delete`: deletes a tenant that owns nothing any more. What it left in the log and the audit stays, and its id is not
// given again.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, JSON_OBJECT, Problem } from './people.ts'

export const tenantsDelete: Command = {
  name: 'tenants delete',
  summary: 'delete an empty tenant',
  usage: 'tenants delete ID [--json]',
  options: [JSON_OBJECT],
  examples: ['weir tenants delete acme'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the tenant')
  return await changeIn(input, async ({ store }) => {
    if (!(await store.tenants.remove(id, cliActor()))) {
      throw new Problem(`There is no tenant '${id}'. See 'weir tenants list'.`)
    }
    return { words: `Tenant ${id} deleted.`, json: { id, deleted: true } }
  })
}
