// Looks after the request log in the background: room for the rows to come, and an end for those that are too old. It only says when;
// how is the engine's. What is counted of the rows (totals, budgets, last uses) stays.

import { LIMITS } from '../core/limits.ts'
import type { AuditContentRepository } from '../core/ports-content.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { describeFailure } from './errors.ts'
import type { KeptSealing } from './kept-sealing.ts'

/** The part of the size it may have that a log has after rows went for it: the next ones must not follow at once. */
export const SIZE_TARGET = 0.95

/** What an engine can do for its log. Either may find that another process is at it, and leave it to that one. */
export interface LogKeeper {
  /** Makes room for rows of now and of the time to come. */
  makeRoom(nowMs: number): Promise<void>
  /** Deletes rows that are older, off the way of requests, until none is left or `signal` fires. Resolves to how many, where that is known. */
  deleteBefore(cutoffMs: number, signal: AbortSignal): Promise<number>
  /** Deletes the oldest rows in the same way until the log takes no more than so much. Resolves to how many. */
  shrinkTo(bytesMax: number, signal: AbortSignal): Promise<number>
}

/** Until when, and in how much room, rows are kept; absent: for ever, and in any. */
export interface LogBounds {
  readonly retentionMs?: number
  readonly bytesMax?: number
}

export interface LogUpkeepOptions {
  readonly keeper: LogKeeper
  /** Brings kept values of earlier releases and retired keys under the newest key. */
  readonly sealing?: Pick<KeptSealing, 'run'>
  /** What the audit quotes of requests goes when their rows do. */
  readonly quoted?: Pick<AuditContentRepository, 'prune'>
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1); Math.random unless given. */
  readonly random?: () => number
  readonly intervalMs?: number
}

/** One timer for one log. */
export class LogUpkeep {
  private readonly options: LogUpkeepOptions
  private readonly stopping = new AbortController()
  private timer: ReturnType<typeof setTimeout> | undefined
  private making: Promise<void> | undefined
  private running: Promise<void> | undefined
  private bounds: (() => LogBounds) | undefined

  constructor(options: LogUpkeepOptions) {
    this.options = options
  }

  /**
   * Makes room now, looks after the log soon, and from then on again and again. The timer does not keep the process alive.
   * @param bounds asked each time
   */
  start(bounds: () => LogBounds): void {
    this.bounds = bounds
    if (this.timer !== undefined || this.stopping.signal.aborted) return
    this.making = this.makeRoom()
    const { intervalMs = LIMITS.backgroundStartMs } = this.options
    this.arm(Math.min(intervalMs, LIMITS.backgroundStartMs))
  }

  /** One round; never rejects. Resolves at once when one is under way. */
  async run(): Promise<void> {
    if (this.running !== undefined) return await this.running
    this.running = this.round().then(() => this.sealKept())
    try {
      await this.running
    } finally {
      this.running = undefined
    }
  }

  /** Ends it and waits for a round that is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.timer)
    this.stopping.abort()
    await Promise.all([this.making, this.running])
  }

  private arm(delayMs: number): void {
    const { random = Math.random } = this.options
    this.timer = setTimeout(
      () => {
        void this.run()
        this.arm(this.intervalMs())
      },
      delayMs * (0.8 + 0.4 * random()),
    )
    this.timer.unref()
  }

  private intervalMs(): number {
    const { intervalMs = LIMITS.logUpkeepIntervalMs } = this.options
    const isBounded = this.bounds?.().bytesMax !== undefined
    return isBounded ? Math.min(intervalMs, LIMITS.logSizeCheckIntervalMs) : intervalMs
  }

  private async makeRoom(): Promise<void> {
    const { clock, keeper } = this.options
    await this.trying(() => keeper.makeRoom(clock.nowMs()))
  }

  private async round(): Promise<void> {
    await this.trying(() => this.lookAfter())
    await this.trying(() => this.pruneQuoted())
  }

  private async lookAfter(): Promise<void> {
    const { clock, keeper, logger } = this.options
    await keeper.makeRoom(clock.nowMs())
    const { bytesMax, retentionMs } = this.bounds?.() ?? {}
    const { signal } = this.stopping
    if (retentionMs !== undefined && !signal.aborted) {
      const rows = await keeper.deleteBefore(clock.nowMs() - retentionMs, signal)
      if (rows > 0) logger.info('Old rows of the request log are deleted.', { rows })
    }
    if (bytesMax !== undefined && !signal.aborted) {
      const rows = await keeper.shrinkTo(bytesMax, signal)
      if (rows > 0) {
        logger.info('The oldest rows of the request log are deleted to keep its size.', { rows })
      }
    }
  }

  private async pruneQuoted(): Promise<void> {
    const { clock, logger, quoted } = this.options
    const { retentionMs } = this.bounds?.() ?? {}
    if (quoted === undefined || retentionMs === undefined) return
    const rows = await quoted.prune(clock.nowMs() - retentionMs, this.stopping.signal)
    if (rows > 0) logger.info('Old texts that the audit quoted are deleted.', { rows })
  }

  private async trying(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const reason = describeFailure(error)
      this.options.logger.warn('The request log could not be looked after; it is tried again.', {
        reason,
      })
    }
  }

  private async sealKept(): Promise<void> {
    const { logger, sealing } = this.options
    const { signal } = this.stopping
    try {
      const values = (await sealing?.run({ signal, pauseMs: LIMITS.keptSealPauseMs })) ?? 0
      if (values > 0) logger.info('Kept values are encrypted with the newest key.', { values })
    } catch (error) {
      const reason = describeFailure(error)
      logger.warn('Kept values could not be encrypted anew; it is tried again.', { reason })
    }
  }
}
