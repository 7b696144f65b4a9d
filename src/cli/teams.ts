// What the commands about teams and groups share: who is in one, and how members come and go.

import type { Membership } from '../core/identity.ts'
import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import {
  argument,
  changeIn,
  findUser,
  IN_TENANT,
  JSON_OBJECT,
  Problem,
  type Place,
} from './people.ts'

export type Kind = Membership['kind']

/** Ids of the users in a team or group. */
export async function membersOf(
  { store, tenantId }: Place,
  kind: Kind,
  id: string,
): Promise<string[]> {
  return (await store.memberships.list(tenantId, kind, id)).map(({ userId }) => userId)
}

/** `teams add`, `groups remove`, … */
export function memberCommand(kind: Kind, verb: 'add' | 'remove'): Command {
  const done = verb === 'add' ? 'is in' : 'is no longer in'
  return {
    name: `${kind}s ${verb}`,
    summary: verb === 'add' ? `put a user into a ${kind}` : `take a user out of a ${kind}`,
    usage: `${kind}s ${verb} ID USER [--tenant ID] [--json]`,
    options: [IN_TENANT, JSON_OBJECT],
    examples: [`weir ${kind}s ${verb} research alice@example.com`],
    positionalsMax: 2,
    run: async (input: CommandInput) => {
      const id = argument(input, 0, `the id of the ${kind}`)
      const who = argument(input, 1, 'the user: an address of mail, a login name or an id')
      return await changeIn(input, async (place) => {
        const { store, tenantId } = place
        const user = await findUser(place, who)
        const membership = { tenantId, kind, id, userId: user.id }
        const isDone = await store.memberships[verb](membership, cliActor())
        const members = await membersOf(place, kind, id)
        if (!isDone) throw new Problem(await whyNot(place, membership, verb, members))
        return {
          words: `${user.email ?? user.subject} ${done} the ${kind} ${id}.`,
          json: { [kind]: id, user: user.id, members },
        }
      })
    },
  }
}

async function whyNot(
  { store, tenantId }: Place,
  { id, kind, userId }: Membership,
  verb: 'add' | 'remove',
  members: readonly string[],
): Promise<string> {
  const known = await (kind === 'team' ? store.teams : store.groups).list(tenantId)
  if (!known.some((each) => each.id === id)) {
    return `There is no ${kind} '${id}' in the tenant ${tenantId}. See 'weir ${kind}s list'.`
  }
  const isIn = members.includes(userId)
  return verb === 'add' && isIn
    ? `The user is in the ${kind} ${id} already.`
    : `The user is not in the ${kind} ${id}.`
}
