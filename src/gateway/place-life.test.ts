// A place among those that run is held for exactly as long as its request: whatever ends it, the place is given back once, and not
// before.

import { afterEach, expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startHeldUpstream, type HeldUpstream } from '../testing/held-upstream.ts'
import { handle } from './handle.ts'
import type { Inbound } from './inbound.ts'
import type { Slot } from './gates.ts'
import { memberGrants } from '../testing/principals.ts'
import { watchedStreams } from '../testing/time-by-hand.ts'

const closing: HeldUpstream[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

class Place implements Slot {
  releases = 0
  release(): void {
    this.releases += 1
  }
}

function world() {
  const held = startHeldUpstream()
  closing.push(held)
  const gateway = createTestGateway({
    providers: [
      testProvider({
        id: 'p',
        type: 'openai',
        baseUrl: `${held.url}/v1`,
        timeouts: { connectMs: 15_000, firstByteMs: 15_000, idleMs: 15_000, totalMs: 900_000 },
        concurrency: { max: 1, queue: 1, queueTimeoutMs: 15_000 },
      }),
    ],
  })
  const watched = watchedStreams(gateway.deps)
  const place = new Place()
  const leaving = new AbortController()
  const ask = (stream: boolean) => {
    const body = { model: 'p/m', stream, messages: [{ role: 'user', content: 'hi' }] }
    const inbound: Inbound = {
      dialect: 'openai-chat',
      operation: 'chat',
      hints: {},
      streamByDefault: false,
      endpoint: '/test',
      bytes: new TextEncoder().encode(JSON.stringify(body)),
      headers: new Headers(),
      principal: { kind: 'anonymous', tenantId: 'default', grants: memberGrants() },
      requestId: 'req_test',
      signal: leaving.signal,
      slot: place,
      arrivedMs: Date.now(),
      arrivedMonotonicMs: performance.now(),
    }
    return handle(inbound, gateway.deps)
  }
  const provider = () => gateway.deps.gates.providers().get('p')!
  return { ask, gateway, held, leaving, place, provider, watched }
}

test('a whole answer', async () => {
  const { ask, held, place, provider } = world()
  const asking = ask(false)
  await held.arrived(1)
  expect([place.releases, provider().running]).toEqual([0, 1])
  held.release()
  await asking
  expect([place.releases, provider().running]).toEqual([1, 0])
})

test('a stream, to its end', async () => {
  const { ask, held, place, provider } = world()
  const reply = await ask(true)
  const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
  await reader.read()
  expect([place.releases, provider().running]).toEqual([0, 1])
  held.release()
  while (!(await reader.read()).done);
  expect([place.releases, provider().running]).toEqual([1, 0])
})

test('a stream whose client takes nothing: until the stall limit, and no longer', async () => {
  const { ask, gateway, place, provider, watched } = world()
  await ask(true)
  const nowMs = performance.now()
  // Counted from when it was sent, which was before.
  watched[0]!.tick(nowMs + LIMITS.clientStallTimeoutMs / 2)
  expect([place.releases, provider().running]).toEqual([0, 1])
  watched[0]!.tick(nowMs + LIMITS.clientStallTimeoutMs + 1_000)
  expect([place.releases, provider().running]).toEqual([1, 0])
  expect(await gateway.outcome()).toMatchObject({ status: 499, errorKind: 'client_closed' })
})

test.each([true, false])('broken off because this server stops (stream: %p)', async (stream) => {
  const { ask, gateway, held, leaving, place, provider } = world()
  const asking = ask(stream)
  await held.arrived(1)
  // A stream is broken off before its client has read anything.
  if (stream) await asking
  leaving.abort(new GatewayError('shutting_down', { retryAfterMs: 1_000 }))
  const { status, body } = await asking
  expect(status).toBe(stream ? 200 : 503)
  const text = await new Response(body as ConstructorParameters<typeof Response>[0]).text()
  expect(text).toContain('server_shutting_down')
  expect(text).not.toContain('[DONE]')
  await held.idle()
  expect([place.releases, provider().running]).toEqual([1, 0])
  expect(gateway.outcomes).toHaveLength(1)
  expect(gateway.outcomes[0]).toMatchObject({ errorKind: 'shutting_down' })
  expect(gateway.outcomes[0]?.usage?.estimated).toBe(true)
})

test('a client that leaves while it waits for its provider', async () => {
  const { ask, gateway, held, leaving, place, provider } = world()
  const slot = gateway.deps.gates.of(gateway.deps.snapshot().allProviders.get('p')!)?.tryEnter()
  const asking = ask(true)
  while (provider().waiting === 0) await Bun.sleep(1)
  leaving.abort()
  expect((await asking).status).toBe(499)
  slot?.release()
  expect([place.releases, provider().running, held.asked.length]).toEqual([1, 0, 0])
})
