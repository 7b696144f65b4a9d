// Masked on the way out, restored on the way back: no provider sees the value in any place, every byte that is none of it stays, and the
// client gets its own words again, whole and streamed, in texts and in arguments of calls.

import { afterEach, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { DialectName } from '../../core/ir/request.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { collect } from '../../core/ir/collect.ts'
import { parseJson, type JsonObject, type JsonValue } from '../../core/json.ts'
import { visitStrings } from '../../core/json-strings.ts'
import { dialects } from '../../dialects/registry.ts'
import { createFramer } from '../../dialects/sse.ts'
import { createTestGateway, textOf } from '../../testing/gateway.ts'
import { testGuard, withGuards } from '../../testing/guards.ts'
import { checkParameters } from '../../testing/seed.ts'
import { json, stream } from '../../testing/upstream-answers.ts'
import { startUpstream, type Answer } from '../../testing/upstream.ts'
import { VOICES, voiceProvider, type Said, type Voice } from '../../testing/voices.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

const EMAIL = /[\w."\\]+@[\w.]+\w/g
const masking = (over: Parameters<typeof testGuard>[0] = {}) =>
  testGuard(
    { id: 'pii', check: 'pii', mode: 'mask', stages: ['input', 'tool_result'], ...over },
    { pattern: EMAIL, label: 'email' },
  )

function gatewayOf(voice: Voice, answer: Answer, ...guards: Parameters<typeof withGuards>[1][]) {
  const upstream = startUpstream(answer)
  closing.push(upstream)
  const gateway = createTestGateway({ providers: [voiceProvider(voice, upstream.url)] })
  const events = withGuards(gateway.deps, ...guards)
  return { ...gateway, upstream, events }
}

const openai = VOICES.find(({ dialect }) => dialect === 'openai-chat')!
const ANN = 'ann@example.com'
const BOB = 'bob@example.org'

const REQUESTS: Partial<Record<DialectName, JsonObject>> = {
  'openai-chat': {
    messages: [
      { role: 'system', content: `you write to ${ANN}` },
      { role: 'user', content: [{ type: 'text', text: `from ${BOB}` }], name: 'me' },
    ],
    user: ANN,
    metadata: { who: BOB },
  },
  'openai-responses': { input: `to ${ANN} from ${BOB}`, instructions: `write to ${ANN}` },
  anthropic: {
    system: `you write to ${ANN}`,
    messages: [{ role: 'user', content: `from ${BOB}` }],
    max_tokens: 100,
    metadata: { user_id: ANN },
  },
  ollama: { messages: [{ role: 'user', content: `to ${ANN} from ${BOB}` }] },
  gemini: { contents: [{ role: 'user', parts: [{ text: `to ${ANN}` }, { text: `from ${BOB}` }] }] },
  cohere: { messages: [{ role: 'user', content: `to ${ANN} from ${BOB}` }] },
}

function requestOf(client: DialectName, model: string, isStream: boolean) {
  const hints = client === 'gemini' ? { model, stream: isStream } : {}
  const named = client === 'gemini' ? {} : { model, stream: isStream }
  return { dialect: client, body: { ...named, ...REQUESTS[client] }, hints }
}

function understood(client: DialectName, text: string, isStream: boolean): ChatResponse {
  const codec = dialects[client].chat!
  if (!isStream) return codec.decodeResponse(JSON.parse(text) as JsonObject)
  const framer = createFramer(dialects[client].framing)
  const decoder = codec.createStreamDecoder()
  const frames = [...framer.push(new TextEncoder().encode(text)), ...framer.end()]
  const events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()]
  const { error, response } = collect(events)
  expect(error).toBeUndefined()
  return response
}

describe('masked and restored', () => {
  for (const voice of VOICES) {
    for (const client of Object.keys(REQUESTS) as DialectName[]) {
      for (const isStream of [false, true]) {
        for (const outputToo of [false, true]) {
          const judged = outputToo ? ', judged' : ''
          test(`${client} at ${voice.dialect}${isStream ? ', streamed' : ''}${judged}`, async () => {
            const said: Said = {
              text: 'I write to [EMAIL_1] and [email 2], not to [EMAIL_3].',
              calls: [{ id: 'call_1', name: 'send', input: '{"to":"[EMAIL_1]"}' }],
            }
            const answer = isStream
              ? stream(voice.stream(said), { headers: { 'content-type': voice.contentType } })
              : json(voice.whole(said))
            const more = outputToo ? [testGuard({ stages: ['output'] })] : []
            const gateway = gatewayOf(voice, answer, masking(), ...more)
            const reply = await gateway.ask(requestOf(client, `p/${voice.model}`, isStream))
            const text = await textOf(reply)
            const { text: sent } = await gateway.upstream.request(0)
            expect(sent).not.toContain('example')
            expect(sent).toContain('[EMAIL_1]')
            expect(reply.headers['x-weir-guardrails']).toBe('pii=masked')
            const { blocks } = understood(client, text, isStream).choices[0]!
            const spoken = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')
            const first = sent.includes('to [EMAIL_1]') ? ANN : BOB
            const second = first === ANN ? BOB : ANN
            expect(spoken).toBe(`I write to ${first} and ${second}, not to [EMAIL_3].`)
            const call = blocks.find((block) => block.type === 'tool-use')
            expect(JSON.parse(call!.input)).toEqual({ to: first })
            const outcome = await gateway.outcome()
            expect(JSON.stringify(outcome)).not.toContain('example')
            expect(outcome.guardrails?.[0]).toMatchObject({ verdict: 'masked', stage: 'input' })
          })
        }
      }
    }
  }
})

test('in the bytes nothing changes but the strings that hold it', async () => {
  const gateway = gatewayOf(openai, json(openai.whole({ text: 'ok' })), masking())
  const body = `{"model": "p/gpt",\t"n":1.0e0, "seed": 12345678901234567890,"unknown":{"b":1,"a":[]},
  "messages":[{"role":"user","content":"caf\\u00e9 \\/ \\ud83d\\ude00"},{"role":"user","content":"mail \\u0061nn@example.com!"}] }`
  await textOf(await gateway.ask({ body }))
  const { text } = await gateway.upstream.request(0)
  expect(text).toBe(
    body.replace('"p/gpt"', '"gpt"').replace('"mail \\u0061nn@example.com!"', '"mail [EMAIL_1]!"'),
  )
})

test('arguments of calls stay JSON, in and out, whatever the value holds', async () => {
  const quoted = 'say "a\\b"@example.com'
  const gateway = gatewayOf(
    openai,
    stream(openai.stream({ calls: [{ id: 'c', name: 'f', input: '{"to":"[EMAIL_1]"}' }] })),
    masking(),
  )
  const call = {
    id: 'c',
    type: 'function',
    function: { name: 'f', arguments: JSON.stringify({ to: quoted }) },
  }
  const reply = await gateway.ask({
    body: {
      model: 'p/gpt',
      stream: true,
      messages: [
        { role: 'user', content: `write to ${quoted}` },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: JSON.stringify({ sent: quoted }) },
      ],
    },
  })
  const { blocks } = understood('openai-chat', await textOf(reply), true).choices[0]!
  const sent = (await gateway.upstream.request(0)).json() as JsonObject
  const strings: string[] = []
  visitStrings(sent as JsonValue, (text) => strings.push(text))
  expect(strings.join('\n')).not.toContain('example')
  for (const text of strings.filter((each) => each.startsWith('{'))) {
    expect(parseJson(text)).toBeDefined()
  }
  const given = blocks.find((block) => block.type === 'tool-use')!
  expect(JSON.stringify(JSON.parse(given.input))).toContain('@example.com')
})

test('found over two parts, it goes from both', async () => {
  const guard = testGuard(
    { check: 'pii', mode: 'mask', stages: ['input'] },
    { pattern: /\w+@\w+\.com/g, label: 'email' },
  )
  const gateway = gatewayOf(openai, json(openai.whole({ text: 'to [EMAIL_1]' })), guard)
  const parts = [
    { type: 'text', text: 'mail ann@exa' },
    { type: 'text', text: 'mple.com now' },
  ]
  const reply = await gateway.ask({
    body: { model: 'p/gpt', messages: [{ role: 'user', content: parts }] },
  })
  const said = await textOf(reply)
  const { text } = await gateway.upstream.request(0)
  expect(text).toContain('"mail [EMAIL_1]"')
  expect(text).toContain('" now"')
  expect(said).toContain(ANN)
})

test('however a message is cut into parts, nothing of it gets out, or all of it is refused', async () => {
  const upstream = startUpstream(json(openai.whole({ text: 'ok' })))
  const gateway = createTestGateway({ providers: [voiceProvider(openai, upstream.url)] })
  const rule = { id: 'cut', check: 'secrets', mode: 'mask', stages: ['input'] } as const
  withGuards(gateway.deps, testGuard({ ...rule, options: { mask: 'placeholder' } }))
  const words = fc.constantFrom('secret-word', 'secret', '-word', 'a', ' ', 'b', 'é')
  await fc.assert(
    fc.asyncProperty(
      fc.array(words, { minLength: 1, maxLength: 14 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 15 })),
      async (list, sizes) => {
        const text = list.join('')
        const content: JsonObject[] = []
        for (let at = 0; at < text.length;) {
          const size = sizes.next().value
          content.push({ type: 'text', text: text.slice(at, at + size) })
          at += size
        }
        const sentBefore = upstream.requests.length
        const reply = await gateway.ask({
          body: { model: 'p/gpt', messages: [{ role: 'user', content }] },
        })
        await textOf(reply)
        const sent = upstream.requests.slice(sentBefore)
        if (reply.status !== 200) return expect([reply.status, sent.length]).toEqual([400, 0])
        const { messages } = sent[0]!.json() as { messages: [{ content: { text: string }[] }] }
        const got = messages[0].content.map((part) => part.text).join('')
        expect(got).not.toContain('secret-word')
        expect(got.replaceAll('[SECRET_1]', 'secret-word')).toBe(text)
      },
    ),
    checkParameters(200),
  )
  expect(upstream.requests.length).toBeGreaterThan(100)
  await upstream.close()
}, 60_000)

test('what cannot be masked is refused: the name of a member, what a check cannot place', async () => {
  const inName = gatewayOf(openai, json(openai.whole({ text: 'ok' })), masking())
  const input = { [ANN]: 1 }
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'x' }] },
  ]
  const named = { model: 'p/gpt', max_tokens: 9, messages }
  const refused = await inName.ask({ dialect: 'anthropic', body: named })
  expect([refused.status, inName.upstream.requests.length]).toEqual([400, 0])
  const blind = gatewayOf(
    openai,
    json(openai.whole({ text: 'ok' })),
    testGuard({ mode: 'mask' }, { withoutSpans: true }),
  )
  const body = { model: 'p/gpt', messages: [{ role: 'user', content: 'secret-word' }] }
  expect((await blind.ask({ body })).status).toBe(400)
  expect(blind.upstream.requests).toHaveLength(0)
})

test('a later rule sees what an earlier one has left', async () => {
  const second = testGuard({ id: 'second' }, { pattern: /example/g })
  const gateway = gatewayOf(openai, json(openai.whole({ text: 'ok' })), masking(), second)
  const reply = await gateway.ask(requestOf('openai-chat', 'p/gpt', false))
  expect(reply.status).toBe(200)
  expect(second.questions[0]!.texts.map(({ text }) => text).join()).not.toContain('example')
})

test('what a check has rewritten is what goes on', async () => {
  const rewriting = testGuard(
    { id: 'rewriter', check: 'webhook', mode: 'mask', stages: ['input'] },
    {
      judge: ({ texts }) => ({
        hit: true,
        categories: [],
        rewritten: texts.map(({ text }) => text.replace('please', 'kindly')),
      }),
    },
  )
  const gateway = gatewayOf(openai, json(openai.whole({ text: 'ok' })), rewriting)
  const reply = await gateway.ask({
    body: { model: 'p/gpt', messages: [{ role: 'user', content: 'do it please' }] },
  })
  expect(reply.status).toBe(200)
  expect((await gateway.upstream.request(0)).text).toContain('do it kindly')
})

describe('kept answers', () => {
  const claude = VOICES.find(({ dialect }) => dialect === 'anthropic')!
  for (const isStream of [false, true]) {
    test(`hold placeholders, and go on${isStream ? ', streamed' : ''}`, async () => {
      const said: Said = { text: 'written to [EMAIL_1]' }
      const answer: Answer = (request) =>
        (isStream
          ? stream(claude.stream(said), { headers: { 'content-type': claude.contentType } })
          : json(claude.whole(said)))(request)
      const gateway = gatewayOf(claude, answer, masking())
      const model = `p/${claude.model}`
      const ask = (body: JsonObject) =>
        gateway.ask({ dialect: 'openai-responses', body: { model, stream: isStream, ...body } })
      const text = await textOf(await ask({ input: `write to ${ANN}` }))
      expect(text).toContain(ANN)
      const id = /"id":"(resp_\w+)"/.exec(text)![1]!
      const kept = await gateway.deps.kept.find('response', 'default', id)
      expect(kept?.value).toContain('[EMAIL_1]')
      expect(kept?.value).not.toContain('example')
      await textOf(await ask({ input: `and to ${BOB}`, previous_response_id: id }))
      const { text: sent } = await gateway.upstream.request(1)
      expect(sent).toContain('[EMAIL_1]')
      // Another value never gets a placeholder that stands for one before.
      expect(sent).toContain('[EMAIL_2]')
      expect(sent).not.toContain('example')
    })

    test(`are none where the answer was blocked${isStream ? ', streamed' : ''}`, async () => {
      for (const voice of [claude, VOICES.find(({ dialect }) => dialect === 'openai-responses')!]) {
        const said: Said = { text: 'the secret-word' }
        const answer = isStream
          ? stream(voice.stream(said), { headers: { 'content-type': voice.contentType } })
          : json(voice.whole(said))
        const gateway = gatewayOf(voice, answer, testGuard({ stages: ['output'] }))
        const reply = await gateway.ask({
          dialect: 'openai-responses',
          body: { model: `p/${voice.model}`, stream: isStream, input: 'hi' },
        })
        const text = await textOf(reply)
        const id = /"id":"(resp_\w+)"/.exec(text)?.[1] ?? ''
        expect(await gateway.deps.kept.find('response', 'default', id)).toBeUndefined()
      }
    })
  }
})
