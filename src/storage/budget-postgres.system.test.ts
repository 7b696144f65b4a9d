import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import type { BudgetRule } from '../core/money.ts'
import { windowOf } from '../core/policy/budget.ts'
import type { BudgetAccount, BudgetHold, BudgetRefusal } from '../core/ports-money.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { seededInteger, seededRandom, withSeed } from '../testing/seed.ts'
import type { Store } from './store.ts'
import {
  MemoryLogger,
  realClock,
  removeFolders,
  sampleOutcome,
  storeIn,
  TEST_ACTOR,
  temporaryFolder,
  until,
} from './test-store.ts'

setDefaultTimeout(180_000)

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`skipped: budgets on Postgres (${missing})\n`)

const USD = 1_000_000_000
const MASTER_KEY = 'a-master-key-for-tests-of-32-characters'

let server: TestPostgres | undefined
const opened: Store[] = []

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})

afterAll(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

async function replicas(count: number, url?: string): Promise<Store[]> {
  const where = url ?? (await server!.createDatabase()).url
  const stores: Store[] = []
  for (let at = 0; at < count; at += 1) {
    const store = await storeIn(join(temporaryFolder(), 'data'), {
      location: { engine: 'postgres', url: where, connections: 4 },
      secrets: { masterKey: MASTER_KEY },
      logger: new MemoryLogger(),
    })
    opened.push(store)
    stores.push(store)
  }
  return stores
}

function account(fields: Partial<BudgetRule> = {}, subject = 'k1'): BudgetAccount {
  const rule: BudgetRule = {
    id: 'r',
    origin: 'file',
    per: 'key',
    nanoUsd: USD,
    window: 'month',
    action: 'block',
    alertAt: [],
    unknownPrice: 'block',
    ...fields,
  }
  return { rule, tenantId: 'default', subject, window: windowOf(rule.window, realClock.nowMs()) }
}

function isHold(result: BudgetHold | BudgetRefusal): result is BudgetHold {
  return 'settle' in result
}

async function held(result: ReturnType<Store['budgets']['hold']>): Promise<BudgetHold> {
  const hold = await result
  if (!isHold(hold)) throw new Error('it was refused')
  return hold
}

function record(store: Store, hold: BudgetHold, nanoUsd: number): void {
  const charges = hold.settle(nanoUsd)
  const outcome = sampleOutcome({ timestampMs: realClock.nowMs(), costNanoUsd: nanoUsd })
  store.log.record(charges.length === 0 ? outcome : { ...outcome, charges })
}

async function standing(store: Store): Promise<{ spent: number; held: number }> {
  const [one] = await store.budgets.standings('default')
  return { spent: one?.spentNanoUsd ?? 0, held: one?.heldNanoUsd ?? 0 }
}

describe.skipIf(missing !== undefined)('several replicas on Postgres', () => {
  test('of 200 requests at once where there is money for one, one passes, on two and on four', async () => {
    for (const count of [2, 4]) {
      const stores = await replicas(count)
      for (let round = 0; round < 4; round += 1) {
        const one = account({ id: `r${round}` })
        const worst = round % 2 === 0 ? USD : USD * 2
        const results = await Promise.all(
          Array.from({ length: 200 }, (_, at) => stores[at % count]!.budgets.hold([one], worst)),
        )
        const holds = results.filter(isHold)
        expect(holds.length).toBe(1)
        for (const [at, result] of results.entries()) {
          if (isHold(result)) record(stores[at % count]!, result, USD)
        }
      }
      for (const store of stores) {
        await store.log.flush()
        await store.budgets.settled()
      }
      const all = await stores[0]!.budgets.standings('default')
      expect(all.map(({ spentNanoUsd }) => spentNanoUsd)).toEqual([USD, USD, USD, USD])
      expect(all.every(({ heldNanoUsd }) => heldNanoUsd === 0)).toBe(true)
    }
  })

  test('random requests on three replicas: what was spent is what the rows say; nothing stays open', async () => {
    await withSeed(async () => {
      const random = seededRandom()
      const { name, url } = await server!.createDatabase()
      const stores = await replicas(3, url)
      const rules: Partial<BudgetRule>[] = [
        { id: 'a' },
        { id: 'b', nanoUsd: USD / 5 },
        { id: 'c', action: 'alert', alertAt: [0.1, 0.5] },
      ]
      const alerts: string[] = []
      for (const store of stores) {
        store.budgets.onAlert = ({ account: of, threshold }) =>
          alerts.push(`${of.rule.id} ${of.subject} ${threshold}`)
      }
      let passed = 0
      const requests = Array.from({ length: 900 }, async (_, at) => {
        const store = stores[at % 3]!
        const worst = seededInteger(random, USD / 400)
        const subject = `k${seededInteger(random, 3)}`
        const hold = await store.budgets.hold(
          rules.map((rule) => account(rule, subject)),
          worst,
        )
        if (!isHold(hold)) return
        passed += 1
        await Bun.sleep(seededInteger(random, 30))
        record(store, hold, random() < 0.1 ? 0 : Math.floor(worst * random() * 1.1))
      })
      await Promise.all(requests)
      for (const store of stores) await store.close()
      const spent = await server!.sql(
        'SELECT rule_id, SUM(spent_nano_usd), SUM(leased_nano_usd) FROM budget_windows GROUP BY 1 ORDER BY 1',
        name,
      )
      const rows = (await server!.sql('SELECT SUM(cost_nano_usd) FROM requests', name)).trim()
      expect(spent.trim().split('\n')).toEqual([`a|${rows}|0`, `b|${rows}|0`, `c|${rows}|0`])
      expect(Number(rows)).toBeGreaterThan(0)
      expect((await server!.sql('SELECT COUNT(*) FROM budget_leases', name)).trim()).toBe('0')
      expect((await server!.sql('SELECT SUM(cost_nano_usd) FROM usage_hourly', name)).trim()).toBe(
        rows,
      )
      expect((await server!.sql('SELECT COUNT(*) FROM requests', name)).trim()).toBe(String(passed))
      expect(new Set(alerts).size).toBe(alerts.length)
      expect(alerts.length).toBeGreaterThan(0)
    })
  })

  test('a replica that ends without a word: what it held counts as spent, once, and its rows take that back', async () => {
    const { name, url } = await server!.createDatabase()
    const [dead, ...others] = await replicas(3, url)
    const one = account()
    await held(dead!.budgets.hold([one], 1_000))
    const late = await held(dead!.budgets.hold([one], 2_000))
    await dead!.budgets.settled()
    await server!.sql('UPDATE budget_leases SET expires_ms = 1', name)
    await Promise.all(others.map((store) => held(store.budgets.hold([one], 1))))
    await Promise.all(others.map((store) => store.budgets.settled()))
    const spent = async () => (await standing(others[0]!)).spent
    await until('its lease has ended', async () => (await spent()) === 3_000)
    record(dead!, late, 500)
    await dead!.log.flush()
    expect(await spent()).toBe(1_500)
  })

  test('the database is away: the lease goes on, then requests that need more get 503; it comes back', async () => {
    const [store] = await replicas(1)
    const one = account()
    const first = await held(store!.budgets.hold([one], USD / 40))
    await server!.stop('fast')
    const second = store!.budgets.hold([one], USD / 40)
    expect(second).not.toBeInstanceOf(Promise)
    await expect(Promise.resolve(store!.budgets.hold([one], USD / 40))).rejects.toMatchObject({
      kind: 'storage_unavailable',
    })
    record(store!, first, USD / 50)
    await server!.restart()
    await until('it is asked again', async () => {
      try {
        record(store!, await held(store!.budgets.hold([one], USD / 40)), 5)
        return true
      } catch {
        return false
      }
    })
    record(store!, second as BudgetHold, 7)
    await until('all is written', async () => {
      await store!.log.flush()
      return store!.log.counters.queued + store!.log.counters.spooled === 0
    })
    expect((await standing(store!)).spent).toBe(USD / 50 + 5 + 7)
  })

  test('reports, and the proof that they are what the rows say', async () => {
    const [store] = await replicas(1)
    const timestampMs = Date.UTC(2026, 2, 31, 23, 30)
    const outcome = sampleOutcome({
      timestampMs,
      apiKeyId: 'k1',
      providerId: 'p',
      modelRequested: 'm',
      modelResolved: 'm-1',
      usage: { inputTokens: 5, outputTokens: 7, estimated: true },
      costNanoUsd: 11,
    })
    store!.log.record(outcome)
    store!.log.record({
      ...outcome,
      logId: Bun.randomUUIDv7(),
      timestampMs: timestampMs + 3_600_000,
    })
    store!.log.record({ ...outcome, logId: Bun.randomUUIDv7(), withoutRow: true })
    await store!.log.flush()
    const groupBy = ['month', 'day', 'model'] as const
    const rows = await store!.usage.report({
      sinceMs: 0,
      untilMs: Date.UTC(2030, 1),
      groupBy,
      limit: 9,
    })
    expect(
      rows.map(({ costNanoUsd, group, requests }) => [...group, requests, costNanoUsd]),
    ).toEqual([
      [Date.UTC(2026, 2, 1), Date.UTC(2026, 2, 31), 'm', 2, 22],
      [Date.UTC(2026, 3, 1), Date.UTC(2026, 3, 1), 'm', 1, 11],
    ])
    const all = { startMs: 0, endMs: Number.POSITIVE_INFINITY }
    const found = await store!.usage.reconcile(all, true)
    expect(found).toMatchObject({ hours: 2, rows: 2, mended: 0 })
    expect(found.differences).toMatchObject([
      { rowsMissing: true, hourMs: timestampMs - 1_800_000 },
    ])
    expect(await store!.usage.keysLastUsed('default')).toEqual(
      new Map([['k1', timestampMs + 3_600_000]]),
    )
  })

  test('rules are sealed, audited and a tenant’s own', async () => {
    const { name, url } = await server!.createDatabase()
    const [store] = await replicas(1, url)
    const { rule } = account({ origin: 'store' })
    const webhookUrl = 'https://hooks.example.com/secret-token'
    await store!.budgetRules.save({ ...rule, tenantId: 'default', webhookUrl }, TEST_ACTOR)
    expect(await store!.budgetRules.list('other')).toEqual([])
    expect(await store!.budgetRules.all()).toEqual([
      { ...rule, tenantId: 'default', origin: 'store', webhookUrl },
    ])
    const dump = await server!.sql(
      'SELECT row_to_json(b) FROM budget_rules b UNION ALL SELECT row_to_json(a) FROM audit a',
      name,
    )
    expect(dump).toContain('budget.save')
    expect(dump).not.toContain('secret-token')
    expect(await store!.budgetRules.remove('other', rule.id, TEST_ACTOR)).toBe(false)
    expect(await store!.budgetRules.remove('default', rule.id, TEST_ACTOR)).toBe(true)
  })
})
