// How long a provider asks to be left alone, from every place providers say it. Pure: "now" is an argument.
// A provider's word is bounded here, so that no header can park a request or a key for days.

/** The longest wait that is believed; a longer one counts as this. */
export const RETRY_AFTER_MAX_MS = 24 * 60 * 60_000

/** What is read of headers; `Headers` fits. Names are given in lower case. */
export interface HeaderReader {
  get(name: string): string | null
  forEach(visit: (value: string, name: string) => void): void
}

/**
 * The wait in milliseconds, between 0 and `RETRY_AFTER_MAX_MS`; undefined when nobody named one.
 *
 * Explicit words are `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 §10.2.3) and a wait told in the
 * body. Where they disagree the longest counts: Azure sends `retry-after: 1` beside `retry-after-ms: 0`, and waiting too
 * little costs a failed attempt while waiting too much costs a moment. Without any, the reset of a rate-limit window
 * counts, but only of a window that its own `remaining` says is used up: the others' resets mean nothing.
 */
export function readRetryAfterMs(
  headers: HeaderReader | undefined,
  bodyMs: number | undefined,
  nowMs: number,
): number | undefined {
  const explicit = [
    sane(decimal(headers?.get('retry-after-ms') ?? undefined)),
    retryAfter(headers?.get('retry-after') ?? undefined, nowMs),
    sane(bodyMs),
  ].filter((waitMs) => waitMs !== undefined)
  const waits = explicit.length > 0 ? explicit : exhaustedWindows(headers, nowMs)
  return waits.length === 0 ? undefined : Math.max(...waits)
}

/** `retry-after`: seconds, whole or with a fraction, or a date. A date in the past is no wait at all. */
function retryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const seconds = decimal(value)
  if (seconds !== undefined) return sane(seconds * 1000)
  // Date.parse takes almost any text that starts with a number; a date has letters.
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : sane(Math.max(0, date - nowMs))
}

function exhaustedWindows(headers: HeaderReader | undefined, nowMs: number): number[] {
  const waits: number[] = []
  headers?.forEach((value, name) => {
    if (!name.includes('ratelimit') || !name.includes('reset')) return
    const remaining = decimal(headers.get(name.replace('reset', 'remaining')) ?? undefined)
    if (remaining !== 0) return
    const waitMs = resetMs(value, nowMs)
    if (waitMs !== undefined) waits.push(waitMs)
  })
  return waits
}

/** A reset as OpenAI (`6m0s`, `120ms`), Azure (`10`), OpenRouter (epoch milliseconds) or Anthropic (RFC 3339) write it. */
function resetMs(value: string, nowMs: number): number | undefined {
  const number = decimal(value)
  if (number !== undefined) {
    if (number > 1e11) return sane(Math.max(0, number - nowMs))
    if (number > 1e9) return sane(Math.max(0, number * 1000 - nowMs))
    return sane(number * 1000)
  }
  const duration = goDuration(value.trim())
  if (duration !== undefined) return sane(duration)
  const date = /^\d{4}-\d\d-\d\dT/.test(value.trim()) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : sane(Math.max(0, date - nowMs))
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds of `1h2m3.5s`; undefined for anything else. */
function goDuration(text: string): number | undefined {
  if (text.length > 40 || !/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0)
  }
  return total
}

/** A plain decimal number; undefined for `''`, `1e9`, `0x10`, `Infinity` and everything else Number() would take. */
function decimal(value: string | undefined): number | undefined {
  const text = value?.trim() ?? ''
  return /^\d{1,16}(?:\.\d{1,16})?$/.test(text) ? Number(text) : undefined
}

function sane(waitMs: number | undefined): number | undefined {
  if (waitMs === undefined || Number.isNaN(waitMs) || waitMs < 0) return undefined
  return Math.min(Math.ceil(waitMs), RETRY_AFTER_MAX_MS)
}
