import { afterAll, afterEach, describe } from 'bun:test'
import { limitRulesContract } from './contract-limits.ts'
import type { Store } from './store.ts'
import { removeFolders, storeIn, temporaryFolder } from './test-store.ts'

const opened: Store[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})
afterAll(removeFolders)

describe('SQLite: limits', () => {
  limitRulesContract(async () => {
    const store = await storeIn(temporaryFolder())
    opened.push(store)
    return store
  })
})
