// `weir users disable` and `weir users enable`: a user who is turned off keeps keys and rights, and gets in with none; sessions end.

import type { Status } from '../core/identity.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, findUser, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { userJson } from './users.ts'

export const usersDisable = command('disable', 'disabled', 'turn a user off')
export const usersEnable = command('enable', 'active', 'turn a user on again')

function command(verb: string, status: Status, summary: string): Command {
  return {
    name: `users ${verb}`,
    summary,
    usage: `users ${verb} USER [--tenant ID] [--json]`,
    options: [IN_TENANT, JSON_OBJECT],
    examples: [`weir users ${verb} alice@example.com`],
    positionalsMax: 1,
    run: async (input: CommandInput) => {
      const who = argument(input, 0, 'the user: a login name, an address of mail or an id')
      return await changeIn(input, async (place) => {
        const { store, tenantId } = place
        const { id } = await findUser(place, who)
        const user = await store.users.update(tenantId, id, { status }, cliActor())
        if (user === undefined)
          throw new Problem('The user is gone: somebody removed them just now.')
        return { words: `User ${user.subject} ${verb}d.`, json: userJson(user) }
      })
    },
  }
}
