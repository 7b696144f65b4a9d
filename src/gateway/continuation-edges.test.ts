// What an answer that is gone on with must not do: repeat what has effects, forget a conversation, hold places it needs itself, say a
// beginning twice, or be put down to somebody who did not answer.

import { afterEach, describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model, type Provider, type Target } from '../core/catalog.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { watchedStreams } from '../testing/time-by-hand.ts'
import { json, stream } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { OWNER_GRANTS } from '../testing/principals.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

function chunk(delta: unknown, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }]
  const body = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices }
  return `data: ${JSON.stringify(body)}\n\n`
}

/** An answer that breaks off after these deltas. */
function cut(...deltas: object[]): Answer {
  return stream([chunk({ role: 'assistant', content: '' }), ...deltas.map((delta) => chunk(delta))])
}

function whole(...words: string[]): Answer {
  return stream([
    ...words.map((content) => chunk({ content })),
    chunk({}, 'stop'),
    'data: [DONE]\n\n',
  ])
}

const FAILING = json({ error: { message: 'no' } }, { status: 500 })
const ONCE = { retries: { max: 0, baseMs: 1, capMs: 1 } }

function target(providerId: string, order: number, over: Partial<Target> = {}): Target {
  return { providerId, model: 'm', order, weight: 1, abilities: { prefill: true }, ...over }
}

function provider(id: string, at: Upstream, over: Partial<Provider> = {}): Provider {
  const base = { type: 'custom', compatible: 'openai' } as const
  return testProvider({ id, ...base, baseUrl: `${at.url}/v1`, ...over })
}

function model(targets: readonly Target[], over: Partial<Model> = {}): Model {
  return {
    id: 'fast',
    origin: 'file',
    targets,
    defaults: {},
    losses: 'report',
    routing: { ...DEFAULT_ROUTING, continuation: true },
    ...over,
  }
}

const BODY = { model: 'fast', stream: true, messages: [{ role: 'user', content: 'Count' }] }

function textIn(sse: string): string {
  return [...sse.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)]
    .map(([, piece]) => JSON.parse(`"${piece}"`) as string)
    .join('')
}

function responsesEvent(type: string, more: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: 0, ...more })}\n\n`
}

/** A stream of the Responses protocol that breaks off after a word. */
function cutResponse(id: string): Answer {
  const item = {
    type: 'message',
    id: 'msg_1',
    role: 'assistant',
    status: 'in_progress',
    content: [],
  }
  const response = { id, object: 'response', created_at: 1, status: 'in_progress', model: 'm' }
  const at = { output_index: 0, item_id: 'msg_1', content_index: 0 }
  return stream([
    responsesEvent('response.created', { response: { ...response, output: [] } }),
    responsesEvent('response.output_item.added', { output_index: 0, item }),
    responsesEvent('response.content_part.added', {
      ...at,
      part: { type: 'output_text', text: '', annotations: [] },
    }),
    responsesEvent('response.output_text.delta', { ...at, delta: 'One' }),
  ])
}

describe('is not gone on with, and relayed as it is,', () => {
  const openai = { type: 'openai' } as const

  test('what has effects at its provider: it would have them twice', async () => {
    const first = upstream(cutResponse('resp_1'))
    const second = upstream(cutResponse('resp_2'))
    const gateway = createTestGateway({
      providers: [provider('a', first, openai), provider('b', second, openai)],
      models: [model([target('a', 0), target('b', 1)])],
    })
    const mcp = { type: 'mcp', server_label: 'git', server_url: 'https://mcp.example.com' }
    const body = { model: 'fast', stream: true, input: 'Delete it', tools: [mcp] }
    const reply = await gateway.ask({ dialect: 'openai-responses', body })
    expect(reply.headers['x-weir-mode']).toBe('relay')
    expect(reply.headers['x-weir-continuation']).toBeUndefined()
    expect(await textOf(reply)).toContain('broke off')
    expect(second.requests).toHaveLength(0)
    expect(first.requests).toHaveLength(1)
  })

  test('what goes on a conversation that its provider holds: nobody else has it', async () => {
    const first = upstream(cutResponse('resp_2'))
    const gateway = createTestGateway({
      providers: [provider('a', first, openai)],
      models: [model([target('a', 0)])],
    })
    await gateway.deps.kept.put({
      kind: 'response',
      id: 'resp_1',
      tenantId: 'default',
      providerId: 'a',
      model: 'm',
      createdMs: Date.now(),
      expiresMs: Date.now() + 60_000,
    })
    const body = { model: 'fast', stream: true, input: 'And?', previous_response_id: 'resp_1' }
    const reply = await gateway.ask({ dialect: 'openai-responses', body })
    expect(reply.headers['x-weir-continuation']).toBeUndefined()
    await textOf(reply)
    expect(first.requests[0]?.json()).toMatchObject({ previous_response_id: 'resp_1' })
    expect(first.requests).toHaveLength(1)
  })
})

test('the place of the answer that broke off is free for whoever goes on', async () => {
  const only = upstream(cut({ content: 'One' }), whole(' two'))
  const gateway = createTestGateway({
    providers: [provider('a', only, { concurrency: { max: 1, queue: 1, queueTimeoutMs: 15_000 } })],
    models: [model([target('a', 0)])],
  })
  expect(textIn(await textOf(await gateway.ask({ body: BODY })))).toBe('One two')
  await gateway.outcome()
  expect(gateway.deps.gates.providers().get('a')?.running).toBe(0)
})

test('an answer that nobody could go on with stays that of who gave it', async () => {
  const gateway = createTestGateway({
    providers: [
      provider('a', upstream(cut({ content: 'One' })), ONCE),
      provider('b', upstream(FAILING), ONCE),
    ],
    // The first one cannot go on from a beginning.
    models: [model([target('a', 0, { abilities: {} }), target('b', 1)])],
  })
  const { prices } = gateway.deps
  prices.find = ({ id }) => ({ price: { input: id === 'a' ? 1 : 1_000, output: 0 } }) as never
  await textOf(await gateway.ask({ body: BODY }))
  const outcome = await gateway.outcome()
  expect(outcome.attempts.map(({ providerId }) => providerId)).toEqual(['a', 'b'])
  expect(outcome).toMatchObject({ providerId: 'a', errorKind: 'upstream_error' })
  expect(outcome.costNanoUsd).toBe(outcome.usage?.inputTokens ?? -1)
})

test('every key and every place is given back, whoever goes on', async () => {
  const first = upstream(cut({ content: 'One' }))
  const second = upstream(cut({ content: ' two' }), whole(' three'))
  const concurrency = { max: 4, queue: 0, queueTimeoutMs: 0 }
  const providers = [provider('a', first, { concurrency }), provider('b', second, { concurrency })]
  const gateway = createTestGateway({
    providers,
    models: [model([target('a', 0), target('b', 1)])],
  })
  // The second breaks off too, and the first one cannot be reached any more.
  const { health } = gateway.deps
  const sse = await textOf(await gateway.ask({ body: BODY }))
  expect(textIn(sse)).toStartWith('One two')
  await gateway.outcome()
  for (const one of providers) {
    expect(health.keys(one).report(one.keys, 0)[0]?.running).toBe(0)
    expect(health.view(one, 'm').running).toBe(0)
    expect(gateway.deps.gates.providers().get(one.id)?.running).toBe(0)
  }
})

test('a target that could not be told everything is not asked where losses are refused', async () => {
  const second = upstream(whole(' two'))
  const gateway = createTestGateway({
    providers: [
      provider('a', upstream(cut({ content: 'One' }))),
      provider('b', second, { type: 'anthropic', baseUrl: second.url }),
    ],
    models: [model([target('a', 0), target('b', 1)], { losses: 'reject' })],
  })
  const sse = await textOf(await gateway.ask({ body: { ...BODY, logit_bias: { '5': 1 } } }))
  expect(sse).toContain('broke off')
  expect(second.requests).toHaveLength(0)
})

test('an Ollama is asked for a context that holds the whole prompt', async () => {
  const line = (content: string, done: boolean) =>
    `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content }, done, ...(done ? { done_reason: 'stop' } : {}) })}\n`
  const chats: unknown[] = []
  const second = upstream((request) => {
    if (request.target.endsWith('/api/chat')) {
      chats.push(request.json())
      return stream([line(' two', false), line('', true)], {
        headers: { 'content-type': 'application/x-ndjson' },
      })(request)
    }
    const shown = { model_info: { 'general.architecture': 'x', 'x.context_length': 32_768 } }
    return json(request.target.endsWith('/api/show') ? shown : { models: [] })(request)
  })
  const gateway = createTestGateway({
    providers: [
      provider('a', upstream(cut({ content: 'One' }))),
      testProvider({ id: 'b', type: 'ollama', baseUrl: second.url, keys: [] }),
    ],
    models: [model([target('a', 0), target('b', 1)])],
  })
  const content = 'every word of it counts '.repeat(1_500)
  const sse = await textOf(
    await gateway.ask({ body: { ...BODY, messages: [{ role: 'user', content }] } }),
  )
  expect(textIn(sse)).toBe('One two')
  expect(chats[0]).toMatchObject({ options: { num_ctx: 16_384 }, truncate: false })
})

/** Somebody who is asked to go on and says nothing. */
function silent() {
  const upstreams = upstream(async (request) => {
    await request.disconnected
    return new Response(null, { status: 500 })
  })
  return upstreams
}

describe('nobody is asked any more', () => {
  test.each(['its stream is cancelled', 'its signal fires'])(
    'once the client has left while somebody was asked to go on: %s',
    async (how) => {
      const second = silent()
      const gateway = createTestGateway({
        providers: [provider('a', upstream(cut({ content: 'One' }))), provider('b', second)],
        models: [model([target('a', 0, { abilities: {} }), target('b', 1)])],
      })
      const leaving = new AbortController()
      const reply = await gateway.ask({ body: BODY, signal: leaving.signal })
      const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
      void (async () => {
        while (!(await reader.read().catch(() => ({ done: true }))).done);
      })()
      await second.request(0)
      if (how === 'its signal fires') leaving.abort()
      else await reader.cancel()
      await second.requests[0]?.disconnected
      const outcome = await gateway.outcome()
      expect(outcome).toMatchObject({ status: 499, providerId: 'a' })
      expect(outcome.attempts.map(({ providerId, error }) => [providerId, error])).toEqual([
        ['a', undefined],
        ['b', 'client_closed'],
      ])
      const one = gateway.deps.snapshot().allProviders.get('b')!
      while (gateway.deps.health.view(one, 'm').running > 0) await Bun.sleep(1)
      expect(gateway.outcomes).toHaveLength(1)
    },
  )

  test('once the total limit has passed', async () => {
    const second = silent()
    const gateway = createTestGateway({
      providers: [provider('a', upstream(cut({ content: 'One' }))), provider('b', second)],
      models: [model([target('a', 0, { abilities: {} }), target('b', 1)])],
    })
    const watched = watchedStreams(gateway.deps)
    const { totalMs } = gateway.deps.snapshot().allProviders.get('a')!.timeouts
    const asking = gateway.ask({ body: BODY }).then(textOf)
    await second.request(0)
    for (const one of watched) one.tick(gateway.deps.clock.monotonicMs() + totalMs + 1)
    expect(await asking).toContain('total limit')
    await second.requests[0]?.disconnected
  })
})

test('a pinned request is gone on with by the target that was named, or by nobody', async () => {
  const first = upstream(cut({ content: 'One' }), whole(' two'))
  const second = upstream(whole(' unused'))
  const gateway = createTestGateway({
    providers: [provider('a', first), provider('b', second)],
    models: [model([target('a', 0), target('b', 1)])],
  })
  const headers = { 'x-weir-target': 'a' }
  const principal = { kind: 'anonymous', tenantId: 'default', grants: OWNER_GRANTS } as const
  const sse = await textOf(await gateway.ask({ body: BODY, headers, principal }))
  expect(textIn(sse)).toBe('One two')
  expect(second.requests).toHaveLength(0)
})

test('a beginning that is repeated by who goes on is not said twice', async () => {
  for (const [answer, expected] of [
    [['One, ', 'two, three'], 'One, two, three'],
    [['One, two,', ' three'], 'One, two, three'],
    // It was not repeated after all.
    [['One more'], 'One, two, One more'],
    [['One, '], 'One, two, One, '],
    [[' three'], 'One, two, three'],
  ] as const) {
    const second = upstream(whole(...answer))
    const gateway = createTestGateway({
      providers: [
        provider('a', upstream(cut({ content: 'One, two, ' }))),
        testProvider({ id: 'b', type: 'mistral', baseUrl: `${second.url}/v1` }),
      ],
      models: [model([target('a', 0), target('b', 1, { model: 'mistral-small-latest' })])],
    })
    const sse = await textOf(await gateway.ask({ body: BODY }))
    expect(textIn(sse)).toBe(expected)
    expect(sse).toContain('[DONE]')
    expect(second.requests[0]?.json()).toMatchObject({
      messages: [{ role: 'user' }, { role: 'assistant', content: 'One, two,', prefix: true }],
    })
  }
})
