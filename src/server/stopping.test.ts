// The end of the server where nothing runs any more and yet a connection is open.

import { expect, test } from 'bun:test'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer } from '../testing/server.ts'
import { connectTcp } from '../testing/tcp.ts'

test('half of a request head does not hold up the end', async () => {
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'm', type: 'mock', baseUrl: 'http://mock.invalid/v1' })],
  })
  const server = startTestServer(gateway)
  const peer = await connectTcp(server.port)
  peer.write('POST /v1/chat/completions HTTP/1.1\r\nhost: 127')
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  const startedMs = performance.now()
  // Held up, it would take as long as it may.
  await server.stop(60_000)
  expect(performance.now() - startedMs).toBeLessThan(10_000)
  expect(gateway.deps.shutdown.state).toBe('draining')
})
