// The audit through the management API of a whole program: each tenant its own, refusals in it, and exports that a spreadsheet can open.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { App } from './app.ts'
import type { JsonObject } from './core/json.ts'
import { TEST_ACTOR, until } from './storage/test-store.ts'
import { startWholeApp, type WholeApp } from './testing/whole-app.ts'

const OWNER = 'the-key-of-the-owner-long-enough-00000001'
const AUDITOR = 'the-key-of-an-auditor-long-enough-0000001'
const MEMBER = 'the-key-of-a-member-long-enough-000000001'
const THEIRS = 'the-key-of-another-tenant-long-enough-01'

let whole: WholeApp
let app: App

beforeEach(async () => {
  const keys = [
    { name: 'owner', key: OWNER, roles: ['owner'] },
    { name: 'auditor', key: AUDITOR, roles: ['auditor'] },
    { name: 'member', key: MEMBER },
    { name: 'theirs', key: THEIRS, roles: ['owner'], tenant: 'other' },
  ]
  whole = await startWholeApp(keys)
  app = whole.app
})
afterEach(() => whole.stop())

function get(path: string, key: string): Promise<Response> {
  return fetch(`${app.server.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
}

async function records(path: string, key: string): Promise<JsonObject[]> {
  const answer = await get(path, key)
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { data: JsonObject[] }).data
}

test('each tenant sees its own, and nobody all but with rights over the whole installation', async () => {
  for (const tenantId of ['default', 'other']) {
    await app.store.teams.create(
      { tenantId, id: 'red', name: `red of ${tenantId}`, createdMs: 1 },
      TEST_ACTOR,
    )
  }
  const own = await records('/admin/audit', AUDITOR)
  expect(own.map(({ tenant }) => tenant)).toEqual(['default'])
  expect(JSON.stringify(await records('/admin/audit', THEIRS))).not.toContain('red of default')
  for (const query of ['?tenant=other', '?tenant=*', '?tenant=nowhere']) {
    expect((await get(`/admin/audit${query}`, OWNER)).status).toBe(404)
  }
  expect((await get('/admin/audit/verify', OWNER)).status).toBe(403)
  expect((await get('/admin/audit', MEMBER)).status).toBe(403)
})

test('who was refused what is recorded, once in a while', async () => {
  for (let at = 0; at < 5; at += 1) expect((await get('/admin/audit', MEMBER)).status).toBe(403)
  expect((await get('/admin/keys', MEMBER)).status).toBe(403)
  const refusals = () => records('/admin/audit?action=access.denied', AUDITOR)
  // A refusal is answered whether or not it is recorded yet.
  await until('both are recorded', async () => (await refusals()).length >= 2)
  const denied = await refusals()
  expect(denied.map(({ target }) => target)).toEqual([
    { kind: 'action', id: 'key.read' },
    { kind: 'action', id: 'audit.read' },
  ])
  expect(denied[0]).toMatchObject({
    actor: { kind: 'key', name: 'member', from: expect.any(String) },
  })
})

test('pages go back without a gap, and exports have everything in order', async () => {
  for (let at = 0; at < 25; at += 1) {
    const id = `t${at}`
    await app.store.teams.create(
      { tenantId: 'default', id, name: '=1+1', createdMs: 1 },
      TEST_ACTOR,
    )
  }
  const seen: unknown[] = []
  for (let path = '/admin/audit?limit=10'; ;) {
    const answer = (await (await get(path, AUDITOR)).json()) as {
      data: JsonObject[]
      next_cursor: string | null
      total: number
    }
    expect(answer.total).toBe(25)
    seen.push(...answer.data.map(({ sequence }) => sequence))
    if (answer.next_cursor === null) break
    path = `/admin/audit?limit=10&cursor=${answer.next_cursor}`
  }
  expect(seen).toHaveLength(25)
  expect(seen).toEqual((seen as number[]).toSorted((one, other) => other - one))
  const lines = (await (await get('/admin/audit/export', AUDITOR)).text()).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).sequence)).toEqual(seen.toReversed())
  const csv = await get('/admin/audit/export?format=csv', AUDITOR)
  expect(csv.headers.get('content-type')).toStartWith('text/csv')
  expect((await csv.text()).split('\r\n')).toHaveLength(27)
})

test.each([
  ['?action=nothing', 'action'],
  ['?limit=0', 'limit'],
  ['?limit=100000', 'limit'],
  ['?cursor=x', 'cursor'],
  ['?other=x', 'other'],
  ['?since=yesterday', 'since'],
  ['/export?format=xml', 'format'],
])('%s is refused by name', async (query, param) => {
  const answer = await get(`/admin/audit${query}`, AUDITOR)
  expect(answer.status).toBe(400)
  expect(((await answer.json()) as JsonObject)['param']).toBe(param)
})
