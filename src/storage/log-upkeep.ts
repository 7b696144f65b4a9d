// Looks after the request log in the background: room for the rows to come, and an end for those that are too old. It only says when;
// how is the engine's. What is counted of the rows (totals, budgets, last uses) stays.

import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { describeFailure } from './errors.ts'

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
  private running: Promise<void> | undefined
  private bounds: (() => LogBounds) | undefined

  constructor(options: LogUpkeepOptions) {
    this.options = options
  }

  /**
   * Makes room now, and from then on looks after the log again and again. The timer does not keep the process alive.
   * @param bounds asked each time
   */
  start(bounds: () => LogBounds): void {
    this.bounds = bounds
    if (this.timer !== undefined || this.stopping.signal.aborted) return
    void this.run()
    this.arm()
  }

  /** One round; never rejects. Resolves at once when one is under way. */
  async run(): Promise<void> {
    if (this.running !== undefined) return await this.running
    this.running = this.round()
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
    await this.running
  }

  private arm(): void {
    const { intervalMs: given = LIMITS.logUpkeepIntervalMs, random = Math.random } = this.options
    const isBounded = this.bounds?.().bytesMax !== undefined
    const intervalMs = isBounded ? Math.min(given, LIMITS.logSizeCheckIntervalMs) : given
    this.timer = setTimeout(
      () => {
        void this.run()
        this.arm()
      },
      intervalMs * (0.8 + 0.4 * random()),
    )
    this.timer.unref()
  }

  private async round(): Promise<void> {
    const { clock, keeper, logger } = this.options
    try {
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
    } catch (error) {
      const reason = describeFailure(error)
      logger.warn('The request log could not be looked after; it is tried again.', { reason })
    }
  }
}
