// Searches of a SQLite log, handed to a thread of their own that begins with the first of them and ends when nobody searches any more. A
// thread that dies costs those who wait for it their answer, and the next search begins another.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import type { Change, Changed, LogHand } from './log-hand.ts'
import type { SearchReader, SearchValue } from './search-reader.ts'
import type { SearchAnswer, SearchQuestion } from './sqlite-search-worker.ts'

interface Waiting {
  readonly resolve: (rows: object[]) => void
  readonly reject: (error: Error) => void
  readonly timer: ReturnType<typeof setTimeout>
}

/** In the executable its files lie below the program, in development beside this one. */
const WORKER = /[/\\](?:\$bunfs|~BUN)[/\\]/i.test(import.meta.dir + '/')
  ? './storage/sqlite-search-worker.ts'
  : './sqlite-search-worker.ts'

const BUSY = /^SQLITE_(BUSY|LOCKED)/

export interface SqliteSearchOptions {
  /** The log database. */
  readonly path: string
  readonly logger: Logger
  /** Its thread may change the log too, and then has the priority of those who wait for its lock. */
  readonly isWritable?: boolean
  /** Other bounds than core/limits.ts', for tests. */
  readonly idleMs?: number
  readonly answerTimeoutMs?: number
}

export class SqliteSearchReader implements SearchReader, LogHand {
  readonly engine = 'sqlite'
  private readonly options: SqliteSearchOptions
  private worker: Worker | undefined
  private idle: ReturnType<typeof setTimeout> | undefined
  private readonly waiting = new Map<number, Waiting>()
  private lastId = 0
  private isClosed = false
  private changing: Promise<Changed | undefined> | undefined

  constructor(options: SqliteSearchOptions) {
    this.options = options
  }

  /** Whether the thread is there. */
  get isRunning(): boolean {
    return this.worker !== undefined
  }

  async rows<Row extends object>(text: string, values: readonly SearchValue[]): Promise<Row[]> {
    return (await this.asked((id) => ({ id, text, values }))) as Row[]
  }

  /** Whether it may hold the lock now: who waits for that holds up requests, and rows can wait. */
  get isChanging(): boolean {
    return this.changing !== undefined
  }

  /** Of one who asks again when it is answered. Throws as `rows` does. */
  async change(statements: readonly Change[]): Promise<Changed | undefined> {
    const changing = this.changed(statements)
    this.changing = changing
    try {
      return await changing
    } finally {
      this.changing = undefined
    }
  }

  /** Resolves when nothing is changed any more by what was known before. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await this.changing?.catch(() => undefined)
  }

  /** As far as nobody reads it, without holding up whoever writes. Throws as `rows` does. */
  async checkpoint(isLast: boolean): Promise<void> {
    await this.asked((id) => ({ id, checkpoint: isLast ? 'TRUNCATE' : 'PASSIVE' }))
  }

  private async changed(change: readonly Change[]): Promise<Changed | undefined> {
    try {
      const [changed] = (await this.asked((id) => ({ id, change }))) as Changed[]
      return changed
    } catch (error) {
      // What the thread tells is the engine's code.
      if (error instanceof GatewayError && BUSY.test(String(error.cause))) return undefined
      throw error
    }
  }

  private async asked(question: (id: number) => SearchQuestion): Promise<object[]> {
    if (this.isClosed || this.waiting.size >= LIMITS.searchQueueMax) {
      const cause = this.isClosed ? 'the store is closed' : 'too many searches wait'
      throw new GatewayError('storage_unavailable', { cause })
    }
    const worker = (this.worker ??= this.start())
    clearTimeout(this.idle)
    const id = (this.lastId += 1)
    const { promise, reject, resolve } = Promise.withResolvers<object[]>()
    const limitMs = this.options.answerTimeoutMs ?? LIMITS.searchAnswerTimeoutMs
    const timer = setTimeout(() => this.end('a search took too long'), limitMs)
    timer.unref()
    this.waiting.set(id, { resolve, reject, timer })
    send(worker, question(id))
    return await promise
  }

  close(): Promise<void> {
    this.isClosed = true
    this.end('the store is closed')
    return Promise.resolve()
  }

  private start(): Worker {
    const worker = new Worker(new URL(WORKER, import.meta.url).href)
    worker.addEventListener('message', ({ data }: MessageEvent<SearchAnswer>) => this.take(data))
    const died = (reason: string) => {
      if (this.worker !== worker) return
      this.options.logger.warn('The thread that searches the request log has ended.', { reason })
      this.end('the thread that searches has ended')
    }
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      died('error')
    })
    worker.addEventListener('close', () => died('closed'))
    worker.unref()
    const isWritable = this.options.isWritable === true
    send(worker, {
      path: this.options.path,
      cacheBytes: LIMITS.searchCacheBytes,
      busyTimeoutMs: isWritable ? LIMITS.logBusyTimeoutMs : LIMITS.logRetryIntervalMs,
      isWritable,
    })
    return worker
  }

  private take(answer: SearchAnswer): void {
    const waiting = this.waiting.get(answer.id)
    if (waiting === undefined) return
    this.waiting.delete(answer.id)
    clearTimeout(waiting.timer)
    if ('rows' in answer) waiting.resolve([...answer.rows])
    else waiting.reject(new GatewayError('storage_unavailable', { cause: answer.code }))
    if (this.waiting.size > 0) return
    this.idle = setTimeout(() => this.end('idle'), this.options.idleMs ?? LIMITS.searchIdleMs)
    this.idle.unref()
  }

  /** Ends the thread; whoever waits for it is told. */
  private end(cause: string): void {
    clearTimeout(this.idle)
    const { worker } = this
    this.worker = undefined
    worker?.terminate()
    for (const { reject, timer } of this.waiting.values()) {
      clearTimeout(timer)
      reject(new GatewayError('storage_unavailable', { cause }))
    }
    this.waiting.clear()
  }
}

function send(worker: Worker, question: SearchQuestion): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage(question)
}
