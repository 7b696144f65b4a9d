// What replicas tell each other of providers, through Redis: a stream for those that run, and a sorted set by time of expiry for
// those that start later. A stream and not a channel: who was away for a moment hears what it missed. Help and never a condition: nothing here is waited for, and without Redis each replica learns for itself.
// The address, which may hold a password, is never logged.

import { RedisClient } from 'bun'
import { isObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, HealthChange, Logger, SharedHealth } from '../core/ports.ts'
import { failureCode } from './errors.ts'
import { readFact, readMember, writeFact, writeMembers } from './redis-facts.ts'

const STREAM = 'weir:health:1'
const FACTS = 'weir:health:1:facts'

export interface RedisHealthOptions {
  readonly url: string
  /** Of this replica alone: what it published itself it does not hear. */
  readonly replicaId: string
  readonly clock: Clock
  readonly logger: Logger
  /** PEM of every authority to trust, for `rediss`; absent: the usual ones. */
  readonly ca?: string
}

export class RedisHealth implements SharedHealth {
  private readonly options: RedisHealthOptions
  private readonly pending = new Map<string, HealthChange>()
  private receive: (change: HealthChange) => void = () => {}
  private session: Session | undefined
  /** The one that connects, or did. */
  private latest: Session | undefined
  /** Of the stream; what comes after it is yet to be heard. */
  private heardId: string | undefined
  private closed = false
  private wake: () => void = () => {}
  private readonly running: Promise<void>

  /** Begins to connect, and keeps at it until it is closed. */
  constructor(options: RedisHealthOptions) {
    this.options = options
    this.running = this.run()
  }

  get connected(): boolean {
    return this.session !== undefined
  }

  publish(change: HealthChange): void {
    if (this.closed) return
    // Of one subject only the last word counts.
    const subject = subjectOf(change)
    this.pending.delete(subject)
    this.pending.set(subject, change)
    if (this.pending.size > LIMITS.redisQueueMax) {
      const [oldest] = this.pending.keys()
      if (oldest !== undefined) this.pending.delete(oldest)
    }
    this.session?.flush(this.pending)
  }

  subscribe(receive: (change: HealthChange) => void): void {
    this.receive = receive
  }

  async close(): Promise<void> {
    this.closed = true
    // Also while it connects: a Redis that is stuck must not hold up the end of this process.
    this.latest?.end()
    this.wake()
    await this.running
  }

  private async run(): Promise<void> {
    const { logger, url } = this.options
    const { host } = new URL(url)
    let failures = 0
    while (!this.closed) {
      const session = new Session(this.options, this.heardId, (change) => this.receive(change))
      this.latest = session
      try {
        await session.open()
        if (this.closed) break
        this.session = session
        failures = 0
        logger.info('shares what it learns of providers through Redis', { host })
        session.flush(this.pending)
        await session.ended
      } catch (error) {
        if (failures === 0 && !this.closed) {
          logger.warn('Redis does not answer; what is learned of providers is not shared', {
            host,
            error: failureCode(error),
          })
        }
        failures += 1
      } finally {
        this.session = undefined
        this.heardId = session.heardId
        session.end()
      }
      await this.pause(failures)
    }
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

/** One connection for commands and one that listens; over for good when either is. */
class Session {
  private readonly options: RedisHealthOptions
  private readonly commands: RedisClient
  private readonly listener: RedisClient
  private readonly tell: (change: HealthChange) => void
  private readonly over = Promise.withResolvers<void>()
  private heartbeat: ReturnType<typeof setInterval> | undefined
  /** Redis' clock less this one's: replicas' clocks differ. */
  private aheadMs = 0
  private lastId: string | undefined
  private flushing = false
  private ready = false

  /** @param heardId of a session before; undefined hears only what is told from now on */
  constructor(
    options: RedisHealthOptions,
    heardId: string | undefined,
    tell: (change: HealthChange) => void,
  ) {
    this.options = options
    this.lastId = heardId
    this.tell = tell
    this.commands = connection(options)
    this.listener = connection(options)
    // A session that never opened has nobody who waits for its end.
    this.over.promise.catch(() => undefined)
    for (const client of [this.commands, this.listener]) {
      Object.assign(client, { onclose: (error: Error) => this.over.reject(error) })
    }
  }

  /** The last entry of the stream that was heard. */
  get heardId(): string | undefined {
    return this.lastId
  }

  /** Rejects with what broke it; resolves when it was ended. */
  get ended(): Promise<void> {
    return this.over.promise
  }

  /** Connects, listens and hears what is known. @throws when Redis refuses, or does not answer in time */
  async open(): Promise<void> {
    await inTime(Promise.all([this.commands.connect(), this.listener.connect()]))
    await inTime(this.learnClock())
    // Before the facts: what is told between the two is heard twice rather than not at all.
    this.lastId ??= await inTime(this.newestId())
    await inTime(this.learnFacts())
    this.ready = true
    this.listen(this.lastId).catch((error: unknown) => this.over.reject(error))
    this.heartbeat = setInterval(() => void this.beat(), LIMITS.redisHeartbeatMs)
    this.heartbeat.unref()
  }

  /** Sends what waits, a batch at a time. What fails with the connection stays for the next one. */
  flush(pending: Map<string, HealthChange>): void {
    if (this.flushing || !this.ready || pending.size === 0) return
    this.flushing = true
    this.send(pending).catch((error: unknown) => this.over.reject(error))
  }

  end(): void {
    clearInterval(this.heartbeat)
    this.ready = false
    this.over.resolve()
    this.commands.close()
    this.listener.close()
  }

  private async send(pending: Map<string, HealthChange>): Promise<void> {
    while (pending.size > 0 && this.ready) {
      const batch = [...pending].slice(0, LIMITS.redisBatchMax)
      await inTime(Promise.all(batch.flatMap(([, change]) => this.sendOne(change))))
      for (const [subject, change] of batch) {
        if (pending.get(subject) === change) pending.delete(subject)
      }
      await inTime(
        this.commands.send('ZREMRANGEBYRANK', [FACTS, '0', `-${LIMITS.redisFactsMax + 1}`]),
      )
    }
    this.flushing = false
  }

  private sendOne(change: HealthChange): Promise<unknown>[] {
    const untilMs = Math.round(change.untilMs + this.aheadMs)
    const { holds, ends } = writeMembers(change)
    const sent: Promise<unknown>[] = [this.commands.send('ZREM', [FACTS, ...ends])]
    if (holds !== undefined) {
      sent.push(
        this.commands.send('ZADD', [FACTS, String(untilMs), holds]),
        // The set as a whole goes when nobody has told anything for longer than any fact lasts.
        this.commands.send('PEXPIRE', [FACTS, String(FACTS_TTL_MS)]),
      )
    }
    const told = writeFact({ ...change, untilMs }, this.options.replicaId)
    const bound = ['MAXLEN', '~', String(LIMITS.redisFactsMax)]
    sent.push(
      this.commands.send('XADD', [STREAM, ...bound, '*', 'fact', told]),
      this.commands.send('PEXPIRE', [STREAM, String(FACTS_TTL_MS)]),
    )
    return sent
  }

  /** Hears what comes after an entry, until the session is over. */
  private async listen(afterId: string): Promise<void> {
    const asking = ['COUNT', String(LIMITS.redisBatchMax), 'BLOCK', String(LIMITS.redisHeartbeatMs)]
    const limitMs = LIMITS.redisHeartbeatMs + LIMITS.redisAnswerMs
    let id = afterId
    while (this.ready) {
      const asked = this.listener.send('XREAD', [...asking, 'STREAMS', STREAM, id])
      for (const { id: heardId, text } of entriesOf(streamOf(await inTime(asked, limitMs)))) {
        id = heardId
        this.lastId = heardId
        this.hear(text)
      }
    }
  }

  private async newestId(): Promise<string> {
    const answer: unknown = await this.commands.send('XREVRANGE', [STREAM, '+', '-', 'COUNT', '1'])
    return entriesOf(answer)[0]?.id ?? '0-0'
  }

  private async learnClock(): Promise<void> {
    const answer: unknown = await this.commands.send('TIME', [])
    const [seconds, micros] = Array.isArray(answer) ? answer.map(Number) : []
    const serverMs = (seconds ?? Number.NaN) * 1_000 + (micros ?? Number.NaN) / 1_000
    if (Number.isFinite(serverMs)) this.aheadMs = serverMs - this.options.clock.nowMs()
  }

  private async learnFacts(): Promise<void> {
    const nowMs = String(Math.floor(this.options.clock.nowMs() + this.aheadMs))
    await this.commands.send('ZREMRANGEBYSCORE', [FACTS, '-inf', nowMs])
    const answer: unknown = await this.commands.send('ZRANGE', [
      FACTS,
      '0',
      String(LIMITS.redisFactsMax),
      'WITHSCORES',
    ])
    if (!Array.isArray(answer)) return
    for (const pair of answer as unknown[]) {
      if (!Array.isArray(pair)) continue
      this.pass(readMember(String(pair[0]), Number(pair[1])))
    }
  }

  private hear(message: string): void {
    const { replicaId } = this.options
    const fact = readFact(message)
    if (fact !== undefined && fact.from !== replicaId) this.pass(fact.change)
  }

  private pass(change: HealthChange | undefined): void {
    if (change === undefined) return
    this.tell({ ...change, untilMs: change.untilMs - this.aheadMs })
  }

  private async beat(): Promise<void> {
    try {
      await inTime(this.commands.ping())
    } catch (error) {
      this.over.reject(error)
    }
  }
}

const FACTS_TTL_MS = LIMITS.keyAdoptedRestMs * 2

function connection({ url, ca }: RedisHealthOptions): RedisClient {
  return new RedisClient(url, {
    // Connecting anew is this module's: Bun's gives up after a number of times.
    autoReconnect: false,
    enableOfflineQueue: false,
    connectionTimeout: LIMITS.redisAnswerMs,
    ...(ca === undefined ? {} : { tls: { ca } }),
  })
}

/** Rejects when there is no answer in time: a Redis that is stuck keeps its connections. */
async function inTime<T>(answer: Promise<T>, limitMs: number = LIMITS.redisAnswerMs): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  try {
    return await Promise.race([answer, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The entries of our one stream in an answer of XREAD: a map, or a list of pairs with older protocols; null when the time was over. */
function streamOf(answer: unknown): unknown {
  if (isObject(answer)) return answer[STREAM]
  const [first] = Array.isArray(answer) ? (answer as unknown[]) : []
  return Array.isArray(first) ? first[1] : undefined
}

/** Entries with their one field's text; whatever has another form is passed over with its id. */
function entriesOf(answer: unknown): { readonly id: string; readonly text: string }[] {
  if (!Array.isArray(answer)) return []
  return (answer as unknown[]).flatMap((entry) => {
    if (!Array.isArray(entry)) return []
    const [id, fields] = entry as unknown[]
    const text: unknown = Array.isArray(fields) ? fields[1] : undefined
    return typeof id === 'string' ? [{ id, text: typeof text === 'string' ? text : '' }] : []
  })
}

function subjectOf(change: HealthChange): string {
  const { kind, providerId } = change
  return JSON.stringify([kind, providerId, kind === 'circuit' ? change.model : change.keyId])
}
