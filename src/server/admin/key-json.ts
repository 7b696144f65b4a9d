// An API key as the management API shows it: never the key itself, but once in the answer to its making.

import type { ApiKey } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'
import { setAmountsJson, usdOf } from './money-schemas.ts'
import { declaredReason } from './read-only.ts'

/** What is known of a key beside its own record. */
export interface KeyFacts {
  /** Undefined when it was never used, as far as is known. */
  readonly lastUsedMs?: number | undefined
  readonly ownerName?: string | undefined
  /** Of its own budget. */
  readonly account?: JsonObject | undefined
}

export type KeyState = 'active' | 'disabled' | 'expired' | 'revoked'

/** Whether a key opens anything now, and if not, why. */
export function keyState(key: ApiKey, nowMs: number): KeyState {
  if (key.revokedMs !== undefined) return 'revoked'
  if (key.expiresMs !== undefined && key.expiresMs <= nowMs) return 'expired'
  return key.disabled === true ? 'disabled' : 'active'
}

export function adminKeyJson(key: ApiKey, nowMs: number, facts: KeyFacts = {}): JsonObject {
  const { budget, limits } = key.own ?? {}
  return {
    id: key.id,
    tenant: key.tenantId,
    name: key.name,
    origin: key.origin,
    read_only: declaredReason(key.origin, 'key'),
    masked: `${key.prefix}…${key.lastFour}`,
    state: keyState(key, nowMs),
    owner:
      key.owner === undefined
        ? null
        : { kind: key.owner.kind, id: key.owner.id, name: facts.ownerName ?? null },
    roles: [...(key.roles ?? [])],
    models: listOf(key.models),
    actions: listOf(key.actions),
    allowed_from: listOf(key.allowedFrom),
    limits: limits === undefined ? null : setAmountsJson(limits),
    budget:
      budget === undefined
        ? null
        : { usd: usdOf(budget.nanoUsd), window: budget.window, action: budget.action },
    budget_account: facts.account ?? null,
    created: key.origin === 'file' ? null : iso(key.createdMs),
    expires: iso(key.expiresMs),
    revoked: iso(key.revokedMs),
    last_used: iso(facts.lastUsedMs),
    replaced_by: key.replacedBy ?? null,
  }
}

/** What of a key its `ETag` is made of: nothing that time or its use changes. */
export function keyVersion(key: ApiKey): JsonObject {
  const { budget_account: _account, last_used: _used, ...rest } = adminKeyJson(key, 0)
  return { ...rest, disabled: key.disabled === true }
}

function listOf(values: readonly string[] | undefined): string[] | null {
  return values === undefined ? null : [...values]
}

function iso(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString()
}
