// What a provider says is left of a key's limits, read from the headers of its answers: OpenAI's names, which most others took over
// (https://platform.openai.com/docs/guides/rate-limits), Anthropic's, and those that name their minute. Pure.

/** Of a response; `Headers` is one. */
export interface HeaderSource {
  get(name: string): string | null
}

interface QuotaNames {
  readonly remaining: string
  readonly limit: string
  /** Absent where the name of the limit says how long it lasts: a minute. */
  readonly reset?: string
  readonly countsRequests: boolean
}

const OPENAI: readonly QuotaNames[] = ['requests', 'tokens'].map((what) => ({
  remaining: `x-ratelimit-remaining-${what}`,
  limit: `x-ratelimit-limit-${what}`,
  reset: `x-ratelimit-reset-${what}`,
  countsRequests: what === 'requests',
}))

const ANTHROPIC: readonly QuotaNames[] = [
  'requests',
  'tokens',
  'input-tokens',
  'output-tokens',
].map((what) => ({
  remaining: `anthropic-ratelimit-${what}-remaining`,
  limit: `anthropic-ratelimit-${what}-limit`,
  reset: `anthropic-ratelimit-${what}-reset`,
  countsRequests: what === 'requests',
}))

/** Mistral's. */
const PER_MINUTE: readonly QuotaNames[] = ['req', 'tokens'].map((what) => ({
  remaining: `x-ratelimit-remaining-${what}-minute`,
  limit: `x-ratelimit-limit-${what}-minute`,
  countsRequests: what === 'req',
}))

const FAMILIES = [OPENAI, ANTHROPIC, PER_MINUTE]

const MINUTE_MS = 60_000

/** What was left of one limit when an answer came. */
export interface Quota {
  /** 0 to 1. */
  readonly share: number
  /** What one more request takes of it; 0 where it counts something else. */
  readonly perRequest: number
  /** From then on all of it is there again. */
  readonly resetMs: number
}

/** The limits an answer tells of; empty where it tells of none. */
export function quotasOf(headers: HeaderSource, nowMs: number): Quota[] {
  for (const family of FAMILIES) {
    const quotas = family.flatMap((names) => quotaOf(names, headers, nowMs) ?? [])
    if (quotas.length > 0) return quotas
  }
  return []
}

/**
 * The least of what is left at a moment, 0 to 1; undefined where nothing is known any more.
 * @param begun requests sent since the answer that told of the limits
 */
export function shareLeft(
  quotas: readonly Quota[],
  begun: number,
  nowMs: number,
): number | undefined {
  let least: number | undefined
  for (const { share, perRequest, resetMs } of quotas) {
    if (nowMs >= resetMs) continue
    const left = Math.max(0, share - perRequest * begun)
    if (least === undefined || left < least) least = left
  }
  return least
}

function quotaOf(names: QuotaNames, headers: HeaderSource, nowMs: number): Quota | undefined {
  const remaining = numberOf(headers.get(names.remaining))
  if (remaining === undefined) return undefined
  const limit = numberOf(headers.get(names.limit))
  const isBounded = limit !== undefined && limit > 0
  const resetMs =
    names.reset === undefined ? MINUTE_MS : durationOf(headers.get(names.reset), headers)
  return {
    // Azure tells -1 of what it does not count.
    share: isBounded ? Math.min(1, Math.max(0, remaining / limit)) : remaining > 0 ? 1 : 0,
    perRequest: isBounded && names.countsRequests ? 1 / limit : 0,
    resetMs: nowMs + resetMs,
  }
}

function numberOf(text: string | null): number | undefined {
  if (text === null || !/^-?\d+(\.\d+)?$/.test(text)) return undefined
  const number = Number(text)
  return number < 0 ? undefined : number
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `6m0s`, `120ms`, a number of seconds, or a moment as RFC 3339, which counts from the answer's own `date`. */
function durationOf(text: string | null, headers: HeaderSource): number {
  if (text === null) return MINUTE_MS
  const seconds = numberOf(text)
  // A number beyond a year is a moment of a clock that nobody named.
  if (seconds !== undefined) return seconds < 31_536_000 ? seconds * 1_000 : MINUTE_MS
  if (/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) {
    let totalMs = 0
    for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
      totalMs += Number(count) * (UNIT_MS[unit ?? ''] ?? 0)
    }
    return totalMs
  }
  const untilMs = Date.parse(text) - Date.parse(headers.get('date') ?? '')
  return Number.isFinite(untilMs) ? Math.max(0, untilMs) : MINUTE_MS
}
