// The router is made after the server listens: whoever asks before that gets the answer that everybody gets, and it is made once.

import { expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey, testServerDeps } from '../testing/server.ts'
import { startServer } from './server.ts'

const SECRET = 'weir_test-key-of-more-than-thirty-two-characters'
const PATHS = ['/v1/models', '/health', '/readyz', '/', '/nothing/here', '/v1/chat/completions']

async function started() {
  const provider = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1' })
  const gateway = createTestGateway({ providers: [provider] })
  // The list of models tells what is known, which is to be the same from the first request on.
  await gateway.deps.directory.refreshAll(gateway.deps.snapshot())
  return startTestServer(gateway, { keys: [testKey(SECRET)], anonymous: 'never' })
}

async function statuses(url: string): Promise<readonly (readonly [string, number, string])[]> {
  return await Promise.all(
    PATHS.map(async (path) => {
      const response = await fetch(`${url}${path}`, {
        headers: { authorization: `Bearer ${SECRET}`, 'x-request-id': 'req-1' },
      })
      return [path, response.status, await response.text()] as const
    }),
  )
}

test('who asks before there is a router gets what everybody gets', async () => {
  await using early = await started()
  const first = await Promise.all([statuses(early.url), statuses(early.url)])
  await using late = await started()
  await Promise.all([late.warm(), late.warm()])
  const warm = await statuses(late.url)
  expect(first).toEqual([warm, warm])
  expect(warm.map(([path, status]) => [path, status])).toEqual([
    ['/v1/models', 200],
    ['/health', 200],
    ['/readyz', 200],
    ['/', 200],
    ['/nothing/here', 404],
    ['/v1/chat/completions', 405],
  ])
})

test('a server that stops before its router is made has nothing left to do', async () => {
  const server = await started()
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  await server.stop(0)
  await server.warm()
  expect(server.active).toBe(0)
})

test('a router that could not be made is tried again by the next who asks', async () => {
  let isBroken = true
  const deps = new Proxy(testServerDeps(createTestGateway({ providers: [] })), {
    get(target, name) {
      if (isBroken && name === 'gateway') throw new Error('not now')
      return Reflect.get(target, name) as unknown
    },
  })
  const server = startServer(deps)
  await expect(server.warm()).rejects.toThrow('not now')
  isBroken = false
  expect((await fetch(`${server.url}/`)).status).toBe(200)
  await server.stop(0)
})
