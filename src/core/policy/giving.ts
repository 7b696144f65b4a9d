// Nobody gives more than they have: who may assign what, and what any change among people would give to somebody. A role comes to people by an
// assignment, by a group or a team, by what it means, by being turned on again, or by losing a denial. Pure; the change itself is the store's.

import type { Directory, Membership, RoleAssignment, Scope } from '../identity.ts'
import { PLATFORM_TENANT_ID, platformAssigneeId } from '../identity.ts'
import {
  ACTIONS,
  can,
  roleGives,
  scopeContains,
  scopes,
  tenantOfScope,
  type Action,
} from '../permission.ts'
import type { Grant, Principal } from '../principal.ts'
import type { Rights } from '../rights.ts'

const ALL = Object.keys(ACTIONS) as Action[]

/**
 * Whether somebody may assign this role at this scope: only who may assign there at all, and has what the role gives. To deny they need
 * not have it.
 * @param receivers as in `hasWhole`
 */
export function mayAssign(
  principal: Principal,
  assignment: Pick<RoleAssignment, 'scope' | 'effect'>,
  role: Grant['role'],
  receivers: readonly Grant[] = [],
): boolean {
  const { effect, scope } = assignment
  if (!can(principal, 'assignment.write', scope)) return false
  return effect === 'deny' || hasWhole(principal, scope, role, receivers)
}

/**
 * Whether somebody has themselves everything a role gives at a scope, there and at every place below it: nobody gives more than they have,
 * whatever way it is given.
 * @param receivers grants of whoever it would be given to: what they are denied as well is no more than the giver has
 */
export function hasWhole(
  principal: Principal,
  scope: Scope,
  role: Grant['role'],
  receivers: readonly Grant[] = [],
): boolean {
  const given = ALL.filter((action) => roleGives(role, action))
  // A key that is held to some models cannot give all of them.
  if (principal.models !== undefined && given.includes('model.invoke')) return false
  const below = principal.grants.filter(
    (grant) =>
      grant.effect === 'deny' &&
      mayOverlap(scope, grant.scope) &&
      !receivers.some((other) => isSameGrant(grant, other)),
  )
  return given.every(
    (action) =>
      can(principal, action, scope) && !below.some((denied) => roleGives(denied.role, action)),
  )
}

/** Whether two grants are the same to whoever has them. Roles of a tenant and of the whole installation may be called the same. */
export function isSameGrant(one: Grant, other: Grant): boolean {
  const { actions, id, notActions } = one.role
  return (
    one.effect === other.effect &&
    one.scope === other.scope &&
    id === other.role.id &&
    actions.join(' ') === other.role.actions.join(' ') &&
    notActions.join(' ') === other.role.notActions.join(' ')
  )
}

/**
 * Whether what lies at one scope may lie at the other too. Models and providers of a tenant always may: a model is known by several
 * names, and any provider may be behind them.
 */
function mayOverlap(one: Scope, other: Scope): boolean {
  if (scopeContains(one, other)) return true
  const place = /^\/tenants\/[^/]+\/(?:models|providers)\//
  return place.test(one) && place.test(other) && tenantOfScope(one) === tenantOfScope(other)
}

/** A role that somebody would have more than before, or be denied no longer. */
export interface Given {
  readonly scope: Scope
  readonly role: Grant['role']
}

/**
 * The first that whoever gives does not have themselves; undefined when they have all of it.
 * @param receivers what holds for all who come by it: their denials are no less than the giver's
 */
export function beyond(
  giver: Principal,
  given: readonly Given[],
  receivers: readonly Grant[] = [],
): Given | undefined {
  return given.find(({ role, scope }) => !hasWhole(giver, scope, role, receivers))
}

/**
 * Whether somebody would have every right at a scope, were it not for a denial for everyone: then it is theirs to lift, though it holds for
 * them too.
 */
export function ownsBut({ grants, ...principal }: Principal, { role, scope }: Given): boolean {
  const others = grants.filter(
    (grant) =>
      grant.effect === 'allow' ||
      grant.because !== EVERYONE ||
      grant.scope !== scope ||
      grant.role.id !== role.id,
  )
  return hasWhole({ ...principal, grants: others }, scope, EVERYTHING)
}

const EVERYONE = 'everyone'
const EVERYTHING: Grant['role'] = { id: 'everything', actions: ['*'], notActions: [] }

/** What somebody is given by a change: what they are allowed only afterwards, and what they were denied only before. */
export function gained(before: Principal | undefined, after: Principal | undefined): Given[] {
  const [had, has] = [before?.grants ?? [], after?.grants ?? []]
  const missing = (grants: readonly Grant[], others: readonly Grant[]) => {
    const known = new Set(others.map(nameOf))
    return grants.filter((grant) => !known.has(nameOf(grant)))
  }
  return [
    ...missing(has, had).filter(({ effect }) => effect === 'allow'),
    // Whoever was nobody before lost no denial.
    ...missing(had, has).filter(({ effect }) => effect === 'deny' && after !== undefined),
  ]
}

function nameOf({ effect, role, scope }: Grant): string {
  return JSON.stringify([effect, role.id, role.actions, role.notActions, scope])
}

/**
 * Whether somebody may do, anywhere, what another may not: whoever is above one is not turned off, deleted or given a password by them.
 */
export function isAbove(other: Principal, one: Principal): boolean {
  return other.grants.some(
    ({ effect, role, scope }) =>
      effect === 'allow' &&
      ALL.some(
        (action) =>
          action !== 'public.read' &&
          roleGives(role, action) &&
          can(other, action, scope) &&
          !can(one, action, scope),
      ),
  )
}

/** Whether any of them is above; those of the same rights are looked at once. */
export function anyAbove(others: readonly Principal[], one: Principal): boolean {
  const alike = new Map(
    others.map((each) => [JSON.stringify([each.grants.map(nameOf), each.actions ?? '*']), each]),
  )
  return [...alike.values()].some((each) => isAbove(each, one))
}

/** Assignments that name a group, team, service or user of a tenant; of a team also those at its scope. */
export function assignmentsNaming(
  { assignments }: Pick<Directory, 'assignments'>,
  tenantId: string,
  kind: RoleAssignment['assignee']['kind'],
  id: string,
): RoleAssignment[] {
  const everywhere = platformAssigneeId(tenantId, { kind, id })
  return assignments.filter(({ assignee, scope, tenantId: owner }) => {
    const own = owner === PLATFORM_TENANT_ID ? everywhere : owner === tenantId ? id : undefined
    if (assignee.kind === kind && assignee.id === own) return true
    return kind === 'team' && scopeContains(scopes.team(tenantId, id), scope)
  })
}

/** Assignments as what they give, or would give back where they deny; those of a role that is gone give nothing. */
export function givenBy(assignments: readonly RoleAssignment[], rights: Rights): Given[] {
  return assignments.flatMap(({ roleId, scope, tenantId }) => {
    const role = rights.role(tenantId, roleId)
    return role === undefined ? [] : [{ scope, role }]
  })
}

/** The directory with somebody in a team or group, or no longer in it. */
export function withMember(directory: Directory, member: Membership, isIn: boolean): Directory {
  const others = directory.memberships.filter(
    ({ id, kind, tenantId, userId }) =>
      id !== member.id ||
      kind !== member.kind ||
      tenantId !== member.tenantId ||
      userId !== member.userId,
  )
  return { ...directory, memberships: isIn ? [...others, member] : others }
}

/** The directory without somebody or something, and without all that goes with it. */
export function without(
  directory: Directory,
  tenantId: string,
  kind: 'user' | 'group' | 'team' | 'service',
  id: string,
): Directory {
  const named = new Set(assignmentsNaming(directory, tenantId, kind, id))
  const others = <T extends { readonly tenantId: string; readonly id: string }>(
    rows: readonly T[],
    of: typeof kind,
  ): readonly T[] =>
    of === kind ? rows.filter((row) => row.tenantId !== tenantId || row.id !== id) : rows
  return {
    ...directory,
    users: others(directory.users, 'user'),
    groups: others(directory.groups, 'group'),
    teams: others(directory.teams, 'team'),
    services: others(directory.services, 'service'),
    assignments: directory.assignments.filter((each) => !named.has(each)),
    memberships: directory.memberships.filter(
      (each) =>
        each.tenantId !== tenantId ||
        (kind === 'user' ? each.userId !== id : each.kind !== kind || each.id !== id),
    ),
  }
}
