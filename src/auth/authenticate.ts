// From a credential to a principal: a key by its hash, or the local user without one. The key itself is hashed at once and
// goes nowhere else.

import { timingSafeEqual } from 'node:crypto'
import type { ApiKey } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { PLACEHOLDER_KEY } from './credential.ts'
import { scopes } from '../core/permission.ts'
import { DEFAULT_TENANT_ID, type Principal } from '../core/principal.ts'
import { impliedGrant } from '../core/roles.ts'

/** Whoever sits at this machine, where nobody else may ask: everything is theirs. */
export const LOCAL_USER: Principal = {
  kind: 'anonymous',
  tenantId: DEFAULT_TENANT_ID,
  grants: [impliedGrant('owner', scopes.platform, 'this machine')],
}

export interface Caller {
  readonly credential: string | undefined
  /** The connection comes from this machine, under a loopback name, and not through a proxy. */
  isLocal(): boolean
}

export interface AuthenticationRules {
  /** `auth.anonymous` */
  anonymous(): 'loopback' | 'never'
  keyByHash(hash: string): ApiKey | undefined
  /** Undefined when the owner or the tenant of the key is gone or turned off. */
  principalOf(key: ApiKey): Principal | undefined
  nowMs(): number
}

/**
 * Who is asking.
 * @throws GatewayError `authentication`, in one wording for a key that is missing, malformed, unknown, revoked or expired
 */
export function authenticate(caller: Caller, rules: AuthenticationRules): Principal {
  const { credential } = caller
  if (credential === undefined || credential === PLACEHOLDER_KEY) {
    if (rules.anonymous() === 'loopback' && caller.isLocal()) return LOCAL_USER
    throw new GatewayError('authentication')
  }
  const hash = sha256Hex(credential)
  const key = rules.keyByHash(hash)
  if (key === undefined || !sameHash(key.hash, hash) || !isValid(key, rules.nowMs())) {
    throw new GatewayError('authentication')
  }
  const principal = rules.principalOf(key)
  if (principal === undefined) throw new GatewayError('authentication')
  return principal
}

/** Hex SHA-256, as keys are stored. */
export function sha256Hex(text: string): string {
  return Bun.SHA256.hash(text, 'hex')
}

function isValid(key: ApiKey, nowMs: number): boolean {
  if (key.revokedMs !== undefined || key.disabled === true) return false
  return key.expiresMs === undefined || key.expiresMs > nowMs
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
