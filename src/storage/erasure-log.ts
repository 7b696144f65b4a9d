// The deletion of one person's rows in the request log, as statements: bodies go, objects are marked to go, and rows lose what names the
// person or go whole. What a legal hold keeps is left as it is.

import type { Erasure, Hold } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type { ErasureStep } from '../core/ports-content.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import { heldCondition, holdsUntilEnd } from './held-rows.ts'
import { numbersIn, type Script, type Scripts, type StatementValue } from './statements.ts'
import { AMOUNT_COLUMNS, KEY_COLUMNS } from './usage-companion.ts'

type Person = Pick<Erasure, 'kind' | 'subject' | 'tenantId'>

const PERSON_COLUMNS = { user: 'user_id', key: 'api_key_id' } as const
const TOTAL_COLUMNS = { user: 'user_id', key: 'key_id' } as const

/** What names somebody: ids, hashes, what a client says of itself, and texts that may repeat what was sent. */
const NAMELESS = `user_id = NULL, api_key_id = NULL, api_key_hash = NULL, user_agent = NULL, error_text = NULL, trace_id = NULL, request_id = ''`

interface Found {
  readonly sequence: number
  readonly isHeld: boolean
  readonly hasBodies: boolean
}

interface Window {
  readonly last: number
  readonly rows: readonly Found[]
}

/** The person's rows among the next ones; undefined behind the last row. */
function* nextRows(
  { kind, subject, tenantId }: Person,
  holds: readonly Hold[],
  after: number,
  rows: number,
): Script<Window | undefined> {
  const [bound] = yield {
    text: `SELECT max(sequence) AS last FROM (SELECT sequence FROM requests WHERE sequence > $1 ORDER BY sequence LIMIT ${Math.trunc(rows)}) upcoming`,
    values: [after],
  }
  const last = bound?.['last'] ?? undefined
  if (last === undefined) return undefined
  // In the order in which they appear.
  const values: StatementValue[] = []
  const value = (each: string | number) => {
    values.push(each)
    return `$${values.length}`
  }
  const held = heldCondition(
    holds.filter((hold) => hold.tenantId === tenantId),
    value,
  )
  const found = yield {
    text: `SELECT sequence, CASE WHEN ${held ?? '1 = 0'} THEN 1 ELSE 0 END AS held,
        (SELECT count(*) FROM request_bodies b WHERE b.sequence = requests.sequence) AS bodies
      FROM requests WHERE sequence > ${value(after)} AND sequence <= ${value(Number(last))}
      AND tenant_id = ${value(tenantId)} AND ${PERSON_COLUMNS[kind]} = ${value(subject)}`,
    values,
  }
  return {
    last: Number(last),
    rows: found.map((row) => ({
      sequence: Number(row['sequence']),
      isHeld: Number(row['held']) > 0,
      hasBodies: Number(row['bodies']) > 0,
    })),
  }
}

/** See the port. @param holds as they were a moment ago; on Postgres those of this very moment hold */
export function* eraseStep(
  engine: Scripts['engine'],
  erasure: Erasure,
  holds: readonly Hold[],
  rows: number,
): Script<ErasureStep> {
  const inForce = engine === 'postgres' ? yield* holdsUntilEnd() : holds
  const window = yield* nextRows(erasure, inForce, erasure.afterSequence, rows)
  if (window === undefined) {
    return { lastSequence: undefined, requests: 0, bodies: 0, objects: 0, held: 0 }
  }
  const going = window.rows.filter(({ isHeld }) => !isHeld)
  const list = JSON.stringify(going.map(({ sequence }) => sequence))
  let objects = 0
  if (going.length > 0) {
    const inList = numbersIn(engine, 1)
    const marked = yield {
      text: `UPDATE content_objects SET state = 'leaving' WHERE sequence IN ${inList} AND state <> 'leaving' RETURNING object_key`,
      values: [list],
    }
    objects = marked.length
    yield {
      text: `DELETE FROM request_bodies WHERE sequence IN ${inList} RETURNING sequence`,
      values: [list],
    }
    yield {
      text:
        erasure.mode === 'delete'
          ? `DELETE FROM requests WHERE sequence IN ${inList} RETURNING sequence`
          : `UPDATE requests SET ${NAMELESS} WHERE sequence IN ${inList} RETURNING sequence`,
      values: [list],
    }
  }
  return {
    lastSequence: window.last,
    requests: going.length,
    bodies: going.filter(({ hasBodies }) => hasBodies).length,
    objects,
    held: window.rows.length - going.length,
  }
}

/** What an erasure would find among the next rows. */
export function* countPerson(
  person: Person,
  holds: readonly Hold[],
  after: number,
): Script<{
  readonly lastSequence: number | undefined
  readonly requests: number
  readonly bodies: number
  readonly held: number
}> {
  const window = yield* nextRows(person, holds, after, LIMITS.erasureStepRows)
  if (window === undefined) return { lastSequence: undefined, requests: 0, bodies: 0, held: 0 }
  const free = window.rows.filter(({ isHeld }) => !isHeld)
  return {
    lastSequence: window.last,
    requests: free.length,
    bodies: free.filter(({ hasBodies }) => hasBodies).length,
    held: window.rows.length - free.length,
  }
}

/** Deletes what callers have kept for later requests; how many items. */
export function* forgetKept(tenantId: string, callers: readonly string[]): Script<number> {
  let items = 0
  for (const caller of callers) {
    const gone = yield {
      text: 'DELETE FROM kept WHERE tenant_id = $1 AND key_id = $2 RETURNING id',
      values: [tenantId, caller],
    }
    items += gone.length
  }
  return items
}

const KEYS = Object.values(KEY_COLUMNS)
const AMOUNTS = Object.values(AMOUNT_COLUMNS)
/** So much of the totals becomes nobody's at once. */
const SPAN_HOURS = 7 * 24

/** Adds a person's earliest lines of the totals to those of nobody. False where there are none left. */
export function* forgetTotals({ kind, subject, tenantId }: Person): Script<boolean> {
  const column = TOTAL_COLUMNS[kind]
  const [first] = yield {
    text: `SELECT min(hour_ms) AS first FROM usage_hourly WHERE tenant_id = $1 AND ${column} = $2`,
    values: [tenantId, subject],
  }
  const hourMs = first?.['first'] ?? undefined
  if (hourMs === undefined) {
    if (kind === 'key') {
      yield {
        text: 'DELETE FROM key_uses WHERE tenant_id = $1 AND key_id = $2 RETURNING key_id',
        values: [tenantId, subject],
      }
    }
    return false
  }
  const endMs = Number(hourMs) + SPAN_HOURS * HOUR_MS
  const values = [tenantId, subject, endMs]
  const where = `WHERE tenant_id = $1 AND ${column} = $2 AND hour_ms < $3`
  const anonymous = KEYS.map((name) =>
    name === 'user_id' || name === 'key_id' ? `'' AS ${name}` : name,
  )
  const places = KEYS.map((_name, at) => at + 1).join(', ')
  yield {
    text: `INSERT INTO usage_hourly (${[...KEYS, ...AMOUNTS].join(', ')})
      SELECT ${[...anonymous, ...AMOUNTS.map((name) => `CAST(SUM(${name}) AS BIGINT)`)].join(', ')}
      FROM usage_hourly ${where} GROUP BY ${places}
      ON CONFLICT (${KEYS.join(', ')}) DO UPDATE SET
      ${AMOUNTS.map((name) => `${name} = usage_hourly.${name} + excluded.${name}`).join(', ')}
      RETURNING hour_ms`,
    values,
  }
  yield { text: `DELETE FROM usage_hourly ${where} RETURNING hour_ms`, values }
  return true
}
