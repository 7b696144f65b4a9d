// An API key as the management API shows it: never the key itself, but once in the answer to its making.

import type { ApiKey } from '../../core/catalog.ts'
import type { JsonObject } from '../../core/json.ts'

const NANO = 1e9

/** Whether a key opens anything now, and if not, why. */
export function keyState(
  key: ApiKey,
  nowMs: number,
): 'active' | 'disabled' | 'expired' | 'revoked' {
  if (key.revokedMs !== undefined) return 'revoked'
  if (key.expiresMs !== undefined && key.expiresMs <= nowMs) return 'expired'
  return key.disabled === true ? 'disabled' : 'active'
}

/** @param lastUsedMs undefined when it was never used, as far as is known */
export function adminKeyJson(
  key: ApiKey,
  nowMs: number,
  lastUsedMs: number | undefined,
): JsonObject {
  const { budget, limits } = key.own ?? {}
  return {
    id: key.id,
    tenant: key.tenantId,
    name: key.name,
    origin: key.origin,
    masked: `${key.prefix}…${key.lastFour}`,
    state: keyState(key, nowMs),
    owner: key.owner === undefined ? null : { kind: key.owner.kind, id: key.owner.id },
    roles: [...(key.roles ?? [])],
    models: listOf(key.models),
    actions: listOf(key.actions),
    allowed_from: listOf(key.allowedFrom),
    limits:
      limits === undefined
        ? null
        : Object.fromEntries(
            Object.entries(limits).map(([name, value]) => [snake(name), value as number]),
          ),
    budget:
      budget === undefined
        ? null
        : { usd: budget.nanoUsd / NANO, window: budget.window, action: budget.action },
    created: key.origin === 'file' ? null : iso(key.createdMs),
    expires: iso(key.expiresMs),
    revoked: iso(key.revokedMs),
    last_used: iso(lastUsedMs),
    replaced_by: key.replacedBy ?? null,
  }
}

function listOf(values: readonly string[] | undefined): string[] | null {
  return values === undefined ? null : [...values]
}

function iso(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString()
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
