// The one writer of the request log where the store is a Postgres database. As on SQLite, a request only leaves its outcome in a
// bounded queue. While the database is away what waits goes to disk, and from there in order to the database when it is back; until
// the last row has gone, new rows queue up behind on disk. Each row gets in exactly once, since the table takes none twice.

import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { describeFailure } from './errors.ts'
import type { LogCompanion } from './log-companion.ts'
import { LogQueue } from './log-queue.ts'
import type { LogSpool } from './log-spool.ts'
import { pause } from './pause.ts'
import type { LogTable } from './postgres-log-table.ts'
import { ReportInterval } from './report-interval.ts'
import {
  endMs,
  LOG_WRITER_LIMITS,
  type LogCounters,
  type LogWriterLimits,
  type LogWriterOptions,
  type RequestLog,
} from './request-log.ts'
import { within } from './within.ts'

export interface PostgresLogWriterOptions extends Omit<LogWriterOptions, 'limits'> {
  readonly table: LogTable
  /** Of this process alone; the writer closes it. */
  readonly spool: LogSpool
  /** Other bounds than core/limits.ts', for tests. */
  readonly limits?: Partial<LogWriterLimits & { readonly spoolAfterMs: number }>
}

/** Writes outcomes in group commits, from memory or from disk. */
export class PostgresLogWriter implements RequestLog {
  private readonly table: LogTable
  private readonly spool: LogSpool
  private readonly logger: Logger
  private readonly clock: Clock
  private readonly limits: LogWriterLimits & { readonly spoolAfterMs: number }
  private readonly queue: LogQueue
  private readonly companions: LogCompanion[]
  private timer: ReturnType<typeof setTimeout> | undefined
  private dueMs = 0
  private immediate: ReturnType<typeof setImmediate> | undefined
  private closing: Promise<void> | undefined
  private writing: Promise<boolean> | undefined
  private moving: Promise<void> | undefined
  private readonly takingOver: Promise<void>
  /** The batch being written is of the queue, and its rows have not been put on disk meanwhile. */
  private holdsQueue = false
  private failure: string | undefined
  private spoolFailure: string | undefined
  /** The disk refused rows last time. */
  private hasNoRoom = false
  /** Since when nothing got in, though something was to. */
  private stuckSinceMs: number | undefined
  private retryAtMs = 0
  private readonly reports: ReportInterval
  private reportedFailure = false
  private written = 0
  private dropped = 0
  private failed = 0
  private withoutBodies = 0
  private uncounted = 0
  /** Ids of rows that are in the table uncounted and not settled yet: what is written a second time, from disk, would not say so again. */
  private readonly uncountedIds = new Set<string>()

  constructor(options: PostgresLogWriterOptions) {
    this.table = options.table
    this.spool = options.spool
    this.logger = options.logger
    this.clock = options.clock
    this.reports = new ReportInterval(options.clock)
    this.companions = [...(options.companions ?? [])]
    this.limits = {
      ...LOG_WRITER_LIMITS,
      spoolAfterMs: LIMITS.logSpoolAfterMs,
      ...options.limits,
    }
    this.queue = new LogQueue({
      rowsMax: this.limits.queueRowsMax,
      bodyCharsMax: this.limits.queueBodyCharsMax,
    })
    this.takingOver = this.takeOver()
  }

  attach(companion: LogCompanion): void {
    this.companions.push(companion)
  }

  /** Takes an outcome in; returns at once and never throws. */
  record(outcome: Outcome): void {
    if (this.closing !== undefined) {
      this.drop([outcome])
      return
    }
    const pushed = this.queue.push(outcome)
    if (pushed === 'dropped') this.drop([outcome])
    if (pushed === 'kept-without-bodies') this.withoutBodies += 1
    this.arm()
  }

  /** Writes what waits, on disk too. Resolves to false when the database failed; the rows then wait on. */
  async flush(): Promise<boolean> {
    await this.takingOver
    while (this.waits()) {
      if (!(await this.writeOnce())) return false
    }
    // The last batch may have left the disk and not be counted yet.
    await this.writing
    return true
  }

  /** Writes what waits in memory, to disk where the database takes it not. What waits on disk stays for the next process. */
  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  get counters(): LogCounters {
    return {
      written: this.written,
      dropped: this.dropped,
      failed: this.failed,
      withoutBodies: this.withoutBodies,
      uncounted: this.uncounted,
      queued: this.queue.size,
      spooled: this.spool.rows,
    }
  }

  get oldestMs(): number | undefined {
    return endMs(this.queue.oldest)
  }

  /** Why the database takes no rows now; undefined while it does. */
  get problem(): string | undefined {
    return this.failure
  }

  /** Rows can be kept nowhere: the database does not take them, and the disk has no room or fails. */
  get isExhausted(): boolean {
    return this.failure !== undefined && (this.hasNoRoom || this.spoolFailure !== undefined)
  }

  private waits(): boolean {
    return this.queue.size > 0 || this.spool.rows > 0
  }

  private async takeOver(): Promise<void> {
    try {
      const rows = await this.spool.takeOver()
      if (rows > 0) this.logger.info('Rows of the request log wait on disk.', { rows })
    } catch (error) {
      this.report('Rows of the request log on disk cannot be read.', {
        reason: describeFailure(error),
      })
    }
    this.arm()
  }

  private async finish(): Promise<void> {
    this.disarm()
    await this.takingOver
    const deadlineMs = this.clock.monotonicMs() + this.limits.closeTimeoutMs
    while (this.queue.size > 0 && this.clock.monotonicMs() < deadlineMs) {
      const isDirect = this.spool.rows === 0 && this.failure === undefined
      if (isDirect && (await within(this.writeOnce(), this.limits.closeTimeoutMs)) === true)
        continue
      await this.move(true)
      if (this.queue.size > 0) await pause(Math.min(100, this.limits.retryIntervalMs))
    }
    this.disarm()
    const lost = this.queue.size
    if (lost > 0) {
      this.drop(this.queue.peek(lost, Infinity))
      this.queue.remove(lost)
      const reason = this.spoolFailure ?? this.failure
      this.logger.error('Rows of the request log are lost.', { rows: lost, reason })
    }
    await Promise.allSettled([this.table.close(), this.spool.close()])
    await Promise.allSettled([this.writing])
  }

  private drop(outcomes: readonly Outcome[]): void {
    this.dropped += outcomes.length
    for (const companion of this.companions) companion.lost?.(outcomes)
  }

  /** Sees to it that what waits is looked at; only while something does, and one timer at a time. */
  private arm(): void {
    if (this.closing !== undefined) return
    const isFull = this.queue.size >= this.limits.flushRows
    if (isFull && this.writing === undefined && this.failure === undefined) {
      this.immediate ??= setImmediate(() => this.onDue())
      return
    }
    if (!this.waits()) return
    const delayMs = this.delayMs()
    if (this.timer !== undefined) {
      // While the database is away the next try may be long from now; a row that comes must be on disk before.
      if (this.failure === undefined || this.clock.monotonicMs() + delayMs >= this.dueMs) return
      clearTimeout(this.timer)
    }
    this.dueMs = this.clock.monotonicMs() + delayMs
    this.timer = setTimeout(() => this.onDue(), delayMs)
    // Waiting for a database that is away must not keep a finished process alive; waiting for the next commit must.
    if (this.failure !== undefined) this.timer.unref()
  }

  private delayMs(): number {
    const { flushIntervalMs } = this.limits
    if (this.queue.size > 0 || this.failure === undefined) return flushIntervalMs
    return Math.max(flushIntervalMs, this.retryAtMs - this.clock.monotonicMs())
  }

  private disarm(): void {
    clearTimeout(this.timer)
    clearImmediate(this.immediate)
    this.timer = undefined
    this.immediate = undefined
  }

  private onDue(): void {
    this.disarm()
    void this.work().finally(() => this.arm())
    // A write that hangs must not keep the rows behind it in memory.
    this.arm()
  }

  private async work(): Promise<void> {
    // What an earlier process left comes first.
    await this.takingOver
    await this.move(false)
    if (this.writing !== undefined || !this.waits()) return
    if (this.failure !== undefined && this.clock.monotonicMs() < this.retryAtMs) return
    do {
      if (!(await this.writeOnce())) return
    } while (this.closing === undefined && this.waitsForMore())
  }

  /** Whether the next batch is to be written at once: there is enough for it, or it lies on disk. */
  private waitsForMore(): boolean {
    return this.spool.rows > 0 || this.queue.size >= this.limits.flushRows
  }

  private isStuck(): boolean {
    if (this.stuckSinceMs === undefined) return false
    return this.clock.monotonicMs() - this.stuckSinceMs >= this.limits.spoolAfterMs
  }

  /** Puts the queue on disk, where that is its way now. */
  private async move(always: boolean): Promise<void> {
    if (this.moving !== undefined) return await this.moving
    if (this.queue.size === 0) return
    if (!always && this.spool.rows === 0 && !this.isStuck()) return
    this.moving = this.moveNow()
    try {
      await this.moving
    } finally {
      this.moving = undefined
    }
  }

  private async moveNow(): Promise<void> {
    // What is being written goes to disk as well: if it gets in after all, the table will not take it a second time.
    this.holdsQueue = false
    try {
      while (this.queue.size > 0) {
        const batch = this.queue.peek(this.limits.flushRows, LIMITS.logFlushBodyCharsMax)
        const { dropped, withoutBodies } = await this.spool.append(batch)
        this.queue.remove(batch.length)
        this.withoutBodies += withoutBodies
        this.hasNoRoom = dropped.length > 0
        if (dropped.length > 0) {
          this.drop(dropped)
          this.report('There is no room on disk for rows of the request log; they are dropped.', {
            dropped: this.dropped,
          })
        }
      }
      this.spoolFailure = undefined
    } catch (error) {
      this.spoolFailure = describeFailure(error)
      this.report('Rows of the request log cannot be put on disk; they wait in memory.', {
        reason: this.spoolFailure,
        queued: this.queue.size,
      })
    }
  }

  /** Writes one batch; false when the database failed. One at a time. */
  private async writeOnce(): Promise<boolean> {
    while (this.moving !== undefined) await this.moving
    this.writing ??= this.writeBatch().finally(() => {
      this.writing = undefined
    })
    return await this.writing
  }

  private async writeBatch(): Promise<boolean> {
    const isSpooled = this.spool.rows > 0
    let batch: Outcome[]
    try {
      batch = isSpooled
        ? await this.spool.peek(this.limits.flushRows)
        : this.queue.peek(this.limits.flushRows, LIMITS.logFlushBodyCharsMax)
    } catch (error) {
      this.onFailure(error)
      return false
    }
    if (batch.length === 0) return true
    this.holdsQueue = !isSpooled
    this.stuckSinceMs ??= this.clock.monotonicMs()
    try {
      const { refused, uncounted } = await this.table.write(batch, this.companions)
      this.onSuccess()
      for (const { logId } of uncounted) this.uncountedIds.add(logId)
      // Rows that were put on disk meanwhile are counted when they come from there.
      if (!isSpooled && !this.holdsQueue) return true
      if (isSpooled) await this.spool.remove()
      else this.queue.remove(batch.length)
      this.settle(batch, refused)
      return true
    } catch (error) {
      this.onFailure(error)
      return false
    } finally {
      this.holdsQueue = false
    }
  }

  private settle(batch: readonly Outcome[], refused: readonly Outcome[]): void {
    const uncounted = batch.filter(({ logId }) => this.uncountedIds.delete(logId))
    // Those of rows for which the disk had no room never come.
    if (this.spool.rows === 0) this.uncountedIds.clear()
    this.written += batch.length - refused.length
    this.failed += refused.length
    this.uncounted += uncounted.length
    const lost = new Set([...refused, ...uncounted])
    const counted = lost.size === 0 ? batch : batch.filter((outcome) => !lost.has(outcome))
    for (const companion of this.companions) {
      companion.committed?.(counted)
      if (lost.size > 0) companion.lost?.([...lost])
    }
    if (refused.length > 0) this.report('The request log refused rows.', { rows: refused.length })
    if (uncounted.length > 0) {
      this.report('What is counted with the request log was refused.', { rows: uncounted.length })
    }
  }

  private onFailure(error: unknown): void {
    this.failure = describeFailure(error)
    this.retryAtMs = this.clock.monotonicMs() + this.limits.retryIntervalMs
    const { dropped, queued, spooled } = this.counters
    const fields = { reason: this.failure, queued, spooled, dropped }
    if (this.report('The request log cannot be written; rows wait.', fields)) {
      this.reportedFailure = true
    }
    void this.forceSpool()
  }

  private async forceSpool(): Promise<void> {
    try {
      await this.spool.sync()
    } catch (error) {
      this.spoolFailure = describeFailure(error)
    }
  }

  private onSuccess(): void {
    this.stuckSinceMs = undefined
    if (this.failure === undefined) return
    this.failure = undefined
    if (!this.reportedFailure) return
    this.reportedFailure = false
    const { dropped, spooled } = this.counters
    this.logger.info('The request log is written again.', { dropped, spooled })
  }

  private report(message: string, fields: Record<string, unknown>): boolean {
    if (!this.reports.begin()) return false
    this.logger.error(message, fields)
    return true
  }
}
