// The table that requests lie in at a ClickHouse: its columns, and an outcome as one line of it. A line holds what is searched and summed as
// columns of their own, and all that is shown as JSON; bodies never leave the store. What a request counts for is worked out where the
// hourly totals have it from, so that both reports say the same.

import type { Outcome } from '../../core/outcome.ts'
import { rollupAmounts, rollupKey } from '../../core/usage-rollup.ts'
import { withoutBodies } from '../log-row.ts'

/** Name and type of each column. A text that is `''` is none: an index over nothing costs more here than an empty text. */
const COLUMNS = {
  log_id: 'String',
  timestamp_ms: 'UInt64',
  sequence: 'UInt64',
  tenant_id: 'String',
  request_id: 'String',
  trace_id: 'String',
  api_key_id: 'String',
  user_id: 'String',
  team_id: 'String',
  service_id: 'String',
  operation: 'String',
  client_format: 'String',
  mode: 'String',
  finish: 'String',
  model_requested: 'String',
  model_resolved: 'String',
  provider_id: 'String',
  error_kind: 'String',
  error_text: 'String',
  has_error_text: 'UInt8',
  stream: 'UInt8',
  status: 'UInt16',
  losses: 'UInt32',
  has_cost: 'UInt8',
  guardrails: 'String',
  cache_state: 'String',
  model: 'String',
  provider_model: 'String',
  errors: 'UInt8',
  server_errors: 'UInt8',
  fallbacks: 'UInt8',
  cache_hits: 'UInt8',
  unpriced_requests: 'UInt8',
  estimated_requests: 'UInt8',
  first_token_requests: 'UInt8',
  response_hits: 'UInt8',
  input_tokens: 'UInt64',
  cache_read_tokens: 'UInt64',
  cache_write_tokens: 'UInt64',
  output_tokens: 'UInt64',
  reasoning_tokens: 'UInt64',
  cost_nano_usd: 'Int64',
  saved_nano_usd: 'Int64',
  total_ms: 'UInt64',
  first_token_ms: 'UInt64',
  outcome: 'String',
} as const

type Line = Record<keyof typeof COLUMNS, string | number>

/**
 * The statement that makes the table where there is none. Lines that come twice become one: a batch whose answer was lost is sent again.
 * By months, as they are dropped by months.
 */
export function createTable(table: string): string {
  const columns = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`)
  return `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(', ')}) ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(toDateTime(intDiv(timestamp_ms, 1000), 'UTC')) ORDER BY (tenant_id, timestamp_ms, log_id)`
}

/** Statements that give an older table the columns it lacks. */
export function missingColumns(table: string, existing: ReadonlySet<string>): string[] {
  return Object.entries(COLUMNS)
    .filter(([name]) => !existing.has(name))
    .map(([name, type]) => `ALTER TABLE ${table} ADD COLUMN ${name} ${type}`)
}

/** One line of JSON. Throws only for an outcome that JSON cannot say. */
export function lineOf(outcome: Outcome): string {
  const key = rollupKey(outcome)
  const amounts = rollupAmounts(outcome)
  const line: Line = {
    log_id: outcome.logId,
    timestamp_ms: outcome.timestampMs,
    sequence: sequenceOf(outcome.logId),
    tenant_id: outcome.tenantId,
    request_id: outcome.requestId,
    trace_id: outcome.traceId ?? '',
    api_key_id: outcome.apiKeyId ?? '',
    user_id: outcome.userId ?? '',
    team_id: outcome.teamId ?? '',
    service_id: outcome.serviceId ?? '',
    operation: outcome.operation,
    client_format: outcome.clientFormat,
    mode: outcome.mode ?? '',
    finish: outcome.finish ?? '',
    model_requested: outcome.modelRequested ?? '',
    model_resolved: outcome.modelResolved ?? '',
    provider_id: outcome.providerId ?? '',
    error_kind: outcome.errorKind ?? '',
    error_text: outcome.errorText ?? '',
    has_error_text: outcome.errorText === undefined ? 0 : 1,
    stream: outcome.stream ? 1 : 0,
    status: outcome.status,
    losses: outcome.losses.length,
    has_cost: outcome.costNanoUsd === undefined ? 0 : 1,
    guardrails: guardrailWords(outcome),
    cache_state: outcome.cache?.state ?? '',
    model: key.model,
    provider_model: key.providerModel,
    errors: amounts.errors,
    server_errors: amounts.serverErrors,
    fallbacks: amounts.fallbacks,
    cache_hits: amounts.cacheHits,
    unpriced_requests: amounts.unpricedRequests,
    estimated_requests: amounts.estimatedRequests,
    first_token_requests: amounts.firstTokenRequests,
    response_hits: amounts.responseHits,
    input_tokens: amounts.inputTokens,
    cache_read_tokens: amounts.cacheReadTokens,
    cache_write_tokens: amounts.cacheWrite5mTokens + amounts.cacheWrite1hTokens,
    output_tokens: amounts.outputTokens,
    reasoning_tokens: amounts.reasoningTokens,
    cost_nano_usd: amounts.costNanoUsd,
    saved_nano_usd: amounts.savedNanoUsd,
    total_ms: amounts.totalMs,
    first_token_ms: amounts.firstTokenMs,
    outcome: JSON.stringify(shown(outcome)),
  }
  const text = JSON.stringify(line)
  // Half of a character is written as an escape that servers refuse, and with it the whole batch.
  if (!text.includes('\\ud')) return text
  return JSON.stringify(line, (_name, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  )
}

/** Each rule with its verdict as `|rule=verdict|`, so that one is found by a text. */
function guardrailWords({ guardrails = [] }: Outcome): string {
  if (guardrails.length === 0) return ''
  return `|${guardrails.map(({ ruleId, verdict }) => `${guardrailWord(ruleId)}=${verdict}`).join('|')}|`
}

/** The id of a rule without the signs that stand between it and others. */
export function guardrailWord(ruleId: string): string {
  return encodeURIComponent(ruleId.toWellFormed())
}

/** What is shown of a request, as the store's own rows have it. */
function shown(outcome: Outcome): Outcome {
  const {
    charges: _charges,
    providerDialect: _dialect,
    redact: _redact,
    trace: _trace,
    ...row
  } = withoutBodies(outcome)
  return row
}

/**
 * A number for the order of requests of one millisecond: that of the last 52 bits of an id, so that the same line always has the same.
 * Numbers of the store mean something else; a page goes on with those it was begun with.
 */
export function sequenceOf(logId: string): number {
  const hex = logId.replaceAll('-', '').slice(-13)
  const value = Number.parseInt(hex, 16)
  return Number.isSafeInteger(value) ? value : 0
}
