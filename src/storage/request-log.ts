// What the request log is to those who write to it, whichever engine is behind: bounded, never waited for, never a reason for a
// request to fail. Both writers fulfil it; how they do is their own.

import { LIMITS } from '../core/limits.ts'
import type { Outcome, OutcomeSink } from '../core/outcome.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { LogCompanion } from './log-companion.ts'

export interface LogWriterLimits {
  readonly queueRowsMax: number
  readonly queueBodyCharsMax: number
  readonly flushRows: number
  readonly flushIntervalMs: number
  readonly retryIntervalMs: number
  readonly closeTimeoutMs: number
}

export const LOG_WRITER_LIMITS: LogWriterLimits = {
  queueRowsMax: LIMITS.logQueueRowsMax,
  queueBodyCharsMax: LIMITS.logQueueBodyCharsMax,
  flushRows: LIMITS.logFlushRows,
  flushIntervalMs: LIMITS.logFlushIntervalMs,
  retryIntervalMs: LIMITS.logRetryIntervalMs,
  closeTimeoutMs: LIMITS.logCloseTimeoutMs,
}

/** Rows since the start. */
export interface LogCounters {
  readonly written: number
  /** Never reached the store: the queue was full, or the writer closed. */
  readonly dropped: number
  /** Refused by the store themselves. */
  readonly failed: number
  /** Written, but without their bodies. */
  readonly withoutBodies: number
  /** Written, but what is counted with them was refused: `reconcile` finds them. */
  readonly uncounted: number
  /** Wait in memory. */
  readonly queued: number
  /** Wait on disk, because the database is away; always 0 where it is a file. */
  readonly spooled: number
}

export interface LogWriterOptions {
  readonly logger: Logger
  readonly clock: Clock
  /** Those who count what is written, from the start on; see `attach`. */
  readonly companions?: readonly LogCompanion[]
  /** Whether somebody in this process holds the lock for a few milliseconds: rows wait for that, as requests would otherwise. */
  readonly isHeld?: () => boolean
  /** Other bounds than core/limits.ts', for tests. */
  readonly limits?: Partial<LogWriterLimits>
}

/** The one writer of the request log in a process. `record` returns at once and never throws. */
export interface RequestLog extends OutcomeSink {
  /** What is recorded from now on is counted by this companion too. */
  attach(companion: LogCompanion): void
  /** Writes what waits. Resolves to false when the store failed; the rows then wait on. */
  flush(): Promise<boolean>
  /** Writes what waits and stops, within a bounded time; what cannot be written by then is kept on disk or reported. Idempotent. */
  close(): Promise<void>
  readonly counters: LogCounters
  /** When the request ended whose row has waited longest in memory, wall clock; undefined while none waits. */
  readonly oldestMs: number | undefined
  /** Why the store takes no rows now; undefined while it does. */
  readonly problem: string | undefined
}

/** When a request ended, wall clock. */
export function endMs(outcome: Outcome | undefined): number | undefined {
  return outcome === undefined ? undefined : outcome.timestampMs + outcome.totalMs
}
