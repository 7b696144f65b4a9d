// One connection to Redis that is made anew for as long as it takes. Whoever wants to ask gets the client while there is one, and nothing
// is queued. The address, which may hold a password, is never told.

import { RedisClient } from 'bun'
import { LIMITS } from '../core/limits.ts'

export interface RedisLinkOptions {
  readonly url: string
  /** PEM of every authority to trust, for `rediss`; absent: the usual ones. */
  readonly ca?: string
}

export class RedisLink {
  private readonly options: RedisLinkOptions
  private current: RedisClient | undefined
  private closed = false
  private wake: () => void = () => {}
  private readonly running: Promise<void>
  private readonly first = Promise.withResolvers<void>()
  private readonly ready: (() => void) | undefined

  /** Begins to connect, and keeps at it until it is closed. @param ready told each time that it is connected */
  constructor(options: RedisLinkOptions, ready?: () => void) {
    this.options = options
    this.ready = ready
    this.running = this.run()
  }

  /** Undefined while there is no connection. */
  get client(): RedisClient | undefined {
    return this.current?.connected === true ? this.current : undefined
  }

  /** Resolves when it is connected for the first time, or closed. */
  get connected(): Promise<void> {
    return this.first.promise
  }

  /** It gave no answer in time: connected anew it may. */
  suspect(): void {
    if (this.current?.connected === true) this.current.close()
  }

  async close(): Promise<void> {
    this.closed = true
    this.current?.close()
    this.wake()
    this.first.resolve()
    await this.running
  }

  private async run(): Promise<void> {
    let failures = 0
    while (!this.closed) {
      const lost = Promise.withResolvers<void>()
      const client = this.connection()
      Object.assign(client, { onclose: () => lost.resolve() })
      this.current = client
      try {
        await inTime(client.connect(), LIMITS.redisAnswerMs)
        if (this.closed) break
        failures = 0
        this.first.resolve()
        this.ready?.()
        await lost.promise
      } catch {
        // Whoever asks meanwhile finds no connection.
        failures += 1
      } finally {
        client.close()
      }
      await this.pause(failures)
    }
    this.current?.close()
  }

  private connection(): RedisClient {
    const { ca, url } = this.options
    return new RedisClient(url, {
      // Connecting anew is this module's: Bun's gives up after a number of times.
      autoReconnect: false,
      enableOfflineQueue: false,
      connectionTimeout: LIMITS.redisAnswerMs,
      ...(ca === undefined ? {} : { tls: { ca } }),
    })
  }

  private async pause(failures: number): Promise<void> {
    if (this.closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const doubled = LIMITS.redisRetryBaseMs * 2 ** Math.min(Math.max(0, failures - 1), 10)
    const timer = setTimeout(resolve, Math.min(doubled, LIMITS.redisRetryCapMs))
    this.wake = resolve
    await promise
    clearTimeout(timer)
  }
}

/** @throws Error when there is no answer in time */
export async function inTime<T>(asked: Promise<T>, limitMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), limitMs)
  try {
    return await Promise.race([asked, promise])
  } finally {
    clearTimeout(timer)
  }
}
