// `weir teams create`: makes a team, which may own keys and be given rights, limits and budgets.

import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, isoTime, JSON_OBJECT } from './people.ts'

export const teamsCreate: Command = {
  name: 'teams create',
  summary: 'make a team',
  usage: 'teams create ID [--name NAME] [--tenant ID] [--json]',
  options: [
    { flag: '--name', value: 'NAME', doc: 'name for people (else the id)' },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: ["weir teams create research --name 'Research'"],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the team')
  const name = textOption(input, 'name') ?? id
  return await changeIn(input, async ({ store, tenantId }) => {
    const createdMs = systemClock.nowMs()
    await store.teams.create({ tenantId, id, name, createdMs }, cliActor())
    return {
      words: `Team ${id} made. Put somebody into it with: weir teams add ${id} USER`,
      json: { tenant: tenantId, id, name, members: [], created: isoTime(createdMs) },
    }
  })
}
