// Requests at a real ClickHouse: what is found, counted and summed there is what the core and the store say; nothing is lost while it is away, and
// what came twice counts once.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import type { Hold } from '../../core/content.ts'
import type { Outcome } from '../../core/outcome.ts'
import { USAGE_DIMENSIONS } from '../../core/ports-money.ts'
import { matches, type RequestSearchFilter } from '../../core/ports-requests.ts'
import { clickHousePath, startClickHouse, type TestClickHouse } from '../../testing/clickhouse.ts'
import { checkParameters } from '../../testing/seed.ts'
import { SharedDeadlines } from '../../transport/deadlines.ts'
import { createTransport } from '../../transport/http-transport.ts'
import { withoutBodies } from '../log-row.ts'
import { LogSpool } from '../log-spool.ts'
import { outcomes } from '../outcome-arbitrary.ts'
import type { RequestSearch } from '../request-search.ts'
import { MemoryLogger, realClock, removeFolders, storeIn, temporaryFolder } from '../test-store.ts'
import { ClickHouseClient, literal } from './client.ts'
import { eraseAtClickHouse } from './erase.ts'
import { ClickHouseRetention } from './retention.ts'
import { ClickHouseSearch } from './search.ts'
import { lineOf, sequenceOf } from './table.ts'
import { ClickHouseUsage } from './usage.ts'
import { ClickHouseWriter } from './writer.ts'

const isMissing = clickHousePath() === undefined
if (isMissing) process.stdout.write('left out: ClickHouse: clickhouse-server is not installed\n')

const transport = createTransport(realClock, new SharedDeadlines(realClock))
/** Of one answer, on a busy machine. */
const ANSWER_MS = 60_000
setDefaultTimeout(3 * ANSWER_MS)
const limits = { intervalMs: 20, retryIntervalMs: 50, timeoutMs: ANSWER_MS, closeTimeoutMs: 5_000 }

let server: TestClickHouse
let tables = 0

beforeAll(async () => {
  if (!isMissing) server = await startClickHouse()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

interface Place {
  readonly table: string
  readonly client: ClickHouseClient
  readonly logger: MemoryLogger
  readonly folder: string
  writer(
    over?: Partial<typeof limits & { batchRows: number; queueRowsMax: number }>,
  ): ClickHouseWriter
}

function place(password = server.password): Place {
  const table = `t${(tables += 1)}`
  const logger = new MemoryLogger()
  const folder = temporaryFolder()
  const client = new ClickHouseClient(
    {
      url: server.url,
      database: 'default',
      user: server.user,
      password,
      network: { allowPrivate: true },
    },
    transport,
  )
  return {
    table,
    client,
    logger,
    folder,
    writer: (over = {}) =>
      new ClickHouseWriter({
        client,
        table,
        logger,
        clock: realClock,
        spool: new LogSpool({ folder, clock: realClock, logger }),
        limits: { ...limits, ...over },
      }),
  }
}

/** Sends outcomes and lets go of the writer. */
async function sent(at: Place, rows: readonly Outcome[]): Promise<void> {
  const writer = at.writer()
  for (const row of rows) writer.record(row)
  await writer.flush()
  expect(writer.problem).toBeUndefined()
  await writer.close()
}

function searchOf(at: Place): ClickHouseSearch {
  const { client, table } = at
  // Nothing of what is asked here is the store's.
  return new ClickHouseSearch({ client, table, clock: realClock, own: {} as RequestSearch })
}

const distinct = (rows: readonly Outcome[]) => [
  ...new Map(rows.map((row) => [`${row.tenantId} ${row.timestampMs} ${row.logId}`, row])).values(),
]

async function idsOf(
  search: ClickHouseSearch,
  filter: RequestSearchFilter,
  limit: number,
): Promise<string[]> {
  const ids: string[] = []
  let after: { timestampMs: number; sequence: number } | undefined
  for (;;) {
    const page = await search.search(filter, after, limit)
    ids.push(...page.rows.map(({ outcome }) => outcome.logId))
    if (page.next === undefined) return ids
    after = page.next
  }
}

const filters = (rows: readonly Outcome[]) => {
  const of = (read: (row: Outcome) => string | undefined) =>
    fc.constantFrom('', ...rows.map((row) => read(row) ?? ''))
  return fc.record(
    {
      tenantId: fc.constantFrom('default', 'team'),
      status: fc.constantFrom(
        'ok',
        'error',
        '2xx',
        '4xx',
        '5xx',
        ...rows.map(({ status }) => status),
      ),
      model: of(({ modelRequested }) => modelRequested),
      providerId: of(({ providerId }) => providerId),
      keyId: of(({ apiKeyId }) => apiKeyId),
      userId: of(({ userId }) => userId),
      finish: of(({ finish }) => finish),
      errorKind: of(({ errorKind }) => errorKind),
      // By whole characters: half of one is in a text for the core, and in none for ClickHouse.
      errorText: of(({ errorText = '' }) => [...errorText].slice(1, 4).join('')),
      stream: fc.boolean(),
      hasLosses: fc.boolean(),
      hasFallback: fc.boolean(),
      isCached: fc.boolean(),
      guardrailId: fc.constantFrom(
        '',
        'nobody',
        ...rows.flatMap(({ guardrails = [] }) => guardrails.map(({ ruleId }) => ruleId)),
      ),
      verdict: fc.constantFrom('hit', 'pass', 'blocked', 'masked', 'failed-open'),
      cacheState: fc.constantFrom('', 'hit', 'miss', 'bypass'),
      minCostNanoUsd: fc.constantFrom(0, ...rows.map(({ costNanoUsd }) => costNanoUsd ?? 1)),
      maxCostNanoUsd: fc.constantFrom(0, ...rows.map(({ costNanoUsd }) => costNanoUsd ?? 1)),
      minTotalMs: fc.constantFrom(0, ...rows.map(({ totalMs }) => Math.round(totalMs))),
      minFirstTokenMs: fc.constantFrom(
        0,
        ...rows.map(({ firstTokenMs }) => Math.round(firstTokenMs ?? 1)),
      ),
      sinceMs: fc.constantFrom(0, ...rows.map(({ timestampMs }) => timestampMs)),
      untilMs: fc.constantFrom(...rows.map(({ timestampMs }) => timestampMs), 2 ** 41),
    },
    { requiredKeys: [] },
  )
}

describe.skipIf(isMissing)('ClickHouse', () => {
  test('takes any text as a value and nothing of it as a statement', async () => {
    const { client } = place()
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      fc.string({
        unit: fc.constantFrom("'", '\\', '\n', '\0', '`', '"', '%', '-', ';', '\t', '\b'),
      }),
      fc.constantFrom("'; DROP TABLE x; --", "\\'", "\\\\'", '\u2028', "' OR 1=1"),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 20 }), async (values) => {
        const columns = values.map((value, at) => `${literal(value)} AS v${at}`)
        const [row] = await client.rows<Record<string, string>>(
          `SELECT ${columns.join(', ')}`,
          ANSWER_MS,
        )
        expect(Object.values(row!)).toEqual(values)
      }),
      checkParameters(30),
    )
  })

  test('gives the pages that the core says a filter lets through, each request once', async () => {
    const [rows] = fc.sample(
      fc.array(outcomes(), { minLength: 60, maxLength: 60 }),
      checkParameters(1),
    )
    const all = distinct(rows!)
    const at = place()
    await sent(at, all)
    const search = searchOf(at)
    const order = (a: Outcome, b: Outcome) =>
      b.timestampMs - a.timestampMs || sequenceOf(b.logId) - sequenceOf(a.logId)
    await fc.assert(
      fc.asyncProperty(filters(all), fc.integer({ min: 1, max: 30 }), async (asked, limit) => {
        const filter = asked as RequestSearchFilter
        const expected = all.filter((row) => matches(row, filter)).toSorted(order)
        expect(await idsOf(search, filter, limit)).toEqual(expected.map(({ logId }) => logId))
        const { requests } = await search.facets(filter)
        expect(requests).toBe(expected.length)
      }),
      checkParameters(40),
    )
    const { rows: shown } = await search.search({}, undefined, 100)
    const byId = new Map(all.map((row) => [row.logId, row]))
    for (const { outcome } of shown) {
      const bare = withoutBodies(byId.get(outcome.logId)!)
      expect<unknown>(outcome).toEqual(JSON.parse(JSON.stringify(bare)))
    }
  })

  test('sums what the hourly totals of the store sum', async () => {
    const [rows] = fc.sample(
      fc.array(outcomes(), { minLength: 80, maxLength: 80 }),
      checkParameters(1),
    )
    // Within a few days, so that hours are shared.
    const base = Date.UTC(2026, 0, 30)
    const all = distinct(rows!).map((row, index): Outcome => {
      const { charges: _charges, withoutRow: _withoutRow, ...kept } = row
      return { ...kept, timestampMs: base + ((index * 7_919_000) % (4 * 86_400_000)) }
    })
    const at = place()
    await sent(at, all)
    const store = await storeIn(temporaryFolder())
    for (const row of all) store.log.record(row)
    expect(await store.log.flush()).toBe(true)
    const usage = new ClickHouseUsage({ client: at.client, table: at.table, own: store.usage })
    const span = { sinceMs: base, untilMs: base + 5 * 86_400_000, limit: 1_000 }
    for (const groupBy of [
      [],
      ...USAGE_DIMENSIONS.map((dimension) => [dimension]),
      ['tenant', 'model', 'day'],
    ] as const) {
      const filter = { ...span, groupBy: [...groupBy] as (typeof USAGE_DIMENSIONS)[number][] }
      const sorted = (found: readonly object[]) =>
        found.map((row) => JSON.stringify(row)).toSorted()
      expect(sorted(await usage.report(filter))).toEqual(sorted(await store.usage.report(filter)))
    }
    const narrow = { ...span, groupBy: ['key' as const], tenantId: 'team' }
    expect(await usage.report(narrow)).toHaveLength((await store.usage.report(narrow)).length)
    await store.close()
  })

  test('draws lines whose points are the requests, and the rest together', async () => {
    const startMs = Date.UTC(2026, 5, 1)
    const [sample] = fc.sample(outcomes(), checkParameters(1))
    const all = Array.from({ length: 300 }, (_, index): Outcome => ({
      ...sample!,
      logId: Bun.randomUUIDv7(),
      timestampMs: startMs + index * 60_000,
      tenantId: 'default',
      status: index % 5 === 0 ? 500 : 200,
      providerId: `p${index % 40}`,
      totalMs: index,
      firstTokenMs: index % 2 === 0 ? 10 : 30,
    }))
    const at = place()
    await sent(at, all)
    const filter = { sinceMs: startMs, untilMs: startMs + 300 * 60_000 }
    const plain = await searchOf(at).series({ filter, bucketMs: 3_600_000 })
    expect(plain.lines).toHaveLength(1)
    expect(plain.lines[0]!.points.map(({ requests }) => requests)).toEqual([60, 60, 60, 60, 60])
    expect(plain.lines[0]!.points.map(({ errors }) => errors)).toEqual([12, 12, 12, 12, 12])
    expect(plain.lines[0]!.points[0]).toMatchObject({
      totalMs: { mean: 29.5, p50: expect.any(Number), p95: expect.any(Number) },
      firstTokenMs: { mean: 20 },
    })
    const parted = await searchOf(at).series({ filter, bucketMs: 3_600_000, by: 'provider' })
    const rest = parted.lines.filter(({ isRest }) => isRest === true)
    expect(rest).toHaveLength(1)
    const total = parted.lines
      .flatMap(({ points }) => points)
      .reduce((sum, { requests }) => sum + requests, 0)
    expect(total).toBe(300)
    await expect(searchOf(at).series({ filter, bucketMs: 10 })).rejects.toThrow('A chart has')
  })

  test('loses nothing while it is away, in this process or the next, and counts nothing twice', async () => {
    const all = distinct(fc.sample(outcomes(), checkParameters(50)))
    const at = place()
    await sent(at, all.slice(0, 10))
    await server.kill()
    try {
      const first = at.writer()
      for (const row of all.slice(10, 30)) first.record(row)
      await first.flush()
      expect(first.problem).toBeDefined()
      expect(first.counters).toMatchObject({ sent: 0, dropped: 0, queued: 0, spooled: 20 })
      await first.close()
      const next = at.writer()
      for (const row of all.slice(30)) next.record(row)
      await next.flush()
      expect(next.counters.spooled).toBe(all.length - 10)
      await expect(searchOf(at).search({}, undefined, 1)).rejects.toMatchObject({
        kind: 'storage_unavailable',
      })
      await server.start()
      await next.flush()
      expect(next.counters).toMatchObject({ sent: all.length - 10, queued: 0, spooled: 0 })
      expect(next.problem).toBeUndefined()
      // Their answers were lost on the way, say.
      for (const row of all.slice(0, 25)) next.record(row)
      await next.flush()
      await next.close()
    } finally {
      await server.start()
    }
    expect((await searchOf(at).facets({})).requests).toBe(all.length)
    expect(JSON.stringify(at.logger.lines)).not.toContain(server.password)
  })

  test('passes over a row that it refuses, and over no other', async () => {
    const all = distinct(fc.sample(outcomes(), checkParameters(9)))
    const at = place()
    const writer = at.writer()
    for (const [index, row] of all.entries()) {
      writer.record(index === 4 ? { ...row, status: 'no number' as unknown as number } : row)
    }
    await writer.flush()
    expect(writer.counters).toMatchObject({
      sent: all.length - 1,
      dropped: 1,
      queued: 0,
      spooled: 0,
    })
    await writer.close()
    expect((await searchOf(at).facets({})).requests).toBe(all.length - 1)
  })

  test('is told of with a wrong password, and the rows wait', async () => {
    const at = place('a wrong one')
    const writer = at.writer()
    const [row] = fc.sample(outcomes(), checkParameters(1))
    writer.record(row!)
    await writer.flush()
    expect(writer.counters).toMatchObject({ sent: 0, dropped: 0, spooled: 1 })
    expect(JSON.stringify(at.logger.lines)).not.toContain('a wrong one')
    await writer.close()
  })

  test('drops what finds no room, counts it and goes on', async () => {
    const at = place()
    await server.kill()
    const writer = at.writer({ queueRowsMax: 5 })
    const all = distinct(fc.sample(outcomes(), checkParameters(12)))
    for (const row of all) writer.record(row)
    expect(writer.counters).toMatchObject({ queued: 5, dropped: all.length - 5 })
    await server.start()
    await writer.flush()
    expect(writer.counters).toMatchObject({ sent: 5, queued: 0 })
    await writer.close()
  })

  test('gives a table of an older version its missing columns', async () => {
    const at = place()
    const [row] = fc.sample(outcomes(), checkParameters(1))
    await sent(at, [row!])
    await server.query(`ALTER TABLE ${at.table} DROP COLUMN cache_state`)
    const other = { ...row!, logId: Bun.randomUUIDv7() }
    await sent(at, [other])
    expect((await searchOf(at).facets({})).requests).toBe(2)
    expect(JSON.parse(lineOf(other))).toHaveProperty('cache_state')
  })

  test('believes the words of a client in a row to be a row, and no error of its own', async () => {
    const at = place()
    const words = 'Code: 60. DB::Exception: x'
    const rows = fc.sample(outcomes(), checkParameters(3)).map((row, index) => ({
      ...row,
      timestampMs: Date.UTC(2026, 0, 1) + index,
      tenantId: words,
      requestId: 'DB::Exception',
      modelRequested: words,
      modelResolved: words,
      providerId: words,
    }))
    await sent(at, rows)
    const search = searchOf(at)
    const filter = { sinceMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2026, 0, 2) }
    expect((await search.search({}, undefined, 10)).rows).toHaveLength(3)
    expect((await search.facets({})).values.provider).toEqual([{ value: words, requests: 3 }])
    const { lines } = await search.series({ filter, bucketMs: 3_600_000, by: 'tenant' })
    expect(lines.map(({ value }) => value)).toEqual([words])
    const usage = new ClickHouseUsage({ client: at.client, table: at.table, own: {} as never })
    const report = { ...filter, tenantId: words, groupBy: ['tenant' as const], limit: 9 }
    expect(await usage.report(report)).toHaveLength(1)
  })

  test('draws the lines of every filter, those over what is summed as well', async () => {
    const at = place()
    const rows = distinct(fc.sample(outcomes(), checkParameters(20))).map((row, index) => ({
      ...row,
      timestampMs: Date.UTC(2026, 0, 1) + index,
    }))
    await sent(at, rows)
    const filter = { sinceMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2026, 0, 2) }
    for (const more of [
      { hasFallback: true },
      { hasFallback: false },
      { status: 'error' as const },
      { hasLosses: true, isCached: false },
    ]) {
      const series = await searchOf(at).series({
        filter: { ...filter, ...more },
        bucketMs: 3_600_000,
      })
      const counted = series.lines
        .flatMap(({ points }) => points)
        .reduce((sum, { requests }) => sum + requests, 0)
      expect(counted).toBe(rows.filter((row) => matches(row, { ...filter, ...more })).length)
    }
  })

  test('takes half a character of a client as what it is not, and the rows beside it', async () => {
    const at = place()
    const [row] = fc.sample(outcomes(), checkParameters(1))
    const models = ['a\ud83d', '\udc00b', 'c\0', 'whole \u{1F600}']
    await sent(
      at,
      models.map((modelRequested, index) => ({
        ...row!,
        logId: Bun.randomUUIDv7(),
        timestampMs: index,
        modelRequested,
      })),
    )
    const told = await at.client.rows<{ m: string }>(
      `SELECT model_requested AS m FROM ${at.table} ORDER BY timestamp_ms`,
      ANSWER_MS,
    )
    expect(told.map(({ m }) => m)).toEqual(models.map((model) => model.toWellFormed()))
  })

  test('drops nothing of a table that is parted otherwise than by months', async () => {
    const { client, logger } = place()
    const nowMs = Date.now()
    for (const [table, parts] of [
      ['by_days', 'intDiv(timestamp_ms, 86400000)'],
      ['by_years', 'toYear(toDateTime(intDiv(timestamp_ms, 1000)))'],
      ['in_one', 'tuple()'],
    ]) {
      await client.run(
        `CREATE TABLE ${table} (timestamp_ms UInt64) ENGINE = MergeTree() PARTITION BY ${parts} ORDER BY timestamp_ms`,
        ANSWER_MS,
      )
      await client.insert(table!, [JSON.stringify({ timestamp_ms: nowMs })], ANSWER_MS)
      const retention = new ClickHouseRetention({
        client,
        table: table!,
        retentionMs: 86_400_000,
        clock: { nowMs: () => nowMs },
        logger,
        isHeld: () => Promise.resolve(false),
      })
      expect(await retention.drop(), table).toEqual([])
      retention.stop()
    }
  })

  test('drops nothing because a clock of ours is years ahead', async () => {
    const at = place()
    const [row] = fc.sample(outcomes(), checkParameters(1))
    await sent(at, [{ ...row!, timestampMs: Date.now() }])
    const retention = new ClickHouseRetention({
      client: at.client,
      table: at.table,
      retentionMs: 86_400_000,
      clock: { nowMs: () => Date.UTC(2099, 0, 1) },
      logger: at.logger,
      isHeld: () => Promise.resolve(false),
    })
    expect(await retention.drop()).toEqual([])
    retention.stop()
  })

  test('drops whole months that are old enough, and none while anything is held', async () => {
    const at = place()
    const [row] = fc.sample(outcomes(), checkParameters(1))
    const nowMs = Date.UTC(2026, 6, 15)
    const times = [Date.UTC(2026, 3, 30, 23), Date.UTC(2026, 4, 1, 1), Date.UTC(2026, 5, 20), nowMs]
    const all = times.map((timestampMs) => ({ ...row!, logId: Bun.randomUUIDv7(), timestampMs }))
    await sent(at, all)
    let isHeld = true
    const retention = new ClickHouseRetention({
      client: at.client,
      table: at.table,
      retentionMs: 45 * 86_400_000,
      clock: { nowMs: () => nowMs },
      logger: at.logger,
      isHeld: () => Promise.resolve(isHeld),
    })
    expect(await retention.drop()).toEqual([])
    isHeld = false
    expect(await retention.drop()).toEqual([202_604])
    expect((await searchOf(at).facets({})).requests).toBe(3)
    retention.stop()
  })

  test("deletes one person's requests, and nobody else's", async () => {
    const at = place()
    const [row] = fc.sample(outcomes(), checkParameters(1))
    const of = (userId: string, tenantId: string) => ({
      ...row!,
      logId: Bun.randomUUIDv7(),
      userId,
      tenantId,
    })
    await sent(at, [
      of('ann', 'default'),
      of('ann', 'default'),
      of('ann', 'team'),
      of("bob' OR 1", 'default'),
    ])
    const ann = { kind: 'user', subject: 'ann', tenantId: 'default' } as const
    // A table that nobody has made yet has nothing of anybody.
    expect(await eraseAtClickHouse(at.client, 'nowhere', ann)).toBe(0)
    const held = (tenantId: string): Hold => ({
      tenantId,
      id: 'case',
      kind: 'user',
      subject: 'ann',
      untilMs: row!.timestampMs + 1,
      reason: 'a case',
      createdMs: 0,
      createdBy: 'somebody',
    })
    expect(await eraseAtClickHouse(at.client, at.table, ann, [held('default')])).toBe(2)
    expect((await searchOf(at).search({ userId: 'ann' }, undefined, 10)).rows).toHaveLength(3)
    // What another tenant holds keeps nothing here.
    expect(await eraseAtClickHouse(at.client, at.table, ann, [held('team')])).toBe(0)
    await eraseAtClickHouse(at.client, at.table, {
      kind: 'user',
      subject: 'nobody',
      tenantId: 'default',
    })
    const { rows } = await searchOf(at).search({}, undefined, 10)
    expect(
      rows.map(({ outcome }) => `${outcome.userId} of ${outcome.tenantId}`).toSorted(),
    ).toEqual(['ann of team', "bob' OR 1 of default"])
  })

  test('an answer that ends in an error is no answer', async () => {
    const { client } = place()
    const failing =
      "SELECT throwIf(number = 99999, 'late') AS v FROM numbers(100000) SETTINGS max_block_size = 100"
    await expect(client.rows(failing, ANSWER_MS)).rejects.toBeInstanceOf(Error)
    const away = new ClickHouseClient(
      {
        url: 'http://127.0.0.1:9',
        database: 'd',
        user: 'u',
        password: '',
        network: { allowPrivate: true },
      },
      transport,
    )
    await expect(away.rows('SELECT 1', 2_000)).rejects.toBeInstanceOf(GatewayError)
  })
})
