// The checks of changes among people, made within the change itself, on the state it is made on: nobody gives more than they have, by
// whatever way; nobody turns off or takes over who is above them; and somebody stays who can give rights.

import type { Actor } from '../../../core/audit.ts'
import { GatewayError } from '../../../core/error.ts'
import type { Directory } from '../../../core/identity.ts'
import { can, scopes } from '../../../core/permission.ts'
import { lockedOut } from '../../../core/policy/administrators.ts'
import { anyAbove, beyond, type Given } from '../../../core/policy/giving.ts'
import { hasAtLeast, keyBeyond } from '../../../core/policy/key-rights.ts'
import type { Principal } from '../../../core/principal.ts'
import { Rights } from '../../../core/rights.ts'
import type { ServerDeps } from '../../context.ts'
import type { Ask, RouteContract } from '../contract.ts'

/** Whoever asks, and about which tenant. */
export type Asking = Pick<Ask<RouteContract>, 'principal' | 'actor' | 'rule' | 'tenantId'>

/** The store as the change finds it. */
export interface State {
  readonly directory: Directory
  readonly rights: Rights
}

export interface Checks {
  /** Rights that somebody would come by. */
  readonly gives?: (state: State) => readonly Given[]
  /** Whether those who come by them may be in other tenants too; else they are in the tenant that is asked about. */
  readonly receivers?: 'anywhere'
  /** Those whom only who is not below them may turn off, delete or deny something. */
  readonly ends?: (state: State) => readonly Principal[]
  /** Those who would get in again: they must have nothing that the caller has not. */
  readonly opens?: (state: State) => readonly Principal[]
  /** Somebody in whose place the caller could act afterwards, for good: as with a key, they must have nothing that the caller has not. */
  readonly becomes?: (state: State) => Principal | undefined
  /** The directory afterwards, where rights may be lost. */
  readonly after?: (directory: Directory) => Directory
  /** Anything else that must hold, of whoever asks as they are now. */
  readonly holds?: (state: State, principal: Principal) => void
}

/**
 * The actor in whose name a change is made only where the checks hold; the change throws GatewayError 403 `permission` or 409
 * `last_administrator` otherwise.
 * @param actor with the precondition of the request, which comes first
 */
export function guarded(deps: ServerDeps, asking: Asking, actor: Actor, checks: Checks): Actor {
  const precondition = async (): Promise<void> => {
    await actor.precondition?.()
    if (Object.keys(checks).length === 0) return
    const directory = await deps.people.directory.all()
    requireChecks(deps, asking, { directory, rights: new Rights(directory) }, checks)
  }
  return { ...actor, precondition }
}

function requireChecks(deps: ServerDeps, asking: Asking, state: State, checks: Checks): void {
  const { tenantId } = asking
  const { keysByHash } = deps.gateway.snapshot()
  const callerKey = keysByHash.get(asking.principal.keyHash ?? '')
  // Since the request came they may have lost what they had.
  const principal = state.rights.again(asking.principal, callerKey)
  if (principal === undefined || !stillMay(principal, asking)) throw denied(deps, asking)
  checks.holds?.(state, principal)
  const receivers = checks.receivers === 'anywhere' ? [] : state.rights.everyonesGrants(tenantId)
  const more = beyond(principal, checks.gives?.(state) ?? [], receivers)
  if (more !== undefined) {
    throw denied(
      deps,
      asking,
      `It would give what you do not have yourself: role ${more.role.id} at ${more.scope}.`,
    )
  }
  const become = checks.becomes?.(state)
  const opened = [...(checks.opens?.(state) ?? []), ...(become === undefined ? [] : [become])]
  const isBelow =
    !anyAbove(checks.ends?.(state) ?? [], principal) &&
    opened.every((each) => hasAtLeast(principal, each))
  if (!isBelow) throw denied(deps, asking, 'They have rights that you do not have.')
  if (become !== undefined && keyBeyond(principal, callerKey, become) !== undefined) {
    throw denied(deps, asking, 'A key that is narrowed, limited or ends gives nobody a password.')
  }
  if (checks.after === undefined) return
  const scope = lockedOut({
    before: state.directory,
    after: checks.after(state.directory),
    keys: [...keysByHash.values()],
    nowMs: deps.clock.nowMs(),
    caller: principal,
    tenantId,
    isOpenHere: deps.authentication.anonymous() === 'loopback',
  })
  if (scope === undefined) return
  const where = scope === scopes.platform ? 'the whole installation' : 'this tenant'
  throw new GatewayError('invalid_request', {
    status: 409,
    code: 'last_administrator',
    message: `Nobody would be left who can give rights in ${where}. Give somebody else that role first.`,
  })
}

/** Where the route is about a tenant as a whole; of anything else the checks ask. */
function stillMay(principal: Principal, { rule, tenantId }: Asking): boolean {
  return rule.subject !== 'tenant' || can(principal, rule.action, scopes.tenant(tenantId))
}

/** The refusal of something that the caller has no right to; noted in the audit. */
export function denied(deps: ServerDeps, { actor, rule }: Asking, message?: string): GatewayError {
  deps.denials.note(actor, rule)
  return new GatewayError('permission', message === undefined ? {} : { message })
}

/** @throws GatewayError 403 for whoever may not do this to the whole installation */
export function requirePlatform(deps: ServerDeps, asking: Asking): void {
  if (can(asking.principal, asking.rule.action, scopes.platform)) return
  throw denied(deps, asking, 'This takes a right over the whole installation.')
}

/** 409: it cannot be so as things are. */
export function conflict(code: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { status: 409, code, message })
}
