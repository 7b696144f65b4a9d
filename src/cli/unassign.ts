// `weir unassign`: takes an assignment away, of a tenant or of the whole installation. Running servers notice at once.

import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const unassign: Command = {
  name: 'unassign',
  summary: 'take an assignment away',
  usage: 'unassign ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir unassign 019a1b2c-…'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the assignment')
  return await changeIn(input, async ({ store, tenantId }) => {
    for (const owner of [tenantId, PLATFORM_TENANT_ID]) {
      if (await store.assignments.remove(owner, id, cliActor())) {
        return { words: `Assignment ${id} taken away.`, json: { id, deleted: true } }
      }
    }
    throw new Problem(`There is no assignment '${id}' there. See 'weir assignments list'.`)
  })
}
