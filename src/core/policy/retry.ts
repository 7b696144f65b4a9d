// Whether and how long to wait before the same target is tried again. Pure: chance and time are arguments.

import type { RetrySettings } from '../catalog.ts'

/**
 * A wait in milliseconds before retry number `retry` (0 is the first): anything between nothing and the doubled base,
 * never above the cap. Full jitter, so that many requests that failed together don't come back together.
 * @param random in [0, 1)
 */
export function backoffMs(retry: number, settings: RetrySettings, random: number): number {
  const ceiling = Math.min(settings.capMs, settings.baseMs * 2 ** Math.min(retry, 30))
  return Math.floor(Math.max(0, ceiling) * random)
}

export interface RetryQuestion {
  /** Retries already made on this target. */
  readonly retries: number
  readonly settings: RetrySettings
  /** What the provider asked for. */
  readonly retryAfterMs?: number
  /** Time left for the whole request. */
  readonly remainingMs: number
  readonly random: number
}

/**
 * Milliseconds to wait before trying the same target again; undefined when it may not be tried again: its retries are
 * used up, or the wait the provider asked for leaves no time for an answer. A provider's wait is never cut short, and
 * jitter comes on top of it, since every waiting client was told the same moment.
 */
export function retryWaitMs(question: RetryQuestion): number | undefined {
  const { retries, settings, retryAfterMs, remainingMs, random } = question
  if (retries >= settings.max) return undefined
  const jitterMs = backoffMs(retries, settings, random)
  const waitMs =
    retryAfterMs === undefined ? jitterMs : retryAfterMs + Math.min(jitterMs, settings.baseMs)
  return waitMs < remainingMs ? waitMs : undefined
}
