// Whether a change would leave nobody who can give rights: then nobody could take it back but with `weir setup admin` at the machine itself. Pure;
// it is told who there is before and after.

import type { ApiKey } from '../catalog.ts'
import {
  PLATFORM_TENANT_ID,
  platformAssigneeId,
  type Directory,
  type Scope,
  type User,
} from '../identity.ts'
import { ACTIONS, can, roleGives, scopes, type Action } from '../permission.ts'
import type { Principal } from '../principal.ts'
import { Rights } from '../rights.ts'

export interface LockoutQuestion {
  readonly before: Directory
  readonly after: Directory
  readonly keys: readonly ApiKey[]
  readonly nowMs: number
  /** Whoever makes the change. */
  readonly caller: Principal
  readonly tenantId: string
  /** Whether somebody at this machine has every right anyway. */
  readonly isOpenHere: boolean
}

type Holds = (principal: Principal | undefined, scope: Scope) => boolean

const ALL = Object.keys(ACTIONS) as Action[]

/** What somebody must keep: giving rights at all, and giving every one of them. */
const POWERS: readonly Holds[] = [
  (principal, scope) => can(principal, 'assignment.write', scope),
  (principal, scope) => ALL.every((action) => can(principal, action, scope)),
]

/**
 * The scope that would have no administrator left: the whole installation where nobody at all would keep a power over it; the tenant where
 * nobody of it would, nor the caller. Undefined when all is well, or no worse than before.
 */
export function lockedOut(question: LockoutQuestion): Scope | undefined {
  const { before, caller, isOpenHere, tenantId } = question
  const rights = { before: new Rights(before), after: new Rights(question.after) }
  const callerKey = question.keys.find(({ hash }) => hash === caller.keyHash)
  const then = rights.after.again(caller, callerKey)
  const tenant = scopes.tenant(tenantId)
  for (const holds of POWERS) {
    const ofTenant = (directory: Directory, of: Rights) =>
      anyoneIn(of, directory, question, tenant, holds, tenantId)
    if (
      !holds(then, tenant) &&
      !ofTenant(question.after, rights.after) &&
      ofTenant(before, rights.before)
    ) {
      return tenant
    }
    if (isOpenHere || holds(then, scopes.platform)) continue
    const isAnyone = (directory: Directory, of: Rights) =>
      anyoneIn(of, directory, question, scopes.platform, holds)
    if (!isAnyone(question.after, rights.after) && isAnyone(before, rights.before)) {
      return scopes.platform
    }
  }
  return undefined
}

/** Somebody of the directory, or with a key, who has a power. Few can have any: nobody else is worked out. */
function anyoneIn(
  rights: Rights,
  directory: Directory,
  { keys, nowMs }: LockoutQuestion,
  scope: Scope,
  holds: Holds,
  tenantId?: string,
): boolean {
  const isHere = (of: { readonly tenantId: string }) =>
    tenantId === undefined || of.tenantId === tenantId
  const isOpen = ({ disabled, expiresMs = Infinity, revokedMs }: ApiKey) =>
    revokedMs === undefined && disabled !== true && expiresMs > nowMs
  return (
    possibleHolders(rights, directory).some(
      (user) => isHere(user) && holds(rights.ofUser(user), scope),
    ) ||
    keys.some((key) => isHere(key) && isOpen(key) && holds(rights.ofKey(key), scope)) ||
    directory.services.some(
      (each) => isHere(each) && each.clientId !== undefined && holds(rights.ofService(each), scope),
    )
  )
}

const known = new WeakMap<Rights, readonly User[]>()

/** Who might give rights anywhere: whoever has a role that holds it, by whatever way. All others cannot, whatever is denied to whom. */
function possibleHolders(rights: Rights, directory: Directory): readonly User[] {
  const found = known.get(rights)
  if (found !== undefined) return found
  const { assignments, groups, memberships } = directory
  const isStrong = (tenantId: string, roleId: string) => {
    const role = rights.role(tenantId, roleId)
    return role !== undefined && roleGives(role, 'assignment.write')
  }
  const strong = new Set(
    assignments
      .filter(({ effect, roleId, tenantId }) => effect === 'allow' && isStrong(tenantId, roleId))
      .map(({ assignee: { id, kind }, tenantId }) => {
        // As in an assignment of the whole installation, whichever it is one of.
        const isWhole = tenantId === PLATFORM_TENANT_ID
        return `${kind} ${isWhole ? id : platformAssigneeId(tenantId, { id, kind })}`
      }),
  )
  const isIn = (kind: 'group' | 'team', tenantId: string, id: string) =>
    strong.has(`${kind} ${tenantId}/${id}`)
  const members = new Set(
    memberships
      .filter(({ id, kind, tenantId }) => isIn(kind, tenantId, id))
      .map(({ userId }) => userId),
  )
  const named = new Set(
    groups
      .filter(({ id, tenantId }) => isIn('group', tenantId, id))
      .map(({ external, tenantId }) => `${tenantId}/${external}`),
  )
  const mayHold = ({ claimed, id, tenantId }: User) =>
    strong.has(`user ${id}`) ||
    members.has(id) ||
    strong.has('everyone *') ||
    strong.has(`everyone ${tenantId}/*`) ||
    claimed?.groups.some(
      (group) => isIn('group', tenantId, group) || named.has(`${tenantId}/${group}`),
    ) === true ||
    claimed?.roles.some((text) => {
      const role = text.endsWith('@/') ? text.slice(0, -2) : text
      return isStrong(tenantId, role) || isStrong(PLATFORM_TENANT_ID, role)
    }) === true
  const holders = directory.users.filter(mayHold)
  known.set(rights, holders)
  return holders
}
