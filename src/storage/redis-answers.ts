// Kept answers in Redis, sealed, each with its end; an index beside them, in the order of their ends, bounds them in number and bytes and
// says whose they are and who has asked for them. All keys carry one hash tag, so a cluster keeps them in one place. While Redis is away there are no answers.

import type {
  AnswerStore,
  CachedAnswer,
  CacheHolding,
  CacheSelection,
} from '../core/answer-cache.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { AnswerSeal } from './answer-seal.ts'
import { inTime, RedisLink, type RedisLinkOptions } from './redis-link.ts'

export interface RedisAnswersOptions extends RedisLinkOptions {
  readonly seal: AnswerSeal
  readonly clock: Clock
  readonly logger: Logger
  /** Of all answers together; asked each time. */
  readonly bytesMax: () => number
  readonly rowsMax?: number
  /** How long an answer of Redis is waited for, in place of core/limits.ts'; for tests of what is not about time. */
  readonly waitMs?: number
  /** Before every key; who shares a Redis without sharing answers has another. */
  readonly prefix?: string
}

const PREFIX = '{weir:answers:1}:'

/** Takes names out of index, sizes and total, and their answers away. */
const GONE = `
local function gone(name)
  local size = redis.call('HGET', KEYS[2], name)
  if size then
    redis.call('HDEL', KEYS[2], name)
    redis.call('DECRBY', KEYS[3], size)
  end
  redis.call('HDEL', KEYS[4], name)
  local removed = redis.call('ZREM', KEYS[1], name)
  local id, tenant = string.match(name, '^(%x+)\\n([^\\n]*)\\n')
  if id then redis.call('DEL', ARGV[1] .. 'answer:' .. tenant .. ':' .. id) end
  return removed
end
`

/** Index, sizes, total, callers, answer; prefix, name, envelope, bytes, end, life in ms, now, most bytes, most rows, most steps, caller. */
const PUT = `${GONE}
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[6])
local before = redis.call('HGET', KEYS[2], ARGV[2])
redis.call('INCRBY', KEYS[3], ARGV[4] - (before or 0))
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[2])
if ARGV[11] == '' then redis.call('HDEL', KEYS[4], ARGV[2]) else redis.call('HSET', KEYS[4], ARGV[2], ARGV[11]) end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[7], 'LIMIT', 0, ARGV[10])) do gone(name) end
for _ = 1, tonumber(ARGV[10]) do
  local total = tonumber(redis.call('GET', KEYS[3]) or '0')
  if total <= tonumber(ARGV[8]) and redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[9]) then break end
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not oldest then break end
  gone(oldest)
end
return 1
`

const REMOVE = `${GONE}
local count = 0
for at = 2, #ARGV do count = count + gone(ARGV[at]) end
return count
`

/** Names that one call of the script looks after, of those that have ended or are too many. */
const STEPS_MAX = 100

interface Named {
  readonly name: string
  readonly tenantId: string
  readonly model: string
  readonly expiresMs: number
}

export class RedisAnswers implements AnswerStore {
  readonly place = 'redis'
  private readonly options: RedisAnswersOptions
  private readonly prefix: string
  private readonly link: RedisLink

  /** Begins to connect, and keeps at it until it is closed. */
  constructor(options: RedisAnswersOptions) {
    this.options = options
    this.prefix = options.prefix ?? PREFIX
    this.link = new RedisLink(options)
  }

  /** Resolves when it is connected for the first time, or closed. */
  get connected(): Promise<void> {
    return this.link.connected
  }

  close(): Promise<void> {
    return this.link.close()
  }

  async get(tenantId: string, id: string): Promise<CachedAnswer | undefined> {
    const { client } = this.link
    if (client === undefined) return undefined
    const envelope = await this.inTime(client.get(this.answerKey(tenantId, id)))
    if (envelope === null) return undefined
    const answer = await this.options.seal.open(envelope, tenantId, id)
    if (answer === undefined) this.drop(tenantId, id)
    return answer
  }

  put(answer: CachedAnswer): void {
    const { client } = this.link
    const { clock, rowsMax = LIMITS.cacheRowsMax, seal } = this.options
    const nowMs = clock.nowMs()
    const lifeMs = Math.trunc(answer.expiresMs - nowMs)
    if (client === undefined || lifeMs <= 0) return
    const name = nameOf(answer)
    const envelope = seal.close(answer)
    const words = [
      this.prefix,
      name,
      envelope,
      String(envelope.length + name.length),
      ...[answer.expiresMs, lifeMs, nowMs].map((ms) => String(Math.trunc(ms))),
      ...[this.options.bytesMax(), rowsMax, STEPS_MAX].map(String),
      answer.caller ?? '',
    ]
    const keys = [...this.bookKeys(), this.answerKey(answer.tenantId, answer.id)]
    this.told(client.send('EVAL', [PUT, String(keys.length), ...keys, ...words]))
  }

  /** Its place in the index goes with its end. */
  drop(tenantId: string, id: string): void {
    const { client } = this.link
    if (client !== undefined) this.told(client.del(this.answerKey(tenantId, id)))
  }

  async purge({ callers, model, tenantId }: CacheSelection): Promise<number> {
    let gone = 0
    const meant = (await this.names()).filter(
      (named) =>
        (tenantId === undefined || named.tenantId === tenantId) &&
        (model === undefined || named.model === model),
    )
    for (let at = 0; at < meant.length; at += LIMITS.cachePurgeBatchRows) {
      const all = meant.slice(at, at + LIMITS.cachePurgeBatchRows).map(({ name }) => name)
      const some = callers === undefined ? all : await this.askedBy(callers, all)
      if (some.length === 0) continue
      const keys = this.bookKeys()
      gone += Number(
        await this.asked('EVAL', [REMOVE, String(keys.length), ...keys, this.prefix, ...some]),
      )
    }
    return gone
  }

  async holdings(tenantId: string | undefined): Promise<readonly CacheHolding[]> {
    const nowMs = this.options.clock.nowMs()
    const found = new Map<string, { -readonly [K in keyof CacheHolding]: CacheHolding[K] }>()
    const names = (await this.names()).filter(
      (named) => (tenantId === undefined || named.tenantId === tenantId) && named.expiresMs > nowMs,
    )
    for (let at = 0; at < names.length; at += LIMITS.cachePurgeBatchRows) {
      const some = names.slice(at, at + LIMITS.cachePurgeBatchRows)
      const [, sizesKey] = this.bookKeys()
      const sizes = await this.asked('HMGET', [sizesKey, ...some.map(({ name }) => name)])
      for (const [index, { model, tenantId: owner }] of some.entries()) {
        const key = JSON.stringify([owner, model])
        const held = found.get(key) ?? { tenantId: owner, model, entries: 0, bytes: 0 }
        held.entries += 1
        held.bytes += Number(Array.isArray(sizes) ? (sizes[index] ?? 0) : 0)
        found.set(key, held)
      }
    }
    return [...found.values()]
  }

  /** Those of the names whose answers these callers have asked for. */
  private async askedBy(callers: readonly string[], names: string[]): Promise<string[]> {
    const [, , , callersKey] = this.bookKeys()
    const told = await this.asked('HMGET', [callersKey, ...names])
    return names.filter((_, at) => Array.isArray(told) && callers.includes(String(told[at] ?? '')))
  }

  /** Every name in the index, which is bounded. By ranks one would be missed whenever an earlier one goes meanwhile. */
  private async names(): Promise<Named[]> {
    const found = new Map<string, Named>()
    const [indexKey] = this.bookKeys()
    let cursor = '0'
    do {
      const words = [indexKey, cursor, 'COUNT', String(LIMITS.cachePurgeBatchRows)]
      const scanned = await this.asked('ZSCAN', words)
      const [next, listed] = Array.isArray(scanned) ? (scanned as unknown[]) : []
      for (const [name, score] of pairsIn(listed)) {
        const [, tenantId, model] = /^[0-9a-f]+\n([^\n]*)\n([^]*)$/.exec(name) ?? []
        if (tenantId === undefined || model === undefined) continue
        found.set(name, { name, tenantId, model, expiresMs: Number(score) })
      }
      cursor = String(next ?? '0')
    } while (cursor !== '0')
    return [...found.values()]
  }

  /** For those who must know. @throws GatewayError `storage_unavailable` */
  private async asked(command: string, words: string[]): Promise<unknown> {
    const { client } = this.link
    try {
      if (client === undefined) throw new Error('not connected')
      return await this.inTime(client.send(command, words) as Promise<unknown>)
    } catch (error) {
      throw new GatewayError('storage_unavailable', { cause: error })
    }
  }

  private async inTime<T>(asked: Promise<T>): Promise<T> {
    try {
      return await inTime(asked, this.options.waitMs ?? LIMITS.redisAnswerMs)
    } catch (error) {
      this.link.suspect()
      throw error
    }
  }

  /** Nobody waits for it. */
  private told(asked: Promise<unknown>): void {
    this.inTime(asked).catch((error: unknown) => {
      this.options.logger.debug('an answer could not be kept in Redis', { error: String(error) })
    })
  }

  private answerKey(tenantId: string, id: string): string {
    return `${this.prefix}answer:${tenantId}:${id}`
  }

  /** Index, sizes, total, callers. */
  private bookKeys(): [string, string, string, string] {
    const { prefix } = this
    return [`${prefix}index`, `${prefix}sizes`, `${prefix}bytes`, `${prefix}callers`]
  }
}

function nameOf({ id, model, tenantId }: CachedAnswer): string {
  return `${id}\n${tenantId}\n${model}`
}

/** Names with their scores: pairs in one protocol of Redis, one list in the other. */
function pairsIn(listed: unknown): [string, string][] {
  if (!Array.isArray(listed)) return []
  const pairs: [string, string][] = []
  if (Array.isArray(listed[0])) {
    for (const pair of listed as unknown[][]) pairs.push([String(pair[0]), String(pair[1])])
    return pairs
  }
  for (let at = 0; at + 1 < listed.length; at += 2) {
    pairs.push([String(listed[at]), String(listed[at + 1])])
  }
  return pairs
}
