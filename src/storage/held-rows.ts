// Legal holds in the words of SQL: which rows of the request log they keep. Both engines ask by it before they delete anything;
// core/content.ts says the same of one row at hand.

import type { Hold } from '../core/content.ts'
import type { Script } from './statements.ts'

/** A group of holds that differ in their subject alone. */
interface Group {
  readonly hold: Hold
  readonly subjects: string[]
}

const COLUMNS = { request: 'log_id', user: 'user_id', key: 'api_key_id' } as const

/**
 * A condition that is true of rows that are held, false of all others and never null; undefined where nothing is held.
 * @param value takes a parameter in and gives its placeholder
 */
export function heldCondition(
  holds: readonly Hold[],
  value: (value: string | number) => string,
): string | undefined {
  const groups = new Map<string, Group>()
  for (const hold of holds) {
    const { kind, sinceMs, subject, tenantId, untilMs } = hold
    const name = JSON.stringify([tenantId, kind, sinceMs, untilMs])
    const group = groups.get(name) ?? { hold, subjects: [] }
    if (subject !== undefined) group.subjects.push(subject)
    groups.set(name, group)
  }
  const conditions = [...groups.values()].map(({ hold, subjects }) => {
    const { kind, sinceMs, tenantId, untilMs } = hold
    const parts = [`tenant_id = ${value(tenantId)}`]
    if (sinceMs !== undefined) parts.push(`timestamp_ms >= ${value(sinceMs)}`)
    if (untilMs !== undefined) parts.push(`timestamp_ms < ${value(untilMs)}`)
    if (kind !== 'span') {
      parts.push(
        `coalesce(${COLUMNS[kind]}, '') IN (${subjects.map((each) => value(each)).join(', ')})`,
      )
    }
    return `(${parts.join(' AND ')})`
  })
  return conditions.length === 0 ? undefined : anyOf(conditions)
}

/** Halved again and again: engines bound how deep an expression is. */
function anyOf(conditions: readonly string[]): string {
  if (conditions.length <= 2) return `(${conditions.join(' OR ')})`
  const middle = Math.ceil(conditions.length / 2)
  return `(${anyOf(conditions.slice(0, middle))} OR ${anyOf(conditions.slice(middle))})`
}

/**
 * The holds in force on Postgres, of which none more comes before the transaction ends: whoever makes one waits for it. On SQLite they lie in
 * another file, and are asked for right before.
 */
export function* holdsUntilEnd(): Script<Hold[]> {
  yield { text: 'LOCK TABLE holds IN SHARE MODE', values: [] }
  const rows = yield { text: 'SELECT tenant_id, id, hold, created_ms FROM holds', values: [] }
  return rows.map(({ created_ms: createdMs, hold, id, tenant_id: tenantId }) => ({
    ...((typeof hold === 'string' ? JSON.parse(hold) : hold) as Hold),
    tenantId: String(tenantId),
    id: String(id),
    createdMs: Number(createdMs),
  }))
}

/** Whether any of them may keep a row that arrived within a span of time. */
export function mayHoldWithin(holds: readonly Hold[], startMs: number, endMs: number): boolean {
  return holds.some(
    ({ sinceMs, untilMs }) =>
      (sinceMs === undefined || sinceMs < endMs) && (untilMs === undefined || untilMs > startMs),
  )
}
