// Kept values at rest on Postgres.

import { afterAll, beforeAll, setDefaultTimeout } from 'bun:test'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { keptSealingContract } from './contract-kept-sealing.ts'
import { PostgresPool } from './postgres-pool.ts'
import { MemoryLogger, removeFolders, storeIn, temporaryFolder } from './test-store.ts'

setDefaultTimeout(180_000)

const missing = postgresMissing()
if (missing !== undefined) {
  process.stdout.write(`left out: kept values at rest on Postgres (${missing})\n`)
}

let server: TestPostgres
beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

if (missing === undefined) {
  keptSealingContract('Postgres', async () => {
    const { url } = await server.createDatabase()
    const location = { engine: 'postgres', url, connections: 4 } as const
    const folder = temporaryFolder()
    const pool = new PostgresPool(location, { connections: 1, logger: new MemoryLogger() })
    return {
      open: (options) => storeIn(folder, { location, ...options }),
      query: (sql) => pool.query<Record<string, unknown>>(sql),
      close: () => pool.close(),
    }
  })
}
