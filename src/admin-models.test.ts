// Models, mappings and snippets through the management API of a whole program: what is written is asked at once, in both views the same;
// nobody writes what the configuration would refuse, reaches what is closed to them, or loses another's change.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { App } from './app.ts'
import type { JsonObject } from './core/json.ts'
import { TEST_ACTOR } from './storage/test-store.ts'
import { callServer, type Told } from './testing/calls.ts'
import { SEED } from './testing/seed.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const ADMIN = 'the-key-of-the-admin-long-enough-00000001'
const AUDITOR = 'the-key-of-an-auditor-long-enough-0000001'
const MEMBER = 'the-key-of-a-member-long-enough-000000001'
const NARROW = 'the-key-of-a-narrow-admin-long-enough-001'
const THEIRS = 'the-key-of-another-tenant-long-enough-01'

let whole: WholeApp
let app: App

beforeAll(async () => {
  const keys = [
    { name: 'admin', key: ADMIN, roles: ['admin'] },
    { name: 'auditor', key: AUDITOR, roles: ['auditor'] },
    { name: 'member', key: MEMBER },
    { name: 'narrow', key: NARROW, roles: ['admin'], models: ['fast', 'mock/echo'] },
    { name: 'theirs', key: THEIRS, roles: ['admin'], tenant: 'other' },
  ]
  const declared = [
    { id: 'declared', targets: [{ provider: 'mock', model: 'echo' }], access: ['key:admin'] },
  ]
  whole = await startWholeApp(keys, { models: declared })
  app = whole.app
})
afterAll(() => whole.stop())

const call = (
  method: string,
  path: string,
  body?: unknown,
  { key = ADMIN, ...more }: { key?: string; headers?: Record<string, string> } = {},
): Promise<Told> => callServer(method, `${app.server.url}${path}`, { key, body, ...more })

const invoke = async (model: string, key = MEMBER) =>
  (
    await call(
      'POST',
      '/v1/chat/completions',
      { model, messages: [{ role: 'user', content: 'hi' }] },
      { key },
    )
  ).status

const one = (id: string) => `/admin/models/${encodeURIComponent(id)}`
const ECHO = { provider: 'mock', model: 'echo' }
let count = 0
const fresh = () => `model-${(count += 1)}`

describe('is refused', () => {
  test.each([
    [{}, 'id'],
    [{ id: 'x' }, 'targets'],
    [{ id: 'x', targets: [] }, 'targets'],
    [{ id: '', targets: [ECHO] }, 'id'],
    [{ id: ' x', targets: [ECHO] }, 'id'],
    [{ id: 'a\nb', targets: [ECHO] }, 'id'],
    [{ id: '..', targets: [ECHO] }, 'id'],
    [{ id: 'status', targets: [ECHO] }, 'id'],
    [{ id: 'x', targets: [ECHO], extra: 1 }, 'extra'],
    [{ id: 'x', tenant: 'other', targets: [ECHO] }, 'tenant'],
    [{ id: 'x', targets: [{ ...ECHO, secret: 1 }] }, 'targets[0].secret'],
    [{ id: 'x', targets: [{ model: 'echo' }] }, 'targets[0].provider'],
    [{ id: 'x', targets: [ECHO, { provider: 'nobody', model: 'm' }] }, 'targets[1].provider'],
    [{ id: 'x', targets: [{ ...ECHO, order: -1 }] }, 'targets[0].order'],
    [{ id: 'x', targets: [{ ...ECHO, order: 0.5 }] }, 'targets[0].order'],
    [{ id: 'x', targets: [{ ...ECHO, weight: 'much' }] }, 'targets[0].weight'],
    [{ id: 'x', targets: [{ ...ECHO, tags: ['a b'] }] }, 'targets[0].tags[0]'],
    [{ id: 'x', targets: [{ ...ECHO, overrides: { model: 'y' } }] }, 'targets[0].overrides.model'],
    [{ id: 'x', targets: [ECHO], access: ['somebody'] }, 'access[0]'],
    [{ id: 'x', targets: [ECHO], losses: 'hide' }, 'losses'],
    [{ id: 'x', targets: [ECHO], context_window: 0 }, 'context_window'],
    [{ id: 'x', targets: [ECHO], price: { input: -1 } }, 'price.input'],
    [{ id: 'x', targets: [ECHO], price_changes: [{ from: 'soon' }] }, 'price_changes[0].from'],
    [{ id: 'x', targets: [ECHO], routing: { strategy: 'best' } }, 'routing.strategy'],
    [{ id: 'x', targets: [ECHO], routing: { hedge_after: 'soon' } }, 'routing.hedge_after'],
    [{ id: 'x', targets: [ECHO], routing: { hedge_after: '2ms' } }, 'routing.hedge_after'],
    [
      { id: 'x', targets: [ECHO], routing: { fallbacks: { any: ['x'] } } },
      'routing.fallbacks.any[0]',
    ],
    [
      { id: 'x', targets: [ECHO], routing: { fallbacks: { failed: ['nobody'] } } },
      'routing.fallbacks.failed[0]',
    ],
    [
      { id: 'x', targets: [ECHO], routing: { fallbacks: { any: ['declared', 'declared'] } } },
      'routing.fallbacks.any[1]',
    ],
    [
      { id: 'x', targets: [ECHO], routing: { fallbacks: { sometimes: ['declared'] } } },
      'routing.fallbacks.sometimes',
    ],
  ])('%j, at %s', async (body, param) => {
    const { body: problem, status } = await call('POST', '/admin/models', body)
    expect([status, problem['param']]).toEqual([400, param])
    expect((await call('GET', one('x'))).status).toBe(404)
  })

  test('to whoever may not: no change by readers, nothing read by members', async () => {
    const body = { id: 'theirs', targets: [ECHO] }
    for (const [key, reads] of [
      [AUDITOR, 200],
      [MEMBER, 403],
    ] as const) {
      expect((await call('GET', '/admin/models', undefined, { key })).status).toBe(reads)
      expect((await call('GET', '/admin/mappings', undefined, { key })).status).toBe(reads)
      expect((await call('POST', '/admin/models', body, { key })).status).toBe(403)
      expect((await call('PUT', one('theirs'), { targets: [ECHO] }, { key })).status).toBe(403)
      expect((await call('PATCH', one('theirs'), {}, { key })).status).toBe(403)
      expect((await call('DELETE', one('theirs'), undefined, { key })).status).toBe(403)
    }
  })

  test('to change what the file declares, which is shown with the reason', async () => {
    const shown = await call('GET', one('declared'))
    expect(shown.body).toMatchObject({ origin: 'file', read_only: expect.stringContaining('file') })
    for (const told of [
      await call('POST', '/admin/models', { id: 'declared', targets: [ECHO] }),
      await call('PUT', one('declared'), { targets: [ECHO] }),
      await call('PATCH', one('declared'), { access: null }),
      await call('DELETE', one('declared')),
    ]) {
      expect([told.status, told.body['code']]).toEqual([409, 'declared_in_file'])
    }
    const [row] = (await call('GET', '/admin/mappings?alias=declared')).body.data
    for (const method of ['PATCH', 'DELETE']) {
      const told = await call(method, `/admin/mappings/${String(row?.['id'])}`, {})
      expect([told.status, told.body['code']]).toEqual([409, 'declared_in_file'])
    }
  })

  test('to reach by an alias what is closed to oneself', async () => {
    const options = { key: NARROW }
    const wider = { id: 'fast', targets: [{ provider: 'mock', model: 'other' }] }
    expect((await call('POST', '/admin/models', wider, options)).status).toBe(403)
    const around = { id: 'fast', targets: [ECHO], routing: { fallbacks: { any: ['declared'] } } }
    expect((await call('POST', '/admin/models', around, options)).status).toBe(403)
    const mapping = { alias_name: 'fast', provider_id: 'mock', provider_model_name: 'other' }
    expect((await call('POST', '/admin/mappings', mapping, options)).status).toBe(403)
    expect((await call('GET', one('fast'))).status).toBe(404)
    // What it may use it may give.
    const own = { id: fresh(), targets: [ECHO] }
    expect((await call('POST', '/admin/models', own, options)).status).toBe(201)
  })
})

test('whoever has a role for some names sees and writes these alone', async () => {
  const id = Bun.randomUUIDv7()
  await app.store.users.create(
    { tenantId: 'default', id, issuer: 'local', subject: 'some', name: 'some', createdMs: 1 },
    TEST_ACTOR,
  )
  await app.store.assignments.create(
    {
      id: Bun.randomUUIDv7(),
      tenantId: 'default',
      roleId: 'operator',
      assignee: { kind: 'user', id },
      scope: '/tenants/default/models/only-*',
      effect: 'allow',
      createdMs: 1,
    },
    TEST_ACTOR,
  )
  const made = await call('POST', '/admin/keys', { name: 'some', owner: { kind: 'user', id } })
  const options = { key: String(made.body['key']) }
  await call('POST', '/admin/models', { id: 'elsewhere', targets: [ECHO] })
  const own = { id: 'only-theirs', targets: [ECHO] }
  // The name is theirs; the provider is not until somebody says so.
  expect((await call('POST', '/admin/models', own, options)).status).toBe(403)
  await app.store.assignments.create(
    {
      id: Bun.randomUUIDv7(),
      tenantId: 'default',
      roleId: 'member',
      assignee: { kind: 'user', id },
      scope: '/tenants/default/providers/mock',
      effect: 'allow',
      createdMs: 1,
    },
    TEST_ACTOR,
  )
  expect((await call('POST', '/admin/models', own, options)).status).toBe(201)
  const seen = await call('GET', '/admin/models', undefined, options)
  expect(seen.body.data.map((model) => model['id'])).toEqual(['only-theirs'])
  expect((await call('PATCH', one('only-theirs'), { losses: 'reject' }, options)).status).toBe(200)
  for (const [method, body] of [
    ['GET', undefined],
    ['PATCH', {}],
    ['PUT', { targets: [ECHO] }],
    ['DELETE', undefined],
  ] as const) {
    expect((await call(method, one('elsewhere'), body, options)).status, method).toBe(404)
  }
  const other = { id: 'another', targets: [ECHO] }
  expect((await call('POST', '/admin/models', other, options)).status).toBe(403)
  // Rows are of the whole tenant.
  expect((await call('GET', '/admin/mappings', undefined, options)).status).toBe(403)
})

describe('one model', () => {
  test('is made, asked at once, changed member by member, replaced and deleted; a slash in its name is escaped', async () => {
    const id = 'team/smart model'
    const made = await call('POST', '/admin/models', { id, targets: [ECHO] })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      id,
      kind: 'alias',
      origin: 'store',
      tenant: 'default',
      read_only: null,
      targets: [
        { ...ECHO, order: 0, weight: 1, tags: [], abilities: null, provider_state: 'usable' },
      ],
      routing: null,
      losses: 'report',
      access: null,
      problems: [],
    })
    expect(await invoke(id)).toBe(200)
    const again = await call('POST', '/admin/models', { id, targets: [ECHO] })
    expect([again.status, again.body['code']]).toEqual([409, 'already_exists'])

    const routing = { strategy: 'order', fallbacks: { any: ['declared'] }, hedge_after: '1500ms' }
    const changed = await call('PATCH', one(id), { routing, defaults: { temperature: 0 } })
    expect(changed.body).toMatchObject({
      targets: [ECHO],
      routing: { ...routing, sticky: null, retry_refused: false, continuation: false },
      defaults: { temperature: 0 },
    })
    const closed = await call('PATCH', one(id), { access: ['key:admin'] })
    expect(closed.body).toMatchObject({
      access: ['key:admin'],
      routing,
      defaults: { temperature: 0 },
    })
    expect(await invoke(id)).toBe(404)
    expect(await invoke(id, ADMIN)).toBe(200)
    const opened = await call('PATCH', one(id), { access: null, routing: null })
    expect(opened.body).toMatchObject({ access: null, routing: null, defaults: { temperature: 0 } })

    const replaced = await call('PUT', one(id), { targets: [ECHO], context_window: 9 })
    expect([replaced.status, replaced.body['defaults']]).toEqual([200, {}])
    expect(replaced.body['context_window']).toBe(9)
    expect((await call('PUT', one(id), { id: 'other', targets: [ECHO] })).body['param']).toBe('id')
    expect((await call('PUT', one('by-put'), { targets: [ECHO] })).status).toBe(201)

    const user = { id: fresh(), targets: [ECHO], routing: { fallbacks: { failed: [id] } } }
    await call('POST', '/admin/models', user)
    const deleted = await call('DELETE', one(id))
    expect<object>(deleted.body).toEqual({ id, deleted: true, named_by: [user.id] })
    expect((await call('DELETE', one(id))).status).toBe(404)
    expect(await invoke(id)).toBe(404)
    const left = await call('GET', one(user.id))
    expect(left.body['problems']).toEqual([`Fallback ${id}: there is no such model.`])
    // A name that was lost already does not stand in the way of other changes.
    expect((await call('PATCH', one(user.id), { losses: 'reject' })).status).toBe(200)
  })

  test('two that stand in for each other are fine: what stands in falls back no further', async () => {
    const [first, second] = [fresh(), fresh()]
    await call('POST', '/admin/models', { id: first, targets: [ECHO] })
    const fallsBack = (id: string) => ({ routing: { fallbacks: { any: [id] } } })
    const made = await call('POST', '/admin/models', {
      id: second,
      targets: [ECHO],
      ...fallsBack(first),
    })
    expect(made.status).toBe(201)
    expect((await call('PATCH', one(first), fallsBack(second))).status).toBe(200)
  })

  test('is not written over: a stale tag is 412, two changes at once are one after the other', async () => {
    const id = fresh()
    const made = await call('POST', '/admin/models', { id, targets: [ECHO] })
    const headers = { 'if-match': made.etag ?? '' }
    expect((await call('PATCH', one(id), { context_window: 1 }, { headers })).status).toBe(200)
    for (const [method, body] of [
      ['PATCH', { context_window: 2 }],
      ['PUT', { targets: [ECHO] }],
      ['DELETE', undefined],
    ] as const) {
      const told = await call(method, one(id), body, { headers })
      expect([told.status, told.body['code']]).toEqual([412, 'changed_meanwhile'])
    }
    const now = await call('GET', one(id))
    expect(now.body['context_window']).toBe(1)
    const unchanged = await call('GET', one(id), undefined, {
      headers: { 'if-none-match': now.etag ?? '' },
    })
    expect(unchanged.status).toBe(304)
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const rows = await Promise.all(
      names.map((name) =>
        call('POST', '/admin/mappings', {
          alias_name: id,
          provider_id: 'mock',
          provider_model_name: name,
        }),
      ),
    )
    expect(rows.map(({ status }) => status)).toEqual(names.map(() => 201))
    const { targets } = (await call('GET', one(id))).body as { targets?: unknown[] }
    expect(targets).toHaveLength(7)
  })

  test('a creation that is sent again is made once', async () => {
    const headers = { 'idempotency-key': 'one-model' }
    const body = { id: fresh(), targets: [ECHO] }
    const first = await call('POST', '/admin/models', body, { headers })
    const second = await call('POST', '/admin/models', body, { headers })
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.body).toEqual(first.body)
  })

  test('every setting comes back as it was given', async () => {
    const full = {
      id: fresh(),
      targets: [
        {
          ...ECHO,
          order: 3,
          weight: 0.25,
          tags: ['eu'],
          abilities: { vision: false, tools: true, context_window: 100 },
          overrides: { temperature: 0, stop: null, max_tokens: 5 },
        },
        { provider: 'mock', model: 'm', order: 0, weight: 0, tags: [], abilities: null },
      ],
      defaults: { temperature: 0, stop: [], nested: { a: null } },
      routing: {
        strategy: 'cost',
        sticky: 'user',
        fallbacks: { context_length: ['declared'], any: [] },
        retry_refused: true,
        hedge_after: '2s',
        continuation: true,
      },
      losses: 'reject',
      context_window: 1,
      price: { input: 0, output: 0.15, cache_read: 0.07, request: 0.002 },
      price_changes: [{ from: '2030-01-01T00:00:00.000Z', input: 1.25 }],
      access: [],
    }
    const made = await call('POST', '/admin/models', full)
    expect(made.status).toBe(201)
    const { targets, ...rest } = full
    expect(made.body).toMatchObject(rest)
    expect(made.body['targets']).toMatchObject(targets)
    // The same again is the same version.
    const put = await call('PUT', one(full.id), full)
    expect(put.etag).toBe(made.etag)
  })
})

describe('the lists', () => {
  test('show aliases, or providers’ own models; filtered, sorted, in pages', async () => {
    const names = ['list-a', 'list-b', 'list-c']
    for (const id of names) await call('POST', '/admin/models', { id, targets: [ECHO] })
    const page = await call('GET', '/admin/models?q=list-&limit=2&order=desc')
    expect(page.body.data.map(({ id }) => id)).toEqual(['list-c', 'list-b'])
    expect(page.body['total']).toBe(3)
    const cursor = encodeURIComponent(String(page.body['next_cursor']))
    const rest = await call('GET', `/admin/models?q=list-&limit=2&order=desc&cursor=${cursor}`)
    expect(rest.body.data.map(({ id }) => id)).toEqual(['list-a'])
    expect(rest.body['next_cursor']).toBeNull()
    const declared = await call('GET', '/admin/models?origin=file')
    expect(declared.body.data.map(({ id }) => id)).toEqual(['declared'])
    expect((await call('GET', '/admin/models?provider=nobody')).body.data).toEqual([])
    expect((await call('GET', '/admin/models?kind=other')).status).toBe(400)
    expect((await call('GET', '/admin/models?cursor=x')).status).toBe(400)
  })

  test('another tenant sees none of it, and has names of its own', async () => {
    const options = { key: THEIRS }
    const id = fresh()
    await call('POST', '/admin/models', { id, targets: [ECHO] })
    const seen = (await call('GET', '/admin/models', undefined, options)).body.data
    expect(seen.map((model) => model['id'])).toEqual(['declared'])
    for (const method of ['GET', 'DELETE']) {
      expect((await call(method, one(id), undefined, options)).status).toBe(404)
    }
    expect((await call('PATCH', one(id), {}, options)).status).toBe(404)
    expect((await call('GET', `/admin/models?tenant=default`, undefined, options)).status).toBe(404)
    expect((await call('POST', '/admin/models', { id, targets: [ECHO] }, options)).status).toBe(201)
    expect((await call('DELETE', one(id), undefined, options)).status).toBe(200)
    expect((await call('GET', one(id))).status).toBe(200)
  })
})

interface Mapping extends JsonObject {
  id: string
  alias_name: string
  provider_model_name: string
  order_index: number
  is_default: boolean
}

const mappings = async (alias: string) =>
  (await call('GET', `/admin/mappings?alias=${encodeURIComponent(alias)}`)).body
    .data as unknown as Mapping[]
const row = (alias: string, model: string, more: object = {}) => ({
  alias_name: alias,
  provider_id: 'mock',
  provider_model_name: model,
  ...more,
})

describe('mappings', () => {
  test('make an alias with the first and delete it with the last', async () => {
    const alias = fresh()
    const first = await call('POST', '/admin/mappings', row(alias, 'echo'))
    expect([first.status, first.body]).toMatchObject([
      201,
      {
        ...row(alias, 'echo'),
        order_index: 0,
        is_default: true,
        config: { weight: 1, tags: [], abilities: null, overrides: {} },
        origin: 'store',
        read_only: null,
      },
    ])
    expect(await invoke(alias)).toBe(200)
    const second = await call(
      'POST',
      '/admin/mappings',
      row(alias, 'b', { config: { weight: 3, tags: ['eu'] } }),
    )
    expect(second.body).toMatchObject({ order_index: 1, is_default: false, config: { weight: 3 } })
    expect((await call('POST', '/admin/mappings', row(alias, 'b'))).status).toBe(409)
    const model = (await call('GET', one(alias))).body
    expect(model['targets']).toMatchObject([
      { model: 'echo', order: 0 },
      { model: 'b', order: 1, weight: 3, tags: ['eu'] },
    ])
    const gone = await call('DELETE', `/admin/mappings/${String(first.body['id'])}`)
    expect(gone.body['alias_deleted']).toBe(false)
    const last = await call('DELETE', `/admin/mappings/${String(second.body['id'])}`)
    expect(last.body['alias_deleted']).toBe(true)
    expect((await call('GET', one(alias))).status).toBe(404)
    expect((await call('DELETE', `/admin/mappings/${String(second.body['id'])}`)).status).toBe(404)
  })

  test('keep what else the alias says, and their id wherever they stand', async () => {
    const alias = fresh()
    const more = { defaults: { seed: 1 }, losses: 'reject', access: ['everyone'] }
    await call('POST', '/admin/models', { id: alias, targets: [ECHO], ...more })
    const added = await call('POST', '/admin/mappings', row(alias, 'b', { is_default: true }))
    expect(added.body).toMatchObject({ is_default: true, order_index: 0 })
    expect(
      (await mappings(alias)).map((each) => [each.provider_model_name, each.order_index]),
    ).toEqual([
      ['b', 0],
      ['echo', 1],
    ])
    const path = `/admin/mappings/${String(added.body['id'])}`
    const moved = await call('PATCH', path, { order_index: 7 })
    expect(moved.body).toMatchObject({ id: added.body['id'], order_index: 7, is_default: false })
    expect((await call('GET', one(alias))).body).toMatchObject(more)
    expect(
      (await call('PATCH', path, {}, { headers: { 'if-match': added.etag ?? '' } })).status,
    ).toBe(412)
    const other = await call('PATCH', path, { provider_model_name: 'c' })
    expect(other.body['id']).not.toBe(added.body['id'])
    expect((await call('GET', path)).status).toBe(404)
    expect(
      (
        await call('PATCH', `/admin/mappings/${String(other.body['id'])}`, {
          provider_model_name: 'echo',
        })
      ).status,
    ).toBe(409)
  })

  test('what is wrong is told by the members of a mapping', async () => {
    for (const [body, param] of [
      [row('x', 'm', { provider_id: 'nobody' }), 'provider_id'],
      [row('x', ' m'), 'provider_model_name'],
      [row(' x', 'm'), 'alias_name'],
      [row('x', 'm', { order_index: 1_001 }), 'order_index'],
      [row('x', 'm', { config: { weight: -1 } }), 'config.weight'],
      [row('x', 'm', { config: { tags: ['a b'] } }), 'config.tags[0]'],
      [row('x', 'm', { config: { other: 1 } }), 'config.other'],
    ] as const) {
      const told = await call('POST', '/admin/mappings', body)
      expect([told.status, told.body['param']]).toEqual([400, param])
    }
    const alias = fresh()
    const only = await call('POST', '/admin/mappings', row(alias, 'echo'))
    const path = `/admin/mappings/${String(only.body['id'])}`
    expect((await call('PATCH', path, { is_default: false })).body['param']).toBe('is_default')
  })

  test('whatever is done, each alias has one default, which is tried first, and both views are the same', async () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'front', 'order', 'delete'),
      at: fc.nat({ max: 3 }),
      order: fc.nat({ max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const alias = fresh()
        let names = 0
        for (const { at, kind, order } of steps) {
          const rows = await mappings(alias)
          const chosen = rows[at % Math.max(1, rows.length)]
          if (kind === 'add' || chosen === undefined) {
            const wanted = { order_index: order, is_default: at === 0 }
            const made = await call(
              'POST',
              '/admin/mappings',
              row(alias, `m${(names += 1)}`, wanted),
            )
            expect(made.status).toBe(201)
            if (at === 0) expect(made.body['is_default']).toBe(true)
          } else if (kind === 'delete') await call('DELETE', `/admin/mappings/${chosen.id}`)
          else {
            const change = kind === 'front' ? { is_default: true } : { order_index: order }
            const told = await call('PATCH', `/admin/mappings/${chosen.id}`, change)
            expect(told.body['id']).toBe(chosen.id)
            if (kind === 'front') expect(told.body['is_default']).toBe(true)
          }
        }
        const rows = await mappings(alias)
        const shown = await call('GET', one(alias))
        expect(shown.status).toBe(rows.length === 0 ? 404 : 200)
        if (rows.length === 0) return
        expect(rows.filter((each) => each.is_default)).toHaveLength(1)
        expect(rows[0]?.is_default).toBe(true)
        const targets = shown.body['targets'] as unknown as { model: string; order: number }[]
        const sorted = targets.toSorted((a, b) => a.order - b.order)
        expect(sorted.map(({ model }) => model)).toEqual(
          rows.map((each) => each.provider_model_name),
        )
        // What would be asked first.
        await call('PATCH', one(alias), { routing: { strategy: 'order' } })
        const explained = await call('POST', '/admin/route', { model: alias })
        const [route] = explained.body['routes'] as unknown as {
          candidates: { model: string; rank: number }[]
        }[]
        const first = route?.candidates.find(({ rank }) => rank === 0)
        expect(first?.model).toBe(rows[0]?.provider_model_name ?? '')
      }),
      { seed: SEED, numRuns: 12 },
    )
  }, 120_000)
})

describe('what a provider has of its own', () => {
  test('is asked for by its name, with what is known of it; an alias of that name hides it', async () => {
    expect((await call('POST', '/admin/models/refresh', {})).status).toBe(200)
    const direct = await call('GET', '/admin/models?kind=direct&provider=mock&q=echo&sort=id')
    expect(direct.body.data[0]).toMatchObject({
      id: 'mock/echo',
      kind: 'direct',
      origin: 'provider',
      tenant: null,
      read_only: expect.stringContaining('alias'),
      targets: [{ ...ECHO, state: 'available', provider_state: 'usable' }],
      status: { state: 'available', gone_since: null },
    })
    expect((await call('GET', one('mock/echo'))).body).toEqual(direct.body.data[0] as Told['body'])
    const gone = await call('GET', '/admin/models?kind=direct&state=gone')
    expect(gone.body.data).toEqual([])
    expect((await call('GET', one('mock/nothing'))).status).toBe(404)
    expect((await call('PATCH', one('mock/echo'), {})).status).toBe(404)

    const alias = { id: 'mock/echo', targets: [ECHO], context_window: 7 }
    expect((await call('POST', '/admin/models', alias)).status).toBe(201)
    expect((await call('GET', one('mock/echo'))).body).toMatchObject({ kind: 'alias' })
    const left = await call('GET', '/admin/models?kind=direct&provider=mock')
    expect(left.body.data.map(({ id }) => id)).not.toContain('mock/echo')
    await call('DELETE', one('mock/echo'))
    expect((await call('GET', one('mock/echo'))).body).toMatchObject({ kind: 'direct' })
  })
})

describe('snippets', () => {
  const snippets = (query: string, options = {}) =>
    call('GET', `/admin/snippets${query}`, undefined, { key: MEMBER, ...options })

  test('of every tool name this address, the model and no key; a member gets them', async () => {
    const told = await snippets('?model=declared')
    expect(told.status).toBe(200)
    const { body } = told
    expect([body['base_url'], body['model'], body['key_needed']]).toEqual([
      app.server.url,
      'declared',
      true,
    ])
    expect(body.data.length).toBeGreaterThan(15)
    for (const { parts, tool } of body.data) {
      const text = JSON.stringify(parts)
      expect(text, String(tool)).toContain(app.server.url)
      expect(text, String(tool)).toContain(String(body['key_placeholder']))
      expect(text).not.toContain(MEMBER)
    }
    expect((await snippets('?tool=codex')).body.data).toHaveLength(1)
    for (const query of ['?tool=other', '?model=', '?model=a%0Ab', '?tool=codex&tool=curl']) {
      expect((await snippets(query)).status, query).toBe(400)
    }
  })

  test('a model’s name is text in all of them, whatever it is', async () => {
    const odd = `a'b"c\\d$(touch x)\`e\`#{f}%s`
    const { body } = await snippets(`?model=${encodeURIComponent(odd)}`)
    for (const { parts } of body.data as unknown as {
      parts: { language: string; text: string }[]
    }[]) {
      for (const { language, text } of parts) {
        if (language === 'json') {
          expect(() => JSON.parse(text) as unknown).not.toThrow()
        } else if (language === 'toml') {
          expect(Bun.TOML.parse(text)).toMatchObject({ model: odd })
        } else if (language === 'yaml') {
          expect(JSON.stringify(Bun.YAML.parse(text))).toContain(JSON.stringify(odd))
        } else if (language === 'sh' && text.includes('touch')) {
          const words = Bun.spawnSync([
            'sh',
            '-c',
            `curl() { printf '%s\\n' "$@"; }; claude() { printf '%s\\n' "$@"; }; aider() { printf '%s\\n' "$@"; }; opencode() { printf '%s\\n' "$@"; }; ${text}`,
          ]).stdout.toString()
          expect(words.includes(odd) || words.includes(JSON.stringify(odd).slice(1, -1))).toBe(true)
        } else if (language === 'javascript') {
          expect(() => new Bun.Transpiler({ loader: 'js' }).transformSync(text)).not.toThrow()
        }
      }
    }
  })
})
