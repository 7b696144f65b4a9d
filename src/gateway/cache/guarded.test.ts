// The cache between the rules: it is asked with what was masked, holds no masked text, and what it gives is judged like any answer.

import { afterEach, expect, test } from 'bun:test'
import { TestCache } from '../../testing/cache.ts'
import { createTestGateway, jsonOf, testProvider, textOf } from '../../testing/gateway.ts'
import { testGuard, withGuards } from '../../testing/guards.ts'
import { json } from '../../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../../testing/upstream.ts'
import { openaiChat } from '../../testing/voices-openai.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function setUp(...script: Answer[]) {
  const up = startUpstream(...script)
  closing.push(up)
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'p', type: 'custom', baseUrl: `${up.url}/v1` })],
  })
  return { cache: new TestCache(gateway.deps), gateway, up }
}

const ask = (content: string, more: object = {}) => ({
  body: { model: 'p/m', messages: [{ role: 'user', content }], ...more },
})
type Told = { choices: { message: { content: string }; finish_reason: string }[] }

const mails = () =>
  testGuard(
    { id: 'mail', mode: 'mask', stages: ['input'], check: 'pii' },
    { pattern: /[a-z]+@[a-z.]+/g, label: 'email' },
  )

test('two users share the answer to what was masked, and each gets their own back', async () => {
  let placeholder = ''
  const { cache, gateway, up } = setUp((request) => {
    const { messages } = request.json() as { messages: { content: string }[] }
    placeholder = messages[0]!.content.replace('I am ', '')
    return Response.json(openaiChat.whole({ text: `Hello ${placeholder}!` }))
  })
  withGuards(gateway.deps, mails())
  const ann = await gateway.ask(ask('I am ann@example.com'))
  expect(ann.headers['x-weir-cache']).toBe('miss')
  expect((await jsonOf<Told>(ann)).choices[0]!.message.content).toBe('Hello ann@example.com!')
  const bob = await gateway.ask(ask('I am bob@example.com'))
  expect(bob.headers['x-weir-cache']).toBe('hit')
  expect((await jsonOf<Told>(bob)).choices[0]!.message.content).toBe('Hello bob@example.com!')
  const streamed = await gateway.ask(ask('I am eve@example.com', { stream: true }))
  expect(streamed.headers['x-weir-cache']).toBe('hit')
  const text = await textOf(streamed)
  expect(text).toContain('eve@example.com')
  expect(text).not.toContain('ann@')
  expect(up.requests).toHaveLength(1)
  // What is kept has nobody's address in it.
  const kept: string[] = []
  const { store } = cache
  cache.store = {
    ...store,
    place: 'memory',
    get: (tenantId: string, id: string) => {
      const found = store.get(tenantId, id)
      if (found !== undefined && !(found instanceof Promise)) kept.push(found.value)
      return found
    },
    put: () => undefined,
    drop: () => undefined,
    purge: () => Promise.resolve(0),
    holdings: () => Promise.resolve([]),
  }
  await textOf(await gateway.ask(ask('I am ann@example.com')))
  expect(kept).toHaveLength(1)
  expect(kept[0]).toContain(placeholder)
  expect(kept[0]).not.toContain('example.com')
})

test('an answer from memory is judged by the rules of now', async () => {
  const { gateway, up } = setUp(json(openaiChat.whole({ text: 'a secret-word' })))
  const free = await gateway.ask(ask('Say it'))
  expect((await jsonOf<Told>(free)).choices[0]!.message.content).toBe('a secret-word')
  withGuards(gateway.deps, testGuard({ stages: ['output'] }))
  for (const stream of [false, true]) {
    const judged = await gateway.ask(ask('Say it', { stream }))
    expect(judged.headers['x-weir-cache']).toBe('hit')
    const text = await textOf(judged)
    expect(text).not.toContain('secret-word')
    expect(text).toContain('content_filter')
  }
  expect(up.requests).toHaveLength(1)
})

test('an answer that a rule blocked poisons nothing: what the next one gets is what the provider said', async () => {
  const { gateway, up } = setUp(json(openaiChat.whole({ text: 'a secret-word' })))
  withGuards(gateway.deps, testGuard({ stages: ['output'] }))
  expect(await textOf(await gateway.ask(ask('Say it')))).not.toContain('secret-word')
  withGuards(gateway.deps)
  const next = await gateway.ask(ask('Say it'))
  expect((await jsonOf<Told>(next)).choices[0]!.message.content).toBe('a secret-word')
  expect(up.requests).toHaveLength(1)
})

test('a stream that a rule cut short is not kept', async () => {
  const pieces = openaiChat.stream({ text: 'one two three a secret-word and much more besides' })
  const { gateway, up } = setUp(
    () => new Response(pieces.join(''), { headers: { 'content-type': 'text/event-stream' } }),
    json(openaiChat.whole({ text: 'whole' })),
  )
  withGuards(gateway.deps, testGuard({ stages: ['output'] }))
  const text = await textOf(await gateway.ask(ask('Say it', { stream: true })))
  expect(text).not.toContain('secret-word')
  withGuards(gateway.deps)
  const next = await gateway.ask(ask('Say it'))
  const { content } = (await jsonOf<Told>(next)).choices[0]!.message
  // Either the provider's whole answer, or a new one: never the part that was let through.
  expect(['one two three a secret-word and much more besides', 'whole']).toContain(content)
  expect(up.requests.length).toBeLessThanOrEqual(2)
})

test('a rule that nobody answers closes an answer from memory too', async () => {
  const { gateway } = setUp(json(openaiChat.whole({ text: 'fine' })))
  await textOf(await gateway.ask(ask('Say it')))
  const down = { judge: () => Promise.reject(new Error('down')) }
  withGuards(gateway.deps, testGuard({ stages: ['output'] }, down))
  const reply = await gateway.ask(ask('Say it'))
  expect(reply.status).toBe(503)
  expect(await textOf(reply)).not.toContain('fine')
})

test('a blocked prompt is never looked for', async () => {
  const { cache, gateway } = setUp(json(openaiChat.whole({ text: 'fine' })))
  withGuards(gateway.deps, testGuard({ stages: ['input'] }))
  expect((await gateway.ask(ask('a secret-word'))).status).toBe(400)
  expect(gateway.outcomes[0]!.cache).toBeUndefined()
  expect(cache.cache.tally()).toEqual([])
})
