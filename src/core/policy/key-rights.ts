// Who may make or change which API key: nobody gives a key more than they have themselves, whatever way it would come by it (roles, an
// owner, models, actions, freedom from limits, time). Pure.

import type { ApiKey, Model } from '../catalog.ts'
import {
  ACTIONS,
  can,
  canSomewhere,
  isOnList,
  modelScopes,
  roleGives,
  scopes,
  type Action,
} from '../permission.ts'
import { matchesPattern, type Grant, type Principal } from '../principal.ts'
import { isSameGrant } from './giving.ts'

/** Whether a key is the principal's own: that of a user who manages their own keys. */
export function isOwnKey(principal: Principal, key: Pick<ApiKey, 'owner' | 'tenantId'>): boolean {
  return (
    principal.userId !== undefined &&
    key.tenantId === principal.tenantId &&
    key.owner?.kind === 'user' &&
    key.owner.id === principal.userId
  )
}

/** Whether the principal may do this to the key: to every key of the tenant, or to their own. */
export function mayManageKey(
  principal: Principal,
  action: 'key.read' | 'key.write' | 'key.delete',
  key: Pick<ApiKey, 'owner' | 'tenantId'>,
): boolean {
  if (can(principal, action, scopes.tenant(key.tenantId))) return true
  return isOwnKey(principal, key) && can(principal, 'key.self', scopes.tenant(key.tenantId))
}

/**
 * Why the principal may not have a key made that would be this principal; undefined when they may.
 * @param caller who asks
 * @param callerKey the key they ask with, where it is one: what narrows it narrows what it makes
 * @param wanted who would ask with the key (`Rights.ofKey`); undefined when its owner is gone
 * @param endMs when the key would end; undefined: never
 */
export function keyBeyond(
  caller: Principal,
  callerKey: ApiKey | undefined,
  wanted: Principal | undefined,
  endMs?: number,
): string | undefined {
  if (wanted === undefined) return 'Its owner does not exist or is disabled.'
  if (callerKey?.own !== undefined || callerKey?.allowedFrom !== undefined) {
    return 'A key that is limited itself makes no other keys.'
  }
  // Also of itself: access for a while must not become access for good.
  const callerEndMs = callerKey?.expiresMs ?? Infinity
  if ((endMs ?? Infinity) > callerEndMs) {
    return 'It may not hold for longer than the key of this request.'
  }
  if (!isWithin(wanted.models, caller.models)) {
    return 'It may not use models that the credential of this request may not use.'
  }
  if (!isWithin(wanted.actions, caller.actions)) {
    return 'It may not do what the credential of this request may not do.'
  }
  return hasAtLeast(caller, wanted) ? undefined : 'It would have rights beyond those of its maker.'
}

/**
 * Whether a key that would be `wanted` would be on the access list of a model that its maker is not on: by its owner, or by its name.
 * Whoever decides over the list may do that.
 */
export function isListedBeyond(
  caller: Principal,
  wanted: Principal,
  models: Iterable<Model>,
): boolean {
  const isSamePerson = wanted.userId !== undefined && wanted.userId === caller.userId
  if (isSamePerson && wanted.tenantId === caller.tenantId) return false
  if (!canSomewhere(wanted, 'model.invoke')) return false
  for (const model of models) {
    if (model.access === undefined || isOnList(caller, model) || !isOnList(wanted, model)) continue
    if (!can(caller, 'model.write', modelScopes(wanted.tenantId, model.id))) return true
  }
  return false
}

/** Whether every pattern lies within one of the bounds; no bounds hold everything, and everything lies within no bounds only. */
function isWithin(
  patterns: readonly string[] | undefined,
  bounds: readonly string[] | undefined,
): boolean {
  if (bounds === undefined) return true
  if (patterns === undefined) return false
  // A pattern that takes another as its text takes everything that one takes: `*` in it stands for `*` too.
  return patterns.every((pattern) => bounds.some((bound) => matchesPattern(bound, pattern)))
}

/** Whether the one may do everything, everywhere, that the other may. */
export function hasAtLeast(one: Principal, other: Principal): boolean {
  // What is denied to the one at some narrower scope must be denied to the other as well, where they could do it at all.
  const keepsDenials = one.grants.every(
    (denial) =>
      denial.effect === 'allow' ||
      !mayDoOf(other, denial) ||
      other.grants.some((grant) => isSameGrant(grant, denial)),
  )
  if (!keepsDenials) return false
  return other.grants.every((grant) => {
    if (grant.effect === 'deny') return true
    return (Object.keys(ACTIONS) as Action[]).every(
      (action) => !isGiven(other, grant, action) || can(one, action, grant.scope),
    )
  })
}

/** Whether somebody is allowed, anywhere, what a denial is of. */
function mayDoOf(principal: Principal, denial: Grant): boolean {
  return (Object.keys(ACTIONS) as Action[]).some(
    (action) =>
      roleGives(denial.role, action) &&
      principal.grants.some(
        (grant) => grant.effect === 'allow' && isGiven(principal, grant, action),
      ),
  )
}

function isGiven(
  principal: Principal,
  grant: Principal['grants'][number],
  action: Action,
): boolean {
  const isNarrowedAway =
    principal.actions?.some((pattern) => matchesPattern(pattern, action)) === false
  return !isNarrowedAway && action !== 'public.read' && roleGives(grant.role, action)
}
