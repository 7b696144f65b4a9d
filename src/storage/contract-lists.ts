// The contract of lists that are read in pages: they are what the whole list is when it is filtered, sorted and searched in memory, in
// every alphabet, and rows that stay are shown once, whatever comes and goes. Called from `contract.ts`; imported by tests alone.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ApiKey, KeyOwner } from '../core/catalog.ts'
import type { User } from '../core/identity.ts'
import type { ListAsked, ListPlace } from '../core/list-page.ts'
import type { UserFilter, UserSort } from '../core/ports-people.ts'
import type { KeyFilter, KeySort } from '../core/ports-keys.ts'
import { checkParameters } from '../testing/seed.ts'
import {
  BY,
  twoTenants,
  user,
  type OpenPeople,
  type PeopleRepositories,
} from './contract-people.ts'
import { sampleKey } from './test-store.ts'

/** Words that engines fold, sort and search each in its own way, where they are let. */
const WORDS = [
  'alice',
  'Alice',
  'ALICE',
  'bob_%',
  'Bob-\\*',
  "o'Neil",
  'Zoë',
  'ZOË',
  'zoe',
  'Ärzte',
  'ärzte',
  'İstanbul',
  'istanbul',
  'ΟΔΟΣ',
  'οδος',
  '\u212Aelvin',
  'kelvin',
  '王小明',
  '\uFF21',
  '\u{1F600}',
  '[a-z]',
  ' x',
  '_',
  'Z',
  '{"a"}',
]

/** What is looked for. */
const NEEDLES = [
  'a',
  'LIC',
  '_',
  '%',
  'ë',
  'Ë',
  'k',
  '\u212A',
  'ς',
  'Σ',
  'i\u0307',
  '王',
  '\\',
  "'",
  '"',
  '[',
  '0',
  'nobody at all',
  '\u0000',
  'a\u0000',
  '\uD800',
]

const searches = fc.record(
  {
    limit: fc.integer({ min: 1, max: 12 }),
    order: fc.constantFrom('asc' as const, 'desc' as const),
    text: fc.constantFrom(...NEEDLES),
  },
  { requiredKeys: ['limit', 'order'] },
)

const SORTS = ['name', 'subject', 'email', 'created', 'last_login'] as const
const filters = fc.record(
  {
    status: fc.constantFrom('active' as const, 'disabled' as const),
    issuer: fc.constantFrom('local', 'kc', 'Local', "x' OR 1=1 --"),
  },
  { requiredKeys: [] },
)

/** The whole list in memory: what its pages put together must be. */
export function modelOf<T>(
  rows: readonly T[],
  { order, text }: Pick<ListAsked, 'order' | 'text'>,
  rules: {
    place(row: T): ListPlace
    texts(row: T): readonly (string | null | undefined)[]
  },
): T[] {
  const needle = text?.toLowerCase()
  const before = (a: string | number, b: string | number) => (a < b === (order === 'asc') ? -1 : 1)
  return rows
    .filter(
      (row) =>
        needle === undefined ||
        rules.texts(row).some((each) => (each ?? '').toLowerCase().includes(needle)),
    )
    .toSorted((one, other) => {
      const [[a, aId], [b, bId]] = [rules.place(one), rules.place(other)]
      if (a === b) return before(aId, bId)
      if (a === null || b === null) return a === null ? 1 : -1
      return before(a, b)
    })
}

const ofUsers = (sort: UserSort) => ({
  place: (each: User): ListPlace => {
    const { createdMs, email, id, lastLoginMs, name, subject } = each
    const values = {
      name: (name ?? email ?? subject).toLowerCase(),
      subject: subject.toLowerCase(),
      email: email?.toLowerCase() ?? null,
      created: createdMs,
      last_login: lastLoginMs ?? null,
    }
    return [values[sort], id]
  },
  texts: ({ email, id, name, subject }: User) => [name, email, subject, id],
})

function fitting(users: readonly User[], { issuer, status }: UserFilter): User[] {
  return users.filter(
    (each) =>
      (status === undefined || each.status === status) &&
      (issuer === undefined || each.issuer === issuer),
  )
}

/** Every page one after the other; `between` may change things. */
async function walk(
  people: PeopleRepositories,
  tenantId: string,
  filter: UserFilter,
  asked: ListAsked<UserSort>,
  between: (total: number) => Promise<void> | void = () => {},
): Promise<User[]> {
  const seen: User[] = []
  let after: ListPlace | undefined
  for (;;) {
    const page = await people.users.page(tenantId, filter, {
      ...asked,
      ...(after === undefined ? {} : { after }),
    })
    seen.push(...page.rows)
    expect(page.rows.length).toBeLessThanOrEqual(asked.limit)
    if (page.end === null) return seen
    expect(seen.length).toBeLessThan(1_000)
    expect(page.rows).toHaveLength(asked.limit)
    after = page.end
    await between(page.total)
  }
}

/** Some of everything in one tenant, and the same people in another. */
async function crowd(open: OpenPeople): Promise<PeopleRepositories> {
  const people = await twoTenants(open)
  const { users } = people
  for (const [at, word] of WORDS.entries()) {
    const tenants = at % 5 === 0 ? ['acme', 'globex'] : ['acme']
    for (const tenantId of tenants) {
      const made = await users.create(
        user(tenantId, `${word}${tenantId === 'acme' ? '' : at}`, {
          issuer: at % 3 === 0 ? 'kc' : 'local',
          // Many of the same time, so that ids must tell them apart.
          createdMs: 1_000 + (at % 4),
          ...(at % 4 === 0 ? {} : { name: WORDS[(at * 7) % WORDS.length]! }),
          ...(at % 3 === 1 ? {} : { email: `${word.replaceAll(/\s/g, '')}@Example.com` }),
        }),
        BY,
      )
      if (at % 6 === 0) await users.update(tenantId, made.id, { status: 'disabled' }, BY)
      if (at % 2 === 0) {
        const claimed = { roles: [], groups: [] }
        await users.loggedIn(tenantId, made.id, { claimed, atMs: 5_000 + (at % 3) })
      }
    }
  }
  return people
}

export function listsContract(open: OpenPeople): void {
  test('pages of users put together are the whole list, filtered, sorted and searched in memory', async () => {
    const people = await crowd(open)
    for (const tenantId of ['acme', 'globex', 'default', 'nobody']) {
      const all = await people.users.list(tenantId)
      await fc.assert(
        fc.asyncProperty(
          searches,
          filters,
          fc.constantFrom(...SORTS),
          async (search, filter, sort) => {
            const asked = { ...search, sort }
            const wanted = modelOf(fitting(all, filter), asked, ofUsers(sort))
            const seen = await walk(people, tenantId, filter, asked, (total) => {
              expect(total).toBe(wanted.length)
            })
            expect(seen).toEqual(wanted)
            const first = await people.users.page(tenantId, filter, asked)
            expect(first.total).toBe(wanted.length)
          },
        ),
        checkParameters(tenantId === 'acme' ? 120 : 10),
      )
    }
  }, 30_000)

  test('users who stay are shown once, and nobody twice, whoever comes and goes between two pages', async () => {
    const people = await crowd(open)
    const { users } = people
    const staying = await users.list('acme')
    let count = 0
    const acts = fc.array(
      fc.record({ word: fc.constantFrom(...WORDS), stays: fc.boolean(), createdMs: fc.nat(2_000) }),
      { maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(searches, acts, fc.constantFrom(...SORTS), async (search, list, sort) => {
        const { text: _text, ...asked } = { ...search, sort }
        const left = [...list]
        const guests: string[] = []
        const seen = await walk(people, 'acme', {}, asked, async () => {
          const next = left.shift()
          if (next === undefined) return
          const subject = `${next.word} ${(count += 1)}`
          const guest = user('acme', subject, { createdMs: next.createdMs, name: next.word })
          await users.create(guest, BY)
          if (next.stays) guests.push(guest.id)
          else await users.remove('acme', guest.id, BY)
          const leaving = guests.length > 2 ? guests.shift() : undefined
          if (leaving !== undefined) await users.remove('acme', leaving, BY)
        })
        for (const id of guests) await users.remove('acme', id, BY)
        const ids = seen.map(({ id }) => id)
        expect(new Set(ids).size).toBe(ids.length)
        const rest = seen.filter(({ id }) => staying.some((each) => each.id === id))
        expect(rest).toEqual(modelOf(staying, asked, ofUsers(sort)))
      }),
      checkParameters(15),
    )
  }, 30_000)

  test('a place that no row has or ever had is as good as any other', async () => {
    const people = await crowd(open)
    const all = await people.users.list('acme')
    const text = fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'grapheme' }))
    const places = fc.tuple(
      fc.oneof(fc.constant(null), text, fc.constantFrom(0, -1, 1_001, Number.MAX_SAFE_INTEGER)),
      fc.oneof(fc.constant(all[3]!.id), fc.constantFrom('', '~', 'é', '\uD800')),
    )
    await fc.assert(
      fc.asyncProperty(
        places,
        searches,
        fc.constantFrom(...SORTS),
        async ([value, id], search, sort) => {
          const isNumber = sort === 'created' || sort === 'last_login'
          const fits = value === null || (typeof value === 'number') === isNumber
          fc.pre(fits && !`${value}`.includes('\u0000'))
          const asked = { ...search, sort, after: [value, id] as const }
          const rules = ofUsers(sort)
          const here = { createdMs: 0 } as User
          const placed = {
            ...rules,
            place: (each: User) => (each === here ? asked.after : rules.place(each)),
          }
          const behind = all.filter((each) => {
            if (Bun.deepEquals(rules.place(each), asked.after)) return false
            return modelOf<User>([each, here], { order: asked.order }, placed)[0] === here
          })
          const wanted = modelOf(behind, asked, rules).slice(0, asked.limit)
          const page = await people.users.page('acme', {}, asked)
          expect(page.rows.map((each) => each.id)).toEqual(wanted.map((each) => each.id))
        },
      ),
      checkParameters(60),
    )
  }, 30_000)
}

const NOW_MS = 10_000
const STATES = ['active', 'disabled', 'expired', 'revoked'] as const
const KEY_SORTS = ['name', 'created', 'last_used', 'expires'] as const
const OWNERS: readonly KeyOwner[] = [
  { kind: 'user', id: 'u1' },
  { kind: 'user', id: "o'u1" },
  { kind: 'service', id: 'u1' },
  { kind: 'team', id: 'Ä:"b"' },
]
const keyFilters = fc.record(
  {
    state: fc.record({
      anyOf: fc.subarray([...STATES]),
      // At the very moment that some of them end.
      atMs: fc.constantFrom(NOW_MS, NOW_MS - 1, NOW_MS + 1),
    }),
    owners: fc.array(
      fc.constantFrom('none' as const, ...OWNERS, { kind: 'user' as const, id: 'u\u0000' }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
)

/** When keys were used and what owners are called: known elsewhere. */
const ASIDE = {
  lastUsedMs: (id: string) => {
    const digit = Number.parseInt(id.at(-1)!, 16)
    return digit % 3 === 0 ? undefined : 100 + digit
  },
  ownerName: ({ id, kind }: KeyOwner) => (kind === 'team' ? undefined : `Zoë ${id}`),
}

function stateOf({ disabled, expiresMs, revokedMs }: ApiKey, atMs: number) {
  if (revokedMs !== undefined) return 'revoked'
  if (expiresMs !== undefined && expiresMs <= atMs) return 'expired'
  return disabled === true ? 'disabled' : 'active'
}

function fittingKeys(keys: readonly ApiKey[], { owners = [], state }: KeyFilter): ApiKey[] {
  return keys.filter(
    (key) =>
      (state === undefined || state.anyOf.includes(stateOf(key, state.atMs))) &&
      owners.every((owner) =>
        owner === 'none' ? key.owner === undefined : Bun.deepEquals(key.owner, owner),
      ),
  )
}

const ofKeys = (sort: KeySort) => ({
  place: (key: ApiKey): ListPlace => {
    const values = {
      name: key.name.toLowerCase(),
      created: key.createdMs,
      expires: key.expiresMs ?? null,
      last_used: ASIDE.lastUsedMs(key.id) ?? null,
    }
    return [values[sort], key.id]
  },
  texts: ({ id, lastFour, models = [], name, owner, prefix }: ApiKey) => [
    id,
    name,
    `${prefix}${lastFour}`,
    ...models,
    ...(owner === undefined ? [] : [owner.id, ASIDE.ownerName(owner)]),
  ],
})

async function walkKeys(
  { keys }: PeopleRepositories,
  tenantId: string,
  filter: KeyFilter,
  asked: ListAsked<KeySort>,
  between: (total: number) => Promise<void> | void,
): Promise<ApiKey[]> {
  const seen: ApiKey[] = []
  let after: ListPlace | undefined
  for (;;) {
    const place = after === undefined ? {} : { after }
    const page = await keys.page(tenantId, filter, { ...asked, ...place }, ASIDE)
    seen.push(...page.rows)
    if (page.end === null) return seen
    expect(seen.length).toBeLessThan(1_000)
    expect(page.rows).toHaveLength(asked.limit)
    after = page.end
    await between(page.total)
  }
}

/** Keys of every state and owner, and some of another tenant. */
async function keyRing(open: OpenPeople): Promise<PeopleRepositories> {
  const people = await twoTenants(open)
  const { keys } = people
  for (const [at, name] of WORDS.entries()) {
    const owner = OWNERS[at % (OWNERS.length + 1)]
    const tenantId = at % 7 === 0 ? 'globex' : 'acme'
    const { id } = await keys.create(
      sampleKey({
        tenantId,
        name,
        createdMs: 1_000 + (at % 4),
        lastFour: `wxy${at % 10}`,
        ...(at % 3 === 0 ? { expiresMs: NOW_MS + (at % 2) * 5_000 } : {}),
        ...(at % 4 === 0 ? { models: ['openai/*', WORDS[(at * 5) % WORDS.length]!] } : {}),
        ...(owner === undefined ? {} : { owner }),
      }),
      BY,
    )
    if (at % 5 === 0) await keys.update(tenantId, id, { disabled: true }, BY)
    if (at % 6 === 0) await keys.revoke(tenantId, id, 2_000, BY)
  }
  return people
}

export function keyListsContract(open: OpenPeople): void {
  test('pages of keys put together are the whole list, filtered, sorted and searched in memory', async () => {
    const people = await keyRing(open)
    for (const tenantId of ['acme', 'globex', 'default']) {
      const all = await people.keys.list(tenantId)
      await fc.assert(
        fc.asyncProperty(
          searches,
          keyFilters,
          fc.constantFrom(...KEY_SORTS),
          async (search, filter, sort) => {
            const asked = { ...search, sort }
            const wanted = modelOf(fittingKeys(all, filter), asked, ofKeys(sort))
            const seen = await walkKeys(people, tenantId, filter, asked, (total) => {
              expect(total).toBe(wanted.length)
            })
            expect(seen).toEqual(wanted)
            const first = await people.keys.page(tenantId, filter, asked, ASIDE)
            expect(first.total).toBe(wanted.length)
          },
        ),
        checkParameters(tenantId === 'acme' ? 100 : 10),
      )
    }
  }, 30_000)

  test('keys that stay are shown once, and none twice, whatever is made or ended between two pages', async () => {
    const people = await keyRing(open)
    const { keys } = people
    const staying = await keys.list('acme')
    await fc.assert(
      fc.asyncProperty(
        searches,
        fc.array(fc.constantFrom(...WORDS), { maxLength: 4 }),
        fc.constantFrom(...KEY_SORTS),
        async ({ limit, order }, words, sort) => {
          const asked = { limit, order, sort }
          const anyState = { state: { anyOf: [...STATES], atMs: NOW_MS } }
          const seen = await walkKeys(people, 'acme', anyState, asked, async () => {
            const name = words.pop()
            if (name === undefined) return
            const made = await keys.create(sampleKey({ tenantId: 'acme', name }), BY)
            await keys.revoke('acme', made.id, 3_000, BY)
          })
          const ids = seen.map(({ id }) => id)
          expect(new Set(ids).size).toBe(ids.length)
          const rest = seen.filter(({ id }) => staying.some((each) => each.id === id))
          expect(rest).toEqual(modelOf(staying, asked, ofKeys(sort)))
        },
      ),
      checkParameters(12),
    )
  }, 30_000)
}
