// The contract of searches over the request log, as a suite that both engines pass: whatever is asked, a search gives what a look at every
// row would give, each row once. Imported by tests alone.

import { afterEach, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Outcome } from '../core/outcome.ts'
import {
  matches,
  type RequestPosition,
  type RequestSearchFilter,
  type StatusFilter,
} from '../core/ports-requests.ts'
import { HOUR_MS, rollupAmounts, rollupKey } from '../core/usage-rollup.ts'
import { checkParameters } from '../testing/seed.ts'
import type { RequestSearch } from './request-search.ts'
import { sampleOutcome } from './test-store.ts'

export interface SearchStore {
  /** With bounds so small that every search has to be gone on with. */
  readonly narrow: RequestSearch
  /** With so much time that what it counts is whole on a busy machine too: `PATIENT_MS`. */
  readonly search: RequestSearch
  write(outcomes: readonly Outcome[]): Promise<void>
  /** Runs SQL on the log. */
  run(text: string): Promise<void>
  close(): Promise<void>
}

export const PATIENT_MS = 60_000

const NOON_MS = Date.UTC(2026, 2, 31, 12)
const DAY_MS = 24 * HOUR_MS

const few = (...values: string[]) => fc.constantFrom(...values)

/** Requests of two tenants within two days, alike enough that filters find some of them. */
export function similarOutcomes(): fc.Arbitrary<Outcome> {
  return fc
    .record({
      timestampMs: fc.oneof(
        fc.integer({ min: NOON_MS - 2 * DAY_MS, max: NOON_MS }),
        // Many in the same millisecond.
        fc.constantFrom(NOON_MS - 5, NOON_MS - HOUR_MS),
      ),
      tenantId: few('default', 'other'),
      status: fc.constantFrom(200, 200, 200, 400, 429, 502),
      modelRequested: fc.option(few('fast', 'smart'), { nil: undefined }),
      providerId: fc.option(few('a', 'b'), { nil: undefined }),
      apiKeyId: fc.option(few('k1', 'k2'), { nil: undefined }),
      userId: fc.option(few('u1', 'u2'), { nil: undefined }),
      errorText: fc.option(few('It is TOO long', 'no_such%thing'), { nil: undefined }),
      errorKind: fc.option(few('upstream_error'), { nil: undefined }),
      operation: few('chat', 'embedding'),
      mode: fc.constantFrom('relay' as const, 'translate' as const),
      stream: fc.boolean(),
      finish: fc.option(few('stop', 'length'), { nil: undefined }),
      totalMs: fc.nat({ max: 50 }),
      firstTokenMs: fc.option(fc.nat({ max: 50 }), { nil: undefined }),
      costNanoUsd: fc.option(fc.nat({ max: 50 }), { nil: undefined }),
      losses: fc.constantFrom([], [{ feature: 'a', path: 'a', action: 'dropped' as const }]),
      attemptsMade: fc.nat({ max: 2 }),
      guardrails: fc.option(fc.array(verdicts, { maxLength: 3 }), { nil: undefined }),
      cache: fc.constantFrom(
        undefined,
        { state: 'hit' as const, kind: 'exact' as const },
        { state: 'miss' as const, kind: 'semantic' as const },
      ),
      cacheReadTokens: fc.option(fc.nat({ max: 1 }), { nil: undefined }),
    })
    .map(({ attemptsMade, cacheReadTokens, ...fields }) => {
      const attempt = { providerId: 'a', model: 'm', mode: 'relay' as const, durationMs: 1 }
      const given = Object.entries(fields).filter(([, value]) => value !== undefined)
      return sampleOutcome({
        ...(Object.fromEntries(given) as Partial<Outcome>),
        attempts: Array.from({ length: attemptsMade }, () => attempt),
        ...(cacheReadTokens === undefined ? {} : { usage: { cacheReadTokens } }),
      })
    })
}

const verdicts = fc.record({
  ruleId: fc.constantFrom('pii', 'words'),
  check: fc.constant('pii' as const),
  stage: fc.constant('input' as const),
  verdict: fc.constantFrom('pass' as const, 'blocked' as const, 'failed-open' as const),
  categories: fc.constant([]),
  durationMs: fc.constant(1),
  startedMs: fc.constant(0),
  asked: fc.constant(1),
})

/** Filters of which each member is there now and then. */
export function filters(): fc.Arbitrary<RequestSearchFilter> {
  return fc.record(
    {
      tenantId: few('default', 'other', 'nobody'),
      sinceMs: fc.integer({ min: NOON_MS - 3 * DAY_MS, max: NOON_MS }),
      untilMs: fc.integer({ min: NOON_MS - 2 * DAY_MS, max: NOON_MS + DAY_MS }),
      status: fc.constantFrom<StatusFilter>('ok', 'error', '2xx', '4xx', '5xx', 429),
      errorKind: few('upstream_error', ''),
      model: few('fast', 'once', ''),
      providerId: few('a', ''),
      keyId: few('k1', ''),
      userId: few('u2', ''),
      operation: few('chat'),
      mode: fc.constantFrom('relay' as const),
      stream: fc.boolean(),
      finish: few('stop', ''),
      hasLosses: fc.boolean(),
      hasFallback: fc.boolean(),
      guardrailId: few('pii', 'words', 'nobody', ''),
      verdict: fc.constantFrom('hit' as const, 'pass' as const, 'blocked' as const),
      cacheState: fc.constantFrom('hit' as const, 'bypass' as const, '' as const),
      isCached: fc.boolean(),
      minCostNanoUsd: fc.nat({ max: 40 }),
      maxCostNanoUsd: fc.nat({ max: 50 }),
      minTotalMs: fc.nat({ max: 40 }),
      minFirstTokenMs: fc.nat({ max: 40 }),
      errorText: few('too LONG', '%', 'zzz'),
    },
    { requiredKeys: [] },
  )
}

/** Every page of a search; `between` runs before each but the first. */
async function allPages(
  search: RequestSearch,
  filter: RequestSearchFilter,
  limit: number,
  between: () => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const ids: string[] = []
  let after: RequestPosition | undefined
  for (let pages = 0; pages < 2_000; pages += 1) {
    const page = await search.search(filter, after, limit)
    expect(page.rows.length).toBeLessThanOrEqual(limit)
    ids.push(...page.rows.map(({ outcome }) => outcome.logId))
    if (page.next === undefined) return ids
    after = page.next
    await between()
  }
  throw new Error('a search came to no end')
}

/** Registers the suite; `open` gives a new empty store each time. */
export function searchContract(engine: string, runs: number, open: () => Promise<SearchStore>) {
  const opened: SearchStore[] = []
  const fresh = async (): Promise<SearchStore> => {
    const store = await open()
    opened.push(store)
    return store
  }
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  describe(`${engine}: searches`, () => {
    pagesContract(runs, fresh)
    countsContract(runs, fresh)
    findContract(fresh)
  })
}

function pagesContract(runs: number, open: () => Promise<SearchStore>): void {
  test('of any filter, the pages are what a look at every row gives, newest first', async () => {
    const store = await open()
    const rows = fc.sample(similarOutcomes(), { numRuns: 150, seed: 11 })
    await store.write(rows)
    const order = new Map(rows.map(({ logId }, at) => [logId, at]))
    await fc.assert(
      fc.asyncProperty(filters(), fc.integer({ min: 1, max: 60 }), async (filter, limit) => {
        const expected = rows
          .filter((row) => matches(row, filter))
          .toSorted(
            (a, b) => b.timestampMs - a.timestampMs || order.get(b.logId)! - order.get(a.logId)!,
          )
          .map(({ logId }) => logId)
        expect(await allPages(store.search, filter, limit)).toEqual(expected)
        expect(await allPages(store.narrow, filter, limit)).toEqual(expected)
      }),
      checkParameters(runs),
    )
  }, 300_000)

  test('rows that come meanwhile neither repeat a row nor hide one', async () => {
    const store = await open()
    const rows = fc.sample(similarOutcomes(), { numRuns: 60, seed: 3 })
    const late = fc.sample(similarOutcomes(), { numRuns: 60, seed: 4 })
    await store.write(rows)
    const ids = await allPages(store.narrow, {}, 4, async () => {
      await store.write(late.splice(0, 2))
    })
    expect(new Set(ids).size).toBe(ids.length)
    for (const { logId } of rows) expect(ids).toContain(logId)
  })

  test('rows whose totals an older version has written are found and counted as well', async () => {
    const store = await open()
    const rows = fc.sample(similarOutcomes(), { numRuns: 120, seed: 15 })
    await store.write(rows.slice(0, 80))
    await store.run(
      'UPDATE usage_hourly SET server_errors = NULL, fallbacks = NULL, cache_hits = NULL, first_token_ms = NULL, first_token_requests = NULL',
    )
    // Some of these go to lines that are there.
    await store.write(rows.slice(80))
    const asked: RequestSearchFilter[] = [
      {},
      { hasFallback: true },
      { hasFallback: false },
      { isCached: true },
      { isCached: false },
      { minFirstTokenMs: 30 },
      ...(['ok', 'error', '4xx', '5xx', 429] as const).map((status) => ({ status })),
    ]
    for (const filter of asked.flatMap((one) => [one, { ...one, tenantId: 'default' }])) {
      const expected = rows.filter((row) => matches(row, filter))
      const found = await allPages(store.narrow, filter, 30)
      expect(new Set(found)).toEqual(new Set(expected.map(({ logId }) => logId)))
      const { requests, values } = await store.search.facets(filter)
      expect(requests).toBe(expected.length)
      const refused = expected.filter(({ status }) => status >= 500).length
      const told = values.status?.find(({ value }) => value === '5xx')?.requests ?? 0
      expect(told).toBe(values.status === undefined ? 0 : refused)
    }
    const span = { sinceMs: NOON_MS - 2 * DAY_MS, untilMs: NOON_MS + HOUR_MS }
    const series = await store.search.series({ filter: span, bucketMs: 4 * HOUR_MS })
    expect(series.from).toBe('totals')
    const counted = series.lines.flatMap(({ points }) => points.map(({ requests }) => requests))
    const inSpan = rows.filter((row) => matches(row, { ...span, sinceMs: series.sinceMs }))
    expect(counted.reduce((all, each) => all + each, 0)).toBe(inSpan.length)
  }, 300_000)

  test('an empty log, and a span that holds no time, are an end at once', async () => {
    const { search, write } = await open()
    expect((await search.search({}, undefined, 10)).rows).toEqual([])
    expect((await search.search({ tenantId: 'default' }, undefined, 10)).next).toBeUndefined()
    await write([sampleOutcome()])
    const none = await search.search({ sinceMs: 5, untilMs: 5 }, undefined, 10)
    expect(none).toMatchObject({ rows: [] })
    expect(none.next).toBeUndefined()
  })
}

function countsContract(runs: number, open: () => Promise<SearchStore>): void {
  test('facets count what a look at every row counts, from rows and from totals', async () => {
    const { narrow, search, write } = await open()
    const rows = fc.sample(similarOutcomes(), { numRuns: 150, seed: 12 })
    await write(rows)
    await fc.assert(
      fc.asyncProperty(filters(), async (filter) => {
        const counted = await search.facets(filter)
        expect(counted.isWhole).toBe(true)
        const isTotals = counted.from === 'totals'
        const span = isTotals ? { sinceMs: counted.sinceMs, untilMs: counted.untilMs } : {}
        const within = rows.filter((row) => matches(row, { ...filter, ...span }))
        // Totals know a name only where it is one of a model.
        const isNamed = (row: Outcome) =>
          filter.model === undefined ||
          [rollupKey(row).model, rollupKey(row).providerModel].includes(filter.model)
        const expected = isTotals ? within.filter(isNamed) : within
        if (!(isTotals && filter.model === '')) {
          expect(counted.requests).toBe(expected.length)
          const keys = new Map<string | null, number>()
          for (const row of expected) {
            keys.set(row.apiKeyId ?? null, (keys.get(row.apiKeyId ?? null) ?? 0) + 1)
          }
          const found = counted.values.key!.map((each) => [each.value, each.requests] as const)
          expect(new Map(found)).toEqual(keys)
          const models = counted.values.model!.map((each) => [each.value, each.requests] as const)
          const named = new Map<string | null, number>()
          for (const row of expected) {
            const name = rollupKey(row).model || null
            named.set(name, (named.get(name) ?? 0) + 1)
          }
          expect(new Map(models)).toEqual(named)
        }
        const begun = await narrow.facets(filter)
        if (begun.from === 'totals' && filter.model !== '') {
          const { sinceMs, untilMs } = begun
          const since = rows.filter((row) => matches(row, { ...filter, sinceMs, untilMs }))
          expect(begun.requests).toBe(since.filter(isNamed).length)
        }
        // Cut short, it says from where on it has counted.
        const cut = await narrow.facets({ ...filter, finish: 'stop' })
        const seen = rows.filter((row) =>
          matches(row, {
            ...filter,
            finish: 'stop',
            ...(cut.isWhole ? {} : { sinceMs: cut.sinceMs }),
          }),
        )
        expect(cut.requests).toBe(seen.length)
      }),
      checkParameters(runs),
    )
  }, 300_000)

  test('series are the sums of rows, bucket by bucket, from rows and from totals', async () => {
    const { narrow, search, write } = await open()
    const rows = fc.sample(similarOutcomes(), { numRuns: 200, seed: 13 })
    await write(rows)
    const sum = (list: readonly Outcome[]) => {
      const amounts = list.map(rollupAmounts)
      const of = (name: keyof (typeof amounts)[number]) =>
        amounts.reduce((total, each) => total + each[name], 0)
      return {
        requests: of('requests'),
        errors: of('errors'),
        cacheReadTokens: of('cacheReadTokens'),
        costNanoUsd: of('costNanoUsd'),
        unpricedRequests: of('unpricedRequests'),
        fallbacks: of('fallbacks'),
        cacheHits: of('cacheHits'),
      }
    }
    for (const [sinceMs, bucketMs] of [
      [NOON_MS - 2 * DAY_MS, 4 * HOUR_MS],
      [NOON_MS - 5 * HOUR_MS, HOUR_MS / 2],
    ] as const) {
      const filter = { tenantId: 'default', sinceMs, untilMs: NOON_MS + HOUR_MS }
      const series = await search.series({ filter, bucketMs, by: 'provider' })
      expect(series.from).toBe(bucketMs > HOUR_MS ? 'totals' : 'rows')
      expect(series.isWhole).toBe(true)
      expect(series.sampledRows).toBeGreaterThan(0)
      expect(series.lines.length).toBeGreaterThan(1)
      for (const line of series.lines) {
        for (const { startMs, ...point } of line.points) {
          const within = rows.filter(
            (row) =>
              matches(row, { tenantId: 'default', providerId: line.value ?? '' }) &&
              row.timestampMs >= Math.max(startMs, bucketMs > HOUR_MS ? 0 : sinceMs) &&
              row.timestampMs < startMs + bucketMs,
          )
          expect(point).toMatchObject(sum(within))
          const sorted = within.map(({ totalMs }) => totalMs).toSorted((a, b) => a - b)
          expect(sorted).toContain(point.totalMs!.p50!)
          expect(point.totalMs!.p95!).toBe(sorted[Math.ceil(sorted.length * 0.95) - 1]!)
        }
      }
      const points = series.lines.flatMap((line) => line.points)
      const inSpan = rows.filter((row) => matches(row, { ...filter, sinceMs: series.sinceMs }))
      expect(points.reduce((all, each) => all + each.requests, 0)).toBe(inSpan.length)
      const cut = await narrow.series({ filter, bucketMs })
      expect(cut.isWhole).toBe(false)
      const since = rows.filter((row) => matches(row, { ...filter, sinceMs: cut.countedFromMs }))
      const told = cut.lines.flatMap((line) => line.points).map(({ requests }) => requests)
      expect(told.reduce((all, each) => all + each, 0)).toBe(since.length)
    }
    const filter = { sinceMs: 0, untilMs: NOON_MS }
    await expect(search.series({ filter, bucketMs: 60_000 })).rejects.toMatchObject({ status: 400 })
  })
}

function findContract(open: () => Promise<SearchStore>): void {
  test('one request is found by its ids, with all its bodies, by its tenant alone', async () => {
    const { search, write } = await open()
    const timestampMs = Date.now()
    const outcome = sampleOutcome({
      tenantId: 'a',
      timestampMs,
      requestId: `req_${Bun.randomUUIDv7('hex', timestampMs).replaceAll('-', '')}`,
      traceId: '0'.repeat(32),
      queuedMs: 0,
      requestBody: '{}',
      responseBody: '',
      providerRequestBody: '{"a":1}',
    })
    await write([outcome, sampleOutcome({ tenantId: 'b' })])
    const { logId, requestId, traceId } = outcome
    expect((await search.find('a', logId))?.outcome).toEqual(outcome)
    expect((await search.find(undefined, logId))?.outcome).toEqual(outcome)
    expect(await search.find('b', logId)).toBeUndefined()
    for (const asked of [{ logId }, { requestId }, { traceId: traceId! }]) {
      for (const tenantId of ['a', undefined]) {
        const filter = { ...asked, ...(tenantId === undefined ? {} : { tenantId }) }
        const found = await search.search(filter, undefined, 10)
        expect(found.rows.map((row) => row.outcome.logId)).toEqual([logId])
      }
      expect((await search.search({ ...asked, tenantId: 'b' }, undefined, 10)).rows).toEqual([])
    }
  })

  test('rows are followed in the order in which they were written', async () => {
    const { search, write } = await open()
    expect(await search.lastSequence()).toBe(0)
    const rows = fc.sample(similarOutcomes(), { numRuns: 20, seed: 5 })
    await write(rows.slice(0, 10))
    const start = await search.lastSequence()
    await write(rows.slice(10))
    const after = await search.following(start, 4)
    const rest = await search.following(after.at(-1)!.sequence, 100)
    expect([...after, ...rest].map(({ outcome }) => outcome.logId)).toEqual(
      rows.slice(10).map(({ logId }) => logId),
    )
  })

  test('text that is none of the engine’s is refused or finds nothing, and is no fault', async () => {
    const { search, write } = await open()
    await write([sampleOutcome()])
    for (const model of ["'; DROP TABLE requests; --", '\u{D800}', '%', '?1 $1']) {
      const page = await search.search({ model, errorText: model }, undefined, 10)
      expect(page.rows).toEqual([])
    }
    expect((await search.search({}, undefined, 10)).rows).toHaveLength(1)
  })
}
