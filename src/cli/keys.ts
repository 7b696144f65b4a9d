// What the commands about API keys share: how a key is shown, masked, and how one is found by what a person typed.

import type { ApiKey } from '../core/catalog.ts'
import { adminKeyJson, keyState } from '../server/admin/key-json.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import type { Config } from '../config/config.ts'
import type { Output } from './command.ts'
import { formatDate, printable } from './format.ts'
import { Problem } from './people.ts'
import { allKeys } from './store.ts'

export { keyState }

/** `weir_ab12…wxyz`: all that is ever shown of a key after its creation. */
export function maskedKey(key: ApiKey): string {
  return `${key.prefix}…${key.lastFour}`
}

/** A key for programs, as the management API shows it; never the key itself. */
export function keyJson(key: ApiKey, nowMs: number) {
  const { last_used: _lastUsed, ...rest } = adminKeyJson(key, nowMs, undefined)
  // The hash is what `api_key_hash` of the request log has.
  return { ...rest, hash: key.hash }
}

/** When it was made: a file does not tell, its own date is another thing. */
function createdMs(key: ApiKey): number | undefined {
  return key.origin === 'file' ? undefined : key.createdMs
}

export const KEY_COLUMNS = [
  { header: 'NAME', maxWidth: 40 },
  { header: 'KEY' },
  { header: 'STATE' },
  { header: 'CREATED' },
  { header: 'EXPIRES' },
  { header: 'MODELS', maxWidth: 60 },
  { header: 'OWNER', maxWidth: 40 },
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
    key.owner === undefined ? '-' : `${key.owner.kind}:${key.owner.id}`,
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

/**
 * The one key of the store that is meant, in a tenant.
 * @throws Problem when there is none, several, or it is declared in the file
 */
export async function chooseKey(
  config: Config,
  output: Output,
  tenantId: string,
  text: string,
): Promise<ApiKey> {
  // Whoever pastes a whole key must not find it in a terminal's history again.
  const shown = text.startsWith('weir_') ? 'that key' : `'${text}'`
  const found = findKeys(await allKeys(config, output, tenantId), text, sha256Hex)
  const open = found.filter((key) => key.revokedMs === undefined)
  const [only, ...others] = open.length === 0 ? found.slice(-1) : open
  if (only === undefined) {
    throw new Problem(`There is no API key ${shown}. 'weir keys list --all' shows all.`)
  }
  if (others.length > 0) {
    const lines = open.map((key) => `  ${key.id}  ${maskedKey(key)}  from the ${key.origin}`)
    const words = `${open.length} keys have the name ${shown}; name one by its id:`
    throw new KeyChoice([words, ...lines].map(printable).join('\n'))
  }
  if (only.origin !== 'store') {
    throw new Problem(
      `The key '${only.name}' is declared in the configuration file: change or remove it there.`,
    )
  }
  return only
}

/** Several lines, made harmless already. */
export class KeyChoice extends Problem {}
