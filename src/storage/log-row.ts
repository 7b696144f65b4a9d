// An outcome as the values of one row, in the order of the prepared insert. This is the hot path of the log: no query
// builder, no objects in between. storage tests hold the column list against the schema.

import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'

/** Columns of `requests` in the order of `requestValues`; `sequence` is the database's. */
export const REQUEST_COLUMNS = [
  'log_id',
  'log_ms',
  'timestamp_ms',
  'tenant_id',
  'request_id',
  'trace_id',
  'direction',
  'api_key_hash',
  'api_key_id',
  'endpoint',
  'client_format',
  'operation',
  'stream',
  'status',
  'error_kind',
  'error_text',
  'model_requested',
  'model_resolved',
  'provider_id',
  'mode',
  'finish',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'output_tokens',
  'reasoning_tokens',
  'input_audio_tokens',
  'output_audio_tokens',
  'usage_estimated',
  'cost_nano_usd',
  'losses',
  'attempts',
  'total_ms',
  'provider_ms',
  'first_token_ms',
  'request_bytes',
  'response_bytes',
  'user_agent',
  'user_id',
  'team_id',
  'service_id',
  'route',
  'queued_ms',
  'guardrails',
  'cache',
] as const

export const INSERT_REQUEST = `INSERT INTO requests (${REQUEST_COLUMNS.join(', ')}) VALUES (${REQUEST_COLUMNS.map(() => '?').join(', ')})`
export const INSERT_BODIES =
  'INSERT INTO request_bodies (sequence, tenant_id, timestamp_ms, request_body, response_body, provider_request_body, provider_response_body, packed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
/** Packed bodies that are to lie outside of the store. */
export const INSERT_OBJECT =
  "INSERT INTO content_objects (object_key, tenant_id, sequence, timestamp_ms, bytes, state, tries, due_ms) VALUES (?, ?, ?, ?, ?, 'waiting', 0, 0) ON CONFLICT DO NOTHING"

/**
 * The milliseconds a UUIDv7 begins with (RFC 9562 §5.7), 0 for any other id. It is the same for every look at an id, which is
 * all that finding a row by it needs.
 */
export function logMs(logId: string): number {
  if (logId.length !== 36) return 0
  const milliseconds = Number(`0x${logId.slice(0, 8)}${logId.slice(9, 13)}`)
  return Number.isSafeInteger(milliseconds) ? milliseconds : 0
}

function listText(list: readonly unknown[]): string {
  return list.length === 0 ? '[]' : JSON.stringify(list)
}

/** Durations are measured in fractions and stored as whole milliseconds, as Postgres' integers take nothing else. */
function wholeMs(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : Math.round(durationMs)
}

/** The values of one row. Throws only for an outcome that JSON cannot say. */
export function requestValues(outcome: Outcome): (string | number | boolean | null)[] {
  const { usage } = outcome
  return [
    outcome.logId,
    logMs(outcome.logId),
    outcome.timestampMs,
    outcome.tenantId,
    outcome.requestId,
    outcome.traceId ?? null,
    outcome.direction,
    outcome.apiKeyHash ?? null,
    outcome.apiKeyId ?? null,
    outcome.endpoint,
    outcome.clientFormat,
    outcome.operation,
    outcome.stream,
    outcome.status,
    outcome.errorKind ?? null,
    outcome.errorText?.slice(0, LIMITS.logErrorCharsMax) ?? null,
    outcome.modelRequested ?? null,
    outcome.modelResolved ?? null,
    outcome.providerId ?? null,
    outcome.mode ?? null,
    outcome.finish ?? null,
    usage?.inputTokens ?? null,
    usage?.cacheReadTokens ?? null,
    usage?.cacheWrite5mTokens ?? null,
    usage?.cacheWrite1hTokens ?? null,
    usage?.outputTokens ?? null,
    usage?.reasoningTokens ?? null,
    usage?.inputAudioTokens ?? null,
    usage?.outputAudioTokens ?? null,
    usage?.estimated ?? null,
    outcome.costNanoUsd ?? null,
    listText(outcome.losses),
    listText(outcome.attempts),
    Math.round(outcome.totalMs),
    wholeMs(outcome.providerMs),
    wholeMs(outcome.firstTokenMs),
    outcome.requestBytes,
    outcome.responseBytes,
    outcome.userAgent ?? null,
    outcome.userId ?? null,
    outcome.teamId ?? null,
    outcome.serviceId ?? null,
    outcome.route === undefined ? null : JSON.stringify(outcome.route),
    wholeMs(outcome.queuedMs),
    outcome.guardrails === undefined ? null : JSON.stringify(outcome.guardrails),
    outcome.cache === undefined ? null : JSON.stringify(outcome.cache),
  ]
}

/** Characters of the bodies an outcome carries; of packed ones bytes. */
export function bodyChars(outcome: Outcome): number {
  return (
    (outcome.requestBody?.length ?? 0) +
    (outcome.responseBody?.length ?? 0) +
    (outcome.providerRequestBody?.length ?? 0) +
    (outcome.providerResponseBody?.length ?? 0) +
    (outcome.packedBodies?.length ?? 0)
  )
}

/** Whether the outcome needs a row of bodies; an empty body is one. */
export function hasBodies(outcome: Outcome): boolean {
  return (
    outcome.requestBody !== undefined ||
    outcome.responseBody !== undefined ||
    outcome.providerRequestBody !== undefined ||
    outcome.providerResponseBody !== undefined ||
    outcome.packedBodies !== undefined
  )
}

/** The same without its bodies, in whatever form. */
export function withoutBodies(outcome: Outcome): Outcome {
  const {
    requestBody: _requestBody,
    responseBody: _responseBody,
    providerRequestBody: _providerRequestBody,
    providerResponseBody: _providerResponseBody,
    packedBodies: _packedBodies,
    objectKey: _objectKey,
    ...bare
  } = outcome
  return bare
}
