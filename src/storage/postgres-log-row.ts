// Rows of the request log as Postgres takes them: a whole batch as one JSON text, which one constant statement spreads into rows. A
// parameter for each value would cost a statement of its own for every number of rows, and a plan with it.

import type { PgTable } from 'drizzle-orm/pg-core'
import { getTableConfig } from 'drizzle-orm/pg-core'
import type { Outcome } from '../core/outcome.ts'
import { hasBodies, REQUEST_COLUMNS, requestValues } from './log-row.ts'
import { requests } from './schema-log.postgres.ts'

/** Columns whose value is JSON text already. */
const JSON_COLUMNS: readonly string[] = ['losses', 'attempts', 'route', 'guardrails', 'cache']
const PREFIXES = REQUEST_COLUMNS.map((name) => `"${name}":`)
const IS_JSON = REQUEST_COLUMNS.map((name) => JSON_COLUMNS.includes(name))

function recordOf(table: PgTable, names: readonly string[]): string {
  const types = new Map(getTableConfig(table).columns.map((each) => [each.name, each.getSQLType()]))
  return names.map((name) => `"${name}" ${types.get(name) ?? 'text'}`).join(', ')
}

const NAMES = REQUEST_COLUMNS.map((name) => `"${name}"`).join(', ')

/** Takes the batch; gives what was not there before. The type of the parameter keeps the client from encoding it once more. */
export const INSERT_REQUESTS = `INSERT INTO requests (${NAMES}) SELECT ${NAMES} FROM json_to_recordset($1::text::json) AS row (${recordOf(requests, REQUEST_COLUMNS)}) ON CONFLICT DO NOTHING RETURNING sequence, log_id, timestamp_ms`

export const INSERT_REQUEST_BODIES =
  "INSERT INTO request_bodies (sequence, tenant_id, timestamp_ms, request_body, response_body, provider_request_body, provider_response_body, packed) SELECT sequence, tenant_id, timestamp_ms, request_body, response_body, provider_request_body, provider_response_body, decode(packed, 'base64') FROM json_to_recordset($1::text::json) AS row (sequence bigint, tenant_id text, timestamp_ms bigint, request_body text, response_body text, provider_request_body text, provider_response_body text, packed text) ON CONFLICT DO NOTHING"

/** Of the same rows, those whose bodies are to lie outside of the store. */
export const INSERT_OBJECTS =
  "INSERT INTO content_objects (object_key, tenant_id, sequence, timestamp_ms, bytes, state, tries, due_ms) SELECT object_key, tenant_id, sequence, timestamp_ms, bytes, 'waiting', 0, 0 FROM json_to_recordset($1::text::json) AS row (object_key text, tenant_id text, sequence bigint, timestamp_ms bigint, bytes bigint) WHERE object_key IS NOT NULL ON CONFLICT DO NOTHING"

/** The row as a JSON object, absent values left out. @throws TypeError or RangeError for an outcome that no row can say */
export function requestJson(outcome: Outcome): string {
  const values = requestValues(outcome)
  let text = ''
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at]
    if (value === null || value === undefined) continue
    text += text === '' ? '{' : ','
    text += PREFIXES[at]
    if (typeof value === 'string') {
      text += IS_JSON[at] === true ? value : JSON.stringify(value)
    } else {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('not a number')
      text += String(value)
    }
  }
  return `${text}}`
}

/** The row of bodies for a row that has this number; undefined where there are none. */
export function bodiesJson(outcome: Outcome, sequence: number): string | undefined {
  if (!hasBodies(outcome)) return undefined
  const { objectKey, packedBodies, requestBody, responseBody, tenantId, timestampMs } = outcome
  return JSON.stringify({
    sequence,
    tenant_id: tenantId,
    timestamp_ms: timestampMs,
    request_body: requestBody,
    response_body: responseBody,
    provider_request_body: outcome.providerRequestBody,
    provider_response_body: outcome.providerResponseBody,
    ...(packedBodies === undefined
      ? {}
      : {
          packed: Buffer.from(packedBodies).toString('base64'),
          ...(objectKey === undefined ? {} : { object_key: objectKey, bytes: packedBodies.length }),
        }),
  })
}

/** NUL, which no text of Postgres holds, and halves of surrogate pairs. A batch without them is not looked through. */
const UNFIT = /\\u(?:0000|d[89a-f])/

/** Whether a JSON text may hold characters that Postgres refuses. */
export function mayBeUnfit(json: string): boolean {
  return UNFIT.test(json)
}

/** A copy in which U+FFFD stands for each character that Postgres refuses. */
export function fitForPostgres<T>(value: T): T {
  if (typeof value === 'string') return value.replaceAll('\0', '\u{FFFD}').toWellFormed() as T
  if (Array.isArray(value)) return value.map(fitForPostgres) as T
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, fitForPostgres(inner)]),
  ) as T
}
