// Limits counted in Redis: one connection that runs the script of `redis-limits-script.ts`, connected anew for as long as it takes. All
// keys carry one hash tag, so a cluster keeps them in one place; the address must be one that answers for it, as redirections are not
// followed. The address, which may hold a password, is never told.

import { RedisClient } from 'bun'
import { LIMITS } from '../core/limits.ts'
import type { LimitVerdict } from '../core/ports-money.ts'
import { batchWords, verdictsIn, type LimitBackend, type LimitBatch } from './limit-exchange.ts'
import { LIMITS_SCRIPT, LIMITS_SCRIPT_SHA1 } from './redis-limits-script.ts'

export interface RedisLimitsOptions {
  readonly url: string
  /** PEM of every authority to trust, for `rediss`; absent: the usual ones. */
  readonly ca?: string
  /** Before the names of counters; who shares a Redis without sharing limits has another. */
  readonly prefix?: string
  /** The time in milliseconds, in place of Redis' own; for tests of what a clock does. */
  readonly nowMs?: () => number
}

const PREFIX = '{weir:limit:1}:'

export class RedisLimits implements LimitBackend {
  readonly name = 'redis'
  readonly inFlightMax = 8
  readonly host: string
  private readonly options: RedisLimitsOptions
  private readonly prefix: string
  private client: RedisClient | undefined
  private ready: () => void = () => {}
  private wake: () => void = () => {}
  private closed = false
  private readonly running: Promise<void>

  /** Begins to connect, and keeps at it until it is closed. */
  constructor(options: RedisLimitsOptions) {
    this.options = options
    this.host = new URL(options.url).host
    this.prefix = options.prefix ?? PREFIX
    this.running = this.run()
  }

  onReady(run: () => void): void {
    this.ready = run
    if (this.client?.connected === true) run()
  }

  async exchange(batch: LimitBatch): Promise<readonly LimitVerdict[]> {
    const { client } = this
    if (client?.connected !== true) throw new Error('not connected')
    const { keys, words } = batchWords(batch)
    const nowMs = this.options.nowMs?.()
    const rest = [
      String(keys.length),
      ...keys.map((key) => this.prefix + key),
      nowMs === undefined ? '' : nowMs.toFixed(3),
      String(LIMITS.limitLeaseMs),
      ...words,
    ]
    return verdictsIn(await this.call(client, rest), batch)
  }

  suspect(): void {
    if (this.client?.connected === true) this.client.close()
  }

  async close(): Promise<void> {
    this.closed = true
    this.client?.close()
    this.wake()
    await this.running
  }

  private async call(client: RedisClient, rest: string[]): Promise<unknown> {
    try {
      return await client.send('EVALSHA', [LIMITS_SCRIPT_SHA1, ...rest])
    } catch (error) {
      // Redis was started anew, or its scripts were flushed: it did nothing, so this is the first time.
      if (!(error instanceof Error) || !error.message.includes('NOSCRIPT')) throw error
      return await client.send('EVAL', [LIMITS_SCRIPT, ...rest])
    }
  }

  private async run(): Promise<void> {
    let failures = 0
    while (!this.closed) {
      const lost = Promise.withResolvers<void>()
      const client = this.connection()
      Object.assign(client, { onclose: () => lost.resolve() })
      this.client = client
      try {
        await inTime(client.connect())
        if (this.closed) break
        failures = 0
        this.ready()
        await lost.promise
      } catch {
        // Whoever asks meanwhile is told that there is no connection, and tells people.
        failures += 1
      } finally {
        client.close()
      }
      await this.pause(failures)
    }
    this.client?.close()
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

async function inTime(connecting: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no connection in time')), LIMITS.redisAnswerMs)
  try {
    await Promise.race([connecting, promise])
  } finally {
    clearTimeout(timer)
  }
}
