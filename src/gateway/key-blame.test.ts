// When a provider's refusal sets the key aside that was asked with, and when it is about what a client asked for: then nobody else is
// to be without the key.

import { afterEach, describe, expect, test } from 'bun:test'
import type { ProviderKey } from '../core/catalog.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'

const upstreams: Upstream[] = []
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((server) => server.close()))
})

const COMPLETION = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'good',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
}

function world(refusal: Answer, keys: readonly ProviderKey[]) {
  const server = startUpstream((request) =>
    (request.json() as { model?: unknown }).model === 'good'
      ? Response.json(COMPLETION)
      : refusal(request),
  )
  upstreams.push(server)
  const provider = testProvider({ id: 'p', type: 'openai', baseUrl: `${server.url}/v1`, keys })
  const gateway = createTestGateway({ providers: [provider] })
  return {
    server,
    gateway,
    states: () =>
      gateway.deps.health
        .keys(provider)
        .report(keys, gateway.deps.clock.monotonicMs())
        .map(({ state }) => state),
    ask: async (model: string) => {
      const body = { model: `p/${model}`, messages: [{ role: 'user', content: 'Hello' }] }
      const reply = await gateway.ask({ body })
      await textOf(reply)
      return reply.status
    },
  }
}

const refusing =
  (status: number, error: object): Answer =>
  () =>
    Response.json({ error }, { status })

const ONE: ProviderKey = { id: 'one', secret: 'sk-one-0123456789abcdef' }
const TWO: ProviderKey = { id: 'two', secret: 'sk-two-0123456789abcdef' }

describe('a key that is refused', () => {
  test('for one model alone serves all others', async () => {
    const words = 'Project `proj_1` does not have access to model `secret`'
    const { ask, server, states } = world(
      refusing(403, { message: words, code: 'model_not_found' }),
      [ONE, TWO],
    )
    expect(await ask('secret')).toBe(404)
    // The other key may be of another project.
    expect(server.requests).toHaveLength(2)
    expect(states()).toEqual(['fit', 'fit'])
    expect(await ask('good')).toBe(200)
  })

  test('as such is set aside, and nobody is asked with it', async () => {
    const { ask, server, states } = world(refusing(403, { message: 'forbidden' }), [ONE])
    expect(await ask('any')).toBe(502)
    expect(states()).toEqual(['refused'])
    expect(await ask('good')).toBe(503)
    expect(server.requests).toHaveLength(1)
  })

  test('is told in a row by its last characters, unless these would be too much of it', async () => {
    const { ask, gateway } = world(refusing(400, { message: 'no' }), [
      { id: 'one', secret: 'abcd' },
    ])
    expect(await ask('good')).toBe(200)
    const { attempts } = await gateway.outcome()
    expect(attempts).toHaveLength(1)
    expect(JSON.stringify(attempts)).not.toContain('abcd')
    const long = world(refusing(400, { message: 'no' }), [ONE])
    expect(await long.ask('good')).toBe(200)
    expect((await long.gateway.outcome()).attempts).toMatchObject([{ keyHint: 'cdef' }])
  })
})
