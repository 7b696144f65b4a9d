import { Database } from 'bun:sqlite'
import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { auditContentContract } from './contract-audit-content.ts'
import type { Store } from './store.ts'
import { removeFolders, storeIn, temporaryFolder, TEST_ACTOR } from './test-store.ts'

const opened: Store[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})
afterAll(removeFolders)

async function open(): Promise<Store> {
  const store = await storeIn(temporaryFolder())
  opened.push(store)
  return store
}

describe('SQLite: what the audit quotes', () => {
  auditContentContract(open)

  const record = async (store: Store, text: string) =>
    await store.auditContent.record(
      {
        tenantId: 'default',
        action: 'guardrail.flagged',
        target: { kind: 'guardrail', id: 'words' },
      },
      TEST_ACTOR,
      { logId: 'l', timestampMs: 1, text },
    )

  test('no text stands in the file', async () => {
    const store = await open()
    await record(store, 'canary-sentence')
    const control = store.files!.control
    const text = [control, `${control}-wal`].map((file) => readFileSync(file).toString('latin1'))
    expect(text.join('')).toContain('guardrail.flagged')
    expect(text.join('')).not.toContain('canary-sentence')
  })

  test.each([
    "UPDATE audit_content SET nonce = '00'",
    "UPDATE audit_content SET sealed_excerpt = 'v1.x'",
    // Sealed here, but for another entry.
    'UPDATE audit_content SET sealed_excerpt = (SELECT sealed_excerpt FROM audit_content ORDER BY rowid DESC LIMIT 1)',
  ])('%s is damage and never another text', async (statement) => {
    const store = await open()
    await record(store, 'first')
    await record(store, 'second')
    const database = new Database(store.files!.control)
    database.run(statement)
    database.close()
    const failure = await store.auditContent.find('default', 1).catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 404, code: 'content_damaged' })
    expect(await store.audit.verify()).toEqual({ records: 2 })
  })

  test('what cannot be quoted is not recorded either', async () => {
    const store = await open()
    const database = new Database(store.files!.control)
    database.run('DROP TABLE audit_content')
    database.close()
    expect(await record(store, 'x').catch(() => 'failed')).toBe('failed')
    expect(await store.audit.count({})).toBe(0)
  })
})
