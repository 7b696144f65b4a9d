// `weir users delete`: deletes a user with memberships, assignments and sessions; keys that they own are revoked.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, findUser, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const usersDelete: Command = {
  name: 'users delete',
  summary: 'delete a user',
  usage: 'users delete USER [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir users delete alice@example.com'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const who = argument(input, 0, 'the user: a login name, an address of mail or an id')
  return await changeIn(input, async (place) => {
    const { store, tenantId } = place
    const { id, subject } = await findUser(place, who)
    if (!(await store.users.remove(tenantId, id, cliActor()))) {
      throw new Problem('The user is gone: somebody removed them just now.')
    }
    const words = `User ${subject} deleted; keys that they owned are revoked.`
    return { words, json: { tenant: tenantId, id, deleted: true } }
  })
}
