// Searches on a real Postgres: the same contract as on SQLite.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { PATIENT_MS, searchContract } from './contract-search.ts'
import { settledOn } from './postgres-following.ts'
import { PostgresPool } from './postgres-pool.ts'
import { RequestSearch } from './request-search.ts'
import type { LogTables } from './requests.ts'
import * as postgresTables from './schema-log.postgres.ts'
import { postgresReader } from './search-reader.ts'
import { MemoryLogger, realClock, removeFolders, storeIn, temporaryFolder } from './test-store.ts'

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`Searches on Postgres are left out: ${missing}\n`)

let postgres: TestPostgres
beforeAll(async () => {
  if (missing === undefined) postgres = await startPostgres()
}, 60_000)
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
      narrow: new RequestSearch({ ...parts, windowRows: 7, timeMs: 0 }),
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
})
