// Who is asking. The data plane sees only this; how it was proven (key, anonymous on loopback, later a token) stays in `auth`.

import type { RoleDefinition, Scope } from './identity.ts'
import type { OwnLimits } from './money.ts'

/** The one tenant of a laptop; a team's tenants get ids of their own. */
export const DEFAULT_TENANT_ID = 'default'

export interface Principal {
  readonly kind: 'anonymous' | 'key' | 'user' | 'service'
  readonly tenantId: string
  /** Row id of the API key, or its name for one declared in the file. */
  readonly keyId?: string
  readonly keyName?: string
  /** Hex SHA-256 of the key, as recorded in the log row. */
  readonly keyHash?: string
  /** The user who asks, or who owns the key that is asked with. */
  readonly userId?: string
  readonly serviceId?: string
  /** The team that a key belongs to; of a user none: they may be in several, `teamIds` has them. */
  readonly teamId?: string
  readonly teamIds?: readonly string[]
  /** Ids of groups of the store, and groups as the issuer's token names them. */
  readonly groups?: readonly string[]
  /** As people know them, for the audit. */
  readonly name?: string
  /** Model patterns this principal may use (`*` wildcards); undefined allows all. */
  readonly models?: readonly string[]
  /** Actions a key is narrowed to, as patterns; undefined: all that its owner may. */
  readonly actions?: readonly string[]
  /** What it may do and where: `permission.ts` reads it, nobody else. */
  readonly grants: readonly Grant[]
  /** Limits and budget of the key itself. */
  readonly own?: OwnLimits
}

/**
 * Who of its tenant asks, for what belongs to one caller alone: a key by its id, else the user or the service of a token. Undefined
 * for whoever sits at this machine, whom nothing names.
 */
export function callerOf({ keyId, serviceId, userId }: Principal): string | undefined {
  if (keyId !== undefined) return keyId
  if (userId !== undefined) return `user:${userId}`
  return serviceId === undefined ? undefined : `service:${serviceId}`
}

/** An assignment that concerns a principal, with its role looked up. */
export interface Grant {
  readonly scope: Scope
  readonly effect: 'allow' | 'deny'
  readonly role: Pick<RoleDefinition, 'id' | 'actions' | 'notActions'>
  /** Why it concerns them, for `weir can`: `key ci`, `group engineers`, `everyone`. */
  readonly because: string
}

/** True when a name matches a pattern in which `*` stands for any text. Linear in both. */
export function matchesPattern(pattern: string, name: string): boolean {
  // Of nearly every question: nothing is cut into parts.
  if (pattern === '*' || pattern === name) return true
  const star = pattern.indexOf('*')
  if (star < 0) return false
  if (star === pattern.length - 1) return name.startsWith(pattern.slice(0, star))
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  const last = parts.at(-1) ?? ''
  return name.length - last.length >= at && name.endsWith(last)
}
