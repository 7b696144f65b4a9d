// Who is in a group or a team, for the routes of both: listed, put in and taken out. Whoever is put in has what the group has, so only who
// has as much may do it; whoever is taken out may lose a denial, which is the same.

import type { Membership } from '../../../core/identity.ts'
import {
  assignmentsNaming,
  gained,
  givenBy,
  without,
  withMember,
  type Given,
} from '../../../core/policy/giving.ts'
import { Rights } from '../../../core/rights.ts'
import type { ServerDeps } from '../../context.ts'
import { notFound } from '../body.ts'
import type { Ask, RouteContract } from '../contract.ts'
import { guarded, type Asking, type Checks, type State } from './guard.ts'
import { ownedBy } from './named.ts'
import { asActive, foundUser } from './users-routes.ts'

type Kind = Membership['kind']
type MemberAsk = Asking & Pick<Ask<RouteContract>, 'params' | 'reply'>

/** The users in a group or team. */
export async function membersOf({ people }: ServerDeps, tenantId: string, kind: Kind, id: string) {
  const [listed, users] = await Promise.all([
    people.memberships.list(tenantId, kind, id),
    people.users.list(tenantId),
  ])
  const byId = new Map(users.map((user) => [user.id, user]))
  return listed.flatMap(({ userId }) => {
    const user = byId.get(userId)
    if (user === undefined) return []
    const { email = null, issuer, name = null, status, subject } = user
    return [{ id: userId, name, email, subject, issuer, status }]
  })
}

/** How many are in each group or team of a page. */
export async function withCounts<T extends { readonly tenantId: string; readonly id: string }>(
  { people }: ServerDeps,
  kind: Kind,
  rows: readonly T[],
): Promise<(readonly [T, number])[]> {
  return await Promise.all(
    rows.map(
      async (row) =>
        [row, (await people.memberships.list(row.tenantId, kind, row.id)).length] as const,
    ),
  )
}

/** Puts a user in; who is in it already stays. @throws GatewayError 403, 404 */
export async function addMember(deps: ServerDeps, kind: Kind, ask: MemberAsk): Promise<Response> {
  const membership = await wanted(deps, kind, ask)
  const by = guarded(deps, ask, ask.actor, {
    gives: (state) => moved(state, membership, true).gained,
  })
  const isNew = await deps.people.memberships.add(membership, by)
  return ask.reply({ id: membership.userId, is_member: true, changed: isNew })
}

/** Takes a user out. @throws GatewayError 403, 404, 409 */
export async function removeMember(
  deps: ServerDeps,
  kind: Kind,
  ask: MemberAsk,
): Promise<Response> {
  const membership = await wanted(deps, kind, ask)
  const by = guarded(deps, ask, ask.actor, {
    gives: (state) => {
      const { gained: given, lost } = moved(state, membership, false)
      // Who could not give it does not take it away, but from themselves.
      return isThemselves(ask, membership) ? given : [...given, ...lost]
    },
    after: (directory) => withMember(directory, membership, false),
  })
  const isGone = await deps.people.memberships.remove(membership, by)
  return ask.reply({ id: membership.userId, is_member: false, changed: isGone })
}

/** Checks before a group or team goes: what it is given and denied ends with it, and so do the keys of a team. */
export function removalChecks(deps: ServerDeps, tenantId: string, kind: Kind, id: string): Checks {
  return {
    gives: ({ directory, rights }) =>
      givenBy(assignmentsNaming(directory, tenantId, kind, id), rights),
    ends: ({ rights }) => (kind === 'team' ? ownedBy(deps, rights, tenantId, { kind, id }) : []),
    after: (directory) => without(directory, tenantId, kind, id),
  }
}

async function wanted(deps: ServerDeps, kind: Kind, ask: MemberAsk): Promise<Membership> {
  const { params, tenantId } = ask
  const id = params['id'] ?? ''
  const places = kind === 'group' ? deps.people.groups : deps.people.teams
  const isThere = (await places.list(tenantId)).some((each) => each.id === id)
  if (!isThere) throw notFound(kind)
  const { id: userId } = await foundUser(deps, tenantId, params['user'])
  return { tenantId, kind, id, userId }
}

/** What somebody comes by, and what they lose, through being put in or taken out. */
function moved({ directory, rights }: State, member: Membership, isIn: boolean): Moved {
  const after = withMember(directory, member, isIn)
  const user = { id: member.userId, tenantId: member.tenantId }
  const then: State = { directory: after, rights: new Rights(after) }
  const [had, has] = [asActive({ directory, rights }, user), asActive(then, user)]
  return { gained: gained(had, has), lost: gained(has, had) }
}

interface Moved {
  readonly gained: readonly Given[]
  readonly lost: readonly Given[]
}

function isThemselves({ principal }: Asking, { tenantId, userId }: Membership): boolean {
  return principal.userId === userId && principal.tenantId === tenantId
}
