// Searches on a real Postgres: the same contract as on SQLite.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import { PATIENT_MS, searchContract } from './contract-search.ts'
import { settledOn } from './postgres-following.ts'
import { PostgresPool } from './postgres-pool.ts'
import { RequestSearch } from './request-search.ts'
import type { LogTables } from './requests.ts'
import * as postgresTables from './schema-log.postgres.ts'
import { postgresReader } from './search-reader.ts'
import {
  MemoryLogger,
  realClock,
  removeFolders,
  sampleOutcome,
  storeIn,
  temporaryFolder,
} from './test-store.ts'

setDefaultTimeout(180_000)

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`Searches on Postgres are left out: ${missing}\n`)

let postgres: TestPostgres
beforeAll(async () => {
  if (missing === undefined) postgres = await startPostgres()
})
afterAll(async () => {
  if (missing === undefined) await postgres.stop()
  removeFolders()
})

describe.skipIf(missing !== undefined)('searches', () => {
  test('there is a server', () => expect(postgres.port).toBeGreaterThan(0))

  searchContract('Postgres', 15, async () => {
    const { url } = await postgres.createDatabase()
    const location = { engine: 'postgres', url, connections: 6 } as const
    const store = await storeIn(temporaryFolder(), { location })
    const pool = new PostgresPool(location, { connections: 2, logger: new MemoryLogger() })
    const parts = {
      reader: postgresReader(pool),
      clock: realClock,
      tables: postgresTables as unknown as LogTables,
      settled: settledOn(pool.database),
    }
    return {
      search: new RequestSearch({ ...parts, timeMs: PATIENT_MS }),
      narrow: new RequestSearch({ ...parts, windowRows: 7, totalsRows: 60, timeMs: 0 }),
      write: async (outcomes) => {
        for (const outcome of outcomes) store.log.record(outcome)
        expect(await store.log.flush()).toBe(true)
      },
      run: async (text) => void (await pool.query(text, [])),
      close: async () => {
        await pool.close()
        await store.close()
      },
    }
  })

  test('a tenant with few lines of the totals is counted at once, however many others have', async () => {
    const { url } = await postgres.createDatabase()
    const location = { engine: 'postgres', url, connections: 6 } as const
    const store = await storeIn(temporaryFolder(), { location })
    const startMs = Date.UTC(2026, 2, 1)
    for (let hour = 0; hour < 40; hour += 1) {
      for (const apiKeyId of ['k1', 'k2', 'k3']) {
        const timestampMs = startMs + hour * HOUR_MS
        const tenantId = hour % 20 === 0 && apiKeyId === 'k1' ? 'small' : 'large'
        store.log.record({ ...sampleOutcome(), timestampMs, apiKeyId, tenantId })
      }
    }
    expect(await store.log.flush()).toBe(true)
    const pool = new PostgresPool(location, { connections: 2, logger: new MemoryLogger() })
    const reader = postgresReader(pool)
    // No second statement is begun: there is no time.
    const search = new RequestSearch({ reader, clock: realClock, totalsRows: 7, timeMs: 0 })
    const filter = { tenantId: 'small', sinceMs: startMs, untilMs: startMs + 40 * HOUR_MS }
    expect(await search.facets(filter)).toMatchObject({
      from: 'totals',
      isWhole: true,
      requests: 2,
    })
    const series = await search.series({ filter, bucketMs: HOUR_MS })
    expect(series).toMatchObject({ from: 'totals', isWhole: true })
    expect(series.lines[0]!.points).toHaveLength(2)
    const { isWhole } = await search.facets({ ...filter, tenantId: 'large' })
    expect(isWhole).toBe(false)
    await pool.close()
    await store.close()
  })
})
