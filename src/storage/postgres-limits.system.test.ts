import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { MemoryLimits } from '../core/policy/memory-limits.ts'
import type { LimitVerdict } from '../core/ports-money.ts'
import { systemClock } from '../system.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { ownMsOf } from '../testing/own-time.ts'
import { migratePostgres } from './postgres-migrate.ts'
import { PostgresLimits } from './postgres-limits.ts'
import { PostgresPool } from './postgres-pool.ts'
import { SharedLimits } from './shared-limits.ts'
import {
  admitted,
  freshName,
  NOTHING,
  sharedCountersContract,
  take,
  takeAll,
} from './contract-counters.ts'
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

setDefaultTimeout(120_000)

/** In place of the bound in time, where it is not about that: a busy machine is no Postgres that is away. */
const PATIENT_MS = 60_000

let server: TestPostgres
let url = ''
let database = ''

beforeAll(async () => {
  if (reason !== undefined) return
  server = await startPostgres()
  const made = await server.createDatabase()
  url = made.url
  database = made.name
  const pool = new PostgresPool(location(), { connections: 1, logger: new MemoryLogger() })
  await migratePostgres(pool, { migrationsFolder: MIGRATIONS_FOLDER, name: 'test' })
  await pool.close()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

function location() {
  return { engine: 'postgres', url, connections: 1 } as const
}

async function replica(answerMs?: number) {
  const logger = new MemoryLogger()
  const local = new MemoryLimits(systemClock)
  const bound = answerMs === undefined ? {} : { answerMs }
  const backend = new PostgresLimits({ location: location(), logger, ...bound })
  const limits = new SharedLimits({ backend, local, clock: systemClock, logger, ...bound })
  await until('it is connected', () => limits.connected)
  return { limits, logger, backend, [Symbol.asyncDispose]: () => limits.close() }
}

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
  sharedCountersContract({
    open: async (nowMs) =>
      new PostgresLimits({
        location: location(),
        logger: new MemoryLogger(),
        nowMs,
        answerMs: PATIENT_MS,
      }),
    runs: 12,
  })

  test('400 at once on two replicas: a limit of 100 lets exactly 100 through', async () => {
    await using one = await replica(PATIENT_MS)
    await using other = await replica(PATIENT_MS)
    const name = freshName()
    // So long that nothing is over before the end, and refused where it cannot be counted.
    const long = { windowMs: 3_600_000, whenUnavailable: 'closed' } as const
    const rules = [take(`${name}-wide`, 1_000, long), take(name, 100, long)]
    const verdicts: LimitVerdict[] = []
    // The other's lock is waited for a bounded time: on a busy machine a batch is refused for it, with nothing counted, and asked again.
    while (verdicts.length < 400) {
      await until('both answer', () => one.limits.connected && other.limits.connected)
      const both = await Promise.all([
        takeAll(one.limits, rules, 200),
        takeAll(other.limits, rules, 200),
      ])
      verdicts.push(...both.flat().filter(({ degraded }) => degraded !== true))
    }
    expect(admitted(verdicts)).toBe(100)
    await until('it answers', () => one.limits.connected)
    const [state] = await one.limits.peek([take(name, 100, long)])
    expect(state?.remaining).toBe(0)
    const [wide] = await one.limits.peek([take(`${name}-wide`, 1_000, long)])
    expect(wide?.remaining).toBe(900)
  })

  test('names of any kind are counted apart', async () => {
    const backend = new PostgresLimits({
      location: location(),
      logger: new MemoryLogger(),
      answerMs: PATIENT_MS,
    })
    const keys = [
      '"quoted"',
      'back\\slash',
      '{a,b}',
      'null',
      '',
      "'; DROP TABLE users; --",
      'a,b',
      'ünïcödé 模型',
    ].map((key) => `${freshName()} ${key}`)
    for (const _round of [1, 2]) {
      const requests = keys.map((key) => ({ takes: [take(key, 1)], holder: '"}{' }))
      const verdicts = await backend.exchange({ ...NOTHING, requests })
      expect(admitted(verdicts)).toBe(_round === 1 ? keys.length : 0)
    }
    await backend.close()
  })

  test('somebody who locks a counter, and a server that is gone, cost no more than the bound', async () => {
    await using one = await replica()
    const name = freshName()
    const closed = take(`${name}-closed`, 100, { whenUnavailable: 'closed' })
    const local = take(`${name}-local`, 3)
    await one.limits.take([closed, local], '')
    const pool = new PostgresPool(location(), { connections: 1, logger: new MemoryLogger() })
    await pool.transaction(async (tx) => {
      await tx.query('SELECT * FROM limit_counters FOR UPDATE')
      let verdict: unknown
      const tookMs = await ownMsOf(async () => (verdict = await one.limits.take([closed], '')))
      expect(verdict).toMatchObject({ admitted: false, degraded: true })
      expect(tookMs).toBeLessThan(2 * LIMITS.limitAnswerMs + 1_000)
    })
    await pool.close()
    await until('it answers again', () => one.limits.connected)
    await server.stop('immediate')
    const waits: number[] = []
    for (let round = 0; round < 20; round += 1) {
      waits.push(await ownMsOf(() => takeAll(one.limits, [local], 1)))
    }
    expect(Math.max(...waits)).toBeLessThan(2 * LIMITS.limitAnswerMs + 1_000)
    expect(await one.limits.take([closed], '')).toMatchObject({ admitted: false, degraded: true })
    expect(await one.limits.take([local], '')).toMatchObject({ admitted: false, degraded: true })
    await server.restart()
    await until('it answers again', () => one.limits.connected)
    // The first answers of a server that was started anew may take longer than the bound.
    await until('it lets through', async () => (await one.limits.take([closed], '')).admitted)
  })

  test('what is over is deleted, and what counts is not', async () => {
    let nowMs = 1_000
    const logger = new MemoryLogger()
    const past = new PostgresLimits({
      location: location(),
      logger,
      nowMs: () => nowMs,
      answerMs: PATIENT_MS,
    })
    const name = freshName()
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
