// Habits of Bun and Elysia that the server is built around. Each is a fact of the pinned versions, not of ours: when an upgrade
// changes one, this test says so, and the code that works around it can be looked at again.

import { expect, test } from 'bun:test'
import { Elysia } from 'elysia'
import { rawRequest } from '../testing/http.ts'
import { startUpstream } from '../testing/upstream.ts'
import { gzipped } from '../testing/upstream-answers.ts'

test('Elysia takes the path after the eleventh character of the URL', async () => {
  const app = new Elysia().get('/admin/x', () => 'reached').get('/v1/admin/x', () => 'as asked')
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => app.handle(request),
  })
  const answer = await rawRequest(
    server.port!,
    'GET /v1/admin/x HTTP/1.1\r\nHost: abc\r\nConnection: close\r\n\r\n',
  )
  await server.stop(true)
  expect(answer.body).toBe('reached')
})

test('a throw in onRequest answers 200 with its text', async () => {
  const app = new Elysia()
    .onRequest(() => {
      throw new Error('leaks')
    })
    .get('/', () => 'x')
  const answer = await app.handle(new Request('http://localhost/'))
  expect(await answer.text()).toContain('leaks')
})

test('parse none leaves the body to us and hands no params where a path has none', async () => {
  let seen: unknown = 'nothing'
  const app = new Elysia().post(
    '/x',
    async ({ request, body, params }) => {
      seen = { body, params: params ?? {} }
      return new Response(await request.text())
    },
    { parse: 'none' },
  )
  const answer = await app.handle(
    new Request('http://localhost/x', { method: 'POST', body: '{"a":' }),
  )
  expect(await answer.text()).toBe('{"a":')
  expect(seen).toEqual({ body: undefined, params: {} })
})

test('a returned stream passes split characters whole', async () => {
  const bytes = new TextEncoder().encode('é')
  const app = new Elysia().get(
    '/',
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(bytes.subarray(0, 1))
            controller.enqueue(bytes.subarray(1))
            controller.close()
          },
        }),
        { headers: { 'x-a': 'b' } },
      ),
  )
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => app.handle(request),
  })
  expect(await (await fetch(server.url)).text()).toBe('é')
  await server.stop(true)
})

test('fetch inflates unless told not to, and told so leaves the bytes alone', async () => {
  await using up = startUpstream(gzipped('{"a":1}'))
  expect(await (await fetch(up.url)).text()).toBe('{"a":1}')
  const raw = await fetch(up.url, { decompress: false })
  expect((await raw.bytes())[0]).toBe(0x1f)
})

test('JSON.parse takes any depth, so depth is bounded before it', () => {
  expect(() => JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)).not.toThrow()
})

test('the process can replace itself, which the connection limit relies on', () => {
  if (process.platform !== 'win32') expect(typeof process.execve).toBe('function')
})
