// Sends outcomes to a ClickHouse in batches. A request only leaves its outcome in a bounded queue; while the server is away rows wait on disk
// and are sent when it is back, by this process or the next. They are sent at least once; that none counts twice is the table's to see.

import { LIMITS } from '../../core/limits.ts'
import type { Outcome, OutcomeSink } from '../../core/outcome.ts'
import type { Clock, Logger } from '../../core/ports.ts'
import { describeFailure } from '../errors.ts'
import { withoutBodies } from '../log-row.ts'
import type { LogSpool } from '../log-spool.ts'
import { ReportInterval } from '../report-interval.ts'
import { clickHouseFailure, ClickHouseRefusal, literal, type ClickHouseClient } from './client.ts'
import { createTable, lineOf, missingColumns } from './table.ts'

export interface ClickHouseWriterOptions {
  readonly client: ClickHouseClient
  readonly table: string
  /** A folder of its own: what the store itself lets wait lies elsewhere. */
  readonly spool: LogSpool
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<ClickHouseWriterLimits>
}

export interface ClickHouseWriterLimits {
  readonly queueRowsMax: number
  readonly batchRows: number
  readonly intervalMs: number
  readonly retryIntervalMs: number
  readonly timeoutMs: number
  readonly closeTimeoutMs: number
}

const DEFAULTS: ClickHouseWriterLimits = {
  queueRowsMax: LIMITS.clickhouseQueueRowsMax,
  batchRows: LIMITS.clickhouseBatchRows,
  intervalMs: LIMITS.clickhouseIntervalMs,
  retryIntervalMs: LIMITS.clickhouseRetryIntervalMs,
  timeoutMs: LIMITS.clickhouseTimeoutMs,
  closeTimeoutMs: LIMITS.clickhouseCloseTimeoutMs,
}

/** Rows since the start. */
export interface ClickHouseCounters {
  readonly sent: number
  /** There was room for them neither in memory nor on disk, or the server refused the row itself. */
  readonly dropped: number
  /** Tries to send that failed. */
  readonly failed: number
  readonly queued: number
  readonly spooled: number
}

/** Errors of the server that say something about a row and not about itself (src/Common/ErrorCodes.cpp). */
const ROW_FAULTS: ReadonlySet<number> = new Set([
  6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 349,
])
const UNKNOWN_TABLE = 60

export class ClickHouseWriter implements OutcomeSink {
  private readonly options: ClickHouseWriterOptions
  private readonly limits: ClickHouseWriterLimits
  private queue: Outcome[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private working: Promise<void> | undefined
  private closing: Promise<void> | undefined
  private hasTable = false
  private hasTakenOver = false
  private failure: string | undefined
  private readonly reports: ReportInterval
  private sent = 0
  private dropped = 0
  private failed = 0

  constructor(options: ClickHouseWriterOptions) {
    this.options = options
    this.reports = new ReportInterval(options.clock)
    this.limits = { ...DEFAULTS, ...options.limits }
    // What another process has left waits for nobody else.
    this.arm(0)
  }

  /** Takes an outcome in; returns at once and never throws. */
  record(outcome: Outcome): void {
    if (outcome.withoutRow === true) return
    if (this.closing !== undefined || this.queue.length >= this.limits.queueRowsMax) {
      this.dropped += 1
      return
    }
    this.queue.push(withoutBodies(outcome))
    this.arm(this.queue.length >= this.limits.batchRows ? 0 : this.limits.intervalMs)
  }

  get counters(): ClickHouseCounters {
    const { dropped, failed, queue, sent } = this
    return { sent, dropped, failed, queued: queue.length, spooled: this.options.spool.rows }
  }

  /** Why nothing is taken there now; undefined while it is. */
  get problem(): string | undefined {
    return this.failure
  }

  /** Resolves when what was recorded until now is sent or lies on disk. */
  async flush(): Promise<void> {
    // What runs may have begun before the last of them came.
    await this.working
    await this.begin()
  }

  /** Another of this process has let go of what it had on disk: it is sent by this one. */
  takeOverAnew(): void {
    this.hasTakenOver = false
    this.arm(0)
  }

  /** Sends what waits, as far as that is quick, and puts the rest on disk. */
  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  private async finish(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    const limit = new Promise<void>((resolve) => {
      setTimeout(resolve, this.limits.closeTimeoutMs).unref()
    })
    await Promise.race([this.flush(), limit])
    await this.spoolAll()
    await this.options.spool.close()
  }

  private arm(delayMs: number): void {
    if (this.working !== undefined || this.closing !== undefined) return
    if (this.timer !== undefined && delayMs > 0) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.begin(), delayMs)
    this.timer.unref()
  }

  /** One at a time: two would take the same rows, and each take as many away. */
  private begin(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    this.working ??= this.work().finally(() => {
      this.working = undefined
      if (this.failure !== undefined) this.arm(this.limits.retryIntervalMs)
      else if (this.queue.length > 0 || !this.hasTakenOver) this.arm(this.limits.intervalMs)
    })
    return this.working
  }

  /** Sends until nothing waits or the server fails; never rejects. */
  private async work(): Promise<void> {
    try {
      await this.takeOver()
      await this.makeTable()
      await this.sendSpooled()
      while (this.queue.length > 0) {
        const batch = this.queue.slice(0, this.limits.batchRows)
        await this.send(batch)
        this.queue = this.queue.slice(batch.length)
      }
      this.recovered()
    } catch (error) {
      this.fail(error)
      await this.spoolAll()
    }
  }

  private async takeOver(): Promise<void> {
    if (this.hasTakenOver) return
    this.hasTakenOver = true
    await this.options.spool.takeOver()
  }

  private async makeTable(): Promise<void> {
    if (this.hasTable) return
    const { client, table } = this.options
    const { timeoutMs } = this.limits
    await client.run(createTable(table), timeoutMs)
    const existing = await client.rows<{ name: string }>(
      `SELECT name FROM system.columns WHERE database = ${literal(client.database)} AND table = ${literal(table)}`,
      timeoutMs,
    )
    for (const statement of missingColumns(table, new Set(existing.map(({ name }) => name)))) {
      await client.run(statement, timeoutMs)
    }
    this.hasTable = true
  }

  private async sendSpooled(): Promise<void> {
    const { spool } = this.options
    for (;;) {
      const rows = await spool.peek(this.limits.batchRows)
      if (rows.length === 0) return
      await this.send(rows)
      await spool.remove()
    }
  }

  /** Sends a batch; where the server refuses a row of it, all but that one. @throws where the server fails */
  private async send(batch: readonly Outcome[]): Promise<void> {
    const { client, table } = this.options
    const lines = batch.flatMap((outcome) => this.line(outcome))
    if (lines.length === 0) return
    try {
      await client.insert(table, lines, this.limits.timeoutMs)
      this.sent += lines.length
    } catch (error) {
      if (!(error instanceof ClickHouseRefusal)) throw error
      if (error.code === UNKNOWN_TABLE) this.hasTable = false
      if (error.code === undefined || !ROW_FAULTS.has(error.code)) throw error
      await this.sendParts(batch, error)
    }
  }

  private async sendParts(batch: readonly Outcome[], refusal: ClickHouseRefusal): Promise<void> {
    if (batch.length === 1) {
      this.dropped += 1
      this.report('ClickHouse refused a row.', { error: String(refusal.code) })
      return
    }
    const half = Math.ceil(batch.length / 2)
    await this.send(batch.slice(0, half))
    await this.send(batch.slice(half))
  }

  private line(outcome: Outcome): string[] {
    try {
      return [lineOf(outcome)]
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      this.dropped += 1
      return []
    }
  }

  /** What waits in memory waits on disk from now on. */
  private async spoolAll(): Promise<void> {
    const rows = this.queue
    if (rows.length === 0) return
    try {
      const { dropped } = await this.options.spool.append(rows)
      this.queue = this.queue.slice(rows.length)
      this.dropped += dropped.length
    } catch (error) {
      this.report('Rows for ClickHouse could not be put on disk; they wait in memory.', {
        reason: describeFailure(error),
      })
    }
  }

  private fail(error: unknown): void {
    this.failed += 1
    this.failure = clickHouseFailure(error)
    const { dropped, queued, spooled } = this.counters
    this.report('ClickHouse takes no rows; they wait on disk.', {
      reason: this.failure,
      queued,
      spooled,
      dropped,
    })
  }

  private recovered(): void {
    if (this.failure === undefined) return
    this.failure = undefined
    this.reports.reset()
    this.options.logger.info('ClickHouse takes rows again.', { dropped: this.dropped })
  }

  private report(message: string, fields: Record<string, unknown>): void {
    if (!this.reports.begin()) return
    this.options.logger.error(message, fields)
  }
}
