import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { RedisClient } from 'bun'
import { LIMITS } from '../core/limits.ts'
import type { HealthChange, Logger } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { redisPath, startRedis, type TestRedis } from '../testing/redis.ts'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { RedisHealth } from './redis-health.ts'

/** Connecting anew is waited for by steps of seconds. */
setDefaultTimeout(120_000)

const PASSWORD = 'redis-canary-0123456789'
const present = redisPath() !== undefined
if (!present) process.stdout.write('left out: shared health: redis-server is not installed\n')

/** A replica: what it heard, and a way to wait for the next thing. */
function replica(port: number, replicaId: string, password = PASSWORD) {
  const heard: HealthChange[] = []
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of waiting) look()
  }
  const write = (message: string, fields?: Record<string, unknown>) => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
    wake()
  }
  const logger: Logger = { debug: write, info: write, warn: write, error: write }
  const shared = new RedisHealth({
    url: `redis://:${password}@127.0.0.1:${port}`,
    replicaId,
    clock: systemClock,
    logger,
  })
  shared.subscribe((change) => {
    heard.push(change)
    wake()
  })
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
  return {
    shared,
    heard,
    lines,
    until,
    connected: () => until(() => lines.at(-1)?.startsWith('shares') === true),
    lost: () => until(() => lines.at(-1)?.startsWith('Redis does not answer') === true),
    [Symbol.asyncDispose]: () => shared.close(),
  }
}

function circuit(model: string, state: 'open' | 'closed', lastsMs = 30_000): HealthChange {
  const untilMs = systemClock.nowMs() + lastsMs
  return { kind: 'circuit', providerId: 'p', model, state, untilMs }
}

function opened(model: string, lastsMs?: number): HealthChange {
  return circuit(model, 'open', lastsMs)
}

describe.skipIf(!present)('replicas of one Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis(['--requirepass', PASSWORD])
  })
  afterAll(async () => {
    await redis[Symbol.asyncDispose]()
  })

  test('hear of each other, and never of themselves', async () => {
    const startedMs = performance.now()
    await using one = replica(redis.port, 'one')
    await using other = replica(redis.port, 'other')
    await Promise.all([one.connected(), other.connected()])
    const connectMs = performance.now() - startedMs
    const told = opened('hear')
    one.shared.publish(told)
    await other.until(() => other.heard.length > 0)
    const [change] = other.heard
    expect(change).toMatchObject({ kind: 'circuit', providerId: 'p', model: 'hear', state: 'open' })
    // Each knows the clock of Redis as well as its answer was quick; what is told is whole milliseconds.
    expect(Math.abs((change?.untilMs ?? 0) - told.untilMs)).toBeLessThan(connectMs + 5)
    other.shared.publish(circuit('hear', 'closed'))
    await one.until(() => one.heard.length > 0)
    expect(one.heard.map(({ state }) => state)).toEqual(['closed'])
  })

  test('one that starts later learns what still holds', async () => {
    await using one = replica(redis.port, 'one')
    await one.connected()
    const key = { kind: 'key', providerId: 'p', keyId: 'file:p:abc' } as const
    const untilMs = systemClock.nowMs() + 30_000
    one.shared.publish(opened('later'))
    one.shared.publish(opened('over', -1))
    one.shared.publish(opened('mended'))
    one.shared.publish({ ...key, state: 'limited', untilMs })
    await using witness = replica(redis.port, 'witness')
    await witness.connected()
    one.shared.publish(circuit('mended', 'closed'))
    one.shared.publish({ ...key, state: 'refused', untilMs })
    await witness.until(() => witness.heard.some(({ state }) => state === 'refused'))
    await using late = replica(redis.port, 'late')
    await late.connected()
    const names = late.heard.map((change) => [
      change.kind === 'circuit' ? change.model : change.keyId,
      change.state,
    ])
    expect(names.toSorted()).toEqual([
      ['file:p:abc', 'refused'],
      ['later', 'open'],
    ])
  })

  test('what others write into the stream is passed over', async () => {
    await using one = replica(redis.port, 'one')
    await one.connected()
    const stranger = new RedisClient(`redis://:${PASSWORD}@127.0.0.1:${redis.port}`)
    const write = (...fields: string[]) => stranger.send('XADD', ['weir:health:1', '*', ...fields])
    await write('fact', 'not a fact')
    await write('other', 'field', 'and', 'more')
    await write('fact', '{"from":"x","kind":"circuit"}')
    const told = JSON.stringify({ from: 'x', ...opened('good') })
    await write('fact', told)
    await one.until(() => one.heard.some((change) => 'model' in change && change.model === 'good'))
    expect(one.heard.every((change) => change.providerId === 'p')).toBe(true)
    stranger.close()
  })

  test('a Redis that dies is missed by nobody; what was learned meanwhile is told when it is back', async () => {
    await using one = replica(redis.port, 'one')
    await using other = replica(redis.port, 'other')
    await Promise.all([one.connected(), other.connected()])
    await redis.kill()
    await Promise.all([one.lost(), other.lost()])
    expect(one.shared.connected).toBe(false)
    for (let index = 0; index < LIMITS.redisQueueMax * 3; index += 1) {
      one.shared.publish(opened(`m${index}`))
    }
    const waiting = (one.shared as unknown as { pending: Map<string, unknown> }).pending
    expect(waiting.size).toBe(LIMITS.redisQueueMax)
    await redis.start()
    await Promise.all([one.connected(), other.connected()])
    const last = `m${LIMITS.redisQueueMax * 3 - 1}`
    await other.until(() =>
      other.heard.some((change) => 'model' in change && change.model === last),
    )
    expect(waiting.size).toBeLessThan(LIMITS.redisQueueMax)
  })

  test('one that was cut off for a moment hears what it missed', async () => {
    await using one = replica(redis.port, 'one')
    await using other = replica(redis.port, 'other')
    await Promise.all([one.connected(), other.connected()])
    one.shared.publish(opened('missed'))
    await other.until(() => other.heard.length > 0)
    const admin = new RedisClient(`redis://:${PASSWORD}@127.0.0.1:${redis.port}`)
    const told = JSON.stringify({ from: 'one', ...circuit('missed', 'closed') })
    // In one go: everybody's connections are cut, and the stream goes on before anybody is back.
    await Promise.all([
      admin.send('CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes']),
      admin.send('XADD', ['weir:health:1', '*', 'fact', told]),
    ])
    await other.until(() => other.heard.some(({ state }) => state === 'closed'))
    admin.close()
  })

  test('a Redis that is stuck is given up in time and holds nobody up', async () => {
    await using one = replica(redis.port, 'one')
    await one.connected()
    redis.freeze()
    try {
      // Whoever publishes works for a moment and waits for nothing.
      const publishMs = cpuMsOf(() => one.shared.publish(opened('stuck', 600_000)))
      expect(publishMs).toBeLessThan(50)
      expect(await ownMsOf(() => one.lost())).toBeLessThan(LIMITS.redisAnswerMs * 4)
    } finally {
      redis.thaw()
    }
    await one.connected()
    await using late = replica(redis.port, 'late')
    await late.until(() =>
      late.heard.some((change) => 'model' in change && change.model === 'stuck'),
    )
  })

  test('a refused password is told without the password', async () => {
    await using one = replica(redis.port, 'one', 'wrong-canary')
    await one.lost()
    expect(one.shared.connected).toBe(false)
    await using other = replica(redis.port, 'other')
    await other.connected()
    expect([...one.lines, ...other.lines].join('\n')).not.toContain('canary')
  })

  test('closing ends it at once, connected or not', async () => {
    const one = replica(redis.port, 'one')
    await one.connected()
    await one.shared.close()
    expect(one.shared.connected).toBe(false)
    one.shared.publish(opened('after'))
    const never = replica(1, 'never')
    await never.lost()
    await never.shared.close()
  })
})
