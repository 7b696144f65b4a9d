import { Database } from 'bun:sqlite'
import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { guardrailsContract, sampleGuardrail } from './contract-guardrails.ts'
import type { Store } from './store.ts'
import { removeFolders, storeIn, temporaryFolder, TEST_ACTOR } from './test-store.ts'

// As many rules are made as there may be.
setDefaultTimeout(60_000)

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

describe('SQLite: guardrails and flags', () => {
  guardrailsContract(open)

  test('secrets stand nowhere in the file, and go over to a new key', async () => {
    const store = await open()
    const rule = sampleGuardrail('default')
    await store.guardrailRules.save('default', rule, TEST_ACTOR)
    const control = store.files!.control
    const text = [control, `${control}-wal`].map((file) => readFileSync(file).toString('latin1'))
    expect(text.join('')).toContain('guard.example.com')
    expect(text.join('')).not.toContain('secret-canary')
    const { values } = await store.secrets.rotate(TEST_ACTOR)
    expect(values).toBe(1)
    expect(await store.guardrailRules.list('default')).toEqual([{ rule }])
  })

  test('a tenant that has one is not removed; what flags say of it goes with it', async () => {
    const store = await open()
    await store.tenants.create({ id: 'acme', name: 'Acme', createdMs: 1 }, TEST_ACTOR)
    await store.guardrailRules.save('acme', sampleGuardrail('acme'), TEST_ACTOR)
    await store.flagRules.save('acme', 'hedging', { value: false, percent: 5 }, TEST_ACTOR)
    const removal = await store.tenants.remove('acme', TEST_ACTOR).catch((error: unknown) => error)
    expect(removal).toMatchObject({ status: 409, code: 'not_empty' })
    expect(String(removal)).toContain('guardrails')
    await store.guardrailRules.remove('acme', 'a', TEST_ACTOR)
    expect(await store.tenants.remove('acme', TEST_ACTOR)).toBe(true)
    expect(await store.flagRules.all()).toEqual([])
  })

  test('one whose secrets do not open is told, and never left out', async () => {
    const store = await open()
    await store.guardrailRules.save('default', sampleGuardrail('default'), TEST_ACTOR)
    const database = new Database(store.files!.control)
    // An envelope of another row does not open here.
    database.run(`UPDATE guardrail_rules SET sealed_secrets = 'weir1.x.AAAAAAAAAAAAAAAA.AAAA.AA'`)
    database.close()
    const [found] = await store.guardrailRules.all()
    expect(found?.problem).toBe('Its secrets do not open.')
    expect(found?.rule).toMatchObject({ id: 'a', mode: 'block', tenantId: 'default' })
    expect(JSON.stringify(found)).not.toContain('canary')
  })
})
