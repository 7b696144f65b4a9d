import { afterAll, afterEach, beforeAll, describe, setDefaultTimeout } from 'bun:test'
import { postgresMissing, startPostgres, type TestPostgres } from '../testing/postgres.ts'
import { auditContentContract } from './contract-audit-content.ts'
import { guardrailsContract } from './contract-guardrails.ts'
import type { Store } from './store.ts'
import { removeFolders, storeIn, temporaryFolder } from './test-store.ts'

setDefaultTimeout(180_000)

const reason = postgresMissing()
if (reason !== undefined) process.stdout.write(`skipped: guardrails in Postgres (${reason})\n`)

let server: TestPostgres
/** Migrated once; each test has a copy. */
let template = ''
const opened: Store[] = []

async function open(from?: string): Promise<Store> {
  const made = await server.createDatabase(from)
  const store = await storeIn(temporaryFolder(), {
    location: { engine: 'postgres', url: made.url, connections: 3 },
    secrets: { masterKey: 'one secret that is long enough for a key' },
  })
  if (from === undefined) template = made.name
  opened.push(store)
  return store
}

async function closeAll(): Promise<void> {
  for (const store of opened.splice(0)) await store.close()
}

beforeAll(async () => {
  if (reason !== undefined) return
  server = await startPostgres()
  await open()
  await closeAll()
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  removeFolders()
})

describe.skipIf(reason !== undefined)('Postgres: guardrails and flags', () => {
  afterEach(closeAll)
  guardrailsContract(() => open(template))
  auditContentContract(() => open(template))
})
