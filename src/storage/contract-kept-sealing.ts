// The contract of kept values at rest, as a suite both engines must pass: sealed, bound to their place, brought under the newest key while
// requests go on, and those of earlier releases with them. Imported by tests alone.

import { describe, expect, test } from 'bun:test'
import type { KeptKind } from '../core/ports.ts'
import { FakeClock } from '../testing/clock.ts'
import { keptItem } from './contract-kept.ts'
import { envelopeKeyId } from './seal.ts'
import type { Store, StoreOptions } from './store.ts'
import { TEST_ACTOR, until } from './test-store.ts'

/** One database that stores can be opened on again and again, and what lies in it. */
export interface SealingPlace {
  open(options?: Partial<StoreOptions>): Promise<Store>
  /** Values have no parameters: tests write them into the statement. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

const CANARY = 'canary-kept-0123456789'
const KINDS = ['response', 'reasoning', 'file', 'batch'] as const satisfies readonly KeptKind[]
const FIRST = { masterKey: 'the first master key, long enough for one' }
const SECOND = { masterKey: 'the second master key, long enough as well' }
const valueOf = (at: number | string) => JSON.stringify({ said: `${CANARY} ${at}` })

interface Lying {
  readonly id: string
  readonly value: string | null
  readonly seal_key_id: string | null
  readonly value_bytes: number
}

async function rowsIn({ query }: SealingPlace): Promise<Lying[]> {
  const rows = await query('SELECT id, value, seal_key_id, value_bytes FROM kept ORDER BY id')
  return rows.map((row) => ({ ...row, value_bytes: Number(row['value_bytes']) })) as Lying[]
}

/** A row as a release wrote it that sealed none. */
function inClear(id: string, value: string | undefined, kind: KeptKind = 'response'): string {
  const text = value === undefined ? 'NULL' : `'${value}'`
  return `INSERT INTO kept (kind, tenant_id, id, provider_id, model, value_bytes, created_ms, value)
    VALUES ('${kind}', 'default', '${id}', 'p', 'm', ${value?.length ?? 0}, 1, ${text})`
}

async function put(store: Store, ids: readonly string[]): Promise<void> {
  for (const id of ids) await store.kept.put(keptItem({ id, value: valueOf(id) }))
  expect(await store.kept.flush()).toBe(true)
}

async function expectFound(store: Store, ids: readonly string[]): Promise<void> {
  const found = await store.kept.findMany('response', 'default', ids)
  expect(new Map(found.map(({ id, value }) => [id, value]))).toEqual(
    new Map(ids.map((id) => [id, valueOf(id)])),
  )
}

const names = (count: number, prefix = 'r') =>
  Array.from({ length: count }, (_, at) => `${prefix}${at}`)

/** Registers the suite. `make` gives an empty database each time. */
export function keptSealingContract(engine: string, make: () => Promise<SealingPlace>): void {
  const inPlace = (run: (place: SealingPlace) => Promise<void>) => async (): Promise<void> => {
    const place = await make()
    try {
      await run(place)
    } finally {
      await place.close()
    }
  }

  describe(`${engine}: kept values at rest`, () => {
    test('lie sealed, of whatever kind, and are counted with what they take', () =>
      inPlace(async (place) => {
        const store = await place.open()
        for (const kind of KINDS) {
          await store.kept.put(keptItem({ kind, id: kind, value: valueOf(kind) }))
        }
        await store.kept.put(keptItem({ id: 'empty', value: '' }))
        await store.kept.put(keptItem({ id: 'none' }))
        expect(await store.kept.flush()).toBe(true)
        const rows = await rowsIn(place)
        expect(JSON.stringify(rows)).not.toContain('canary')
        const { keys } = await store.secrets.state()
        const key = keys.find(({ purpose }) => purpose === 'seal')
        expect(key?.values).toBe(5)
        for (const { id, seal_key_id, value, value_bytes } of rows) {
          expect(value_bytes).toBe(value?.length ?? 0)
          expect(seal_key_id).toBe(id === 'none' ? '' : key!.id)
          expect(value === null).toBe(id === 'none')
        }
        for (const kind of KINDS) {
          expect((await store.kept.find(kind, 'default', kind))?.value).toBe(valueOf(kind))
        }
        expect((await store.kept.find('response', 'default', 'empty'))?.value).toBe('')
        expect(await store.kept.find('response', 'default', 'none')).toStrictEqual(
          keptItem({ id: 'none' }),
        )
        await store.close()
      })())

    test.each([
      "id = 'moved'",
      "tenant_id = 'other'",
      "kind = 'reasoning'",
      // To a character that it was not: any of the alphabet may stand there.
      "value = substr(value, 1, 59) || CASE substr(value, 60, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(value, 61)",
      "value = 'weir1.000000000000.AAAA.AAAA.AAAA'",
      'value = substr(value, 1, 70)',
      "value = 'weir1.'",
    ])('a row that was changed (%s) is none, and can be put anew', (change) =>
      inPlace(async (place) => {
        const store = await place.open()
        await put(store, ['r', 'whole'])
        await place.query(`UPDATE kept SET ${change} WHERE id = 'r'`)
        for (const kind of ['response', 'reasoning'] as const) {
          for (const tenant of ['default', 'other']) {
            for (const id of ['r', 'moved']) {
              expect(await store.kept.find(kind, tenant, id)).toBeUndefined()
              expect(await store.kept.remove(kind, tenant, id)).toBe(false)
            }
          }
        }
        const listed = await store.kept.list('response', 'default', 9)
        expect(listed.map(({ id }) => id)).toEqual(['whole'])
        await put(store, ['r'])
        await expectFound(store, ['r', 'whole'])
        await store.close()
      })(),
    )

    test('what an earlier release left in clear is read, and sealed by a server that starts', () =>
      inPlace(async (place) => {
        const old = names(150)
        const first = await place.open()
        await put(first, ['new'])
        for (const id of old) await place.query(inClear(id, valueOf(id)))
        await place.query(inClear('owner', undefined, 'file'))
        // No release kept these in clear: whoever wrote it there wants it to pass for an answer.
        await place.query(inClear('planted', '{}', 'answer'))
        expect((await first.secrets.state()).clear).toBe(152)
        await expectFound(first, old)
        await first.close()

        const store = await place.open()
        store.upkeep.start(() => ({}))
        await until('all is sealed', async () => (await store.secrets.state()).clear === 0)
        const rows = await rowsIn(place)
        expect(JSON.stringify(rows)).not.toContain('canary')
        expect(rows.map(({ id }) => id).toSorted()).toEqual([...old, 'new', 'owner'].toSorted())
        for (const { value, value_bytes } of rows) expect(value_bytes).toBe(value?.length ?? 0)
        await expectFound(store, [...old, 'new'])
        expect(await store.kept.find('file', 'default', 'owner')).toBeDefined()
        const { keys, others } = await store.secrets.state()
        expect(keys.map(({ values }) => values).toSorted()).toEqual([0, 151])
        expect(others).toBe(0)
        await store.close()
      })())
  })

  describe(`${engine}: a rotation with kept values`, () => {
    test('seals them anew, answers of the cache with them, and the old master key opens nothing', () =>
      inPlace(async (place) => {
        const before = await place.open({ secrets: FIRST })
        // One of them takes more than a step.
        const large = keptItem({ id: 'large', value: JSON.stringify('x'.repeat(800_000)) })
        await before.kept.put(large)
        await put(before, names(130))
        const answer = {
          id: 'a'.repeat(64),
          tenantId: 'default',
          model: 'm',
          createdMs: 1,
          expiresMs: 9e12,
          value: valueOf('answer'),
        }
        before.answers.put(answer)
        await before.answers.tidy(2)
        await before.close()

        const both = await place.open({ secrets: { ...SECOND, oldKeys: [FIRST.masterKey] } })
        const told: number[] = []
        const { keyId, values } = await both.secrets.rotate(TEST_ACTOR, (done) => told.push(done))
        expect(values).toBe(132)
        expect(told.at(-1)).toBe(132)
        expect(told.length).toBeGreaterThan(2)
        for (const { seal_key_id, value } of await rowsIn(place)) {
          expect(seal_key_id).toBe(keyId)
          expect(envelopeKeyId(value!)).toBe(keyId)
        }
        const { keys } = await both.secrets.state()
        expect(keys.find(({ id }) => id === keyId)?.values).toBe(132)
        await both.close()

        const after = await place.open({ secrets: SECOND })
        await expectFound(after, names(130))
        expect(await after.kept.find('response', 'default', 'large')).toStrictEqual(large)
        expect(await after.answers.get('default', answer.id)).toEqual(answer)
        await after.close()
      })())

    test('goes on beside requests: nothing is lost, and the next one brings what came late along', () =>
      inPlace(async (place) => {
        const clock = new FakeClock()
        const [one, two] = [await place.open(), await place.open()]
        const unaware = await place.open({ clock })
        const written = names(200)
        await put(two, written)
        await put(unaware, ['r7'])
        const over = new AbortController()
        const writing = (async () => {
          for (let at = 0; !over.signal.aborted || at < 20; at += 1) {
            const ids = [`late${at}`, `r${at % 200}`]
            await put(two, ids)
            written.push(`late${at}`)
            await new Promise((resolve) => setImmediate(resolve))
            await expectFound(two, ids)
          }
        })()
        const first = await one.secrets.rotate(TEST_ACTOR)
        over.abort()
        await writing
        // Nobody has told this one of the new key, and it has read nothing since.
        await put(unaware, ['r7', 'latest'])
        written.push('latest')
        const late = (await rowsIn(place)).filter(({ seal_key_id }) => seal_key_id !== first.keyId)
        expect(late.length).toBeGreaterThan(0)
        await expectFound(one, written)
        await expectFound(unaware, written)
        const again = await one.secrets.rotate(TEST_ACTOR)
        expect(again.keyId).toBe(first.keyId)
        expect(again.values).toBe(late.length)
        clock.advance(60_000)
        await put(unaware, ['heard'])
        const keys = new Set((await rowsIn(place)).map(({ seal_key_id }) => seal_key_id))
        expect([...keys]).toEqual([first.keyId])
        await expectFound(two, [...written, 'heard'])
        await Promise.all([one.close(), two.close(), unaware.close()])
      })())

    test('broken off it is taken up, and what opens no more does not keep it from ending', () =>
      inPlace(async (place) => {
        const store = await place.open()
        await put(store, names(130))
        const stopped = store.secrets.rotate(TEST_ACTOR, () => {
          throw new Error('the power is gone')
        })
        await expect(stopped).rejects.toThrow('the power is gone')
        const mixed = new Set((await rowsIn(place)).map(({ seal_key_id }) => seal_key_id))
        expect(mixed.size).toBe(2)
        await expectFound(store, names(130))
        const newest = (await store.secrets.state()).keys.find(
          ({ purpose, retiredMs }) => purpose === 'seal' && retiredMs === null,
        )!.id
        const left = (await rowsIn(place)).filter(({ seal_key_id }) => seal_key_id !== newest)
        await place.query(
          `UPDATE kept SET value = substr(value, 1, 70) WHERE id = '${left[0]!.id}'`,
        )
        const strange = 'weir1.000000000000.AAAA.AAAA.AAAA'
        await place.query(inClear('strange', strange))
        expect((await store.secrets.rotate(TEST_ACTOR)).keyId).toBe(newest)
        const ids = names(130).filter((id) => id !== left[0]!.id)
        await expectFound(store, ids)
        const rows = await rowsIn(place)
        expect(rows.map(({ id }) => id).toSorted()).toEqual([...ids, 'strange'].toSorted())
        const { clear, keys, others } = await store.secrets.state()
        expect({ clear, others }).toEqual({ clear: 0, others: 1 })
        expect(keys.find(({ id }) => id === newest)?.values).toBe(129)
        // Nothing is under way any more: the next one has a key of its own.
        expect((await store.secrets.rotate(TEST_ACTOR)).keyId).not.toBe(newest)
        await expectFound(store, ids)
        await store.close()
      })())
  })
}
