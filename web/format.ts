// Numbers as people read them: counts, tokens, money, durations, times and sizes. Pure; null and undefined are "unknown" and never 0.

const LOCALE = navigator.language
const UNKNOWN = '—'

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat(LOCALE, { style: 'percent', maximumFractionDigits: 1 })

type Maybe<T> = T | null | undefined

function isNone<T>(value: Maybe<T>): value is null | undefined {
  return value === null || value === undefined
}

/** 12,345 */
export function formatCount(value: Maybe<number>): string {
  return isNone(value) ? UNKNOWN : whole.format(value)
}

/** 12.3K */
export function formatCompact(value: Maybe<number>): string {
  if (isNone(value)) return UNKNOWN
  return Math.abs(value) < 1_000 ? formatNumber(value) : compact.format(value)
}

/** With as many digits as tell something. */
export function formatNumber(value: Maybe<number>): string {
  if (isNone(value)) return UNKNOWN
  return value.toLocaleString(LOCALE, {
    maximumSignificantDigits: Math.abs(value) < 100 ? 3 : 21,
    maximumFractionDigits: 2,
  })
}

/** @param share 0 to 1 */
export function formatPercent(share: Maybe<number>): string {
  return isNone(share) ? UNKNOWN : percent.format(share)
}

/** US dollars, with the digits that small amounts need: $12.34, $0.0042, less than $0.000001. */
export function formatUsd(usd: Maybe<number>): string {
  if (isNone(usd)) return 'unknown'
  if (usd === 0) return '$0.00'
  const sign = usd < 0 ? '−' : ''
  const amount = Math.abs(usd)
  if (amount < 0.000_001) return `${sign}<$0.000001`
  if (amount >= 10_000) return `${sign}$${compact.format(amount)}`
  const digits = amount >= 1 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(amount)))
  const text = amount.toFixed(Math.max(2, digits))
  return `${sign}$${amount >= 1_000 ? Number(text).toLocaleString('en-US', { minimumFractionDigits: 2 }) : text}`
}

/** 840 ms, 1.24 s, 3 min 20 s, 2 h 5 min, 3 d 4 h */
export function formatDuration(ms: Maybe<number>): string {
  if (isNone(ms)) return UNKNOWN
  if (ms < 1) return ms === 0 ? '0 ms' : `${ms.toFixed(2)} ms`
  if (ms < 10) return `${ms.toFixed(1).replace(/\.0$/, '')} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`
  return pair(Math.round(seconds))
}

const STEPS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

function pair(seconds: number): string {
  const first = STEPS.findIndex(([, size]) => seconds >= size)
  const [unit, size] = STEPS[first] ?? ['s', 1]
  const [nextUnit, nextSize] = STEPS[first + 1] ?? ['s', 1]
  const rest = Math.floor((seconds % size) / nextSize)
  const head = `${Math.floor(seconds / size)} ${unit}`
  return rest === 0 ? head : `${head} ${rest} ${nextUnit}`
}

/** 1.2 MB */
export function formatBytes(bytes: Maybe<number>): string {
  if (isNone(bytes)) return UNKNOWN
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1_000 ** step
  return `${value.toFixed(step === 0 || value >= 100 ? 0 : 1)} ${units[step] ?? 'B'}`
}

export type Moment = number | string | Date

/** As a time of this machine's zone, to the second. */
export function formatTime(at: Maybe<Moment>): string {
  if (isNone(at)) return UNKNOWN
  return new Date(at).toLocaleString(LOCALE, { dateStyle: 'medium', timeStyle: 'medium' })
}

const clock = new Intl.DateTimeFormat(LOCALE, {
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const day = new Intl.DateTimeFormat(LOCALE, { month: 'short', day: 'numeric' })

/** 14:05, in this machine's zone. */
export function formatClock(at: Moment): string {
  return clock.format(new Date(at))
}

/** Nov 21, in this machine's zone. */
export function formatDay(at: Moment): string {
  return day.format(new Date(at))
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const SPANS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

/** 3 minutes ago, in 2 days */
export function formatRelative(at: Maybe<Moment>, nowMs: number): string {
  if (isNone(at)) return UNKNOWN
  const seconds = (new Date(at).getTime() - nowMs) / 1_000
  for (const [unit, size] of SPANS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  if (Math.abs(seconds) < 5) return 'just now'
  return relative.format(Math.trunc(seconds), 'second')
}
