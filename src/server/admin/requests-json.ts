// How a recorded request looks in the management API: a short form for lists and the tail, a long one for one request's page. Null is what
// is not known or not there; only what the log holds is shown, and bodies only by the route that is for them.

import { cacheJson, verdictJson } from '../../core/guardrail-json.ts'
import type { JsonObject } from '../../core/json.ts'
import { lossToken } from '../../core/ir/loss.ts'
import { totalInputTokens } from '../../core/ir/usage.ts'
import { NANO_PER_USD } from '../../core/nano-usd.ts'
import type { StoredRequest } from '../../core/ports.ts'
import type { Latency, SeriesPoint } from '../../core/ports-requests.ts'
import { routeJson } from '../../core/policy/route-json.ts'
import { usageJson } from '../../core/usage-json.ts'
import { moment, nullable, oneOf, t } from './contract.ts'
import type { Names } from './names.ts'

const text = nullable(t.String())
const count = nullable(t.Integer())
const amount = nullable(t.Number())

const ROW = {
  log_id: t.String(),
  sequence: t.Integer({ description: 'Grows with each row; the id of its event in the tail.' }),
  time: moment({ description: 'When it arrived.' }),
  tenant: t.String(),
  request_id: t.String(),
  trace_id: text,
  status: t.Integer({ description: '499 where the client left.' }),
  error_kind: text,
  error: text,
  endpoint: t.String(),
  client_format: t.String(),
  operation: t.String(),
  model: text,
  model_resolved: text,
  provider: text,
  mode: nullable(oneOf(['relay', 'translate'])),
  stream: t.Boolean(),
  finish: text,
  key: text,
  key_name: text,
  user: text,
  user_name: text,
  team: text,
  team_name: text,
  service: text,
  service_name: text,
  input_tokens: nullable(t.Integer(), {
    description: 'What was read from and written to caches included.',
  }),
  cache_read_tokens: count,
  output_tokens: count,
  usage_estimated: t.Boolean(),
  cost_usd: amount,
  total_ms: t.Number(),
  first_token_ms: amount,
  queued_ms: nullable(t.Number(), { description: 'Waited for a place, here or at a provider.' }),
  attempts: t.Integer(),
  losses: t.Integer(),
}

export const RequestRowSchema = t.Object(ROW, { $id: 'RequestRow' })

const AttemptSchema = t.Object({
  provider: t.String(),
  model: t.String(),
  key_hint: text,
  mode: oneOf(['relay', 'translate']),
  status: count,
  error: text,
  as: nullable(oneOf(['retry', 'hedge', 'continuation'])),
  started_ms: nullable(t.Number(), { description: 'After the request had arrived.' }),
  first_byte_ms: nullable(t.Number(), { description: 'After the request had arrived.' }),
  duration_ms: t.Number(),
})

const VerdictSchema = t.Object({
  rule: t.String(),
  check: t.String(),
  stage: oneOf(['input', 'tool_result', 'output']),
  verdict: oneOf([
    'pass',
    'blocked',
    'masked',
    'flagged',
    'observed',
    'failed-open',
    'failed-closed',
  ]),
  categories: t.Array(t.String()),
  started_ms: t.Number({ description: 'After the request had arrived.' }),
  duration_ms: t.Number(),
  asked: t.Integer({ description: 'How often; streams ask once for each window.' }),
})

const CacheSchema = t.Object({
  state: oneOf(['hit', 'miss', 'bypass']),
  kind: oneOf(['exact', 'semantic']),
  saved_usd: nullable(t.Number(), { description: 'What the answer had cost when it was bought.' }),
  age_ms: amount,
  started_ms: amount,
  duration_ms: amount,
})

export const RequestDetailSchema = t.Object(
  {
    ...ROW,
    user_agent: text,
    request_bytes: t.Integer(),
    response_bytes: t.Integer(),
    provider_ms: amount,
    usage: t.Object({
      input_tokens: nullable(t.Integer(), { description: 'Of no other class.' }),
      cache_read_tokens: count,
      cache_write_5m_tokens: count,
      cache_write_1h_tokens: count,
      output_tokens: count,
      reasoning_tokens: count,
      input_audio_tokens: count,
      output_audio_tokens: count,
      estimated: t.Boolean(),
    }),
    attempts_made: t.Array(AttemptSchema),
    losses_told: t.Array(
      t.Object({
        token: t.String(),
        feature: t.String(),
        path: t.String(),
        action: t.String(),
        detail: text,
      }),
    ),
    route: nullable(t.Array(t.Record(t.String(), t.Unknown())), {
      description:
        'How the targets were put into an order; null where there was nothing to decide.',
    }),
    guardrails: nullable(t.Array(VerdictSchema), {
      description: 'Rules that were asked; null where none holds.',
    }),
    cache: nullable(CacheSchema, { description: 'Null where no cache is configured for it.' }),
    has_content: t.Boolean({ description: 'Bodies were kept.' }),
  },
  { $id: 'RequestDetail' },
)

export const RequestContentSchema = t.Object(
  {
    log_id: t.String(),
    client_request: text,
    client_response: text,
    provider_request: nullable(t.String(), {
      description: 'Null where the provider was sent the client’s own.',
    }),
    provider_response: nullable(t.String(), {
      description: 'Null where the client got the provider’s own.',
    }),
  },
  { $id: 'RequestContent' },
)

/** One line of a list. */
export function rowJson({ outcome, sequence }: StoredRequest, names: Names): JsonObject {
  const { apiKeyId, attempts, costNanoUsd, losses, serviceId, teamId, usage, userId } = outcome
  const named = (kind: 'key' | 'user' | 'team' | 'service', id: string | undefined) =>
    id === undefined ? null : (names.of(kind, id) ?? null)
  return {
    log_id: outcome.logId,
    sequence,
    time: new Date(outcome.timestampMs).toISOString(),
    tenant: outcome.tenantId,
    request_id: outcome.requestId,
    trace_id: outcome.traceId ?? null,
    status: outcome.status,
    error_kind: outcome.errorKind ?? null,
    error: outcome.errorText ?? null,
    endpoint: outcome.endpoint,
    client_format: outcome.clientFormat,
    operation: outcome.operation,
    model: outcome.modelRequested ?? null,
    model_resolved: outcome.modelResolved ?? null,
    provider: outcome.providerId ?? null,
    mode: outcome.mode ?? null,
    stream: outcome.stream,
    finish: outcome.finish ?? null,
    key: apiKeyId ?? null,
    key_name: named('key', apiKeyId),
    user: userId ?? null,
    user_name: named('user', userId),
    team: teamId ?? null,
    team_name: named('team', teamId),
    service: serviceId ?? null,
    service_name: named('service', serviceId),
    input_tokens: (usage === undefined ? undefined : totalInputTokens(usage)) ?? null,
    cache_read_tokens: usage?.cacheReadTokens ?? null,
    output_tokens: usage?.outputTokens ?? null,
    usage_estimated: usage?.estimated ?? false,
    cost_usd: costNanoUsd === undefined ? null : costNanoUsd / NANO_PER_USD,
    total_ms: outcome.totalMs,
    first_token_ms: outcome.firstTokenMs ?? null,
    queued_ms: outcome.queuedMs ?? null,
    attempts: attempts.length,
    losses: losses.length,
  }
}

/** Everything about one request but its bodies. */
export function detailJson(stored: StoredRequest, names: Names): JsonObject {
  const { attempts, cache, guardrails, losses, route, usage, ...outcome } = stored.outcome
  return {
    ...rowJson(stored, names),
    user_agent: outcome.userAgent ?? null,
    request_bytes: outcome.requestBytes,
    response_bytes: outcome.responseBytes,
    provider_ms: outcome.providerMs ?? null,
    usage: { ...usageJson(usage) },
    attempts_made: attempts.map((attempt) => ({
      provider: attempt.providerId,
      model: attempt.model,
      key_hint: attempt.keyHint ?? null,
      mode: attempt.mode,
      status: attempt.status ?? null,
      error: attempt.error ?? null,
      as: attempt.as ?? null,
      started_ms: attempt.startedMs ?? null,
      first_byte_ms: attempt.firstByteMs ?? null,
      duration_ms: attempt.durationMs,
    })),
    losses_told: losses.map((loss) => ({
      token: lossToken(loss),
      feature: loss.feature,
      path: loss.path,
      action: loss.action,
      detail: loss.detail ?? null,
    })),
    route: (route?.map(routeJson) ?? null) as JsonObject[] | null,
    guardrails: (guardrails?.map(verdictJson) ?? null) as JsonObject[] | null,
    cache: cache === undefined ? null : ({ ...cacheJson(cache) } as JsonObject),
    has_content: hasContent(stored),
  }
}

export function hasContent({ isContentDamaged, objectKey, outcome }: StoredRequest): boolean {
  if (objectKey !== undefined || isContentDamaged === true) return true
  const { providerRequestBody, providerResponseBody, requestBody, responseBody } = outcome
  const bodies = [requestBody, responseBody, providerRequestBody, providerResponseBody]
  return bodies.some((body) => body !== undefined)
}

/** The bodies of one request. */
export function contentJson({ outcome }: StoredRequest): JsonObject {
  return {
    log_id: outcome.logId,
    client_request: outcome.requestBody ?? null,
    client_response: outcome.responseBody ?? null,
    provider_request: outcome.providerRequestBody ?? null,
    provider_response: outcome.providerResponseBody ?? null,
  }
}

const LatencySchema = nullable(
  t.Object({ mean: t.Number(), p50: amount, p95: amount }, { description: 'Milliseconds.' }),
)

export const PointSchema = t.Object({
  time: moment({ description: 'Beginning of the bucket.' }),
  requests: t.Integer(),
  errors: t.Integer(),
  input_tokens: t.Integer(),
  cache_read_tokens: t.Integer(),
  cache_write_tokens: t.Integer(),
  output_tokens: t.Integer(),
  reasoning_tokens: t.Integer(),
  cost_usd: t.Number(),
  unpriced_requests: t.Integer(),
  fallbacks: t.Integer(),
  cache_hits: t.Integer(),
  total_ms: LatencySchema,
  first_token_ms: LatencySchema,
})

/** One bucket of a chart. */
export function pointJson(point: SeriesPoint): JsonObject {
  return {
    time: new Date(point.startMs).toISOString(),
    requests: point.requests,
    errors: point.errors,
    input_tokens: point.inputTokens,
    cache_read_tokens: point.cacheReadTokens,
    cache_write_tokens: point.cacheWriteTokens,
    output_tokens: point.outputTokens,
    reasoning_tokens: point.reasoningTokens,
    cost_usd: point.costNanoUsd / NANO_PER_USD,
    unpriced_requests: point.unpricedRequests,
    fallbacks: point.fallbacks,
    cache_hits: point.cacheHits,
    total_ms: latencyJson(point.totalMs),
    first_token_ms: latencyJson(point.firstTokenMs),
  }
}

function latencyJson(latency: Latency | undefined): JsonObject | null {
  if (latency === undefined) return null
  const { mean, p50, p95 } = latency
  return { mean: Math.round(mean), p50: p50 ?? null, p95: p95 ?? null }
}
