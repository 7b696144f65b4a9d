// The audit on SQLite: no change without its record and no record without its change, one chain whoever writes, and every way of
// touching it shows. What both engines must do alike is in the contract.

import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { AUDIT_ACTIONS } from '../core/audit.ts'
import {
  removeFolders,
  runScript,
  sampleKey,
  sampleModel,
  sampleProvider,
  storeIn,
  temporaryFolder,
  TEST_ACTOR,
} from './test-store.ts'

afterAll(removeFolders)

function tamper(path: string, ...statements: string[]): void {
  const database = new Database(path)
  database.run('PRAGMA busy_timeout = 10000')
  for (const statement of statements) database.run(statement)
  database.close()
}

async function filled() {
  const store = await storeIn(temporaryFolder())
  const key = await store.keys.create(sampleKey(), TEST_ACTOR)
  await store.keys.update('default', key.id, { name: 'other' }, TEST_ACTOR)
  await store.providers.save('default', sampleProvider(), TEST_ACTOR)
  await store.models.save('default', sampleModel(), TEST_ACTOR)
  await store.keys.revoke('default', key.id, 5, TEST_ACTOR)
  return { store, key }
}

describe('the chain', () => {
  const attacks: readonly (readonly [string, number, readonly string[]])[] = [
    ['a changed actor', 2, ["UPDATE audit SET actor_id = 'somebody else' WHERE sequence = 2"]],
    ['a changed time', 1, ['UPDATE audit SET timestamp_ms = timestamp_ms + 1 WHERE sequence = 1']],
    ['a changed tenant', 3, ["UPDATE audit SET tenant_id = 'other' WHERE sequence = 3"]],
    [
      'a changed value',
      3,
      ["UPDATE audit SET after = replace(after, 'openai', 'closed') WHERE sequence = 3"],
    ],
    ['null in place of a value', 2, ['UPDATE audit SET before = NULL WHERE sequence = 2']],
    ['a deleted record', 2, ['DELETE FROM audit WHERE sequence = 2']],
    ['a deleted first record', 1, ['DELETE FROM audit WHERE sequence = 1']],
    ['a deleted last record', 5, ['DELETE FROM audit WHERE sequence = 5']],
    [
      'a deleted last record with its mark moved back',
      5,
      [
        'DELETE FROM audit WHERE sequence = 5',
        "UPDATE settings SET value = '5.' || (SELECT hash FROM audit WHERE sequence = 4) WHERE key = 'audit_head'",
      ],
    ],
    ['everything deleted', 1, ['DELETE FROM audit']],
    [
      'a deleted last record with its mark made from the one before',
      4,
      [
        'DELETE FROM audit WHERE sequence = 5',
        "UPDATE settings SET value = '4.' || (SELECT hash FROM audit WHERE sequence = 4) WHERE key = 'audit_head'",
      ],
    ],
    [
      'everything deleted, with the mark',
      1,
      ['DELETE FROM audit', "DELETE FROM settings WHERE key = 'audit_head'"],
    ],
    ['the mark deleted', 5, ["DELETE FROM settings WHERE key = 'audit_head'"]],
    [
      'two records exchanged',
      2,
      [
        'UPDATE audit SET sequence = 99 WHERE sequence = 2',
        'UPDATE audit SET sequence = 2 WHERE sequence = 3',
        'UPDATE audit SET sequence = 3 WHERE sequence = 99',
      ],
    ],
    [
      'a copied record at the end',
      6,
      [
        'INSERT INTO audit SELECT 6, tenant_id, timestamp_ms, actor_kind, actor_id, actor_name, actor_tenant_id, from_address, request_id, action, target_kind, target_id, before, after, hash FROM audit WHERE sequence = 5',
      ],
    ],
  ]

  test.each(attacks)('%s shows at record %p', async (_name, sequence, statements) => {
    const { store } = await filled()
    expect(await store.audit.verify()).toEqual({ records: 5 })
    tamper(store.files!.control, ...statements)
    const { broken } = await store.audit.verify()
    expect(broken?.sequence).toBe(sequence)
    await store.close()
  })

  test('another master key cannot make links that hold', async () => {
    const { store } = await filled()
    const other = await storeIn(temporaryFolder())
    await other.keys.create(sampleKey(), TEST_ACTOR)
    tamper(
      store.files!.control,
      `ATTACH '${other.files!.control}' AS other`,
      'DELETE FROM audit',
      'INSERT INTO audit SELECT * FROM other.audit',
      "UPDATE settings SET value = (SELECT value FROM other.settings WHERE key = 'audit_head') WHERE key = 'audit_head'",
    )
    expect((await store.audit.verify()).broken?.sequence).toBe(1)
    await Promise.all([store.close(), other.close()])
  })

  test.each([
    ['the last records', ['DELETE FROM audit WHERE sequence > 3']],
    ['everything', ['DELETE FROM audit']],
    [
      'everything with the mark',
      ['DELETE FROM audit', "DELETE FROM settings WHERE key = 'audit_head'"],
    ],
    [
      'the last records, with a mark of the older form',
      [
        'DELETE FROM audit WHERE sequence > 3',
        "UPDATE settings SET value = '3.' || (SELECT hash FROM audit WHERE sequence = 3) WHERE key = 'audit_head'",
      ],
    ],
  ] as const)(
    '%s taken off shows for good, whatever is recorded afterwards',
    async (_name, statements) => {
      const { store } = await filled()
      tamper(store.files!.control, ...statements)
      for (let round = 0; round < 3; round += 1) {
        await store.keys.create(sampleKey(), TEST_ACTOR)
        expect((await store.audit.verify()).broken).toBeDefined()
      }
      await store.close()
    },
  )

  test('other work goes on while a long one is checked', async () => {
    const store = await storeIn(temporaryFolder())
    const event = {
      tenantId: 'default',
      action: 'logout',
      target: { kind: 'user', id: 'u' },
    } as const
    await Promise.all(Array.from({ length: 250 }, () => store.audit.record(event, TEST_ACTOR)))
    let wentOn = false
    setImmediate(() => (wentOn = true))
    expect(await store.audit.verify()).toEqual({ records: 250 })
    expect(wentOn).toBe(true)
    await store.close()
  })

  test('an empty one is whole', async () => {
    const store = await storeIn(temporaryFolder())
    expect(await store.audit.verify()).toEqual({ records: 0 })
    await store.close()
  })
})

describe('change and record', () => {
  test('a record that cannot be written takes its change with it', async () => {
    const { store, key } = await filled()
    tamper(
      store.files!.control,
      "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END",
    )
    const name = async () => (await store.keys.find('default', key.id))?.name
    const made = sampleKey()
    for (const refused of [
      () => store.keys.create(made, TEST_ACTOR),
      () => store.providers.save('default', sampleProvider({ id: 'second' }), TEST_ACTOR),
      () => store.providers.remove('default', 'openai', TEST_ACTOR),
      () => store.models.remove('default', 'fast', TEST_ACTOR),
      () =>
        store.audit.record(
          { tenantId: 'default', action: 'logout', target: { kind: 'user', id: 'u' } },
          TEST_ACTOR,
        ),
    ]) {
      await expect(refused()).rejects.toMatchObject({ status: 503 })
    }
    expect(await name()).toBe('other')
    expect(await store.keys.find('default', made.id)).toBeUndefined()
    expect((await store.providers.all()).map(({ id }) => id)).toEqual(['openai'])
    expect((await store.models.all()).map(({ id }) => id)).toEqual(['fast'])
    expect(await store.audit.verify()).toEqual({ records: 5 })
    await store.close()
  })

  test('what changes nothing records nothing, and a change that is refused neither', async () => {
    const { store, key } = await filled()
    expect(await store.keys.revoke('default', key.id, 9, TEST_ACTOR)).toMatchObject({
      revokedMs: 5,
    })
    expect(await store.keys.update('other', key.id, { name: 'x' }, TEST_ACTOR)).toBeUndefined()
    expect(await store.models.remove('default', 'nothing', TEST_ACTOR)).toBe(false)
    await expect(store.keys.create(sampleKey({ id: key.id }), TEST_ACTOR)).rejects.toMatchObject({
      status: 409,
    })
    expect(await store.audit.verify()).toEqual({ records: 5 })
    await store.close()
  })

  test('every record says who, what, before and after, and no secret', async () => {
    const { store, key } = await filled()
    const by = {
      kind: 'user',
      id: 'u1',
      name: 'Ann',
      tenantId: 'default',
      from: '10.0.0.1',
      requestId: 'r',
    } as const
    await store.providers.save(
      'default',
      sampleProvider({
        keys: [{ id: 'first', secret: 'sk-live-secret-0123456789-wxyz' }],
        headers: { 'x-token': 'header-secret' },
        network: {
          proxy: 'http://user:proxy-secret@host:1',
          key: 'pem-secret',
          keyPassphrase: 'pass-secret',
        },
        entra: {
          tenant: 't',
          clientId: 'c',
          clientSecret: 'client-secret',
          cloud: 'public',
          keyPassphrase: 'entra-secret',
        },
      }),
      by,
    )
    await store.providers.addKey(
      'default',
      'openai',
      { id: 'second', secret: 'sk-other-secret-0123456789' },
      by,
    )
    await store.providers.setKeyDraining('default', 'openai', 'first', true, by)
    await store.providers.removeKey('default', 'openai', 'first', by)
    await store.providers.remove('default', 'openai', by)
    const records = await store.audit.list({ tenantId: 'default', limit: 1_000 })
    expect(records).toHaveLength(10)
    expect(JSON.stringify(records)).not.toMatch(/secret(?!s)/)
    expect(JSON.stringify(records)).not.toContain(key.hash)
    expect(records.map(({ action }) => action)).toEqual([
      'provider.delete',
      'provider_key.delete',
      'provider_key.update',
      'provider_key.create',
      'provider.save',
      'key.revoke',
      'model.save',
      'provider.save',
      'key.update',
      'key.create',
    ])
    expect(records[0]?.actor).toEqual(by)
    expect(records[8]).toMatchObject({ before: { name: 'ci' }, after: { name: 'other' } })
    expect(records[4]?.after).toMatchObject({
      proxy: '***',
      headers: '***',
      networkKey: '***',
      keyPassphrase: '***',
      entra: { tenant: 't' },
      keys: [{ lastFour: 'wxyz' }],
    })
    await store.close()
  })

  test('processes that write at once make one chain without a gap', async () => {
    const folder = temporaryFolder()
    await (await storeIn(folder)).close()
    const script = (id: string) => `
      const { storeIn, sampleKey, TEST_ACTOR } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const store = await storeIn(${JSON.stringify(folder)})
      await Promise.all(Array.from({ length: 20 }, () => store.keys.create(sampleKey({ name: ${JSON.stringify(id)} }), TEST_ACTOR)))
      await store.close()
    `
    const results = await Promise.all(['a', 'b', 'c'].map((id) => runScript(script(id))))
    expect(results.map(({ code, err }) => ({ code, err }))).toEqual(
      results.map(() => ({ code: 0, err: '' })),
    )
    const store = await storeIn(folder)
    expect(await store.audit.verify()).toEqual({ records: 60 })
    expect(await store.keys.all()).toHaveLength(60)
    await store.close()
  }, 60_000)
})

describe('lists', () => {
  test('of a tenant have its own alone; filters and cursors agree with filtering by hand', async () => {
    const store = await storeIn(temporaryFolder())
    for (let at = 0; at < 30; at += 1) {
      await store.audit.record(
        {
          tenantId: at % 3 === 0 ? 'a' : 'b',
          action: AUDIT_ACTIONS[at % 5]!,
          target: { kind: at % 2 === 0 ? 'team' : 'user', id: `t${at % 4}` },
        },
        { kind: 'user', id: `u${at % 6}` },
      )
    }
    const all = await store.audit.list({ limit: 1_000 })
    expect(all.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 30 }, (_, at) => 30 - at),
    )
    for (const [filter, holds] of [
      [{ tenantId: 'a' }, (one) => one.tenantId === 'a'],
      [{ actorId: 'u2' }, (one) => one.actor.id === 'u2'],
      [{ action: AUDIT_ACTIONS[2]! }, (one) => one.action === AUDIT_ACTIONS[2]],
      [
        { targetKind: 'team', targetId: 't2' },
        (one) => one.target.kind === 'team' && one.target.id === 't2',
      ],
      [{ tenantId: 'b', beforeSequence: 10 }, (one) => one.tenantId === 'b' && one.sequence < 10],
      [{ tenantId: "a' OR 1=1 --" }, () => false],
    ] as readonly (readonly [object, (one: (typeof all)[number]) => boolean])[]) {
      expect(await store.audit.list({ ...filter, limit: 1_000 })).toEqual(all.filter(holds))
    }
    const forward: number[] = []
    for (let afterSequence = 0; ;) {
      const page = await store.audit.list({ afterSequence, limit: 7 })
      forward.push(...page.map(({ sequence }) => sequence))
      if (page.length === 0) break
      afterSequence = page.at(-1)!.sequence
    }
    expect(forward).toEqual(all.map(({ sequence }) => sequence).toReversed())
    await store.close()
  })
})
