// Kept values at rest on SQLite, and that none is in a file in clear.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keptItem } from './contract-kept.ts'
import { keptSealingContract } from './contract-kept-sealing.ts'
import { removeFolders, storeIn, temporaryFolder } from './test-store.ts'

// Servers start and stop on one store.
setDefaultTimeout(60_000)

afterAll(removeFolders)

keptSealingContract('SQLite', () => {
  const folder = temporaryFolder()
  return Promise.resolve({
    open: (options) => storeIn(folder, options),
    query: (sql) => {
      const database = new Database(join(folder, 'weir-log.db'))
      database.run('PRAGMA busy_timeout = 5000')
      try {
        return Promise.resolve(database.query<Record<string, unknown>, []>(sql).all())
      } finally {
        database.close()
      }
    },
    close: () => Promise.resolve(),
  })
})

describe('a file', () => {
  test('holds nothing in clear, while it is used and afterwards', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder)
    const value = JSON.stringify({ said: 'canary-in-a-file-0123456789' })
    await store.kept.put(keptItem({ value }))
    await store.kept.flush()
    const all = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
    expect(all().join('')).not.toContain('canary')
    await store.close()
    expect(all().join('')).not.toContain('canary')
  })
})
