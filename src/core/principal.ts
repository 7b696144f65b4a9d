// Who is asking. The data plane sees only this; how it was proven (key, anonymous on loopback, later a token) stays in `auth`.

import type { Role } from './catalog.ts'

/** The one tenant of a laptop; a team's tenants get ids of their own. */
export const DEFAULT_TENANT_ID = 'default'

export interface Principal {
  readonly kind: 'anonymous' | 'key'
  readonly tenantId: string
  /** Row id of the API key, or its name for one declared in the file. */
  readonly keyId?: string
  readonly keyName?: string
  /** Hex SHA-256 of the key, as recorded in the log row. */
  readonly keyHash?: string
  /** Model patterns this principal may use (`*` wildcards); undefined allows all. */
  readonly models?: readonly string[]
  /** What it may do beyond asking models; absent: nothing. */
  readonly roles?: readonly Role[]
}

/** True when a name matches a pattern in which `*` stands for any text. Linear in both. */
export function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  if (parts.length === 1) return pattern === name
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

/** Whether the principal may use a model by the name it asked for. */
export function mayUseModel(principal: Principal, model: string): boolean {
  return principal.models?.some((pattern) => matchesPattern(pattern, model)) ?? true
}
