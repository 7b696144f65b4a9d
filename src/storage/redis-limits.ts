// Limits counted in Redis: one connection that runs the script of `redis-limits-script.ts`. All keys carry one hash tag, so a cluster keeps
// them in one place; the address must be one that answers for it, as redirections are not followed. The address, which may hold a
// password, is never told.

import type { RedisClient } from 'bun'
import { LIMITS } from '../core/limits.ts'
import type { LimitVerdict } from '../core/ports-money.ts'
import { batchWords, verdictsIn, type LimitBackend, type LimitBatch } from './limit-exchange.ts'
import { RedisLink, type RedisLinkOptions } from './redis-link.ts'
import { LIMITS_SCRIPT, LIMITS_SCRIPT_SHA1 } from './redis-limits-script.ts'

export interface RedisLimitsOptions extends RedisLinkOptions {
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
  private readonly link: RedisLink
  private ready: () => void = () => {}

  /** Begins to connect, and keeps at it until it is closed. */
  constructor(options: RedisLimitsOptions) {
    this.options = options
    this.host = new URL(options.url).host
    this.prefix = options.prefix ?? PREFIX
    this.link = new RedisLink(options, () => this.ready())
  }

  onReady(run: () => void): void {
    this.ready = run
    if (this.link.client !== undefined) run()
  }

  async exchange(batch: LimitBatch): Promise<readonly LimitVerdict[]> {
    const { client } = this.link
    if (client === undefined) throw new Error('not connected')
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
    this.link.suspect()
  }

  close(): Promise<void> {
    return this.link.close()
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
}
