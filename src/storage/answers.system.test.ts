// Places of kept answers on servers of their own: the log store on Postgres, and Redis with what happens while it is away.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createSecretKey, randomBytes } from 'node:crypto'
import { RedisClient } from 'bun'
import { LIMITS } from '../core/limits.ts'
import { FakeClock } from '../testing/clock.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { redisPath, startRedis, type TestRedis } from '../testing/redis.ts'
import { AnswerSeal } from './answer-seal.ts'
import { answersContract, keptAnswer } from './contract-answers.ts'
import { RedisAnswers, type RedisAnswersOptions } from './redis-answers.ts'
import { Sealer, sealKey } from './seal.ts'
import { MemoryLogger, removeFolders, storeIn, temporaryFolder } from './test-store.ts'

setDefaultTimeout(120_000)

const CANARY = 'canary-answer-0123456789'
const PASSWORD = 'redis-canary-answers-0123456789'
const withoutPostgres = postgresMissing()
if (withoutPostgres !== undefined) {
  process.stdout.write(`left out: kept answers on Postgres (${withoutPostgres})\n`)
}
const hasRedis = redisPath() !== undefined
if (!hasRedis)
  process.stdout.write('left out: kept answers in Redis: redis-server is not installed\n')

let postgres: TestPostgres
let redis: TestRedis
beforeAll(async () => {
  if (withoutPostgres === undefined) postgres = await startPostgres()
  if (hasRedis) redis = await startRedis(['--requirepass', PASSWORD])
})
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
  removeFolders()
})

if (withoutPostgres === undefined) {
  answersContract('Postgres', async (clock) => {
    const { url } = await postgres.createDatabase()
    const opened = await storeIn(temporaryFolder(), {
      clock,
      location: { engine: 'postgres', url, connections: 4 },
    })
    return {
      store: opened.answers,
      settle: () => opened.answers.tidy(clock.nowMs()),
      close: () => opened.close(),
    }
  })
}

const keys = new Sealer(sealKey(createSecretKey(randomBytes(32))))
const seal = new AnswerSeal({ sealer: keys, refresh: () => Promise.resolve() })
let prefixes = 0

async function redisAnswers(over: Partial<RedisAnswersOptions> = {}) {
  const logger = new MemoryLogger()
  const store = new RedisAnswers({
    url: `redis://:${PASSWORD}@127.0.0.1:${redis.port}`,
    seal,
    clock: new FakeClock(Date.now()),
    logger,
    bytesMax: () => 1_000_000,
    // A busy machine is no Redis that is away.
    waitMs: 60_000,
    prefix: `{test${(prefixes += 1)}}:`,
    ...over,
  })
  await store.connected
  return { logger, store }
}

/** What was sent before is done before what is sent now. */
const settled = (store: RedisAnswers) => store.holdings(undefined)

if (hasRedis) {
  answersContract('Redis', async (clock) => {
    const { store } = await redisAnswers({ clock })
    return { store, settle: () => settled(store), close: () => store.close() }
  })

  describe('Redis', () => {
    const fresh = (over: object = {}) => {
      const nowMs = Date.now()
      return keptAnswer({ createdMs: nowMs, expiresMs: nowMs + 60_000, ...over })
    }
    const id = (at: number) => at.toString(16).padStart(64, '0')

    async function withClient(run: (client: RedisClient) => Promise<void>) {
      const client = new RedisClient(`redis://:${PASSWORD}@127.0.0.1:${redis.port}`)
      await client.connect()
      try {
        await run(client)
      } finally {
        client.close()
      }
    }

    test('answers lie there sealed, and end by themselves', async () => {
      const prefix = '{sealed}:'
      const startedMs = performance.now()
      const { store } = await redisAnswers({ prefix })
      const answer = fresh({ value: JSON.stringify(CANARY) })
      store.put(answer)
      await settled(store)
      await withClient(async (client) => {
        const name = `${prefix}answer:default:${answer.id}`
        expect(await client.get(name)).not.toContain(CANARY)
        const leftMs = Number(await client.send('PTTL', [name]))
        const tookMs = performance.now() - startedMs
        expect(Math.abs(leftMs - 60_000)).toBeLessThan(tookMs + 10)
        // What somebody else writes there is no answer, and is taken away.
        await client.set(name, 'weir1.x.y.z.w')
      })
      expect(await store.get('default', answer.id)).toBeUndefined()
      await settled(store)
      await withClient(async (client) => {
        expect(await client.get(`${prefix}answer:default:${answer.id}`)).toBeNull()
      })
      await store.close()
    })

    test('they are bounded together: those that end first go first, and those that have ended before', async () => {
      const clock = new FakeClock(Date.now())
      const { store } = await redisAnswers({ clock, bytesMax: () => 10_000 })
      for (let at = 0; at < 30; at += 1) {
        store.put(
          fresh({ id: id(at), expiresMs: clock.nowMs() + 60_000 + at, value: 'x'.repeat(500) }),
        )
      }
      const [held] = await settled(store)
      expect(held!.bytes).toBeLessThanOrEqual(10_000)
      expect(held!.entries).toBeGreaterThan(5)
      expect(await store.get('default', id(29))).toBeDefined()
      expect(await store.get('default', id(0))).toBeUndefined()
      clock.advance(70_000)
      store.put(fresh({ id: id(99), expiresMs: clock.nowMs() + 60_000 }))
      expect((await settled(store)).map(({ entries }) => entries)).toEqual([1])
      await store.close()
    })

    test('the number of them is bounded too', async () => {
      const { store } = await redisAnswers({ rowsMax: 3 })
      for (let at = 0; at < 10; at += 1) store.put(fresh({ id: id(at) }))
      expect((await settled(store))[0]!.entries).toBe(3)
      await store.close()
    })

    test('what one replica keeps another finds, and what one forgets both have forgotten', async () => {
      const prefix = '{shared}:'
      const [one, other] = [await redisAnswers({ prefix }), await redisAnswers({ prefix })]
      const answer = fresh()
      one.store.put(answer)
      await settled(one.store)
      expect(await other.store.get('default', answer.id)).toEqual(answer)
      expect(await other.store.purge({ tenantId: 'default' })).toBe(1)
      expect(await one.store.get('default', answer.id)).toBeUndefined()
      await Promise.all([one.store.close(), other.store.close()])
    })

    test('emptying misses nothing, whatever ends while it goes on', async () => {
      const clock = new FakeClock(Date.now())
      const { store } = await redisAnswers({ clock })
      const nowMs = clock.nowMs()
      const ended = 50
      for (let at = 0; at < ended; at += 1) {
        store.put(fresh({ id: id(at), createdMs: nowMs, expiresMs: nowMs + 1_000 }))
      }
      const kept = LIMITS.cachePurgeBatchRows + ended
      for (let at = 0; at < kept; at += 1) {
        store.put(fresh({ id: id(1_000 + at), createdMs: nowMs, expiresMs: nowMs + 60_000 + at }))
      }
      await settled(store)
      clock.advance(2_000)
      const emptied = store.purge({})
      // It comes between two looks at the index, and takes those away that have ended.
      store.put(fresh({ id: id(9_999), tenantId: 'other', expiresMs: nowMs + 600_000 }))
      await emptied
      const left = (await settled(store)).filter(({ tenantId }) => tenantId === 'default')
      expect(left).toEqual([])
      await store.close()
    })

    test('while it is away there are no answers, emptying says so, and it comes back', async () => {
      const { logger, store } = await redisAnswers({
        prefix: '{away}:',
        waitMs: LIMITS.redisAnswerMs,
      })
      const answer = fresh({ expiresMs: Date.now() + 600_000 })
      store.put(answer)
      await settled(store)
      redis.freeze()
      try {
        await expect(store.get('default', answer.id)).rejects.toThrow('no answer in time')
      } finally {
        redis.thaw()
      }
      await redis.kill()
      while (
        await store.get('default', answer.id).then(
          () => false,
          () => true,
        )
      )
        await Bun.sleep(5)
      expect(await store.get('default', answer.id)).toBeUndefined()
      store.put(answer)
      await expect(store.purge({})).rejects.toMatchObject({ kind: 'storage_unavailable' })
      await expect(store.holdings(undefined)).rejects.toMatchObject({ kind: 'storage_unavailable' })
      await redis.start()
      let isBack = false
      while (!isBack) {
        store.put(answer)
        isBack = (await store.get('default', answer.id).catch(() => undefined)) !== undefined
        if (!isBack) await Bun.sleep(10)
      }
      expect(JSON.stringify(logger.lines)).not.toContain(PASSWORD)
      await store.close()
    })
  })
}
