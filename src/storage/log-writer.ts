// The one writer of the request log. A request only leaves its outcome in a bounded queue; batches go to the store in one
// transaction each, and a store that is full, locked or broken costs rows in the end but never a request. Straight on
// bun:sqlite, as the query builder would cost more than the insert.

import type { Database, Statement } from 'bun:sqlite'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { describeFailure, isRowFault } from './errors.ts'
import type { LogCompanion, LogStatement, LogValue } from './log-companion.ts'
import { LogQueue } from './log-queue.ts'
import {
  hasBodies,
  INSERT_BODIES,
  INSERT_OBJECT,
  INSERT_REQUEST,
  requestValues,
} from './log-row.ts'
import { ReportInterval } from './report-interval.ts'
import {
  endMs,
  LOG_WRITER_LIMITS,
  type LogCounters,
  type LogWriterLimits,
  type LogWriterOptions,
  type RequestLog,
} from './request-log.ts'

type Row = LogValue[]
type BodyRow = (LogValue | Uint8Array)[]

/** Writes outcomes in group commits. */
export class LogWriter implements RequestLog {
  private readonly database: Database
  private readonly logger: Logger
  private readonly clock: Clock
  private readonly limits: LogWriterLimits
  private readonly isHeld: () => boolean
  private readonly queue: LogQueue
  private readonly insertRequest: Statement<unknown, Row>
  private readonly insertBodies: Statement<unknown, BodyRow>
  private readonly insertObject: Statement<unknown, Row>
  private readonly companions: LogCompanion[]
  /** The companions' statements by their text. */
  private readonly counting = new Map<string, Statement<unknown, Row>>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private immediate: ReturnType<typeof setImmediate> | undefined
  private closing: Promise<void> | undefined
  private failure: string | undefined
  private readonly reports: ReportInterval
  private reportedFailure = false
  private written = 0
  private dropped = 0
  private failed = 0
  private withoutBodies = 0
  private uncounted = 0

  /** The database must be migrated; the writer does not close it. */
  constructor(database: Database, options: LogWriterOptions) {
    this.database = database
    this.logger = options.logger
    this.clock = options.clock
    this.reports = new ReportInterval(options.clock)
    this.limits = { ...LOG_WRITER_LIMITS, ...options.limits }
    this.isHeld = options.isHeld ?? (() => false)
    this.companions = [...(options.companions ?? [])]
    this.queue = new LogQueue({
      rowsMax: this.limits.queueRowsMax,
      bodyCharsMax: this.limits.queueBodyCharsMax,
    })
    this.insertRequest = database.prepare(INSERT_REQUEST)
    this.insertBodies = database.prepare(INSERT_BODIES)
    this.insertObject = database.prepare(INSERT_OBJECT)
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

  /** Writes what waits. Resolves to false when the store failed; the rows then wait on. */
  async flush(): Promise<boolean> {
    while (this.queue.size > 0) {
      if (!this.writeBatch()) return false
      // Requests go on between two transactions.
      if (this.queue.size > 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return true
  }

  /** Writes what waits and stops; a failing store is tried for `closeTimeoutMs`, then the rows are given up and reported. */
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
      spooled: 0,
    }
  }

  get oldestMs(): number | undefined {
    return endMs(this.queue.oldest)
  }

  /** Why the store takes no rows now; undefined while it does. */
  get problem(): string | undefined {
    return this.failure
  }

  private async finish(): Promise<void> {
    this.disarm()
    const deadlineMs = this.clock.monotonicMs() + this.limits.closeTimeoutMs
    while (!(await this.flush()) && this.clock.monotonicMs() < deadlineMs) {
      const waitMs = Math.min(100, this.limits.retryIntervalMs)
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    this.disarm()
    const lost = this.queue.size
    if (lost > 0) {
      this.drop(this.queue.peek(lost, Infinity))
      this.queue.remove(lost)
      this.logger.error('Rows of the request log are lost.', { rows: lost, reason: this.failure })
    }
    this.insertRequest.finalize()
    this.insertBodies.finalize()
    this.insertObject.finalize()
    this.finalizeCounting()
  }

  private finalizeCounting(): void {
    for (const statement of this.counting.values()) statement.finalize()
    this.counting.clear()
  }

  private drop(outcomes: readonly Outcome[]): void {
    this.dropped += outcomes.length
    for (const companion of this.companions) companion.lost?.(outcomes)
  }

  /** Sees to it that the queue is looked at; only while rows wait, and one timer at a time. */
  private arm(): void {
    if (this.failure === undefined && this.queue.size >= this.limits.flushRows) {
      this.immediate ??= setImmediate(() => this.onDue())
      return
    }
    if (this.timer !== undefined || this.queue.size === 0) return
    const failing = this.failure !== undefined
    const delayMs = failing ? this.limits.retryIntervalMs : this.limits.flushIntervalMs
    this.timer = setTimeout(() => this.onDue(), delayMs)
    // Waiting for a broken store must not keep a finished process alive; waiting for the next commit must.
    if (failing) this.timer.unref()
  }

  private disarm(): void {
    clearTimeout(this.timer)
    clearImmediate(this.immediate)
    this.timer = undefined
    this.immediate = undefined
  }

  private onDue(): void {
    this.disarm()
    if (this.closing === undefined && this.isHeld()) {
      this.timer = setTimeout(() => this.onDue(), LIMITS.logHeldWaitMs)
      return
    }
    this.writeBatch()
    if (this.closing === undefined) this.arm()
  }

  private writeBatch(): boolean {
    const batch = this.queue.peek(this.limits.flushRows, LIMITS.logFlushBodyCharsMax)
    if (batch.length === 0) return true
    try {
      this.queue.remove(this.write(batch))
    } catch (error) {
      this.onFailure(error)
      return false
    }
    this.onSuccess()
    return true
  }

  /** Writes a batch and gives how many are done with, which are all of them. Throws when the store fails; none is done then. */
  private write(batch: readonly Outcome[]): number {
    try {
      this.commit(batch, this.companions)
      return batch.length
    } catch (error) {
      // Rows that are refused are passed over, so it was something that is counted with them.
      if (!isRowFault(error)) throw error
    }
    this.report('What is counted with the request log was refused.', { rows: batch.length })
    let done = 0
    for (const outcome of batch) {
      try {
        this.writeAlone(outcome)
      } catch (error) {
        if (done === 0) throw error
        break
      }
      done += 1
    }
    return done
  }

  private writeAlone(outcome: Outcome): void {
    try {
      this.commit([outcome], this.companions)
    } catch (error) {
      if (!isRowFault(error)) throw error
      this.commit([outcome], [])
      this.uncounted += 1
      for (const companion of this.companions) companion.lost?.([outcome])
    }
  }

  /** One transaction, all of it or nothing; throws what it failed at. */
  private commit(batch: readonly Outcome[], companions: readonly LogCompanion[]): void {
    const taken: Outcome[] = []
    const refused: Outcome[] = []
    try {
      this.database.run('BEGIN IMMEDIATE')
      for (const outcome of batch) (this.insert(outcome) ? taken : refused).push(outcome)
      for (const companion of taken.length === 0 ? [] : companions) {
        for (const statement of companion.statementsFor(taken)) this.count(statement)
      }
      this.database.run('COMMIT')
    } catch (error) {
      this.rollBack()
      throw error
    }
    this.written += taken.length
    this.failed += refused.length
    for (const companion of companions) companion.committed?.(taken)
    if (refused.length === 0) return
    for (const companion of this.companions) companion.lost?.(refused)
    this.report('The request log refused rows.', { rows: refused.length })
  }

  private count({ text, values }: LogStatement): void {
    let statement = this.counting.get(text)
    if (statement === undefined) {
      if (this.counting.size >= LIMITS.logCompanionStatementsMax) this.finalizeCounting()
      statement = this.database.prepare<unknown, Row>(text)
      this.counting.set(text, statement)
    }
    statement.run(...values)
  }

  /** False when the store refuses this row itself: it must not hold up the others for ever. Throws when the store fails. */
  private insert(outcome: Outcome): boolean {
    if (outcome.withoutRow === true) return true
    let sequence: number
    try {
      sequence = Number(this.insertRequest.run(...requestValues(outcome)).lastInsertRowid)
    } catch (error) {
      if (isRowFault(error)) return false
      throw error
    }
    if (!hasBodies(outcome)) return true
    try {
      const { objectKey, packedBodies, tenantId, timestampMs, requestBody, responseBody } = outcome
      this.insertBodies.run(
        sequence,
        tenantId,
        timestampMs,
        requestBody ?? null,
        responseBody ?? null,
        outcome.providerRequestBody ?? null,
        outcome.providerResponseBody ?? null,
        packedBodies ?? null,
      )
      if (objectKey !== undefined && packedBodies !== undefined) {
        const { length } = packedBodies
        this.insertObject.run(objectKey, tenantId, sequence, timestampMs, length)
      }
    } catch (error) {
      if (!isRowFault(error)) throw error
      this.withoutBodies += 1
    }
    return true
  }

  private rollBack(): void {
    try {
      if (this.database.inTransaction) this.database.run('ROLLBACK')
    } catch (error) {
      this.report('The request log could not be rolled back.', { reason: describeFailure(error) })
    }
  }

  private onFailure(error: unknown): void {
    this.failure = describeFailure(error)
    const { queued, dropped } = this.counters
    const fields = { reason: this.failure, queued, dropped }
    if (this.report('The request log cannot be written; rows wait in memory.', fields)) {
      this.reportedFailure = true
    }
  }

  private onSuccess(): void {
    if (this.failure === undefined) return
    this.failure = undefined
    if (!this.reportedFailure) return
    this.reportedFailure = false
    this.logger.info('The request log is written again.', { dropped: this.dropped })
  }

  private report(message: string, fields: Record<string, unknown>): boolean {
    if (!this.reports.begin()) return false
    this.logger.error(message, fields)
    return true
  }
}
