// The client of the pages: its members are the server's paths, and what is asked is what is sent, no more.

import { expect, test } from 'bun:test'
import type { AdminApp } from './server/admin-app.ts'
import { clientOf } from '../web/client.ts'

interface Sent {
  readonly url: string
  readonly init: RequestInit
}

function recording(answer: () => Response) {
  const sent: Sent[] = []
  const client = clientOf<AdminApp>((url, init) => {
    sent.push({ url, init })
    return Promise.resolve(answer())
  })
  return { api: client.admin, sent }
}

test('paths, parameters, queries and bodies are as they are called', async () => {
  const { api, sent } = recording(() => Response.json({ data: [] }))
  await api.keys.get({ query: { limit: 3, q: 'a b&c' } })
  await api.keys({ id: 'k1' }).rotate.post({ overlap_seconds: 0 })
  await api.keys({ id: 'get' }).delete(undefined, { headers: { 'if-match': '"1"' } } as object)
  await api.providers({ id: 'a%2Fb' }).get()
  expect(
    sent.map(({ init, url }) => `${init.method} ${url} ${String(init.body ?? '')}`.trim()),
  ).toEqual([
    'GET /admin/keys?limit=3&q=a+b%26c',
    'POST /admin/keys/k1/rotate {"overlap_seconds":0}',
    'DELETE /admin/keys/get',
    'GET /admin/providers/a%2Fb',
  ])
  expect(sent.map(({ init }) => init.headers)).toEqual([
    {},
    { 'content-type': 'application/json' },
    { 'if-match': '"1"' },
    {},
  ])
})

test('what is undefined is not asked, and 0, false and empty are', async () => {
  const { api, sent } = recording(() => Response.json({}))
  const query = { limit: 1, user: '', stream: false, min_ms: 0, model: undefined } as object
  await api.requests.get({ query })
  expect(sent[0]?.url).toBe('/admin/requests?limit=1&user=&stream=false&min_ms=0')
})

test('a signal goes along, and what ends the asking comes through', async () => {
  const leaving = new AbortController()
  const { api, sent } = recording(() => Response.json({}))
  await api.health.get({ fetch: { signal: leaving.signal } })
  expect(sent[0]?.init.signal).toBe(leaving.signal)
  const failing = clientOf<AdminApp>(() => Promise.reject(new RangeError('gone'))).admin
  await expect(failing.health.get()).rejects.toThrow('gone')
})

test('an answer is its body, and a problem is none', async () => {
  const problem = { status: 404, code: 'not_found', detail: 'There is no such key.' }
  const answers = [
    Response.json({ id: 'k1', at: '2026-11-21T00:00:00Z' }),
    Response.json(problem, {
      status: 404,
      headers: { 'content-type': 'application/problem+json' },
    }),
    new Response(null, { status: 204 }),
    new Response('gone', { status: 502 }),
  ]
  const { api } = recording(() => answers.shift()!)
  const ask = async () => (await api.keys({ id: 'k1' }).get()) as unknown
  // Texts that look like dates stay texts.
  expect(await ask()).toMatchObject({ data: { id: 'k1', at: '2026-11-21T00:00:00Z' }, error: null })
  expect(await ask()).toMatchObject({ data: null, status: 404, error: { value: problem } })
  expect(await ask()).toMatchObject({ data: '', error: null, status: 204 })
  expect(await ask()).toMatchObject({ data: null, status: 502, error: { value: 'gone' } })
})
