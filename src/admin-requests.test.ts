// The request log through the management API of a whole program: searched, counted, charted, followed, and shown with its content to those
// who may see it, each tenant its own.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { App } from './app.ts'
import type { JsonObject } from './core/json.ts'
import { LIMITS } from './core/limits.ts'
import { sampleOutcome, until } from './storage/test-store.ts'
import { ownMsOf } from './testing/own-time.ts'
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
  whole = await startWholeApp(keys, { log: { requests: 'content' } })
  app = whole.app
})
afterEach(() => whole.stop())

function get(path: string, key = OWNER, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = `Bearer ${key}`
  return fetch(`${app.server.url}${path}`, { headers: { authorization, ...headers } })
}

async function json(path: string, key = OWNER): Promise<JsonObject> {
  const answer = await get(path, key)
  const body = (await answer.json()) as JsonObject
  expect(answer.status, JSON.stringify(body)).toBe(200)
  return body
}

const rowsOf = (body: JsonObject) => body['data'] as JsonObject[]

/** Asks a model and waits until the log has it. */
async function ask(key: string, path: string, body: object): Promise<JsonObject> {
  const answer = await fetch(`${app.server.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body: JSON.stringify(body),
  })
  await answer.text()
  const id = answer.headers.get('x-request-id')!
  // Bodies are made ready before the row is written.
  for (let tries = 0; tries < 500; tries += 1) {
    await app.store.log.flush()
    const [row] = rowsOf(await json(`/admin/requests?request_id=${id}`, key))
    if (row !== undefined) return row
    await Bun.sleep(5)
  }
  throw new Error(`no row for ${id}`)
}

async function write(count: number, fields: Parameters<typeof sampleOutcome>[0] = {}) {
  for (let at = 0; at < count; at += 1) {
    app.store.log.record(sampleOutcome({ timestampMs: Date.now(), ...fields }))
  }
  expect(await app.store.log.flush()).toBe(true)
}

describe('searching', () => {
  test('pages of a filter give every row once, and each tenant has its own', async () => {
    await write(25, { modelRequested: 'fast' })
    await write(5, { modelRequested: 'slow' })
    await write(4, { tenantId: 'other', modelRequested: 'fast' })
    const ids = new Set<unknown>()
    let cursor = ''
    for (let pages = 1; ; pages += 1) {
      const body = await json(`/admin/requests?model=fast&limit=10${cursor}`)
      for (const row of rowsOf(body)) ids.add(row['log_id'])
      if (body['next_cursor'] === null) break
      cursor = `&cursor=${String(body['next_cursor'])}`
      expect(pages).toBeLessThan(10)
    }
    expect(ids.size).toBe(25)
    expect(rowsOf(await json('/admin/requests', THEIRS))).toHaveLength(4)
    for (const query of ['?tenant=other', '?tenant=*', '?tenant=nowhere']) {
      expect((await get(`/admin/requests${query}`)).status).toBe(404)
    }
    expect((await get('/admin/requests', MEMBER)).status).toBe(403)
    const facets = (await json('/admin/requests/facets'))['facets'] as JsonObject
    expect(facets['status']).toEqual([{ value: 'ok', name: null, requests: 30 }])
  })

  test.each([
    'cursor=x',
    'cursor=1.1.1',
    'limit=0',
    'limit=501',
    'status=maybe',
    'since=yesterday',
    'since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z',
    'min_cost_usd=-1',
    'stream=perhaps',
    'error_text=',
    'nothing=1',
  ])('what cannot be asked is a 400 that names it and does not repeat it: %s', async (query) => {
    const answer = await get(`/admin/requests?${query}`)
    expect(answer.status).toBe(400)
    const problem = (await answer.json()) as JsonObject
    expect(query).toContain(String(problem['param']))
    expect(String(problem['detail'])).not.toContain('yesterday')
  })

  test('a cursor that was changed, or of another search, is refused', async () => {
    await write(3)
    const cursor = String((await json('/admin/requests?limit=1'))['next_cursor'])
    expect((await get(`/admin/requests?limit=2&cursor=${cursor}`)).status).toBe(200)
    const changed = cursor.replace(/^./, (first) => (first === 'a' ? 'b' : 'a'))
    for (const path of [
      `?cursor=${changed}`,
      `?cursor=${cursor}&status=ok`,
      `?cursor=${cursor}0`,
    ]) {
      const answer = await get(`/admin/requests${path}`)
      expect(answer.status).toBe(400)
      expect(((await answer.json()) as JsonObject)['code']).toBe('invalid_cursor')
    }
    expect((await get(`/admin/requests?cursor=${cursor}`, THEIRS)).status).toBe(400)
  })

  test('series have a bucket for what happened, in a span of any length', async () => {
    await write(7, { status: 502, totalMs: 40 })
    for (const [query, from] of [
      ['', 'totals'],
      [`?since=${new Date(Date.now() - 60_000).toISOString()}&by=key`, 'rows'],
    ] as const) {
      const body = await json(`/admin/requests/series${query}`)
      expect(body).toMatchObject({ from, is_whole: true, sampled_rows: 7 })
      const [line] = body['lines'] as { points: JsonObject[] }[]
      const points = line!.points
      expect(points.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(7)
      expect(points[0]).toMatchObject({ total_ms: { mean: 40, p50: 40, p95: 40 } })
    }
    expect((await get('/admin/requests/series?bucket=1')).status).toBe(400)
  })
})

describe('one request', () => {
  test('has its timeline, and its content for those who may see that', async () => {
    const row = await ask(OWNER, '/v1/messages', {
      model: 'mock/echo',
      max_tokens: 20,
      messages: [{ role: 'user', content: 'the client’s words' }],
    })
    const id = String(row['log_id'])
    const one = await json(`/admin/requests/${id}`)
    expect(one).toMatchObject({
      log_id: id,
      provider: 'mock',
      mode: 'translate',
      status: 200,
      key_name: 'owner',
      has_content: true,
      attempts_made: [
        { provider: 'mock', started_ms: expect.any(Number), first_byte_ms: expect.any(Number) },
      ],
    })
    const content = await json(`/admin/requests/${id}/content`)
    expect(JSON.parse(String(content['client_request']))).toMatchObject({ max_tokens: 20 })
    expect(JSON.parse(String(content['client_response']))).toMatchObject({ type: 'message' })
    // Asked in another protocol than the client's.
    expect(content['provider_request']).toContain('the client’s words')
    expect(content['provider_request']).not.toBe(content['client_request'])
    expect(content['provider_response']).not.toBe(content['client_response'])
    expect(content['provider_response']).not.toBeNull()
    // Whoever may search need not be one who may read.
    for (const path of [`/admin/requests/${id}`, `/admin/requests/${id}/content`]) {
      expect((await get(path, THEIRS)).status).toBe(404)
      expect((await get(path, MEMBER)).status).toBe(403)
      const other = path.replace(/.(?=$|\/content)/, (last) => (last === 'f' ? '0' : 'f'))
      expect((await get(other)).status).toBe(404)
    }
  })

  test('of a stream: what the client got and what came, whole', async () => {
    const body = {
      model: 'mock/echo',
      max_tokens: 50,
      stream: true,
      messages: [{ role: 'user', content: 'zwölf Böcke 🐐' }],
    }
    const row = await ask(OWNER, '/v1/messages', body)
    const content = await json(`/admin/requests/${String(row['log_id'])}/content`)
    expect(content['client_response']).toContain('event: message_stop')
    expect(content['provider_response']).toContain('data:')
    const all = JSON.stringify(content)
    expect(all).toContain('🐐')
    expect(all).not.toContain('\u{FFFD}')
  })

  test('relayed as it is, it has the client’s bodies alone', async () => {
    const row = await ask(OWNER, '/v1/chat/completions', {
      model: 'mock/echo',
      messages: [{ role: 'user', content: 'hello' }],
    })
    const content = await json(`/admin/requests/${String(row['log_id'])}/content`)
    expect(row['mode']).toBe('relay')
    expect(content['client_response']).toContain('hello')
    expect(content['provider_response']).toBeNull()
  })

  test('is found by the id that its answer had too, by its own tenant alone', async () => {
    const body = { model: 'mock/echo', messages: [{ role: 'user', content: 'hello' }] }
    const row = await ask(OWNER, '/v1/chat/completions', body)
    const id = String(row['request_id'])
    expect(await json(`/admin/requests/${id}`)).toMatchObject({ log_id: row['log_id'] })
    expect((await json(`/admin/requests/${id}/content`))['client_request']).toContain('hello')
    expect((await get(`/admin/requests/${id}`, THEIRS)).status).toBe(404)
    expect((await get('/admin/requests/no-such-id')).status).toBe(404)
    expect((await get('/admin/requests/%00%2f..')).status).toBe(404)
  })
})

interface Event {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: JsonObject | undefined
}

/** The events of a tail as they come. */
function events(answer: Response) {
  const seen: Event[] = []
  let text = ''
  const done = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body! as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
        const data = field('data')
        seen.push({
          id: field('id'),
          event: field('event'),
          data: data === undefined ? undefined : (JSON.parse(data) as JsonObject),
        })
      }
    }
  })()
  const rows = () => seen.filter(({ event }) => event === 'request')
  return { seen, rows, done }
}

describe('the tail', () => {
  test('gives what is written from now on, once each, filtered, to any number of readers', async () => {
    await write(3, { modelRequested: 'before' })
    const aborting = new AbortController()
    const open = async (query: string, key = OWNER) => {
      const answer = await fetch(`${app.server.url}/admin/requests/tail${query}`, {
        headers: { authorization: `Bearer ${key}` },
        signal: aborting.signal,
      })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toStartWith('text/event-stream')
      const tail = events(answer)
      tail.done.catch(() => undefined)
      return tail
    }
    const all = await open('')
    const some = await open('?status=error')
    const theirs = await open('', THEIRS)
    await write(2)
    await write(3, { status: 500 })
    await write(1, { tenantId: 'other' })
    await until('all are there', () => all.rows().length >= 5 && theirs.rows().length >= 1)
    await until('the errors are there', () => some.rows().length >= 3)
    expect(all.rows()).toHaveLength(5)
    expect(new Set(all.rows().map(({ id }) => id)).size).toBe(5)
    expect(some.rows().map(({ data }) => data!['status'])).toEqual([500, 500, 500])
    expect(theirs.rows().map(({ data }) => data!['tenant'])).toEqual(['other'])
    aborting.abort()
  })

  test('goes on after the last event that was seen', async () => {
    await write(10)
    const first = rowsOf(await json('/admin/requests?limit=10')).at(-1)!
    const aborting = new AbortController()
    const answer = await fetch(`${app.server.url}/admin/requests/tail`, {
      headers: { authorization: `Bearer ${OWNER}`, 'last-event-id': String(first['sequence']) },
      signal: aborting.signal,
    })
    const tail = events(answer)
    tail.done.catch(() => undefined)
    await until('the rest is there', () => tail.rows().length >= 9)
    await write(2)
    await until('the new ones too', () => tail.rows().length >= 11)
    const ids = tail.rows().map(({ id }) => Number(id))
    expect(ids).toEqual(
      Array.from({ length: 11 }, (_item, at) => Number(first['sequence']) + 1 + at),
    )
    aborting.abort()
    expect((await get('/admin/requests/tail', OWNER, { 'last-event-id': 'x' })).status).toBe(400)
  })

  test('ends when the right to it is gone', async () => {
    const made = await fetch(`${app.server.url}/admin/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OWNER}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'reader', roles: ['auditor'] }),
    })
    const { id, key } = (await made.json()) as { id: string; key: string }
    await until('the key is known', async () => (await get('/admin/requests', key)).status === 200)
    const tail = events(await get('/admin/requests/tail', key))
    await fetch(`${app.server.url}/admin/keys/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${OWNER}` },
    })
    await tail.done
    expect(tail.seen.at(-1)).toMatchObject({ event: 'end', data: { reason: 'authentication' } })
  })

  test('of those who left before it began, none keeps a place', async () => {
    const { hostname, port } = new URL(app.server.url)
    const head = `GET /admin/requests/tail HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${OWNER}\r\n\r\n`
    const leave = async () => {
      const { promise: closed, resolve } = Promise.withResolvers<void>()
      const socket = await Bun.connect({
        hostname,
        port: Number(port),
        socket: { data() {}, close: () => resolve() },
      })
      socket.write(head)
      socket.flush()
      socket.terminate()
      await closed
    }
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: LIMITS.tailsMax / 5 }, leave))
    }
    // Some may not have been taken in yet: for as long as they come and go there may be no place. One that is kept is never free again.
    await until('every place is free', async () => {
      const aborting = new AbortController()
      const answers = await Promise.all(
        Array.from({ length: LIMITS.tailsMax }, () =>
          fetch(`${app.server.url}/admin/requests/tail`, {
            headers: { authorization: `Bearer ${OWNER}` },
            signal: aborting.signal,
          }),
        ),
      )
      aborting.abort()
      return answers.every(({ status }) => status === 200)
    })
  })

  test('does not hold up the end of the program', async () => {
    const tail = events(await get('/admin/requests/tail'))
    const stopped = async () => {
      await whole.stop()
      await tail.done.catch(() => undefined)
    }
    // Waiting for it would take as long as requests may have to end.
    expect(await ownMsOf(stopped)).toBeLessThan(5_000)
    whole = await startWholeApp([{ name: 'owner', key: OWNER, roles: ['owner'] }])
  })
})
