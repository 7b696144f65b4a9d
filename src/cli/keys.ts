// What the commands about API keys share: how a key is shown, masked, and how one is found by what a person typed.

import type { ApiKey } from '../core/catalog.ts'
import { formatDate } from './format.ts'

export type KeyState = 'active' | 'expired' | 'revoked'

/** Whether a key opens anything now. */
export function keyState(key: ApiKey, nowMs: number): KeyState {
  if (key.revokedMs !== undefined) return 'revoked'
  return key.expiresMs !== undefined && key.expiresMs <= nowMs ? 'expired' : 'active'
}

/** `weir_ab12…wxyz`: all that is ever shown of a key after its creation. */
export function maskedKey(key: ApiKey): string {
  return `${key.prefix}…${key.lastFour}`
}

export interface KeyJson {
  readonly id: string
  readonly name: string
  readonly origin: string
  readonly masked: string
  /** Hex SHA-256, as `api_key_hash` of the request log has it. */
  readonly hash: string
  readonly created: string | null
  readonly expires: string | null
  readonly revoked: string | null
  /** Null: every model. */
  readonly models: readonly string[] | null
  readonly roles: readonly string[]
  readonly state: KeyState
}

/** A key for programs; never the key itself. */
export function keyJson(key: ApiKey, nowMs: number): KeyJson {
  return {
    id: key.id,
    name: key.name,
    origin: key.origin,
    masked: maskedKey(key),
    hash: key.hash,
    created: isoTime(createdMs(key)),
    expires: isoTime(key.expiresMs),
    revoked: isoTime(key.revokedMs),
    models: key.models ?? null,
    roles: key.roles ?? [],
    state: keyState(key, nowMs),
  }
}

/** When it was made: a file does not tell, its own date is another thing. */
function createdMs(key: ApiKey): number | undefined {
  return key.origin === 'file' ? undefined : key.createdMs
}

function isoTime(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString()
}

export const KEY_COLUMNS = [
  { header: 'NAME', maxWidth: 40 },
  { header: 'KEY' },
  { header: 'STATE' },
  { header: 'CREATED' },
  { header: 'EXPIRES' },
  { header: 'MODELS', maxWidth: 60 },
  { header: 'FROM' },
  { header: 'ID' },
]

/** The same as cells of a table. */
export function keyCells(key: ApiKey, nowMs: number): string[] {
  const created = createdMs(key)
  return [
    key.name,
    maskedKey(key),
    keyState(key, nowMs),
    created === undefined ? '-' : formatDate(created),
    key.expiresMs === undefined ? 'never' : formatDate(key.expiresMs),
    key.models === undefined ? 'all' : key.models.length === 0 ? 'none' : key.models.join(', '),
    key.origin,
    key.id,
  ]
}

/** The keys a person may mean: the one with this id or of which this is the whole key, else all with this name. */
export function findKeys(
  keys: readonly ApiKey[],
  text: string,
  hashOf: (text: string) => string,
): readonly ApiKey[] {
  const hash = hashOf(text)
  const exact = keys.filter((key) => key.id === text || key.hash === hash)
  return exact.length > 0 ? exact : keys.filter((key) => key.name === text)
}
