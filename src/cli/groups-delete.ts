// `weir groups delete`: deletes a group, with its members and assignments; what was given to its name in tokens stays.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const groupsDelete: Command = {
  name: 'groups delete',
  summary: 'delete a group',
  usage: 'groups delete ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir groups delete engineers'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the group')
  return await changeIn(input, async ({ store, tenantId }) => {
    if (!(await store.groups.remove(tenantId, id, cliActor()))) {
      throw new Problem(`There is no group '${id}' in the tenant ${tenantId}.`)
    }
    return { words: `Group ${id} deleted.`, json: { tenant: tenantId, id, deleted: true } }
  })
}
