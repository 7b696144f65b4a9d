// What a filter of API keys is in SQL: the states that a key can be in, which follow from its times, and whose it is. Beside the
// repository for its size; it reads nothing.

import { and, eq, gt, isNotNull, isNull, lte, or, sql, type SQL } from 'drizzle-orm'
import type { KeyOwner } from '../core/catalog.ts'
import type { KeyFilter } from '../core/ports-keys.ts'
import type { ControlDatabase } from './control-database.ts'

/** To be joined by `and`. */
export function keyConditions(
  database: Pick<ControlDatabase, 'engine' | 'tables'>,
  { owners, state }: KeyFilter,
): (SQL | undefined)[] {
  return [
    ...(state === undefined ? [] : [inStates(database, state)]),
    ...(owners ?? []).map((owner) => ownedBy(database, owner)),
  ]
}

/** None of no states is in any. */
function inStates(
  { tables }: Pick<ControlDatabase, 'tables'>,
  { anyOf, atMs }: NonNullable<KeyFilter['state']>,
): SQL | undefined {
  const { disabled, expiresMs, revokedMs } = tables.apiKeys
  const isOpen = and(isNull(revokedMs), or(isNull(expiresMs), gt(expiresMs, atMs)))
  const states = {
    active: and(isOpen, eq(disabled, false)),
    disabled: and(isOpen, eq(disabled, true)),
    expired: and(isNull(revokedMs), lte(expiresMs, atMs)),
    revoked: isNotNull(revokedMs),
  }
  return anyOf.length === 0 ? sql`1 = 0` : or(...anyOf.map((state) => states[state]))
}

function ownedBy(
  { engine, tables }: Pick<ControlDatabase, 'engine' | 'tables'>,
  asked: KeyOwner | 'none',
): SQL | undefined {
  const { owner } = tables.apiKeys
  if (asked === 'none') return isNull(owner)
  // Postgres has no text with a NUL, so nobody is called so.
  if (asked.id.includes('\u0000')) return sql`1 = 0`
  return engine === 'sqlite'
    ? sql`(json_extract(${owner}, '$.kind') = ${asked.kind} and json_extract(${owner}, '$.id') = ${asked.id})`
    : sql`(${owner} ->> 'kind' = ${asked.kind} and ${owner} ->> 'id' = ${asked.id})`
}
