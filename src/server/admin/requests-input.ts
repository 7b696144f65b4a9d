// What the routes of the request log take in: filters, spans, cursors. A cursor is checked against the filter it was given for, so that one
// that was changed, or of another search, is refused and never goes on somewhere else.

import type { Static } from '@sinclair/typebox'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import { NANO_PER_USD } from '../../core/nano-usd.ts'
import type {
  RequestPosition,
  RequestSearchFilter,
  StatusFilter,
} from '../../core/ports-requests.ts'
import { invalidMember } from './body.ts'
import { ALL_TENANTS, moment, oneOf, strict, t } from './contract.ts'

const VERDICTS = [
  'hit',
  'pass',
  'blocked',
  'masked',
  'flagged',
  'observed',
  'failed-open',
  'failed-closed',
] as const

/** What guardrails and the response cache had to do with it. */
const JUDGED = {
  guardrail: t.Optional(
    t.String({
      maxLength: 300,
      description: 'Id of a guardrail that was asked; empty: none was.',
    }),
  ),
  verdict: t.Optional(
    oneOf(VERDICTS, {
      description:
        'What a guardrail said, that of `guardrail` where it is named; `hit`: anything but `pass`.',
    }),
  ),
  cache: t.Optional(
    oneOf(['hit', 'miss', 'bypass', ''], {
      description: 'What the response cache had to do with it; empty: nothing.',
    }),
  ),
}

const text = (description: string, maxLength = 300) =>
  t.Optional(t.String({ maxLength, description }))
const whether = (description: string) => t.Optional(t.Boolean({ description }))
const milliseconds = (description: string) =>
  t.Optional(t.Integer({ minimum: 0, maximum: 1_000_000_000, description }))
const dollars = (description: string) =>
  t.Optional(t.Number({ minimum: 0, maximum: 1_000_000, description }))

/** What a request must be, as every one of these routes takes it. */
export const FILTERS = {
  since: t.Optional(moment({ description: 'Arrived at or after this moment.' })),
  until: t.Optional(moment({ description: 'Arrived before this moment.' })),
  status: t.Optional(
    t.String({
      pattern: '^(ok|error|2xx|4xx|5xx|[1-5][0-9]{2})$',
      description: '`ok` (below 400), `error`, a class (`2xx`, `4xx`, `5xx`) or one status.',
      wanted: 'Must be ok, error, 2xx, 4xx, 5xx or one status.',
    }),
  ),
  error_kind: text(
    'Kind of the error; empty: requests without one. So it is with all ids and names here.',
  ),
  model: text('The name asked for, or the provider’s own.'),
  provider: text('Id of the provider that answered or was asked last.'),
  key: text('Id of the API key.'),
  user: text('Id of the user.'),
  team: text('Id of the team.'),
  service: text('Id of the service.'),
  operation: text('`chat`, `completion`, `embedding`, …', 100),
  client_format: text('The protocol of the client: `openai-chat`, `anthropic`, …', 100),
  mode: t.Optional(oneOf(['relay', 'translate'])),
  stream: whether('Whether a stream was asked for.'),
  finish: text('Why the answer ended, in the provider’s words.', 100),
  losses: whether('Whether something could not be said in the provider’s protocol.'),
  ...JUDGED,
  fallback: whether('Whether it took more than one attempt.'),
  cached: whether('Whether some of the prompt came from the provider’s cache.'),
  min_cost_usd: dollars('Cost at least so much; one that is not known is less.'),
  max_cost_usd: dollars('Cost at most so much; one that is not known is more.'),
  min_ms: milliseconds('Took at least so long.'),
  min_first_token_ms: milliseconds('The first byte of the answer took at least so long.'),
  error_text: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 300,
      description: 'Text in the error’s text, in either case.',
    }),
  ),
  request_id: text('The `x-request-id` of its answer.', 200),
  log_id: text('Its id in this log.', 100),
  trace_id: text('The trace id of its `traceparent`.', 100),
}

const FiltersSchema = strict(FILTERS)
type Filters = Static<typeof FiltersSchema>

/** @throws GatewayError `invalid_request` naming the parameter */
export function filterOf(query: Filters, tenantId: string): RequestSearchFilter {
  const sinceMs = timeOf(query.since)
  const untilMs = timeOf(query.until)
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs) {
    throw invalidMember('until', 'Must be later than since.')
  }
  const given = {
    tenantId: tenantId === ALL_TENANTS ? undefined : tenantId,
    sinceMs,
    untilMs,
    status: query.status === undefined ? undefined : statusOf(query.status),
    errorKind: query.error_kind,
    model: query.model,
    providerId: query.provider,
    keyId: query.key,
    userId: query.user,
    teamId: query.team,
    serviceId: query.service,
    operation: query.operation,
    clientFormat: query.client_format,
    mode: query.mode,
    stream: query.stream,
    finish: query.finish,
    hasLosses: query.losses,
    guardrailId: query.guardrail,
    verdict: query.verdict,
    cacheState: query.cache,
    hasFallback: query.fallback,
    isCached: query.cached,
    minCostNanoUsd: nano(query.min_cost_usd),
    maxCostNanoUsd: nano(query.max_cost_usd),
    minTotalMs: query.min_ms,
    minFirstTokenMs: query.min_first_token_ms,
    errorText: query.error_text,
    requestId: query.request_id,
    logId: query.log_id?.toLowerCase(),
    traceId: query.trace_id,
  }
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as RequestSearchFilter
}

function statusOf(given: string): StatusFilter {
  return /^\d{3}$/.test(given) ? Number(given) : (given as StatusFilter)
}

function nano(dollarsGiven: number | undefined): number | undefined {
  return dollarsGiven === undefined ? undefined : Math.round(dollarsGiven * NANO_PER_USD)
}

function timeOf(given: string | undefined): number | undefined {
  return given === undefined ? undefined : Date.parse(given)
}

/** Where a page ended, as a client gives it back. */
export function cursorAt({ sequence, timestampMs }: RequestPosition, filter: RequestSearchFilter) {
  const place = `${timestampMs.toString(36)}.${sequence.toString(36)}`
  return `${place}.${checkOf(place, filter)}`
}

/** @throws GatewayError `invalid_request` for a cursor that no page of this search has given */
export function positionIn(cursor: string, filter: RequestSearchFilter): RequestPosition {
  const [time = '', sequence = '', check = ''] = cursor.split('.')
  const place = `${time}.${sequence}`
  const position = {
    timestampMs: Number.parseInt(time, 36),
    sequence: Number.parseInt(sequence, 36),
  }
  const isNumber = Object.values(position).every((value) => Number.isSafeInteger(value))
  if (isNumber && cursor === `${place}.${check}` && check === checkOf(place, filter)) {
    return position
  }
  throw new GatewayError('invalid_request', {
    code: 'invalid_cursor',
    param: 'cursor',
    message: 'Not a cursor of this search. Begin anew without it.',
  })
}

function checkOf(place: string, filter: RequestSearchFilter): string {
  const members = Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Bun.hash(JSON.stringify([place, members])).toString(36)
}

const STEPS_MS = [
  1_000,
  5_000,
  10_000,
  30_000,
  60_000,
  5 * 60_000,
  15 * 60_000,
  30 * 60_000,
  60 * 60_000,
]
const HOUR_MS = 60 * 60_000
const POINTS_WANTED = 90
/** Longer spans are charted from totals, which are of whole hours. */
const TOTALS_SPAN_MS = 6 * HOUR_MS

/** Buckets of a span, where none are asked for: some dozens of them. */
export function bucketOf(spanMs: number, askedSeconds: number | undefined): number {
  if (askedSeconds !== undefined) return askedSeconds * 1_000
  const wanted = spanMs / POINTS_WANTED
  const hours = [1, 2, 3, 6, 12, 24].map((count) => count * HOUR_MS)
  const steps = spanMs > TOTALS_SPAN_MS ? hours : STEPS_MS
  return (
    steps.find((step) => step >= wanted) ??
    Math.ceil(spanMs / LIMITS.seriesBucketsMax / (24 * HOUR_MS)) * 24 * HOUR_MS
  )
}
