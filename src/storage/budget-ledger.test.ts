import { afterAll, describe, expect, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { join } from 'node:path'
import type { BudgetCharge } from '../core/outcome.ts'
import type { BudgetRule } from '../core/money.ts'
import type { BudgetAccount, BudgetHold, BudgetRefusal } from '../core/ports-money.ts'
import * as fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { grantOf, windowOf } from '../core/policy/budget.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { FakeClock } from '../testing/clock.ts'
import { checkParameters, seededInteger, seededRandom, withSeed } from '../testing/seed.ts'
import { BudgetLeases } from './budget-ledger.ts'
import { BudgetSql } from './budget-sql.ts'
import type { BudgetAlert } from './budget-care.ts'
import { LogWriter } from './log-writer.ts'
import * as tables from './schema-log.sqlite.ts'
import {
  migratedDatabase,
  removeFolders,
  sampleOutcome,
  TEST_ACTOR,
  temporaryFolder,
} from './test-store.ts'

afterAll(removeFolders)

const USD = 1_000_000_000

function rule(fields: Partial<BudgetRule> = {}): BudgetRule {
  return {
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
}

/** One process: a ledger and a log writer on a connection of its own. */
class Process {
  readonly clock: FakeClock
  readonly ledger: BudgetLeases
  readonly log: LogWriter
  readonly database: ReturnType<typeof migratedDatabase>
  readonly alerts: BudgetAlert[] = []
  readonly audit: unknown[] = []

  constructor(path: string, clock: FakeClock, share = 0.05) {
    this.clock = clock
    this.database = migratedDatabase(path, 'log')
    this.database.run('PRAGMA busy_timeout = 5000')
    const db = drizzle(this.database)
    this.ledger = new BudgetLeases({
      store: { database: { engine: 'sqlite', db }, queries: db, tables },
      clock,
      logger: SILENT_LOGGER,
      settings: { share, expiresMs: 30_000 },
      record: async (_by, events) => void this.audit.push(...events),
    })
    this.ledger.onAlert = (alert) => this.alerts.push(alert)
    this.log = new LogWriter(this.database, {
      logger: SILENT_LOGGER,
      clock,
      companions: [this.ledger.companion],
    })
  }

  account(of: BudgetRule = rule(), subject = 'k1'): BudgetAccount {
    return {
      rule: of,
      tenantId: 'default',
      subject,
      window: windowOf(of.window, this.clock.nowMs()),
    }
  }

  record(charges: readonly BudgetCharge[], nanoUsd: number): void {
    const outcome = sampleOutcome({ timestampMs: this.clock.nowMs(), costNanoUsd: nanoUsd })
    this.log.record(charges.length === 0 ? outcome : { ...outcome, charges })
  }

  window(): { spent: number; leased: number; alerted: string } | null {
    return this.database
      .query<{ spent: number; leased: number; alerted: string }, []>(
        'SELECT SUM(spent_nano_usd) spent, SUM(leased_nano_usd) leased, MAX(alerted) alerted FROM budget_windows',
      )
      .get()
  }

  leases(): { leased: number; held: number; expires: number }[] {
    return this.database
      .query<{ leased: number; held: number; expires: number }, []>(
        'SELECT leased_nano_usd leased, held_nano_usd held, expires_ms expires FROM budget_leases',
      )
      .all()
  }

  async end(): Promise<void> {
    await this.log.close()
    await this.ledger.close()
    this.database.close()
  }
}

function isHold(result: BudgetHold | BudgetRefusal): result is BudgetHold {
  return 'settle' in result
}

async function held(result: ReturnType<BudgetLeases['hold']>): Promise<BudgetHold> {
  const hold = await result
  if (!isHold(hold)) throw new Error('it was refused')
  return hold
}

describe('one process', () => {
  test('holds from its lease without asking, and writes what was spent with the row', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const account = process.account()
    const first = await held(process.ledger.hold([account], USD / 100))
    expect(process.window()).toMatchObject({ spent: 0, leased: USD / 20 })
    const second = process.ledger.hold([account], USD / 100)
    expect(second).not.toBeInstanceOf(Promise)
    process.record(first.settle(USD / 200), USD / 200)
    expect(first.settle(5)).toEqual([])
    expect(process.window()).toMatchObject({ spent: 0 })
    await process.log.flush()
    expect(process.window()).toMatchObject({ spent: USD / 200, leased: USD / 20 - USD / 200 })
    ;(second as BudgetHold).settle(0)
    expect(process.ledger.heldNanoUsd).toBe(0)
    await process.end()
  })

  test('lets the last request through though it does not fit, alone, and none after it', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const account = process.account()
    const worst = USD * 3
    const results = await Promise.all(
      Array.from({ length: 200 }, () => process.ledger.hold([account], worst)),
    )
    const holds = results.filter(isHold)
    expect(holds.length).toBe(1)
    const charges = holds[0]!.settle(USD)
    // Settled and not yet written counts all the same.
    expect(isHold(await process.ledger.hold([account], worst))).toBe(false)
    process.record(charges, USD)
    await process.log.flush()
    process.clock.advance(1_000)
    const refused = await process.ledger.hold([account], 1)
    expect(isHold(refused)).toBe(false)
    expect((refused as BudgetRefusal).resetMs).toBe(account.window.endMs - process.clock.nowMs())
    await process.ledger.settled()
    expect(process.window()).toMatchObject({ spent: USD, leased: 0 })
    await process.end()
  })

  test('gives everything back at its end, and nothing is left open', async () => {
    const path = join(temporaryFolder(), 'log.db')
    const process = new Process(path, new FakeClock())
    const hold = await held(process.ledger.hold([process.account()], 10))
    process.record(hold.settle(7), 7)
    await process.log.close()
    await process.ledger.close()
    expect(process.leases()).toEqual([])
    expect(process.window()).toMatchObject({ spent: 7, leased: 0 })
    process.database.close()
  })

  test('takes all accounts or none', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const wide = process.account(rule({ id: 'wide' }))
    const narrow = process.account(rule({ id: 'narrow', nanoUsd: 0 }))
    expect(isHold(await process.ledger.hold([wide, narrow], 5))).toBe(false)
    expect(process.ledger.heldNanoUsd).toBe(0)
    const hold = await held(process.ledger.hold([wide, process.account(rule({ id: 'two' }))], 5))
    expect(process.ledger.heldNanoUsd).toBe(10)
    expect(hold.settle(3).map(({ nanoUsd, ruleId }) => [ruleId, nanoUsd])).toEqual([
      ['wide', 3],
      ['two', 3],
    ])
    await process.end()
  })

  test('where there are too many accounts, what the others hold for the request is given back', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const account = process.account()
    ;(await held(process.ledger.hold([account], 1))).settle(0)
    const counting = rule({ id: 'counting', action: 'alert' })
    const holds: BudgetHold[] = []
    for (let at = 1; at < LIMITS.budgetAccountsMax; at += 1) {
      const one = process.ledger.hold([process.account(counting, `s${at}`)], 1)
      holds.push(one as BudgetHold)
    }
    const several = [account, process.account(counting, 'one too many')]
    expect(() => process.ledger.hold(several, 1)).toThrow()
    expect(process.ledger.heldNanoUsd).toBe(0)
    for (const hold of holds) hold.settle(0)
    await process.end()
  })

  test('charges that an earlier process has left on disk keep no account in memory', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const counting = rule({ action: 'alert' })
    const mine = await held(process.ledger.hold([process.account(counting)], 5))
    const charges = mine.settle(5)
    // The same account, charged by whoever ran before: nobody here has counted it.
    process.record(charges, 5)
    process.record(charges, 5)
    await process.log.flush()
    process.clock.advance(60_000)
    await process.ledger.settled()
    await process.ledger.settled()
    expect(process.ledger.accountCount).toBe(0)
    await process.end()
  })

  test('an account that only alerts holds nothing, refuses nothing, and counts', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const account = process.account(rule({ action: 'alert', nanoUsd: 100, alertAt: [0.5, 1] }))
    const hold = process.ledger.hold([account], USD)
    expect(hold).not.toBeInstanceOf(Promise)
    process.record((hold as BudgetHold).settle(60), 60)
    await process.log.flush()
    expect(process.leases()).toEqual([])
    await process.ledger.settled()
    expect(process.alerts.map(({ threshold }) => threshold)).toEqual([500])
    process.record(((await process.ledger.hold([account], 1)) as BudgetHold).settle(60), 60)
    await process.log.flush()
    await process.ledger.settled()
    await process.ledger.settled()
    expect(process.alerts.map(({ threshold }) => threshold)).toEqual([500, 1_000])
    expect(process.window()?.spent).toBe(120)
    await process.end()
  })

  test('an answer that outgrows its hold is seen by others, and its whole cost is written', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock(), 0)
    const account = process.account()
    const hold = await held(process.ledger.hold([account], USD / 2))
    hold.grow(USD)
    await Bun.sleep(0)
    expect(process.window()?.leased).toBe(USD * 1.5)
    expect(isHold(await process.ledger.hold([account], 1))).toBe(false)
    process.record(hold.settle(USD * 2), USD * 2)
    await process.log.flush()
    expect(process.window()).toMatchObject({ spent: USD * 2, leased: 0 })
    await process.end()
  })

  test('hostile amounts become what was held, never less and never NaN', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    for (const cost of [Number.NaN, -5, 1.5, Infinity, 1e308]) {
      const hold = await held(process.ledger.hold([process.account()], 11))
      expect(hold.settle(cost)[0]?.nanoUsd).toBe(11)
    }
    expect(() => process.ledger.hold([process.account()], Number.NaN)).toThrow()
    await process.end()
  })

  test('a request is charged in the window it was admitted in, whatever the clock does', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 31, 23, 59, 59))
    const process = new Process(join(temporaryFolder(), 'log.db'), clock)
    const hold = await held(process.ledger.hold([process.account()], 10))
    clock.setWallMs(Date.UTC(2026, 1, 1, 0, 30))
    process.record(hold.settle(10), 10)
    await process.log.flush()
    const rows = process.database
      .query('SELECT start_ms, spent_nano_usd spent FROM budget_windows')
      .all()
    expect(rows).toEqual([{ start_ms: Date.UTC(2026, 0, 1), spent: 10 }])
    await process.end()
  })

  test('a reset begins the window anew and is recorded', async () => {
    const process = new Process(join(temporaryFolder(), 'log.db'), new FakeClock())
    const account = process.account(rule({ nanoUsd: 100 }))
    const hold = await held(process.ledger.hold([account], 100))
    process.record(hold.settle(100), 100)
    await process.log.flush()
    expect(isHold(await process.ledger.hold([account], 1))).toBe(false)
    expect(await process.ledger.reset('other', 'r', 'k1', TEST_ACTOR)).toBe(false)
    expect(await process.ledger.reset('default', 'r', 'k1', TEST_ACTOR)).toBe(true)
    expect(process.audit).toEqual([
      expect.objectContaining({
        action: 'budget.reset',
        before: { subject: 'k1', spent_nano_usd: 100 },
      }),
    ])
    expect(isHold(await process.ledger.hold([account], 1))).toBe(true)
    await process.end()
  })
})

describe('several processes', () => {
  test('one of 400 concurrent requests passes where there is money for one', async () => {
    for (let round = 0; round < 5; round += 1) {
      const path = join(temporaryFolder(), 'log.db')
      const clock = new FakeClock()
      const processes = [new Process(path, clock), new Process(path, clock)]
      const worst = round % 2 === 0 ? USD : USD * 2
      const results = await Promise.all(
        Array.from({ length: 400 }, (_, at) => {
          const process = processes[at % 2]!
          return process.ledger.hold([process.account()], worst)
        }),
      )
      expect(results.filter(isHold).length).toBe(1)
      for (const process of processes) await process.end()
    }
  }, 120_000)

  test('what a dead one held counts as spent, the rest returns, once', async () => {
    const path = join(temporaryFolder(), 'log.db')
    const clock = new FakeClock()
    const dead = new Process(path, clock)
    const account = dead.account()
    await held(dead.ledger.hold([account], 1_000))
    const late = await held(dead.ledger.hold([account], 2_000))
    await dead.ledger.settled()
    const others = [new Process(path, clock), new Process(path, clock)]
    clock.advance(31_000)
    await Promise.all(others.map(({ ledger }) => ledger.settled()))
    expect(others[0]!.window()).toMatchObject({ spent: 3_000, leased: 0 })
    // It was not dead after all: what it settles now replaces what was counted for it.
    dead.record(late.settle(500), 500)
    await dead.log.flush()
    expect(others[0]!.window()).toMatchObject({ spent: 1_500, leased: 0 })
    const after = await held(dead.ledger.hold([account], 10))
    after.settle(0)
    for (const process of [dead, ...others]) await process.end()
  })

  test('an idle lease is missed by nobody for long', async () => {
    const path = join(temporaryFolder(), 'log.db')
    const clock = new FakeClock()
    const [idle, other] = [new Process(path, clock, 1), new Process(path, clock)]
    ;(await held(idle.ledger.hold([idle.account()], USD / 10))).settle(0)
    const asked = other.ledger.hold([other.account()], USD / 10)
    clock.advance(LIVE_MS)
    await idle.ledger.settled()
    expect(isHold(await asked)).toBe(true)
    for (const process of [idle, other]) await process.end()
  })
})

const LIVE_MS = 600

describe('faults', () => {
  test('a store that is away: the lease goes on, then requests are refused with 503, then it goes on', async () => {
    const path = join(temporaryFolder(), 'log.db')
    const clock = new FakeClock()
    const process = new Process(path, clock)
    const account = process.account()
    const alertOnly = process.account(rule({ id: 'a', action: 'alert' }))
    const first = await held(process.ledger.hold([account], USD / 40))
    process.database.run('ALTER TABLE budget_windows RENAME TO away')
    const second = process.ledger.hold([account, alertOnly], USD / 40)
    expect(second).not.toBeInstanceOf(Promise)
    await expect(Promise.resolve(process.ledger.hold([account], USD / 40))).rejects.toMatchObject({
      kind: 'storage_unavailable',
    })
    expect(process.ledger.problem).toBeDefined()
    expect(process.ledger.hold([alertOnly], USD)).not.toBeInstanceOf(Promise)
    process.database.run('ALTER TABLE away RENAME TO budget_windows')
    const third = await held(process.ledger.hold([account], USD / 40))
    for (const hold of [first, second as BudgetHold, third]) {
      process.record(hold.settle(USD / 100), USD / 100)
    }
    await process.log.flush()
    await process.end()
  })

  test('thousands of random operations: what was spent is what the rows say, and nothing stays open', async () => {
    await withSeed(async () => {
      const random = seededRandom()
      const path = join(temporaryFolder(), 'log.db')
      const clock = new FakeClock()
      const processes = [
        new Process(path, clock),
        new Process(path, clock),
        new Process(path, clock),
      ]
      const rules = [
        rule({ id: 'a' }),
        rule({ id: 'b', nanoUsd: Math.floor(USD / 3) }),
        rule({ id: 'c', action: 'alert', alertAt: [0.5] }),
      ]
      const open: { process: Process; hold: BudgetHold; worst: number }[] = []
      for (let step = 0; step < 3_000; step += 1) {
        const process = processes[seededInteger(random, 3)]!
        const kind = seededInteger(random, 10)
        if (kind < 5) {
          const worst = seededInteger(random, USD / 500)
          const accounts = rules.map((each) =>
            process.account(each, `k${seededInteger(random, 3)}`),
          )
          const holding = process.ledger.hold(accounts, worst)
          // Whoever waits for what others have leased waits for a while, never for ever.
          const moving = setInterval(() => clock.advance(500), 50)
          const result = await holding
          clearInterval(moving)
          if (isHold(result)) open.push({ process, hold: result, worst })
        } else if (kind < 9 && open.length > 0) {
          const [one] = open.splice(seededInteger(random, open.length), 1)
          const cost = random() < 0.2 ? 0 : Math.floor(one!.worst * random() * 1.2)
          one!.process.record(one!.hold.settle(cost), cost)
        } else {
          clock.advance(seededInteger(random, 400))
          if (random() < 0.3) await process.log.flush()
          if (random() < 0.3) await process.ledger.settled()
        }
      }
      for (const { process, hold } of open) process.record(hold.settle(3), 3)
      for (const process of processes) {
        await process.log.close()
        await process.ledger.close()
        expect(process.ledger.heldNanoUsd).toBe(0)
      }
      const { database } = processes[0]!
      expect(processes[0]!.leases()).toEqual([])
      const spent = database
        .query<{ rule_id: string; spent: number; leased: number }, []>(
          'SELECT rule_id, SUM(spent_nano_usd) spent, SUM(leased_nano_usd) leased FROM budget_windows GROUP BY 1 ORDER BY 1',
        )
        .all()
      const rows = database
        .query<{ cost: number }, []>('SELECT SUM(cost_nano_usd) cost FROM requests')
        .get()
      expect(spent).toEqual(
        ['a', 'b', 'c'].map((rule_id) => ({ rule_id, spent: rows!.cost, leased: 0 })),
      )
      expect(rows!.cost).toBeGreaterThan(0)
      const alerts = processes.flatMap((process) => process.alerts)
      expect(new Set(alerts.map(({ account }) => account.subject)).size).toBe(alerts.length)
      for (const process of processes) process.database.close()
    })
  }, 120_000)
})

test('the statement grants what the arithmetic says, to the nano-dollar', async () => {
  const database = migratedDatabase(join(temporaryFolder(), 'log.db'), 'log')
  const db = drizzle(database)
  const sql = new BudgetSql({ database: { engine: 'sqlite', db }, queries: db, tables })
  const amount = fc.nat(10_000_000)
  const window = { tenantId: 't', ruleId: 'r', subject: 's', startMs: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        limit: amount,
        spent: amount,
        own: amount,
        others: fc.oneof(fc.constant(0), amount),
      }),
      fc.record({
        needNanoUsd: amount,
        wantNanoUsd: amount,
        beyondNanoUsd: fc.nat(1_000),
        unwrittenNanoUsd: amount,
        isAlone: fc.boolean(),
      }),
      fc.nat(1_000_000),
      async ({ limit, others, own, spent }, demand, shareMillionths) => {
        database.run('DELETE FROM budget_leases')
        database.run('DELETE FROM budget_windows')
        const lease = "INSERT INTO budget_leases VALUES (?, 't', 'r', 's', 0, ?, 0, 99)"
        database.run(lease, ['mine', own])
        database.run(lease, ['theirs', others])
        database.run("INSERT INTO budget_windows VALUES ('t', 'r', 's', 0, NULL, ?, ?, '[]', 0)", [
          spent,
          own + others,
        ])
        const state = { spentNanoUsd: spent, leasedNanoUsd: own + others, ownNanoUsd: own }
        const question = {
          ...demand,
          lease: 'mine',
          limitNanoUsd: limit,
          shareMillionths,
          heldNanoUsd: 0,
          expiresMs: 99,
          isForced: false,
        }
        const identity = { ...window, endMs: undefined }
        const answer = await sql.lease(identity, question, 1)
        const expected = grantOf(limit, state, demand, shareMillionths)
        expect(answer.grantedNanoUsd).toBe(expected)
        const rows = database
          .query<{ n: number }, []>(
            'SELECT leased_nano_usd n FROM budget_leases ORDER BY replica_id',
          )
          .all()
        expect(rows.map(({ n }) => n)).toEqual([own + (expected ?? 0), others])
      },
    ),
    checkParameters(300),
  )
  database.close()
}, 120_000)
