// Pages of a list that is longer than what is read of it at once: rows that the database cannot place are read in several runs, and the
// pages are still the whole list. That every engine gives the same pages is in `contract-lists.ts`.

import { afterAll, expect, test } from 'bun:test'
import type { Database } from 'bun:sqlite'
import { openDatabase } from './open.ts'
import { LIMITS } from '../core/limits.ts'
import type { ListPlace } from '../core/list-page.ts'
import { seededInteger, withSeed } from '../testing/seed.ts'
import { modelOf } from './contract-lists.ts'
import { removeFolders, storeIn, temporaryFolder } from './test-store.ts'

afterAll(removeFolders)

const ROWS = LIMITS.listRunRows + 77

function fill(file: Database, tenantId: string, name: (at: number) => string): void {
  const insert = file.prepare(
    `INSERT INTO users (tenant_id, id, issuer, subject, name, status, created_ms, updated_ms)
     VALUES (?, ?, ?, ?, ?, 'active', ?, 1)`,
  )
  file.transaction(() => {
    for (let at = 0; at < ROWS; at += 1) {
      insert.run(tenantId, Bun.randomUUIDv7(), tenantId, `sub-${at}`, name(at), at % 100)
    }
  })()
}

test('letters of every kind make one list, however many runs it takes to read them', async () => {
  await withSeed(async (random) => {
    const store = await storeIn(temporaryFolder())
    const file = openDatabase(store.files!.control, 'control')
    const words = ['Zoë', 'ZOË', 'zoe', 'Łukasz', 'łukasz', '\uFF21', '\u{1F600}', 'ΟΔΟΣ', 'Ann']
    const some = () => words[seededInteger(random, words.length)]!
    fill(file, 'acme', () => `${some()} ${some()}`)
    fill(file, 'globex', (at) => `Zoë of another tenant ${at}`)
    file.close()
    const all = await store.users.list('acme')
    for (const asked of [
      { sort: 'name', order: 'asc', limit: 500 },
      { sort: 'name', order: 'desc', limit: 333, text: 'ZOË' },
      { sort: 'created', order: 'desc', limit: 500, text: 'zoe' },
      { sort: 'created', order: 'asc', limit: 499 },
    ] as const) {
      const wanted = modelOf(all, asked, {
        place: ({ createdMs, id, name }): ListPlace => [
          asked.sort === 'name' ? name!.toLowerCase() : createdMs,
          id,
        ],
        texts: ({ id, name, subject }) => [name, subject, id],
      })
      const seen: string[] = []
      for (let after: ListPlace | undefined; ;) {
        const page = await store.users.page(
          'acme',
          {},
          {
            ...asked,
            ...(after === undefined ? {} : { after }),
          },
        )
        expect(page.total).toBe(wanted.length)
        seen.push(...page.rows.map(({ id }) => id))
        expect(seen.length).toBeLessThanOrEqual(ROWS)
        if (page.end === null) break
        after = page.end
      }
      expect(seen).toEqual(wanted.map(({ id }) => id))
      expect(seen.length).toBeGreaterThan(LIMITS.listRunRows / 10)
    }
    await store.close()
  })
}, 120_000)

test('keys that are searched, or sorted by what the store does not know, are read in runs, each once', async () => {
  const store = await storeIn(temporaryFolder())
  const file = openDatabase(store.files!.control, 'control')
  const insert = file.prepare(
    `INSERT INTO api_keys (id, tenant_id, name, hash, prefix, last_four, created_ms, disabled)
     VALUES (?, ?, ?, ?, 'weir_abcd', 'wxyz', ?, 0)`,
  )
  file.transaction(() => {
    for (let at = 0; at < ROWS * 2; at += 1) {
      const id = crypto.randomUUID()
      // Runs end among many keys of the same moment.
      insert.run(id, at % 2 === 0 ? 'acme' : 'globex', `Key ${at % 7}`, id, Math.floor(at / 900))
    }
  })()
  file.close()
  const aside = {
    lastUsedMs: (id: string) => (id.startsWith('a') ? undefined : id.codePointAt(0)!),
    ownerName: () => undefined,
  }
  const all = await store.keys.list('acme')
  expect(all).toHaveLength(ROWS)
  // SQLite has the thread that answers requests: between two runs they have it.
  let isTurn = false
  setImmediate(() => (isTurn = true))
  await store.keys.page('acme', {}, { sort: 'last_used', order: 'asc', limit: 1 }, aside)
  expect(isTurn).toBe(true)
  for (const asked of [
    { sort: 'last_used', order: 'desc', limit: 500 },
    { sort: 'name', order: 'asc', limit: 400, text: 'KEY 3' },
    { sort: 'created', order: 'asc', limit: 500, text: 'weir_abcdw' },
  ] as const) {
    const values = {
      last_used: ({ id }: (typeof all)[number]) => aside.lastUsedMs(id) ?? null,
      name: ({ name }: (typeof all)[number]) => name.toLowerCase(),
      created: ({ createdMs }: (typeof all)[number]) => createdMs,
    }
    const wanted = modelOf(all, asked, {
      place: (key): ListPlace => [values[asked.sort](key), key.id],
      texts: ({ lastFour, name, prefix }) => [name, prefix + lastFour],
    })
    const seen: string[] = []
    for (let after: ListPlace | undefined; ;) {
      const place = after === undefined ? {} : { after }
      const page = await store.keys.page('acme', {}, { ...asked, ...place }, aside)
      expect(page.total).toBe(wanted.length)
      seen.push(...page.rows.map(({ id }) => id))
      expect(seen.length).toBeLessThanOrEqual(ROWS)
      if (page.end === null) break
      after = page.end
    }
    expect(seen).toEqual(wanted.map(({ id }) => id))
  }
  await store.close()
}, 120_000)
