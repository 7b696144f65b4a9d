// What a client is told of limits: header fields of the tightest one on every answer, and the words of a refusal. It names what kind
// of subject is counted, never which one: whose limit it is that others fill up is nobody's business.

import type { DialectName } from '../core/ir/request.ts'
import { GatewayError } from '../core/error.ts'
import type { LimitSubject } from '../core/money.ts'
import type { LimitState, LimitVerdict } from '../core/ports-money.ts'
import type { Counter, Counts } from './limit-rules.ts'

/** Whoever must come again once shared counters can be reached. */
const UNAVAILABLE_RETRY_MS = 1_000

const SUBJECTS: Readonly<Record<LimitSubject, string>> = {
  global: 'this server',
  tenant: 'this tenant',
  team: 'this team',
  user: 'this user',
  key: 'this API key',
  ip: 'this address',
  model: 'this model',
  provider: 'the provider of this model',
}

const SPANS: ReadonlyMap<number, string> = new Map([
  [60_000, 'minute'],
  [3_600_000, 'hour'],
  [86_400_000, 'day'],
])

/**
 * The tightest limit of requests and of tokens, in OpenAI's words, and beside them in Anthropic's for its clients:
 * https://platform.openai.com/docs/guides/rate-limits, https://docs.claude.com/en/api/rate-limits.
 */
export function limitHeaders(
  counters: readonly Counter[],
  verdict: LimitVerdict,
  dialect: DialectName,
  nowMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const counts of ['requests', 'tokens'] as const) {
    const state = tightest(counters, verdict, counts)
    if (state === undefined) continue
    const { max, remaining, resetMs } = state
    headers[`x-ratelimit-limit-${counts}`] = String(max)
    headers[`x-ratelimit-remaining-${counts}`] = String(remaining)
    headers[`x-ratelimit-reset-${counts}`] = durationText(resetMs)
    if (dialect !== 'anthropic') continue
    headers[`anthropic-ratelimit-${counts}-limit`] = String(max)
    headers[`anthropic-ratelimit-${counts}-remaining`] = String(remaining)
    headers[`anthropic-ratelimit-${counts}-reset`] = timeText(nowMs + resetMs)
  }
  return headers
}

/** The one with the least left; of several the one that is full for longest. */
function tightest(
  counters: readonly Counter[],
  { degraded, states }: LimitVerdict,
  counts: Counts,
): LimitState | undefined {
  let found: LimitState | undefined
  for (const [index, counter] of counters.entries()) {
    const state = states[index]
    if (counter.counts !== counts || state === undefined) continue
    // Nothing was counted there, so nothing can be said.
    if (degraded === true && counter.take.whenUnavailable !== 'local') continue
    const isTighter =
      found === undefined ||
      state.remaining < found.remaining ||
      (state.remaining === found.remaining && state.resetMs > found.resetMs)
    if (isTighter) found = state
  }
  return found
}

/** As OpenAI writes durations: `20ms`, `1s`, `6m0s`, `1h0m0s`. Rounded up: whoever comes then must not be early. */
export function durationText(durationMs: number): string {
  const wholeMs = Math.max(0, Math.ceil(durationMs))
  if (wholeMs < 1_000) return `${wholeMs}ms`
  const seconds = Math.ceil(wholeMs / 1_000)
  const minutes = Math.floor(seconds / 60)
  if (minutes === 0) return `${seconds}s`
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${minutes}m${seconds % 60}s` : `${hours}h${minutes % 60}m${seconds % 60}s`
}

/** RFC 3339 in whole seconds, rounded up. */
function timeText(atMs: number): string {
  return new Date(Math.ceil(atMs / 1_000) * 1_000).toISOString().replace('.000Z', 'Z')
}

/** The refusal of a request: which limit, and when to come again. */
export function refusal(counters: readonly Counter[], verdict: LimitVerdict): GatewayError {
  const counter = counters[verdict.refusedAt ?? 0]
  const { retryAfterMs } = verdict
  if (counter === undefined) return new GatewayError('rate_limit')
  const { counts, per, take } = counter
  if (verdict.degraded === true && take.whenUnavailable === 'closed') {
    return new GatewayError('storage_unavailable', {
      message: 'Limits cannot be checked now.',
      cause: `the shared counters of a limit per ${per} cannot be reached`,
      retryAfterMs: UNAVAILABLE_RETRY_MS,
    })
  }
  const whose = SUBJECTS[per]
  const when = waitOf(retryAfterMs)
  if (counts === 'concurrent') {
    return new GatewayError('concurrency_limit', {
      message: `Too many requests at once: ${whose} may have ${take.max} running.`,
      ...when,
    })
  }
  const span = SPANS.get(take.windowMs) ?? 'window'
  const amount = `${take.max} ${counts} per ${span}`
  const isTooLarge = counts === 'tokens' && take.cost > take.max
  return new GatewayError('rate_limit', {
    type: counts,
    message: isTooLarge
      ? `This request may need ${take.cost} tokens, and ${whose} has ${amount}: shorten it, or ask for a shorter answer.`
      : `Rate limit reached: ${amount} for ${whose}.${tryAgain(retryAfterMs)}`,
    ...when,
  })
}

/** One that will never pass is not to be tried again. */
function waitOf(retryAfterMs: number | undefined) {
  if (retryAfterMs === undefined) return {}
  return Number.isFinite(retryAfterMs) ? { retryAfterMs } : { shouldRetry: false }
}

function tryAgain(retryAfterMs: number | undefined): string {
  if (retryAfterMs === undefined || !Number.isFinite(retryAfterMs)) return ''
  return ` Please try again in ${durationText(retryAfterMs)}.`
}
