import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { RedisClient } from 'bun'
import { LIMITS } from '../core/limits.ts'
import { MemoryLimits } from '../core/policy/memory-limits.ts'
import type { Logger } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { redisPath, startRedis, type TestRedis } from '../testing/redis.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { admitted, freshName, sharedCountersContract, take, takeAll } from './contract-counters.ts'
import { RedisLimits } from './redis-limits.ts'
import { SharedLimits } from './shared-limits.ts'

setDefaultTimeout(120_000)

const PASSWORD = 'redis-canary-limits-0123456789'
const present = redisPath() !== undefined
if (!present) process.stdout.write('left out: shared limits: redis-server is not installed\n')

function urlOf({ port }: TestRedis): string {
  return `redis://:${PASSWORD}@127.0.0.1:${port}`
}

/** In place of the bound in time, where it is not about that: a busy machine is no Redis that is away. */
const PATIENT_MS = 60_000

/** A replica, and a way to wait for what it says. */
function replica(redis: TestRedis, answerMs = PATIENT_MS) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const write = (message: string, fields?: Record<string, unknown>) => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
    for (const look of waiting) look()
  }
  const logger: Logger = { debug: write, info: write, warn: write, error: write }
  const until = (isSo: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!isSo()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  const local = new MemoryLimits(systemClock)
  const backend = new RedisLimits({ url: urlOf(redis) })
  const limits = new SharedLimits({ backend, local, clock: systemClock, logger, answerMs })
  return {
    limits,
    local,
    lines,
    connected: () => until(() => limits.connected),
    lost: () => until(() => !limits.connected),
    [Symbol.asyncDispose]: () => limits.close(),
  }
}

describe.skipIf(!present)('limits in Redis', () => {
  let redis: TestRedis
  let name = ''
  beforeAll(async () => {
    redis = await startRedis(['--requirepass', PASSWORD])
  })
  afterAll(async () => {
    await redis[Symbol.asyncDispose]()
  })
  const fresh = () => {
    name = freshName()
    return name
  }

  sharedCountersContract({
    open: async (nowMs) => {
      const backend = new RedisLimits({ url: urlOf(redis), nowMs })
      await new Promise<void>((resolve) => backend.onReady(resolve))
      return backend
    },
    runs: 30,
  })

  test('400 at once on two replicas: a limit of 100 lets exactly 100 through', async () => {
    await using one = replica(redis)
    await using other = replica(redis)
    await Promise.all([one.connected(), other.connected()])
    const rules = [take(`${fresh()}-wide`, 1_000), take(name, 100)]
    const startedMs = performance.now()
    const verdicts = await Promise.all([
      takeAll(one.limits, rules, 200),
      takeAll(other.limits, rules, 200),
    ])
    const tookMs = performance.now() - startedMs
    expect(admitted(verdicts.flat())).toBe(100)
    // Whoever was refused has taken nothing of the wider one.
    const [state] = await one.limits.peek([take(`${name}-wide`, 1_000)])
    expect(state?.remaining).toBe(900)
    const refused = verdicts.flat().find((verdict) => !verdict.admitted)
    expect(refused?.refusedAt).toBe(1)
    expect(refused?.retryAfterMs).toBeGreaterThan(59_000 - tookMs)
    expect(refused?.retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  test('what runs at once is counted over replicas, and given back', async () => {
    await using one = replica(redis)
    await using other = replica(redis)
    await Promise.all([one.connected(), other.connected()])
    const running = [take(fresh(), 3, { windowMs: 0 })]
    for (const holder of ['a', 'b', 'c']) {
      expect((await one.limits.take(running, holder)).admitted).toBe(true)
    }
    expect((await other.limits.take(running, 'd')).admitted).toBe(false)
    one.limits.release([name], 'b')
    // The next answer of the same connection comes after what was asked before it.
    await one.limits.take([take(`${name}-after`, 1)], '')
    expect((await other.limits.take(running, 'd')).admitted).toBe(true)
    expect((await one.limits.take(running, 'e')).admitted).toBe(false)
  })

  test('estimates are corrected by whoever took them', async () => {
    await using one = replica(redis)
    await one.connected()
    const tokens = (cost: number) => [take(name, 100, { cost })]
    fresh()
    const first = await one.limits.take(tokens(90), '')
    expect((await one.limits.take(tokens(50), '')).admitted).toBe(false)
    one.limits.correct(name, 60_000, -80, first.takenMs)
    expect((await one.limits.take(tokens(50), '')).states[0]?.remaining).toBe(40)
    one.limits.correct(name, 60_000, 1_000, first.takenMs)
    const late = await one.limits.take(tokens(1), '')
    expect(late).toMatchObject({ admitted: false, states: [{ remaining: 0 }] })
  })

  test('takes that come together ask together', async () => {
    await using one = replica(redis)
    await one.connected()
    const watcher = new RedisClient(urlOf(redis))
    const calls = async () => {
      const stats = String(await watcher.send('INFO', ['commandstats']))
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
    }
    const before = await calls()
    await takeAll(one.limits, [take(fresh(), 1_000)], LIMITS.limitBatchMax)
    expect((await calls()) - before).toBe(1)
    watcher.close()
  })

  test('keys expire, and all of them have the one hash tag of a cluster', async () => {
    await using one = replica(redis)
    await one.connected()
    const running = take(`${fresh()}-running`, 5, { windowMs: 0 })
    await one.limits.take([take(name, 5), running], 'a')
    const watcher = new RedisClient(urlOf(redis))
    const keys = (await watcher.send('KEYS', [`*${name}*`])) as string[]
    expect(keys).toHaveLength(2)
    for (const key of keys) {
      expect(key).toStartWith('{weir:limit:1}:')
      expect(Number(await watcher.send('PTTL', [key]))).toBeWithin(1, 62_000)
    }
    watcher.close()
  })

  test('a Redis that forgot its scripts, or everything, goes on at once', async () => {
    await using one = replica(redis)
    await one.connected()
    const watcher = new RedisClient(urlOf(redis))
    const rule = take(fresh(), 3)
    const running = take(`${name}-running`, 1, { windowMs: 0 })
    await one.limits.take([rule, running], 'a')
    await watcher.send('SCRIPT', ['FLUSH'])
    const next = await one.limits.take([rule], 'b')
    expect(next).toMatchObject({ admitted: true, states: [{ remaining: 1 }] })
    expect(next.degraded).toBeUndefined()
    await watcher.send('FLUSHALL', [])
    const after = await one.limits.take([rule], 'c')
    expect(after).toMatchObject({ admitted: true, states: [{ remaining: 2 }] })
    expect(after.degraded).toBeUndefined()
    watcher.close()
  })

  test.each([
    ['full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    ['read-only', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ])(
    'a %s Redis is as good as none, and asked again once it is not',
    async (_what, break_, mend) => {
      await using one = replica(redis)
      await one.connected()
      const watcher = new RedisClient(urlOf(redis))
      const run = ([command = '', ...args]: string[]) => watcher.send(command, args)
      const closed = take(`${fresh()}-closed`, 100, { whenUnavailable: 'closed' })
      const open = take(`${name}-open`, 1, { whenUnavailable: 'open' })
      const local = take(`${name}-local`, 2)
      await run(break_)
      try {
        expect(await one.limits.take([closed], '')).toMatchObject({
          admitted: false,
          degraded: true,
          refusedAt: 0,
        })
        expect(admitted(await takeAll(one.limits, [open], 20))).toBe(20)
        expect(admitted(await takeAll(one.limits, [local], 20))).toBe(2)
        expect(one.limits.connected).toBe(false)
        expect(one.lines.at(-1)).not.toContain(PASSWORD)
      } finally {
        await run(mend)
      }
      await one.connected()
      expect(await one.limits.take([closed], '')).toMatchObject({ admitted: true })
      watcher.close()
    },
  )

  test('a frozen one costs nobody more than its bound, and places it gave out too late come back', async () => {
    await using one = replica(redis, LIMITS.limitAnswerMs)
    await one.connected()
    const running = [take(fresh(), 4, { windowMs: 0, whenUnavailable: 'closed' })]
    redis.freeze()
    const waits: number[] = []
    try {
      for (let round = 0; round < 40; round += 1) {
        waits.push(await ownMsOf(() => takeAll(one.limits, running, 5)))
      }
    } finally {
      redis.thaw()
    }
    const slow = waits.filter((waitMs) => waitMs > LIMITS.limitAnswerMs / 2)
    expect(slow.length).toBeLessThanOrEqual(LIMITS.limitFailuresMax)
    expect(Math.max(...waits)).toBeLessThan(LIMITS.limitAnswerMs + 1_000)
    await one.connected()
    // What it let in after it was given up runs nowhere.
    const [state] = await takeAll(one.limits, running, 1)
    expect(state?.admitted).toBe(true)
  })

  test('one that is stopped and started is used again, and learns what runs', async () => {
    await using one = replica(redis)
    await using other = replica(redis)
    await Promise.all([one.connected(), other.connected()])
    const running = take(fresh(), 2, { windowMs: 0 })
    await one.limits.take([running], 'a')
    await redis.kill()
    await takeAll(one.limits, [running], 1)
    await one.lost()
    const local = take(`${name}-local`, 5)
    expect(admitted(await takeAll(one.limits, [local], 20))).toBe(5)
    expect(admitted(await takeAll(other.limits, [local], 20))).toBe(5)
    await redis.start()
    await Promise.all([one.connected(), other.connected()])
    // It has forgotten all; what ran meanwhile on the other replica counts here.
    const verdicts = await takeAll(other.limits, [running], 1)
    expect(verdicts[0]).toMatchObject({ admitted: false })
  })

  test('`local` counts what this process let through before', async () => {
    await using one = replica(redis, LIMITS.limitAnswerMs)
    await one.connected()
    const rule = [take(fresh(), 10)]
    await takeAll(one.limits, rule, 7)
    redis.freeze()
    try {
      const verdicts = await takeAll(one.limits, rule, 10)
      expect(admitted(verdicts)).toBe(3)
      expect(verdicts[0]).toMatchObject({ degraded: true })
    } finally {
      redis.thaw()
    }
  })
})
