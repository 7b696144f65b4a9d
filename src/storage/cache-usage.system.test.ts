// What the response cache saved, in the totals and in the proof of them, on a real Postgres: its JSON is read in other words than SQLite's.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { removeFolders, sampleOutcome, storeIn, temporaryFolder } from './test-store.ts'

setDefaultTimeout(180_000)

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`left out: savings on Postgres (${reason})\n`)

let server: TestPostgres | undefined
beforeAll(async () => {
  if (reason === undefined) server = await startPostgres()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

const ALL = { startMs: 0, endMs: Number.MAX_SAFE_INTEGER }

test.each(['sqlite', 'postgres'] as const)('on %s totals are what the rows say', async (engine) => {
  if (engine === 'postgres' && server === undefined) return
  const database = engine === 'sqlite' ? undefined : await server!.createDatabase()
  const store = await storeIn(
    temporaryFolder(),
    database === undefined
      ? {}
      : { location: { engine: 'postgres', url: database.url, connections: 4 } },
  )
  const { providerId: _provider, usage: _usage, ...bare } = sampleOutcome()
  const hit = {
    ...bare,
    costNanoUsd: 0,
    attempts: [],
    status: 200,
    modelRequested: 'fast',
    cache: { state: 'hit', kind: 'exact', savedNanoUsd: 2_500 },
  } as const
  const unpriced = { ...hit, cache: { state: 'hit', kind: 'semantic' } } as const
  const miss = {
    ...sampleOutcome(),
    providerId: 'p',
    modelRequested: 'fast',
    costNanoUsd: 7,
    cache: { state: 'miss', kind: 'exact' },
  } as const
  const id = () => Bun.randomUUIDv7()
  for (const outcome of [hit, hit, unpriced, miss]) store.log.record({ ...outcome, logId: id() })
  const report = () =>
    store.usage.report({ sinceMs: 0, untilMs: 4e12, groupBy: ['model'], limit: 10 })
  await store.log.flush()
  expect(await report()).toMatchObject([
    { group: ['fast'], requests: 4, responseHits: 3, savedNanoUsd: 5_000, unpricedRequests: 0 },
  ])
  expect((await store.usage.reconcile(ALL, false)).differences).toEqual([])
  await store.close()
})
