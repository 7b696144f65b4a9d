import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { MemoryLimits } from '../core/policy/memory-limits.ts'
import { SlidingWindow } from '../core/policy/rate.ts'
import type { LimitTake, LimitVerdict } from '../core/ports-money.ts'
import { systemClock } from '../system.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { SEED } from '../testing/seed.ts'
import type { LimitBatch } from './limit-exchange.ts'
import { migratePostgres } from './postgres-migrate.ts'
import { PostgresLimits } from './postgres-limits.ts'
import { PostgresPool } from './postgres-pool.ts'
import { SharedLimits } from './shared-limits.ts'
import { limitRulesContract } from './contract-limits.ts'
import type { Store } from './store.ts'
import {
  MemoryLogger,
  MIGRATIONS_FOLDER,
  removeFolders,
  storeIn,
  temporaryFolder,
  until,
} from './test-store.ts'

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`skipped: limits in Postgres (${reason})\n`)

const NOTHING: LimitBatch = { releases: [], renewals: [], corrections: [], requests: [] }

let server: TestPostgres
let url = ''
let database = ''
let names = 0
const fresh = () => `test-${(names += 1)}`

beforeAll(async () => {
  if (reason !== undefined) return
  server = await startPostgres()
  const made = await server.createDatabase()
  url = made.url
  database = made.name
  const pool = new PostgresPool(location(), { connections: 1, logger: new MemoryLogger() })
  await migratePostgres(pool, { migrationsFolder: MIGRATIONS_FOLDER, name: 'test' })
  await pool.close()
}, 60_000)
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

function location() {
  return { engine: 'postgres', url, connections: 1 } as const
}

function take(key: string, max: number, over: Partial<LimitTake> = {}): LimitTake {
  return { key, max, windowMs: 60_000, cost: 1, whenUnavailable: 'local', ...over }
}

async function replica() {
  const logger = new MemoryLogger()
  const local = new MemoryLimits(systemClock)
  const backend = new PostgresLimits({ location: location(), logger })
  const limits = new SharedLimits({ backend, local, clock: systemClock, logger })
  await until('it is connected', () => limits.connected)
  return { limits, logger, backend, [Symbol.asyncDispose]: () => limits.close() }
}

async function takeAll(
  counters: SharedLimits,
  takes: readonly LimitTake[],
  count: number,
): Promise<LimitVerdict[]> {
  return await Promise.all(
    Array.from({ length: count }, () => counters.take(takes, Bun.randomUUIDv7())),
  )
}

const admitted = (verdicts: readonly LimitVerdict[]) =>
  verdicts.filter((verdict) => verdict.admitted).length

describe.skipIf(reason !== undefined)('Postgres: limits', () => {
  const opened: Store[] = []
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  limitRulesContract(async () => {
    const made = await server.createDatabase(database)
    const store = await storeIn(temporaryFolder(), {
      location: { engine: 'postgres', url: made.url, connections: 3 },
      secrets: { masterKey: 'one secret that is long enough for a key' },
    })
    opened.push(store)
    return store
  })
})

describe.skipIf(reason !== undefined)('limits in Postgres', () => {
  test('400 at once on two replicas: a limit of 100 lets exactly 100 through', async () => {
    await using one = await replica()
    await using other = await replica()
    const name = fresh()
    const rules = [
      take(`${name}-wide`, 1_000, { whenUnavailable: 'closed' }),
      take(name, 100, { whenUnavailable: 'closed' }),
    ]
    const verdicts: LimitVerdict[] = []
    // A batch has its bound in time: what a busy machine does not answer within it is refused, and asked again here.
    for (let left = 200; left > 0;) {
      const both = await Promise.all([
        takeAll(one.limits, rules, 50),
        takeAll(other.limits, rules, 50),
      ])
      const counted = both.flat().filter(({ degraded }) => degraded !== true)
      verdicts.push(...counted)
      left -= 50
      if (counted.length < 100)
        await until('both answer', () => one.limits.connected && other.limits.connected)
    }
    expect(admitted(verdicts)).toBeLessThanOrEqual(100)
    const [state] = await one.limits.peek([take(name, 100)])
    expect(state?.remaining).toBe(0)
    const [wide] = await one.limits.peek([take(`${name}-wide`, 1_000)])
    expect(wide?.remaining).toBe(900)
  })

  test('the function counts as the window of the core does, whatever arrives and however the clock is set', async () => {
    let nowMs = 1_000_000_000
    const backend = new PostgresLimits({
      location: location(),
      logger: new MemoryLogger(),
      nowMs: () => nowMs,
    })
    const step = fc.record({
      afterMs: fc.oneof(
        fc.constant(0),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 70_000 }),
      ),
      jumpMs: fc.oneof(
        { weight: 8, arbitrary: fc.constant(0) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(-3_600_000, 3_600_000, -86_400_000, 86_400_000, -3),
        },
      ),
      cost: fc.integer({ min: 0, max: 6 }),
      given: fc.option(fc.integer({ min: -4, max: 6 })),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }),
        async (steps) => {
          const key = fresh()
          const max = 10
          const model = new SlidingWindow(60_000)
          const stamps: number[] = []
          for (const { afterMs, cost, given, jumpMs } of steps) {
            nowMs += afterMs + jumpMs
            const takenMs = stamps.at(-1)
            const corrections =
              given === null || takenMs === undefined
                ? []
                : [{ key, windowMs: 60_000, amount: -given, takenMs }]
            const requests = [{ takes: [take(key, max, { cost })], holder: '' }]
            const [verdict] = await backend.exchange({ ...NOTHING, corrections, requests })
            model.counted(nowMs)
            for (const { amount, takenMs: at } of corrections) {
              if (amount > 0) model.add(nowMs, amount)
              else model.giveBack(at, -amount)
            }
            const waitMs = model.waitMs(nowMs, max - cost)
            if (waitMs === 0) {
              model.add(nowMs, cost)
              stamps.push(nowMs)
            }
            expect(verdict?.admitted).toBe(waitMs === 0)
            expect(verdict?.states[0]?.remaining).toBe(Math.max(0, max - model.counted(nowMs)))
            if (waitMs > 0) expect(verdict?.retryAfterMs).toBe(Math.ceil(waitMs))
            expect(verdict?.states[0]?.resetMs).toBe(Math.ceil(model.resetMs(nowMs)))
          }
        },
      ),
      { seed: SEED, numRuns: 12 },
    )
    await backend.close()
  }, 20_000)

  test('names of any kind are counted apart', async () => {
    const backend = new PostgresLimits({ location: location(), logger: new MemoryLogger() })
    const keys = [
      '"quoted"',
      'back\\slash',
      '{a,b}',
      'null',
      '',
      "'; DROP TABLE users; --",
      'a,b',
      'ünïcödé 模型',
    ].map((key) => `${fresh()} ${key}`)
    for (const _round of [1, 2]) {
      const requests = keys.map((key) => ({ takes: [take(key, 1)], holder: '"}{' }))
      const verdicts = await backend.exchange({ ...NOTHING, requests })
      expect(admitted(verdicts)).toBe(_round === 1 ? keys.length : 0)
    }
    await backend.close()
  })

  test('what runs at once is counted over replicas, and comes back when it ends or its lease is over', async () => {
    let nowMs = Date.now()
    const backend = new PostgresLimits({
      location: location(),
      logger: new MemoryLogger(),
      nowMs: () => nowMs,
    })
    const key = fresh()
    const ask = async (holder: string, more: Partial<LimitBatch> = {}) => {
      const requests = [{ takes: [take(key, 2, { windowMs: 0 })], holder }]
      return (await backend.exchange({ ...NOTHING, ...more, requests }))[0]?.admitted
    }
    expect([await ask('dead'), await ask('alive'), await ask('third')]).toEqual([true, true, false])
    expect(await ask('third', { releases: [{ key, holder: 'alive' }] })).toBe(true)
    expect(await ask('fourth')).toBe(false)
    nowMs += LIMITS.limitLeaseMs - 1
    await backend.exchange({ ...NOTHING, renewals: [{ key, holder: 'third' }] })
    expect(await ask('fourth')).toBe(false)
    nowMs += 1
    expect([await ask('fourth'), await ask('fifth')]).toEqual([true, false])
    nowMs -= 86_400_000
    expect(await ask('fifth')).toBe(false)
    nowMs += LIMITS.limitLeaseMs
    expect([await ask('fifth'), await ask('sixth'), await ask('seventh')]).toEqual([
      true,
      true,
      false,
    ])
    await backend.close()
  })

  test('somebody who locks a counter, and a server that is gone, cost no more than the bound', async () => {
    await using one = await replica()
    const name = fresh()
    const closed = take(`${name}-closed`, 100, { whenUnavailable: 'closed' })
    const local = take(`${name}-local`, 3)
    await one.limits.take([closed, local], '')
    const pool = new PostgresPool(location(), { connections: 1, logger: new MemoryLogger() })
    await pool.transaction(async (tx) => {
      await tx.query('SELECT * FROM limit_counters FOR UPDATE')
      const startMs = performance.now()
      expect(await one.limits.take([closed], '')).toMatchObject({ admitted: false, degraded: true })
      expect(performance.now() - startMs).toBeLessThan(2 * LIMITS.limitAnswerMs + 1_000)
    })
    await pool.close()
    await until('it answers again', () => one.limits.connected)
    await server.stop('immediate')
    const waits: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const startMs = performance.now()
      await takeAll(one.limits, [local], 1)
      waits.push(performance.now() - startMs)
    }
    expect(Math.max(...waits)).toBeLessThan(2 * LIMITS.limitAnswerMs + 1_000)
    expect(await one.limits.take([closed], '')).toMatchObject({ admitted: false, degraded: true })
    expect(await one.limits.take([local], '')).toMatchObject({ admitted: false, degraded: true })
    await server.restart()
    await until('it answers again', () => one.limits.connected)
    expect(await one.limits.take([closed], '')).toMatchObject({ admitted: true })
  }, 20_000)

  test('what is over is deleted, and what counts is not', async () => {
    let nowMs = 1_000
    const logger = new MemoryLogger()
    const past = new PostgresLimits({ location: location(), logger, nowMs: () => nowMs })
    const name = fresh()
    const takes = [take(`${name}-window`, 5), take(`${name}-running`, 5, { windowMs: 0 })]
    await past.exchange({ ...NOTHING, requests: [{ takes, holder: 'a' }] })
    nowMs = Date.now()
    const kept = [take(`${name}-kept`, 5), take(`${name}-held`, 5, { windowMs: 0 })]
    await past.exchange({ ...NOTHING, requests: [{ takes: kept, holder: 'a' }] })
    await (past as unknown as { prune(): Promise<void> }).prune()
    const rows = `SELECT key FROM limit_counters WHERE key LIKE '${name}%' UNION ALL SELECT key || ' held' FROM limit_holders WHERE key LIKE '${name}%' ORDER BY 1`
    expect((await server.sql(rows, database)).split('\n')).toEqual([
      `${name}-held`,
      `${name}-held held`,
      `${name}-kept`,
    ])
    await past.close()
  })
})
