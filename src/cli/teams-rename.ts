// `weir teams rename`: gives a team another name for people; its id stays.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const teamsRename: Command = {
  name: 'teams rename',
  summary: 'give a team another name',
  usage: 'teams rename ID NAME [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ["weir teams rename research 'Research and development'"],
  positionalsMax: 2,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the team')
  const name = argument(input, 1, 'its new name')
  return await changeIn(input, async ({ store, tenantId }) => {
    const team = await store.teams.rename(tenantId, id, name, cliActor())
    if (team === undefined) throw new Problem(`There is no team '${id}' in the tenant ${tenantId}.`)
    return { words: `Team ${id} is called '${name}' now.`, json: { tenant: tenantId, id, name } }
  })
}
