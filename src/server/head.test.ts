// HEAD where GET streams: the router would read the whole answer to count its bytes, so nothing may be left to read.

import { expect, test } from 'bun:test'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer } from '../testing/server.ts'

test('a HEAD of a file answers at once, lets the provider go and holds no place', async () => {
  const letGo = Promise.withResolvers<void>()
  const endless = () =>
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        await Bun.sleep(5)
        controller.enqueue(new Uint8Array(1_000))
      },
      cancel: () => letGo.resolve(),
    })
  const up = Bun.serve({
    port: 0,
    fetch: () => new Response(endless(), { headers: { 'content-type': 'audio/mpeg' } }),
  })
  try {
    const gateway = createTestGateway({
      providers: [
        testProvider({ id: 'up', type: 'openai', baseUrl: `http://127.0.0.1:${up.port}/v1` }),
      ],
    })
    const item = { kind: 'file', id: 'file-1', tenantId: DEFAULT_TENANT_ID } as const
    await gateway.deps.kept.put({ ...item, providerId: 'up', model: '', createdMs: Date.now() })
    await using server = startTestServer(gateway)
    const answer = await fetch(`${server.url}/v1/files/file-1/content`, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('audio/mpeg')
    await letGo.promise
    await gateway.outcome()
    expect(gateway.deps.gates.all.running).toBe(0)
    expect(gateway.outcomes).toHaveLength(1)
  } finally {
    await up.stop(true)
  }
})
