// Long lists through the management API of a whole program: pages of people and of API keys put together are the whole list, whatever it
// is sorted, filtered and searched by, and keys of the file and keys of the store are one list.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { JsonObject } from './core/json.ts'
import { openDatabase } from './storage/open.ts'
import { sampleKey, TEST_ACTOR } from './storage/test-store.ts'
import { callServer, type Told } from './testing/calls.ts'
import { checkParameters } from './testing/seed.ts'
import { OTHER_TENANT, startWholeApp, type WholeApp } from './testing/whole-app.ts'

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const USER_ID = '01890000-0000-7000-8000-00000000000a'
const WORDS = ['alice', 'Alice', 'Zoë', 'ZOË', 'zoe', 'm', 'Łódź', 'ci_%', '\u{1F600}', '\uFF21']

let whole: WholeApp
/** Every key of the default tenant as the API shows it, in no order of meaning. */
let all: JsonObject[]

type Query = Readonly<Record<string, string | number | undefined>>

const list = (query: Query, path = '/admin/keys'): Promise<Told> => {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined)
  const search = new URLSearchParams(
    asked.map(([name, value]): [string, string] => [name, `${value}`]),
  )
  return callServer('GET', `${whole.app.server.url}${path}?${search}`, { key: OWNER })
}

beforeAll(async () => {
  const declared = ['alice', 'Alice.2', 'ALICE', 'm_', 'M', 'ci', 'zoe'].map((name, at) => ({
    name,
    key: `a-key-of-the-file-that-is-long-enough-${at}-000`,
    ...(at % 2 === 0 ? { models: ['openai/*'] } : {}),
  }))
  whole = await startWholeApp([{ name: 'owner', key: OWNER, roles: ['owner'] }, ...declared])
  const { files, keys, users } = whole.app.store
  const person = { tenantId: 'default', id: USER_ID, issuer: 'local', createdMs: 1 }
  await users.create({ ...person, subject: 'zed', name: 'Zoë Ä' }, TEST_ACTOR)
  const log = openDatabase(files!.log, 'log')
  for (let at = 0; at < 24; at += 1) {
    const { id } = await keys.create(
      sampleKey({
        name: WORDS[at % WORDS.length]!,
        createdMs: 1_000 + (at % 5),
        ...(at % 3 === 0 ? { owner: { kind: 'user', id: USER_ID } } : {}),
        ...(at % 4 === 0 ? { expiresMs: at % 8 === 0 ? 5_000 : 9e12 } : {}),
        ...(at % 7 === 0 ? { models: [`anthropic/${at}`] } : {}),
      }),
      TEST_ACTOR,
    )
    if (at % 5 === 0) await keys.update('default', id, { disabled: true }, TEST_ACTOR)
    if (at % 6 === 0) await keys.revoke('default', id, 6_000, TEST_ACTOR)
    log.run("INSERT INTO key_uses VALUES ('default', ?, ?)", [id, 7_000 + (at % 3)])
  }
  log.close()
  await keys.create(sampleKey({ tenantId: OTHER_TENANT, name: 'zoe of others' }), TEST_ACTOR)
  all = (await list({ limit: 500 })).body.data
  const stored = (await keys.list('default')).map(({ id }) => id)
  expect(stored).toHaveLength(24)
  expect(all.map(({ id }) => id as string)).toEqual(expect.arrayContaining(stored))
  expect(all).toHaveLength(24 + 8)
})
afterAll(() => whole.stop())

const VALUES: Readonly<Record<string, (row: JsonObject) => string | number | null>> = {
  name: ({ name }) => (name as string).toLowerCase(),
  created: ({ created }) => (created === null ? null : Date.parse(created as string)),
  last_used: ({ last_used: used }) => (used === null ? null : Date.parse(used as string)),
  expires: ({ expires }) => (expires === null ? null : Date.parse(expires as string)),
}

function wantedOf(query: {
  readonly sort: string
  readonly order: string
  readonly q?: string | undefined
  readonly state?: string | undefined
  readonly owner?: string | undefined
}): JsonObject[] {
  const { owner, q, state } = query
  const texts = (row: JsonObject) => {
    const of = row['owner'] as { readonly id: string; readonly name: string } | null
    const models = (row['models'] ?? []) as string[]
    const shown = (row['masked'] as string).split('…')
    return [row['id'], row['name'], shown.join(''), shown[1], of?.id, of?.name, ...models]
  }
  const rows = all.filter((row) => {
    const of = row['owner'] as { readonly kind: string; readonly id: string } | null
    const named = of === null ? 'none' : `${of.kind}:${of.id}`
    return (
      (owner === undefined || named === owner) &&
      (state === undefined || state.split(',').includes(row['state'] as string)) &&
      (q === undefined ||
        texts(row).some((text) => `${text ?? ''}`.toLowerCase().includes(q.toLowerCase())))
    )
  })
  return inOrder(rows, VALUES[query.sort]!, query.order)
}

function inOrder(
  rows: readonly JsonObject[],
  valueOf: (row: JsonObject) => string | number | null,
  order: string,
): JsonObject[] {
  const rank = order === 'asc' ? -1 : 1
  return rows.toSorted((one, other) => {
    const [a, b] = [valueOf(one), valueOf(other)]
    if (a === b) return (one['id'] as string) < (other['id'] as string) ? rank : -rank
    if (a === null || b === null) return a === null ? 1 : -1
    return a < b ? rank : -rank
  })
}

const queries = fc.record({
  limit: fc.integer({ min: 1, max: 9 }),
  sort: fc.constantFrom('name', 'created', 'last_used', 'expires'),
  order: fc.constantFrom('asc', 'desc'),
  q: fc.constantFrom(undefined, undefined, 'ZOË', 'ä', 'openai', 'ANTHROPIC/', 'wxyz', '%', '\0'),
  state: fc.constantFrom(undefined, 'active', 'disabled,expired', 'revoked'),
  owner: fc.constantFrom(undefined, undefined, 'none', `user:${USER_ID}`, 'team:\0', 'user:x:y'),
})

/** Every page of a list, one after the other. */
async function walk(query: Query, path: string, total: number): Promise<JsonObject[]> {
  const seen: JsonObject[] = []
  for (let cursor: string | undefined; ;) {
    const { body, status } = await list({ ...query, cursor }, path)
    expect(status).toBe(200)
    expect(body['total']).toBe(total)
    seen.push(...body.data)
    if (body['next_cursor'] === null) return seen
    expect(seen.length).toBeLessThan(total)
    expect(body.data).toHaveLength(query['limit'] as number)
    cursor = body['next_cursor'] as string
  }
}

test('keys of the file and of the store are one list, page by page, each once', async () => {
  await fc.assert(
    fc.asyncProperty(queries, async (query) => {
      const wanted = wantedOf(query)
      expect(await walk(query, '/admin/keys', wanted.length)).toEqual(wanted)
    }),
    checkParameters(60),
  )
})

test('people are one list, page by page, by their filters and in every order', async () => {
  const { users } = whole.app.store
  for (const [at, word] of [...WORDS, ...WORDS].entries()) {
    const id = Bun.randomUUIDv7()
    const issuer = at % 2 === 0 ? 'local' : 'kc'
    const named = at % 3 === 0 ? {} : { name: word }
    const fields = { id, issuer, subject: `${word}${at}`, createdMs: 1_000 + (at % 3), ...named }
    await users.create({ tenantId: 'default', ...fields }, TEST_ACTOR)
    await users.create(
      { ...fields, tenantId: OTHER_TENANT, id: Bun.randomUUIDv7(), subject: `${word} ${at}` },
      TEST_ACTOR,
    )
    if (at % 4 === 0) await users.update('default', id, { status: 'disabled' }, TEST_ACTOR)
  }
  const people = (await list({ limit: 500 }, '/admin/users')).body.data
  expect(people).toHaveLength(WORDS.length * 2 + 1)
  const asked = fc.record({
    limit: fc.integer({ min: 1, max: 9 }),
    order: fc.constantFrom('asc', 'desc'),
    sort: fc.constantFrom('name', 'created', 'last_login', 'subject'),
    q: fc.constantFrom(undefined, undefined, 'ZOË', 'LIC', '%', '\0'),
    status: fc.constantFrom(undefined, 'active', 'disabled'),
    issuer: fc.constantFrom(undefined, 'kc', 'nobody'),
  })
  await fc.assert(
    fc.asyncProperty(asked, async (query) => {
      const { issuer, q, sort, status } = query
      const valueOf = (row: JsonObject): string | number | null => {
        if (sort === 'created') return Date.parse(row['created'] as string)
        if (sort === 'last_login') return null
        const name = sort === 'name' ? row['name'] : null
        return ((name ?? row['subject']) as string).toLowerCase()
      }
      const wanted = inOrder(
        people.filter((row) => {
          const texts = [row['name'], row['subject'], row['id']].map((text) => `${text ?? ''}`)
          return (
            (status === undefined || row['status'] === status) &&
            (issuer === undefined || row['issuer'] === issuer) &&
            (q === undefined || texts.some((text) => text.toLowerCase().includes(q.toLowerCase())))
          )
        }),
        valueOf,
        query.order,
      )
      expect(await walk(query, '/admin/users', wanted.length)).toEqual(wanted)
    }),
    checkParameters(40),
  )
})

test('a forged cursor is refused, and tells nothing', async () => {
  const forged = [
    ['name asc', 5, 'a'],
    ['name asc', 'a\0', 'a'],
    ['name asc', 'a', '\0'],
    ['created asc', null, 'a'],
    ['name desc', 'a', 'a'],
  ]
  for (const place of forged) {
    const cursor = Buffer.from(JSON.stringify(place)).toString('base64url')
    const { body, status } = await list({ sort: 'name', cursor })
    expect([status, body['code']]).toEqual([400, 'invalid_cursor'])
  }
})
