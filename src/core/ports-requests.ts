// The interface behind which the request log is searched: pages, counts by value, and lines for charts. Every method takes the same
// filter, is bounded in what it looks at, and says how far it came. `matches` is the filter in words of the core, for rows that are at
// hand already; the store says the same in SQL, and a test holds the two together. Pure.

import type { GuardrailVerdict } from './guardrail.ts'
import type { CacheRecord, Outcome } from './outcome.ts'
import type { StoredRequest } from './ports.ts'

/** `exact` statuses are numbers: 429. */
export type StatusFilter = 'ok' | 'error' | '2xx' | '4xx' | '5xx' | number

/** What a request must be. Members that are absent ask for nothing; a text that is `''` asks for requests without one. */
export interface RequestSearchFilter {
  /** Absent: of all tenants; for those with rights over the whole installation alone. */
  readonly tenantId?: string
  /** Arrived at or after this moment. */
  readonly sinceMs?: number
  /** Arrived before this moment. */
  readonly untilMs?: number
  readonly status?: StatusFilter
  readonly errorKind?: string
  /** As the client asked for it, or as the provider calls it. */
  readonly model?: string
  readonly providerId?: string
  readonly keyId?: string
  readonly userId?: string
  readonly teamId?: string
  readonly serviceId?: string
  readonly operation?: string
  readonly clientFormat?: string
  readonly mode?: 'relay' | 'translate'
  readonly stream?: boolean
  readonly finish?: string
  /** Something could not be said in the provider's protocol. */
  readonly hasLosses?: boolean
  /** A guardrail that was asked; empty: none was. */
  readonly guardrailId?: string
  /** What a guardrail said, that of `guardrailId` where it is given; `hit` is anything but `pass`. */
  readonly verdict?: GuardrailVerdict['verdict'] | 'hit'
  /** What the response cache had to do with it; empty: nothing. */
  readonly cacheState?: CacheRecord['state'] | ''
  /** More than one attempt was made. */
  readonly hasFallback?: boolean
  /** Something of the prompt came from the provider's cache. */
  readonly isCached?: boolean
  /** A cost that is unknown is neither. */
  readonly minCostNanoUsd?: number
  readonly maxCostNanoUsd?: number
  readonly minTotalMs?: number
  readonly minFirstTokenMs?: number
  /** Text in the error's text; ASCII letters in either case. */
  readonly errorText?: string
  readonly requestId?: string
  readonly logId?: string
  readonly traceId?: string
}

/** Where a page ended: the next begins behind it. */
export interface RequestPosition {
  readonly timestampMs: number
  readonly sequence: number
}

export interface RequestPage {
  /** Newest first, without bodies. */
  readonly rows: readonly StoredRequest[]
  /** Where to go on; absent: there is nothing further. A page may be short, or empty, and have one: so much was looked at. */
  readonly next?: RequestPosition
  /** Everything from this moment on was looked at. */
  readonly scannedToMs: number
}

export const REQUEST_FACETS = [
  'model',
  'provider',
  'key',
  'user',
  'operation',
  'status',
  'error',
] as const
export type RequestFacet = (typeof REQUEST_FACETS)[number]

export interface FacetValue {
  /** Null: none. Of `status` it is `ok`, `4xx` or `5xx`. */
  readonly value: string | null
  readonly requests: number
}

export interface RequestFacets {
  /** What was counted: whole hours where `from` is `totals`, so it may begin earlier and end later than asked for. */
  readonly sinceMs: number
  readonly untilMs: number
  /**
   * `totals`: the hourly totals, which are exact, and in which a name that no provider took for a model is none. `rows`: the rows
   * themselves. Both go back to `sinceMs`, which is later than asked for where there are too many to look at.
   */
  readonly from: 'totals' | 'rows'
  readonly isWhole: boolean
  readonly requests: number
  /** Those with the most requests first, `requestFacetValuesMax` at most. `error` is absent where it comes from totals, which do not know it. */
  readonly values: Partial<Record<RequestFacet, readonly FacetValue[]>>
}

export const SERIES_DIMENSIONS = ['model', 'provider', 'key', 'user', 'team', 'tenant'] as const
export type SeriesDimension = (typeof SERIES_DIMENSIONS)[number]

export interface SeriesQuery {
  readonly filter: RequestSearchFilter & { readonly sinceMs: number; readonly untilMs: number }
  /** At least a minute; a multiple of an hour where the span is longer than six. */
  readonly bucketMs: number
  readonly by?: SeriesDimension
}

export interface SeriesPoint {
  /** Beginning of the bucket. */
  readonly startMs: number
  readonly requests: number
  readonly errors: number
  readonly inputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly costNanoUsd: number
  /** Answered for money whose amount is not known. */
  readonly unpricedRequests: number
  readonly fallbacks: number
  readonly cacheHits: number
  /** Absent where there is none to say. */
  readonly totalMs?: Latency
  readonly firstTokenMs?: Latency
}

/** Milliseconds. */
export interface Latency {
  readonly mean: number
  /** Of a sample of rows; absent where none was taken. */
  readonly p50?: number
  readonly p95?: number
}

export interface RequestSeries {
  readonly sinceMs: number
  readonly untilMs: number
  readonly bucketMs: number
  readonly from: 'totals' | 'rows'
  /** False where there were more rows than are looked at: buckets before `countedFromMs` are missing. */
  readonly isWhole: boolean
  readonly countedFromMs: number
  /** How many rows the percentiles were taken from; 0: there are none. */
  readonly sampledRows: number
  /** One without `by`; else those with the most requests, and the others together as `isRest`. */
  readonly lines: readonly SeriesLine[]
}

export interface SeriesLine {
  /** Null: without one. */
  readonly value: string | null
  readonly isRest?: true
  /** Buckets in which something happened, oldest first. */
  readonly points: readonly SeriesPoint[]
}

/** Searches of one store's request log. Every method throws GatewayError `storage_unavailable` when it cannot be read. */
export interface RequestSearchRepository {
  /** @throws GatewayError `invalid_request` for a filter that holds no time */
  search(
    filter: RequestSearchFilter,
    after: RequestPosition | undefined,
    limit: number,
  ): Promise<RequestPage>
  facets(filter: RequestSearchFilter): Promise<RequestFacets>
  series(query: SeriesQuery): Promise<RequestSeries>
  /** One request with its bodies; without a tenant, of any. */
  find(tenantId: string | undefined, logId: string): Promise<StoredRequest | undefined>
  /** The rows after this one in the order in which they were written, of all tenants, without bodies. */
  following(afterSequence: number, limit: number): Promise<readonly StoredRequest[]>
  /** The number of the row that was written last; 0: there is none. */
  lastSequence(): Promise<number>
}

const ERROR_STATUS_MIN = 400
const SERVER_ERROR_STATUS_MIN = 500

/** The statuses that a filter lets through, the upper end not among them. */
export function statusRange(status: StatusFilter): readonly [min: number, end: number] {
  switch (status) {
    case 'ok':
      return [0, ERROR_STATUS_MIN]
    case 'error':
      return [ERROR_STATUS_MIN, 1_000]
    case '2xx':
      return [200, 300]
    case '4xx':
      return [ERROR_STATUS_MIN, SERVER_ERROR_STATUS_MIN]
    case '5xx':
      return [SERVER_ERROR_STATUS_MIN, 600]
    default:
      return [status, status + 1]
  }
}

/** Whether a request is what a filter asks for. */
export function matches(outcome: Outcome, filter: RequestSearchFilter): boolean {
  return isOfWhom(outcome, filter) && isLike(outcome, filter) && isWithin(outcome, filter)
}

function isOfWhom(outcome: Outcome, filter: RequestSearchFilter): boolean {
  const same = (asked: string | undefined, value: string | undefined) =>
    asked === undefined || asked === (value ?? '')
  return (
    same(filter.tenantId, outcome.tenantId) &&
    same(filter.keyId, outcome.apiKeyId) &&
    same(filter.userId, outcome.userId) &&
    same(filter.teamId, outcome.teamId) &&
    same(filter.serviceId, outcome.serviceId) &&
    same(filter.requestId, outcome.requestId) &&
    same(filter.logId, outcome.logId) &&
    same(filter.traceId, outcome.traceId)
  )
}

function isLike(outcome: Outcome, filter: RequestSearchFilter): boolean {
  const same = <T extends string>(asked: T | undefined, value: T | undefined) =>
    asked === undefined || asked === (value ?? '')
  const whether = (asked: boolean | undefined, value: boolean) =>
    asked === undefined || asked === value
  const { errorText, model } = filter
  const isModel = same(model, outcome.modelRequested) || same(model, outcome.modelResolved)
  const saysError =
    errorText === undefined ||
    (outcome.errorText !== undefined && lower(outcome.errorText).includes(lower(errorText)))
  return (
    isModel &&
    saysError &&
    same(filter.errorKind, outcome.errorKind) &&
    same(filter.providerId, outcome.providerId) &&
    same(filter.operation, outcome.operation) &&
    same(filter.clientFormat, outcome.clientFormat) &&
    same(filter.mode, outcome.mode) &&
    whether(filter.stream, outcome.stream) &&
    same(filter.finish, outcome.finish) &&
    whether(filter.hasLosses, outcome.losses.length > 0) &&
    isJudged(filter, outcome) &&
    same(filter.cacheState, outcome.cache?.state) &&
    whether(filter.hasFallback, outcome.attempts.length > 1) &&
    whether(filter.isCached, (outcome.usage?.cacheReadTokens ?? 0) > 0)
  )
}

function isWithin(outcome: Outcome, filter: RequestSearchFilter): boolean {
  const { costNanoUsd, firstTokenMs, status, timestampMs, totalMs } = outcome
  const least = (asked: number | undefined, value: number | undefined) =>
    asked === undefined || (value !== undefined && value >= asked)
  const most = (asked: number | undefined, value: number | undefined) =>
    asked === undefined || (value !== undefined && value <= asked)
  const [min, end] = filter.status === undefined ? [0, 1_000] : statusRange(filter.status)
  return (
    least(filter.sinceMs, timestampMs) &&
    (filter.untilMs === undefined || timestampMs < filter.untilMs) &&
    status >= min &&
    status < end &&
    least(filter.minCostNanoUsd, costNanoUsd) &&
    most(filter.maxCostNanoUsd, costNanoUsd) &&
    least(filter.minTotalMs, Math.round(totalMs)) &&
    least(filter.minFirstTokenMs, firstTokenMs === undefined ? undefined : Math.round(firstTokenMs))
  )
}

/** As both engines fold text: ASCII letters alone. */
function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Whether a guardrail said what a filter asks for: one rule at one stage, and not one the id and another the verdict. */
function isJudged({ guardrailId, verdict }: RequestSearchFilter, { guardrails = [] }: Outcome) {
  if (guardrailId === undefined && verdict === undefined) return true
  if (guardrailId === '') return guardrails.length === 0 && verdict === undefined
  return guardrails.some(
    (one) =>
      (guardrailId === undefined || one.ruleId === guardrailId) &&
      (verdict === undefined ||
        (verdict === 'hit' ? one.verdict !== 'pass' : one.verdict === verdict)),
  )
}
