// Laws of holding and erasing over random rows, on both engines: what is held is deleted by nothing, what is not is deleted as before, and an
// erasure leaves nothing of a person but figures. Bodies in every form they can lie in are among the rows.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { isHeldBy, NOTHING_ERASED, type Erasure, type Hold } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { checkParameters } from '../testing/seed.ts'
import { copyStores } from './copy-open.ts'
import { Eraser } from './eraser.ts'
import { StorageError } from './errors.ts'
import { packBodies } from './packed-bodies.ts'
import { PostgresLogKeeper } from './postgres-log-keeper.ts'
import { PostgresPool } from './postgres-pool.ts'
import type { Store } from './store.ts'
import {
  MemoryLogger,
  MIGRATIONS_FOLDER,
  removeFolders,
  realClock,
  sampleOutcome,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
  until,
} from './test-store.ts'

setDefaultTimeout(180_000)

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`skipped: content on Postgres (${missing})\n`)

let server: TestPostgres | undefined
let template = ''

beforeAll(async () => {
  if (missing !== undefined) return
  server = await startPostgres()
  const { name, url } = await server.createDatabase()
  template = name
  const store = await postgresStore(url)
  await store.close()
})

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

const SECRETS = { masterKey: 'a master key of thirty-two characters' }

async function postgresStore(url: string): Promise<Store> {
  return await storeIn(temporaryFolder(), {
    location: { engine: 'postgres', url, connections: 6 },
    secrets: { ...SECRETS, oldKeys: [], keychain: false },
  })
}

interface Opened {
  readonly store: Store
  /** Deletes everything that is older, as the upkeep does. */
  prune(cutoffMs: number): Promise<void>
  close(): Promise<void>
}

const ENGINES: [string, () => Promise<Opened>][] = [
  [
    'SQLite',
    async () => {
      const store = await storeIn(temporaryFolder())
      return { store, prune: (cutoffMs) => pruned(store, cutoffMs), close: () => store.close() }
    },
  ],
  ...(missing === undefined
    ? [
        [
          'Postgres',
          async () => {
            const { url } = await server!.createDatabase(template)
            const store = await postgresStore(url)
            const pool = new PostgresPool(
              { engine: 'postgres', url, connections: 2 },
              { connections: 2, logger: new MemoryLogger() },
            )
            const keeper = new PostgresLogKeeper(pool)
            // Rows of three months, and of none.
            for (const month of [0, 1, 2]) await keeper.make(monthAt(month))
            return {
              store,
              prune: async (cutoffMs) => {
                await keeper.deleteBefore(cutoffMs, new AbortController().signal)
              },
              close: async () => {
                await pool.close()
                await store.close()
              },
            }
          },
        ] as [string, () => Promise<Opened>],
      ]
    : []),
]

function monthAt(index: number) {
  const [startMs, endMs] = [Date.UTC(2026, index), Date.UTC(2026, index + 1)]
  return { suffix: `2026_0${index + 1}`, startMs, endMs }
}

/** What the upkeep of a store does at once when it is started. */
async function pruned(store: Store, cutoffMs: number): Promise<void> {
  store.upkeep.start(() => ({ retentionMs: Date.now() - cutoffMs }))
  await store.upkeep.run()
}

const DAY_MS = 86_400_000
const TENANTS = ['one', 'two'] as const
const USERS = ['ann', 'bob', undefined] as const
const KEYS = ['k1', 'k2', undefined] as const

interface Made {
  readonly tenantId: string
  readonly userId: string | undefined
  readonly apiKeyId: string | undefined
  readonly day: number
  readonly form: 'none' | 'plain' | 'packed' | 'object'
}

const row = (): fc.Arbitrary<Made> =>
  fc.record({
    tenantId: fc.constantFrom(...TENANTS),
    userId: fc.constantFrom(...USERS),
    apiKeyId: fc.constantFrom(...KEYS),
    // From the year before, where no month is, to March.
    day: fc.integer({ min: -20, max: 80 }),
    form: fc.constantFrom('none', 'plain', 'packed', 'object'),
  })

const span = (): fc.Arbitrary<Pick<Hold, 'sinceMs' | 'untilMs'>> =>
  fc.oneof(
    fc.constant({}),
    fc.integer({ min: -20, max: 80 }).map((day) => ({ sinceMs: dayMs(day) })),
    fc.integer({ min: -20, max: 80 }).map((day) => ({ untilMs: dayMs(day) })),
  )

const hold = (): fc.Arbitrary<Omit<Hold, 'id' | 'subject'> & { readonly which: number }> =>
  fc
    .tuple(
      fc.constantFrom('request', 'user', 'key', 'span'),
      fc.constantFrom(...TENANTS),
      fc.nat({ max: 100 }),
      span(),
    )
    .map(([kind, tenantId, which, within]) => ({
      kind: kind as Hold['kind'],
      tenantId,
      which,
      ...within,
      reason: 'a test',
      createdMs: 1,
      createdBy: 'test',
    }))

function dayMs(day: number): number {
  return Date.UTC(2026, 0, 1) + day * DAY_MS + 5
}

async function outcomeOf({ apiKeyId, day, form, tenantId, userId }: Made): Promise<Outcome> {
  const bare = sampleOutcome({
    tenantId,
    timestampMs: dayMs(day),
    costNanoUsd: 7,
    usage: { inputTokens: 3, outputTokens: 4 },
    userAgent: 'canary-agent',
    errorText: 'canary-error',
    ...(userId === undefined ? {} : { userId }),
    ...(apiKeyId === undefined ? {} : { apiKeyId, apiKeyHash: `hash-of-${apiKeyId}` }),
  })
  const bodies = { requestBody: 'canary-question', responseBody: 'canary-answer' }
  if (form === 'none') return bare
  if (form === 'plain') return { ...bare, ...bodies }
  const packedBodies = await packBodies(bodies)
  const objectKey = `p/${bare.logId}`
  return { ...bare, packedBodies, ...(form === 'object' ? { objectKey } : {}) }
}

async function fill(store: Store, rows: readonly Made[]): Promise<Outcome[]> {
  const outcomes = await Promise.all(rows.map(outcomeOf))
  for (const outcome of outcomes) store.log.record(outcome)
  expect(await store.log.flush()).toBe(true)
  // Half of what is to lie outside does.
  for (const [at, object] of (await store.contentLog.claim('waiting', 1, 1)).entries()) {
    if (at % 2 === 0) await store.contentLog.moved(object)
  }
  return outcomes
}

function holdsOf(
  drafts: readonly (Omit<Hold, 'id' | 'subject'> & { which: number })[],
  outcomes: readonly Outcome[],
): Hold[] {
  return drafts.flatMap(({ which, ...draft }, at): Hold[] => {
    const id = `h${at}`
    if (draft.kind === 'span') {
      const isOpen = draft.sinceMs === undefined && draft.untilMs === undefined
      return [{ ...draft, id, ...(isOpen ? { untilMs: dayMs(30) } : {}) }]
    }
    const lists = {
      request: outcomes.map(({ logId }) => logId),
      user: ['ann', 'bob'],
      key: ['k1', 'k2'],
    }
    const subject = lists[draft.kind][which % Math.max(1, lists[draft.kind].length)]
    return subject === undefined ? [] : [{ ...draft, id, subject }]
  })
}

/** Every row by its id, with its bodies. */
async function rowsOf(store: Store): Promise<Map<string, Outcome & { objectKey?: string }>> {
  const found = new Map<string, Outcome & { objectKey?: string }>()
  for (const { outcome } of await store.search.following(0, 1_000)) {
    const whole = await store.search.find(undefined, outcome.logId)
    const { objectKey } = whole!
    found.set(outcome.logId, {
      ...whole!.outcome,
      ...(objectKey === undefined ? {} : { objectKey }),
    })
  }
  return found
}

function eraserOf(store: Store): Eraser {
  return new Eraser({
    erasures: store.erasures,
    holds: store.holds,
    log: store.contentLog,
    quoted: store.auditContent,
    callersOf: ({ kind, subject }) =>
      Promise.resolve(kind === 'key' ? [subject] : [`user:${subject}`]),
    endSessions: () => Promise.resolve(2),
    flush: () => store.log.flush(),
    marked: () => undefined,
    clock: realClock,
    logger: new MemoryLogger(),
    pauseMs: 0,
  })
}

describe.each(ENGINES)('%s', (_name, open) => {
  test('what is held is deleted by nothing, and what is not goes with its bodies and objects', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row(), { maxLength: 25 }),
        fc.array(hold(), { maxLength: 4 }),
        fc.integer({ min: -20, max: 90 }),
        async (rows, drafts, cutoffDay) => {
          const { close, prune, store } = await open()
          try {
            const outcomes = await fill(store, rows)
            const before = await rowsOf(store)
            const holds = holdsOf(drafts, outcomes)
            for (const each of holds) await store.holds.create(each, TEST_ACTOR)
            // Between two days: the upkeep reads the clock a moment after it was told for how long rows are kept.
            const cutoffMs = dayMs(cutoffDay) - DAY_MS / 2
            await prune(cutoffMs)
            const after = await rowsOf(store)
            for (const outcome of outcomes) {
              const isHeld = holds.some((each) => isHeldBy(each, outcome))
              const isYoung = outcome.timestampMs >= cutoffMs
              if (isHeld || isYoung)
                expect(after.get(outcome.logId)).toEqual(before.get(outcome.logId)!)
              // Postgres keeps the months that are not over.
              else if (store.files !== undefined || outcome.timestampMs < Date.UTC(2026, 0)) {
                expect(after.has(outcome.logId)).toBe(false)
              }
            }
            await store.contentLog.markStray('')
            const counts = await store.contentLog.counts()
            const kept = outcomes.filter(
              ({ logId, objectKey }) => objectKey !== undefined && after.has(logId),
            ).length
            const staying = counts
              .filter(({ state }) => state !== 'leaving')
              .reduce((sum, { objects }) => sum + objects, 0)
            expect(staying).toBe(kept)
          } finally {
            await close()
          }
        },
      ),
      checkParameters(8),
    )
  })

  test.each(['anonymise', 'delete'] as const)(
    'an erasure (%s) leaves figures alone, waits for what is held, and ends when that is released',
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(row(), { minLength: 1, maxLength: 25 }),
          fc.array(hold(), { maxLength: 3 }),
          fc.constantFrom('user' as const, 'key' as const),
          async (rows, drafts, kind) => {
            const { close, store } = await open()
            try {
              const outcomes = await fill(store, rows)
              const subject = kind === 'user' ? 'ann' : 'k1'
              const isTheirs = (outcome: Outcome) =>
                outcome.tenantId === 'one' &&
                (kind === 'user' ? outcome.userId : outcome.apiKeyId) === subject
              const holds = holdsOf(drafts, outcomes)
              for (const each of holds) await store.holds.create(each, TEST_ACTOR)
              await store.kept.put({
                kind: 'response',
                id: 'answer',
                tenantId: 'one',
                keyId: kind === 'user' ? 'user:ann' : 'k1',
                providerId: 'p',
                model: 'm',
                value: 'canary-kept',
                createdMs: Date.now(),
              })
              await store.kept.flush()
              const before = await rowsOf(store)
              const spent = await spentOf(store)
              const erasure: Erasure = {
                tenantId: 'one',
                id: 'e1',
                kind,
                subject,
                mode,
                reason: 'asked',
                state: 'running',
                counts: NOTHING_ERASED,
                afterSequence: 0,
                createdMs: 1,
                createdBy: 'test',
              }
              await store.erasures.create(erasure, TEST_ACTOR)
              const eraser = eraserOf(store)
              await eraser.run()
              const held = outcomes.filter(
                (outcome) => isTheirs(outcome) && holds.some((each) => isHeldBy(each, outcome)),
              )
              const theirs = outcomes.filter(isTheirs)
              const first = await store.erasures.find('one', 'e1')
              expect(first?.counts.held).toBe(held.length)
              expect(first?.counts.requests).toBe(theirs.length - held.length)
              expect(first?.state).toBe(held.length > 0 ? 'waiting' : 'done')
              const between = await rowsOf(store)
              for (const outcome of outcomes) {
                const isUntouched = !isTheirs(outcome) || held.includes(outcome)
                if (isUntouched) {
                  expect(between.get(outcome.logId)).toEqual(before.get(outcome.logId)!)
                }
              }
              for (const each of holds) {
                await store.holds.release(each.tenantId, each.id, 'over', TEST_ACTOR)
              }
              await eraser.run()
              await eraser.stop()
              const last = await store.erasures.find('one', 'e1')
              expect(last?.state).toBe('done')
              expect(last?.counts.requests).toBe(theirs.length)
              expect(last?.counts.kept).toBe(1)
              const after = await rowsOf(store)
              for (const outcome of theirs) {
                const left = after.get(outcome.logId)
                if (mode === 'delete') expect(left).toBeUndefined()
                else {
                  expect(JSON.stringify(left)).not.toMatch(/canary|ann|bob|k1|hash-of/)
                  expect(left).toMatchObject({ costNanoUsd: 7, usage: outcome.usage! })
                }
              }
              // Money adds up, and to the same as before.
              expect(await spentOf(store)).toBe(spent)
              if (mode === 'anonymise') {
                const always = { startMs: 0, endMs: Date.UTC(2027, 0) }
                expect((await store.usage.reconcile(always, false)).differences).toEqual([])
              }
            } finally {
              await close()
            }
          },
        ),
        checkParameters(5),
      )
    },
  )

  test('a row that was moved outside says where, and one whose row went meanwhile is to go', async () => {
    const { close, store } = await open()
    try {
      const [kept] = await fill(store, [
        { tenantId: 'one', userId: 'ann', apiKeyId: 'k1', day: 1, form: 'object' },
      ])
      const found = await store.search.find('one', kept!.logId)
      expect(found?.objectKey).toBe(kept!.objectKey!)
      expect(found?.outcome.requestBody).toBeUndefined()
      // Of another tenant it is not there.
      expect(await store.search.find('two', kept!.logId)).toBeUndefined()
    } finally {
      await close()
    }
  })
})

describe.each(ENGINES)('many erasures on %s', (_engine, open) => {
  test('that wait for a hold do not keep another from its end, and all of them come to turn', async () => {
    const { close, store } = await open()
    try {
      const erasure = (id: string, subject: string): Erasure => ({
        tenantId: 'one',
        id,
        kind: 'user',
        subject,
        mode: 'anonymise',
        reason: 'asked',
        state: 'running',
        counts: NOTHING_ERASED,
        afterSequence: 0,
        createdMs: 1,
        createdBy: 'test',
      })
      await fill(store, [
        { tenantId: 'one', userId: 'ann', apiKeyId: 'k1', day: 1, form: 'packed' },
        { tenantId: 'one', userId: 'bob', apiKeyId: 'k2', day: 1, form: 'packed' },
      ])
      const case14 = {
        tenantId: 'one',
        id: 'h',
        kind: 'user',
        subject: 'ann',
        reason: 'case',
      } as const
      await store.holds.create({ ...case14, createdMs: 1, createdBy: 'test' }, TEST_ACTOR)
      const many = LIMITS.objectBatchRows + 5
      const ids = Array.from({ length: many }, (_each, at) => `w${at}`)
      const eraser = eraserOf(store)
      for (const id of ids) await store.erasures.create(erasure(id, 'ann'), TEST_ACTOR)
      await eraser.run()
      await eraser.run()
      await store.erasures.create(erasure('last', 'bob'), TEST_ACTOR)
      await eraser.run()
      expect(await store.erasures.find('one', 'last')).toMatchObject({
        state: 'done',
        counts: { requests: 1 },
      })
      await store.holds.release('one', 'h', 'over', TEST_ACTOR)
      await eraser.run()
      await eraser.run()
      await eraser.stop()
      const left = (await store.erasures.list('one')).filter(({ state }) => state !== 'done')
      expect(left).toEqual([])
    } finally {
      await close()
    }
  })

  test('to count what would go lets others have their turn', async () => {
    const { close, store } = await open()
    try {
      const one = { tenantId: 'one', userId: 'ann', apiKeyId: 'k1', day: 1, form: 'none' } as const
      await fill(
        store,
        Array.from({ length: LIMITS.erasureStepRows * 2 + 1 }, () => one),
      )
      let turns = 0
      const timer = setInterval(() => (turns += 1), 1)
      const person = { kind: 'user', subject: 'ann', tenantId: 'one' } as const
      expect((await store.contentLog.count(person, [])).requests).toBe(
        LIMITS.erasureStepRows * 2 + 1,
      )
      clearInterval(timer)
      expect(turns).toBeGreaterThan(1)
    } finally {
      await close()
    }
  })
})

describe('on SQLite', () => {
  test('any number of erasures that are done keeps nobody from the next', async () => {
    const store = await storeIn(temporaryFolder())
    const database = new Database(store.files!.control)
    database.run(
      `WITH RECURSIVE n(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < ${LIMITS.erasuresMax})
       INSERT INTO erasures (tenant_id, id, erasure, changes, created_ms, updated_ms, finished_ms)
       SELECT 'one', 'e' || at, '{"state":"done"}', 1, 1, 1, 1 FROM n`,
    )
    database.close()
    const erasure = { kind: 'user', subject: 'ann', mode: 'delete', reason: 'asked' } as const
    await store.erasures.create(
      {
        ...erasure,
        tenantId: 'one',
        id: 'next',
        state: 'running',
        counts: NOTHING_ERASED,
        afterSequence: 0,
        createdMs: 2,
        createdBy: 'test',
      },
      TEST_ACTOR,
    )
    expect(await store.erasures.find('one', 'next')).toMatchObject({ state: 'running' })
    await store.close()
  })

  test('what was deleted is in no file any more: not in the log, its write-ahead log or its index (S70)', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    const marks = ['canary-question', 'canary-error', 'canary-agent', 'canary-request']
    const large = 'canary-question '.repeat(4_000)
    for (let at = 0; at < 200; at += 1) {
      const outcome = await outcomeOf({
        tenantId: 'one',
        userId: 'ann',
        apiKeyId: 'k1',
        day: 1,
        form: 'plain',
      })
      store.log.record({ ...outcome, requestId: `canary-request-${at}`, requestBody: large })
    }
    expect(await store.log.flush()).toBe(true)
    const found = () =>
      readdirSync(folder).filter((name) => {
        const bytes = readFileSync(join(folder, name))
        return name.startsWith('weir-log') && marks.some((mark) => bytes.includes(mark))
      })
    expect(found().length).toBeGreaterThan(0)
    await pruned(store, dayMs(2))
    expect(await rowsOf(store)).toEqual(new Map())
    expect(found()).toEqual([])
    await store.close()
    expect(found()).toEqual([])
  })
})

test.skipIf(missing !== undefined)(
  'a hold that is made on Postgres while an erasure is at its rows keeps them',
  async () => {
    const { url } = await server!.createDatabase(template)
    const store = await postgresStore(url)
    const pool = new PostgresPool(
      { engine: 'postgres', url, connections: 2 },
      { connections: 2, logger: new MemoryLogger() },
    )
    await fill(store, [{ tenantId: 'one', userId: 'ann', apiKeyId: 'k1', day: 1, form: 'packed' }])
    const erasure: Erasure = {
      tenantId: 'one',
      id: 'e1',
      kind: 'user',
      subject: 'ann',
      mode: 'delete',
      reason: 'asked',
      state: 'running',
      counts: NOTHING_ERASED,
      afterSequence: 0,
      createdMs: 1,
      createdBy: 'test',
    }
    let step: ReturnType<Store['contentLog']['step']> | undefined
    await pool.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO holds (tenant_id, id, hold, created_ms) VALUES ('one', 'h', '{"kind":"user","subject":"ann","reason":"case"}', 1)`,
      )
      // It knows of no hold: the one there will be is not told yet.
      step = store.contentLog.step(erasure, [], LIMITS.erasureStepRows)
      await until('the erasure waits for it', async () => {
        const rows = await tx.query<{ waiting: number }>(
          `SELECT count(*)::int AS waiting FROM pg_locks WHERE relation = 'holds'::regclass AND NOT granted`,
        )
        return rows[0]?.waiting === 1
      })
    })
    expect(await step).toMatchObject({ requests: 0, held: 1 })
    expect((await rowsOf(store)).size).toBe(1)
    await pool.close()
    await store.close()
  },
)

describe.skipIf(missing !== undefined)('a copy', () => {
  test('to Postgres and back has packed bodies and what lies outside as they were', async () => {
    const [source, target] = [temporaryFolder(), temporaryFolder()]
    const first = await storeIn(source)
    const forms = ['none', 'plain', 'packed', 'object', 'object'] as const
    await fill(
      first,
      forms.map((form) => ({ tenantId: 'one', userId: 'ann', apiKeyId: 'k1', day: 1, form })),
    )
    const before = await rowsOf(first)
    const counts = await first.contentLog.counts()
    await first.close()
    const { url } = await server!.createDatabase()
    const sqlite = (folder: string) =>
      ({ engine: 'sqlite', file: join(folder, 'weir.db') }) as const
    const postgres = { engine: 'postgres', url, connections: 6 } as const
    const ends = { migrationsFolder: MIGRATIONS_FOLDER, logger: new MemoryLogger() }
    await until('the files are free', async () => {
      // What is left of statements keeps a file open until it is collected.
      Bun.gc(true)
      try {
        await copyStores({ from: sqlite(source), to: postgres, ...ends })
        return true
      } catch (error) {
        if (error instanceof StorageError && error.code === 'cannot_open') return false
        throw error
      }
    })
    await copyStores({ from: postgres, to: sqlite(target), ...ends })
    // The master key goes along by itself.
    copyFileSync(join(source, 'master.key'), join(target, 'master.key'))
    const last = await storeIn(target)
    expect(await rowsOf(last)).toEqual(before)
    expect(await last.contentLog.counts()).toEqual(counts)
    await last.close()
  })
})

async function spentOf(store: Store): Promise<number> {
  const rows = await store.usage.report({
    sinceMs: Date.UTC(2025, 0),
    untilMs: Date.UTC(2027, 0),
    groupBy: ['tenant'],
    limit: 10,
  })
  return rows.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0)
}
