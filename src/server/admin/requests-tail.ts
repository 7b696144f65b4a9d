// The request log as it grows, for any number of readers at the cost of one: while anybody follows it the newest rows are read again and
// again and handed to all. Who reads too slowly goes on by reads of their own, so nothing is kept for them and nothing is lost.

import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Logger, StoredRequest } from '../../core/ports.ts'
import type { RequestSearchRepository } from '../../core/ports-requests.ts'

type Source = Pick<RequestSearchRepository, 'following' | 'lastSequence'>

export interface TailOptions {
  readonly source: Source
  readonly logger: Logger
  readonly pollIntervalMs?: number
}

/** What comes to a reader. */
export interface TailBatch {
  readonly rows: readonly StoredRequest[]
  /** Rows between what came before and these that were not read, because they were too many. */
  readonly missed: number
}

/** One reader of the tail. */
export interface Following {
  /**
   * What has come since the last call, in the order in which it was written; waits for it.
   * @returns undefined when `signal` fires first, or the reader has been closed
   */
  next(signal: AbortSignal): Promise<TailBatch | undefined>
  close(): void
}

export class RequestTail {
  private readonly options: TailOptions
  private readonly readers = new Set<Reader>()
  /** Those who are about to be readers. */
  private coming = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  /** Everything up to this number was handed on. */
  private cursor = 0
  private isPolling = false
  private hasFailed = false

  constructor(options: TailOptions) {
    this.options = options
  }

  /**
   * Begins to follow, after a row or from now on.
   * @throws GatewayError `overloaded` when too many do, `storage_unavailable`
   */
  async follow(afterSequence?: number): Promise<Following> {
    if (this.readers.size + this.coming >= LIMITS.tailsMax) {
      throw new GatewayError('overloaded', { message: 'Too many follow the log. Try again later.' })
    }
    const last = await this.newest()
    if (this.readers.size === 0) this.cursor = last
    const behind = Math.max(0, last - (afterSequence ?? last))
    const missed = Math.max(0, behind - LIMITS.tailBehindRowsMax)
    const position = afterSequence === undefined ? last : Math.min(afterSequence, last) + missed
    const reader = new Reader(position, missed, this.options.source, {
      cursor: () => this.cursor,
      closed: () => this.leave(reader),
    })
    this.readers.add(reader)
    this.arm()
    return reader
  }

  private async newest(): Promise<number> {
    this.coming += 1
    try {
      return await this.options.source.lastSequence()
    } finally {
      this.coming -= 1
    }
  }

  /** Whether anything is read at the moment. */
  get isRunning(): boolean {
    return this.timer !== undefined || this.isPolling
  }

  private leave(reader: Reader): void {
    this.readers.delete(reader)
    if (this.readers.size > 0) return
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private arm(delayMs = this.options.pollIntervalMs ?? LIMITS.tailPollIntervalMs): void {
    if (this.timer !== undefined || this.isPolling || this.readers.size === 0) return
    this.timer = setTimeout(() => void this.poll(), delayMs)
    this.timer.unref()
  }

  private async poll(): Promise<void> {
    this.timer = undefined
    this.isPolling = true
    let isFull = false
    try {
      const from = this.cursor
      const rows = await this.options.source.following(from, LIMITS.tailRows)
      isFull = rows.length === LIMITS.tailRows
      // Whoever came meanwhile, when nobody else was there, has begun anew.
      if (this.cursor === from) {
        this.cursor = rows.at(-1)?.sequence ?? from
        for (const reader of this.readers) reader.take(rows, from)
      }
      this.hasFailed = false
    } catch (error) {
      const reason = error instanceof GatewayError ? String(error.cause) : String(error)
      if (!this.hasFailed) this.options.logger.warn('The log cannot be followed now.', { reason })
      this.hasFailed = true
    } finally {
      this.isPolling = false
    }
    this.arm(isFull ? 0 : undefined)
  }
}

interface Hub {
  cursor(): number
  closed(): void
}

class Reader implements Following {
  private readonly source: Source
  private readonly hub: Hub
  /** Up to here the reader has everything, or it waits in `rows`. */
  private position: number
  private missed: number
  private rows: StoredRequest[] = []
  private isClosed = false
  private wake: (() => void) | undefined

  constructor(position: number, missed: number, source: Source, hub: Hub) {
    this.position = position
    this.missed = missed
    this.source = source
    this.hub = hub
  }

  /** Rows after `from`, all there are up to the last of them. */
  take(rows: readonly StoredRequest[], from: number): void {
    // Who has not come as far reads what is between by itself; who has more than it can read, too.
    if (this.position < from || this.rows.length >= LIMITS.tailRows) {
      this.wake?.()
      return
    }
    const fresh = rows.filter(({ sequence }) => sequence > this.position)
    this.rows.push(...fresh)
    this.position = fresh.at(-1)?.sequence ?? this.position
    if (fresh.length > 0) this.wake?.()
  }

  async next(signal: AbortSignal): Promise<TailBatch | undefined> {
    while (!this.isClosed && !signal.aborted) {
      if (this.rows.length > 0 || this.missed > 0) return this.handOver()
      if (this.position < this.hub.cursor()) await this.catchUp()
      else await this.woken(signal)
    }
    return undefined
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.hub.closed()
    this.wake?.()
  }

  private handOver(): TailBatch {
    const { missed, rows } = this
    this.rows = []
    this.missed = 0
    return { rows, missed }
  }

  private async catchUp(): Promise<void> {
    const cursor = this.hub.cursor()
    const tooFar = cursor - LIMITS.tailBehindRowsMax
    if (this.position < tooFar) {
      this.missed += tooFar - this.position
      this.position = tooFar
    }
    const from = this.position
    const rows = await this.source.following(from, LIMITS.tailRows)
    // The hub may have handed on rows meanwhile, where it had come as far.
    const fresh = rows.filter(({ sequence }) => sequence > this.position)
    this.rows.push(...fresh)
    const isAll = rows.length < LIMITS.tailRows
    const last = rows.at(-1)?.sequence ?? from
    this.position = Math.max(this.position, isAll ? Math.max(cursor, last) : last)
  }

  private async woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.wake = resolve
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    this.wake = undefined
  }
}
