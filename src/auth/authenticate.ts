// From a credential to a principal: a key by its hash, a token of a configured issuer, or the local user without either. A key is hashed
// at once and goes nowhere else.

import {
  parseAddressRange,
  parseIpAddress,
  rangeContains,
  type AddressRange,
} from '../core/address.ts'
import type { ApiKey } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { PLACEHOLDER_KEY } from './credential.ts'
import { isSameSecret } from './secret-text.ts'
import { isTokenShaped } from './token-parts.ts'
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
  /** The client's address in its usual spelling; asked for where a key holds for some addresses alone. */
  from(): string | undefined
}

export interface AuthenticationRules {
  /** `auth.anonymous` */
  anonymous(): 'loopback' | 'never'
  keyByHash(hash: string): ApiKey | undefined
  /** Undefined when the owner or the tenant of the key is gone or turned off. */
  principalOf(key: ApiKey): Principal | undefined
  /** Tokens of issuers; absent where no issuer is configured. */
  bearer?(): BearerAuthority | undefined
  nowMs(): number
}

/** Whoever knows what a token proves. */
export interface BearerAuthority {
  /** At once for a token that is known; throws or rejects as `authenticate` does. */
  principal(token: string, hash: string): Principal | Promise<Principal>
}

/**
 * Who is asking. At once for a key and for a token that is known; a promise where a token has to be looked into.
 * @throws GatewayError `authentication`, in one wording for a credential that is missing, malformed, unknown, revoked or expired; for a
 * token also `permission` and `identity_unavailable`
 */
export function authenticate(
  caller: Caller,
  rules: AuthenticationRules,
): Principal | Promise<Principal> {
  const { credential } = caller
  if (credential === undefined || credential === PLACEHOLDER_KEY) {
    if (rules.anonymous() === 'loopback' && caller.isLocal()) return LOCAL_USER
    throw new GatewayError('authentication')
  }
  const hash = sha256Hex(credential)
  const key = rules.keyByHash(hash)
  if (key === undefined && isTokenShaped(credential)) {
    const bearer = rules.bearer?.()
    if (bearer !== undefined) return bearer.principal(credential, hash)
  }
  if (key === undefined || !isSameSecret(key.hash, hash) || !isValid(key, rules.nowMs())) {
    throw new GatewayError('authentication')
  }
  // In the same words: that a key is a good one elsewhere is not told to whoever has stolen it.
  if (!mayComeFrom(key, caller)) throw new GatewayError('authentication')
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

/** Ranges of keys, read once for each list: a key keeps its list until it is changed. */
const ranges = new WeakMap<readonly string[], readonly AddressRange[]>()

/** Whether a key may be used from the caller's address; one whose address nobody knows has none that is allowed. */
function mayComeFrom({ allowedFrom }: ApiKey, caller: Caller): boolean {
  if (allowedFrom === undefined) return true
  let allowed = ranges.get(allowedFrom)
  if (allowed === undefined) {
    allowed = allowedFrom.flatMap((text) => parseAddressRange(text) ?? [])
    ranges.set(allowedFrom, allowed)
  }
  const from = caller.from()
  const address = from === undefined ? undefined : parseIpAddress(from)
  return address !== undefined && allowed.some((range) => rangeContains(range, address))
}
