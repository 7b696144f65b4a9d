// `weir teams delete`: deletes a team, with its members and assignments; keys that it owns are revoked.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const teamsDelete: Command = {
  name: 'teams delete',
  summary: 'delete a team',
  usage: 'teams delete ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir teams delete research'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the team')
  return await changeIn(input, async ({ store, tenantId }) => {
    if (!(await store.teams.remove(tenantId, id, cliActor()))) {
      throw new Problem(`There is no team '${id}' in the tenant ${tenantId}.`)
    }
    return { words: `Team ${id} deleted.`, json: { tenant: tenantId, id, deleted: true } }
  })
}
