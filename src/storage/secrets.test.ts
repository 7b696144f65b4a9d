// Rotation: every sealed column of the schema is gone over, nothing is lost wherever it is broken off, processes that run beside it go
// on, and the old master key opens nothing afterwards.

import { afterAll, describe, expect, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { getTableColumns, getTableName, is } from 'drizzle-orm'
import { SQLiteTable } from 'drizzle-orm/sqlite-core'
import * as controlTables from './schema.sqlite.ts'
import * as logTables from './schema-log.sqlite.ts'
import { sealedColumns, sealPlaceOf } from './sealed-columns.ts'
import { envelopeKeyId } from './seal.ts'
import {
  removeFolders,
  sampleProvider,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
  until,
} from './test-store.ts'

afterAll(removeFolders)

const FIRST = { masterKey: 'the first master key, long enough for one' }
const SECOND = { masterKey: 'the second master key, long enough as well' }

const provider = (id: string) =>
  sampleProvider({
    id,
    tenantId: 'default',
    keys: [
      { id: 'a', secret: `sk-live-a-of-${id}-0123456789` },
      { id: 'b', secret: `sk-live-b-of-${id}-0123456789` },
    ],
    headers: { 'x-token': `header of ${id}` },
    network: { proxy: `http://user:pw-of-${id}@proxy:3128` },
    entra: { tenant: 't', clientId: 'c', clientSecret: `secret of ${id}`, cloud: 'public' },
  })

/** Every envelope in a file, by the key it names. */
function envelopes(path: string): Map<string, number> {
  const database = new Database(path, { readonly: true })
  const counts = new Map<string, number>()
  for (const table of Object.values(controlTables)) {
    if (!is(table, SQLiteTable)) continue
    for (const row of database.query(`SELECT * FROM ${getTableName(table)}`).all() as object[]) {
      for (const [name, value] of Object.entries(row)) {
        if (name === 'wrapped' || name === 'value') continue
        const id = typeof value === 'string' ? envelopeKeyId(value) : undefined
        if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
      }
    }
  }
  database.close()
  return counts
}

describe('the columns', () => {
  test('are those of the schema, by name; the log has none', () => {
    const named = (tables: object) =>
      Object.values(tables).flatMap((table) =>
        is(table, SQLiteTable)
          ? Object.values(getTableColumns(table))
              .filter(({ name }) => name.startsWith('sealed_'))
              .map(({ name }) => `${getTableName(table)}.${name}`)
          : [],
      )
    const tables = new Map(Object.entries(controlTables))
    const found = sealedColumns().map(
      ({ column, tableName }) => `${getTableName(tables.get(tableName) as SQLiteTable)}.${column}`,
    )
    expect(found.toSorted()).toEqual(named(controlTables).toSorted())
    expect(found.toSorted()).toEqual([
      'audit_content.sealed_excerpt',
      'budget_rules.sealed_webhook_url',
      'guardrail_rules.sealed_secrets',
      'login_attempts.sealed_proof',
      'once_answers.sealed_answer',
      'provider_keys.sealed_secret',
      'providers.sealed_headers',
      'providers.sealed_proxy',
      'providers.sealed_secrets',
      'sessions.sealed_tokens',
    ])
    expect(named(logTables)).toEqual([])
  })

  test('a value is bound to tenant, table, row and column', () => {
    const row = { tenantId: 't', providerId: 'p', id: 'k' }
    expect(sealPlaceOf(controlTables.providerKeys, 'sealed_secret', row)).toEqual({
      tenantId: 't',
      table: 'provider_keys',
      row: ['p', 'k'],
      column: 'sealed_secret',
    })
  })
})

describe('a rotation', () => {
  test('seals everything anew, and the old master key is good for nothing afterwards', async () => {
    const folder = temporaryFolder()
    const before = await storeIn(folder, { secrets: FIRST })
    for (const id of ['p', 'q']) await before.providers.save('default', provider(id), TEST_ACTOR)
    const providers = await before.providers.all()
    const { control } = before.files!
    const [oldKey] = [...envelopes(control).keys()]
    await before.close()

    const both = await storeIn(folder, { secrets: { ...SECOND, oldKeys: [FIRST.masterKey] } })
    const report = await both.secrets.rotate(TEST_ACTOR)
    expect(report.values).toBe(2 * (2 + 3))
    expect(report.keyId).not.toBe(oldKey)
    expect([...envelopes(control)]).toEqual([[report.keyId, report.values]])
    expect(await both.providers.all()).toEqual(providers)
    expect((await both.secrets.state()).keys.map((key) => key.masterKeyId)).toEqual(
      Array.from({ length: 3 }, () => both.secrets.masterKeyId),
    )
    expect(await both.audit.verify()).toEqual({ records: 4 })
    await both.close()

    await expect(storeIn(folder, { secrets: FIRST })).rejects.toMatchObject({
      code: 'master_key_wrong',
    })
    const after = await storeIn(folder, { secrets: SECOND })
    expect(await after.providers.all()).toEqual(providers)
    expect(await after.audit.verify()).toEqual({ records: 4 })
    await after.close()
  })

  test('broken off at every value, it is taken up where it was', async () => {
    const folder = temporaryFolder()
    const store = await storeIn(folder, { secrets: FIRST })
    await store.providers.save('default', provider('p'), TEST_ACTOR)
    const providers = await store.providers.all()
    const { control } = store.files!
    for (let stopAt = 1; stopAt <= 5; stopAt += 1) {
      const stopped = store.secrets.rotate(TEST_ACTOR, (done) => {
        if (done === stopAt) throw new Error('the power is gone')
      })
      await expect(stopped).rejects.toThrow('the power is gone')
      const mixed = envelopes(control)
      expect([...mixed.values()].reduce((sum, count) => sum + count, 0)).toBe(5)
      expect(await store.providers.all()).toEqual(providers)
      const { keyId } = await store.secrets.rotate(TEST_ACTOR)
      expect([...envelopes(control).keys()]).toEqual([keyId])
    }
    expect(await store.providers.all()).toEqual(providers)
    await store.close()
  })

  test('a process beside it goes on reading and writing, and hears of the new key', async () => {
    const folder = temporaryFolder()
    const [one, two] = [
      await storeIn(folder, { secrets: FIRST }),
      await storeIn(folder, { secrets: FIRST }),
    ]
    await one.providers.save('default', provider('p'), TEST_ACTOR)
    let changes = 0
    two.watcher.start(() => void (changes += 1))
    const { keyId } = await one.secrets.rotate(TEST_ACTOR)
    // It still seals with the key it knows.
    await two.providers.save('default', provider('late'), TEST_ACTOR)
    expect(envelopes(one.files!.control).size).toBe(2)
    expect((await one.providers.all()).map(({ id }) => id)).toEqual(['late', 'p'])
    await until('the other has heard', () => changes > 0)
    expect((await two.providers.all()).map(({ id }) => id)).toEqual(['late', 'p'])
    await two.providers.save('default', provider('later'), TEST_ACTOR)
    const again = await one.secrets.rotate(TEST_ACTOR)
    // Two values of one provider were left to the old key, so the key of the rotation before is used on.
    expect(again.keyId).toBe(keyId)
    expect([...envelopes(one.files!.control).keys()]).toEqual([keyId])
    await Promise.all([one.close(), two.close()])
  })

  test('tokens of sessions, proofs of logins and webhooks go along, and open for who has not yet heard', async () => {
    const folder = temporaryFolder()
    const [one, two] = [
      await storeIn(folder, { secrets: FIRST }),
      await storeIn(folder, { secrets: FIRST }),
    ]
    const tokens = { idToken: 'the id token', refreshToken: 'the refresh token' }
    const seen = { createdMs: 1, lastSeenMs: 1, expiresMs: 9e12 }
    const claimed = { roles: [], groups: [] }
    await one.sessions.create(
      { idHash: 's', tenantId: 'default', userId: 'u', issuer: 'i', claimed, ...seen },
      tokens,
    )
    const begun = { stateHash: 'h', issuer: 'i', browserHash: 'b', returnTo: '/ui' }
    const attempt = { ...begun, nonce: 'the nonce', codeVerifier: 'the verifier', expiresMs: 9e12 }
    await one.logins.begin(attempt)
    const webhookUrl = 'https://hooks.example.com/a-token'
    const rule = {
      id: 'r',
      tenantId: 'default',
      origin: 'store',
      per: 'tenant',
      nanoUsd: 5,
      window: 'day',
      action: 'block',
      alertAt: [],
      unknownPrice: 'allow',
      webhookUrl,
    } as const
    await one.budgetRules.save(rule, TEST_ACTOR)
    const { keyId, values } = await one.secrets.rotate(TEST_ACTOR)
    expect(values).toBe(3)
    expect([...envelopes(one.files!.control)]).toEqual([[keyId, 3]])
    expect(await two.sessions.secrets('s')).toEqual(tokens)
    expect(await two.logins.take('h', 5)).toEqual(attempt)
    expect((await two.budgetRules.all()).map((each) => each.webhookUrl)).toEqual([webhookUrl])
    await Promise.all([one.close(), two.close()])
  })

  test('a value that does not open stops it and stays as it is', async () => {
    const store = await storeIn(temporaryFolder(), { secrets: FIRST })
    await store.providers.save('default', provider('p'), TEST_ACTOR)
    const database = new Database(store.files!.control)
    const spoilt = 'weir1.abc.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA'
    database.run("UPDATE provider_keys SET sealed_secret = ? WHERE id = 'b'", [spoilt])
    await expect(store.secrets.rotate(TEST_ACTOR)).rejects.toMatchObject({ name: 'StorageError' })
    const row = database.query<{ sealed_secret: string }, []>(
      "SELECT sealed_secret FROM provider_keys WHERE id = 'b'",
    )
    expect(row.get()?.sealed_secret).toBe(spoilt)
    database.close()
    await store.close()
  })
})
