// Reasoning that survives clients which drop it, end to end: real upstreams that say what they were sent, an OpenAI client on
// Anthropic, and an OpenAI client on an OpenAI-shaped provider that wants its reasoning back.

import { afterEach, describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { KeptRepository } from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestGateway,
} from '../testing/gateway.ts'
import { MemoryKept } from '../testing/kept.ts'
import { checkParameters } from '../testing/seed.ts'
import { HeldStream, json, stream } from '../testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { systemClock } from '../system.ts'
import { memberGrants } from '../testing/principals.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

const TOOLS = [
  {
    type: 'function',
    function: { name: 'weather', parameters: { type: 'object', properties: {} } },
  },
]
const QUESTION = { role: 'user', content: 'Weather in Paris?' }
const RESULT = { role: 'tool', tool_call_id: 'toolu_1', content: '18 degrees' }
const SIGNED = { type: 'thinking', thinking: 'I need the wéather 🌦.', signature: 'c2lnbmVkIQ==' }
const CALL = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Paris', b: 1 } }

function anthropicAnswer(content: JsonValue[], stop = 'tool_use'): JsonObject {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5',
    content,
    stop_reason: stop,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 5 },
  }
}

const DONE = json(anthropicAnswer([{ type: 'text', text: 'It is mild.' }], 'end_turn'))

function sse(...events: JsonObject[]): string[] {
  return events.map(
    (event) => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`,
  )
}

/** What Anthropic streams for thinking, text and a call. */
function anthropicStream(cut = false): string[] {
  const events = sse(
    { type: 'message_start', message: { ...anthropicAnswer([]), stop_reason: null } },
    {
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'thinking', thinking: '', signature: '' },
    },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'thinking_delta', thinking: 'I need the ' },
    },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'thinking_delta', thinking: 'wéather 🌦.' },
    },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'signature_delta', signature: SIGNED.signature },
    },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { ...CALL, input: {} } },
    {
      type: 'content_block_delta',
      index: 1,
      delta: { type: 'input_json_delta', partial_json: '{"city":' },
    },
    {
      type: 'content_block_delta',
      index: 1,
      delta: { type: 'input_json_delta', partial_json: '"Paris","b":1}' },
    },
    { type: 'content_block_stop', index: 1 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { output_tokens: 5 },
    },
    { type: 'message_stop' },
  )
  return cut ? events.slice(0, -2) : events
}

interface Setup {
  readonly up: Upstream
  readonly gateway: TestGateway
}

function anthropicSetup(answers: Answer[], kept?: KeptRepository, ids = ['a']): Setup {
  const up = upstream(...answers)
  const providers = ids.map((id) => testProvider({ id, type: 'anthropic', baseUrl: up.url }))
  return { up, gateway: createTestGateway({ providers, ...(kept === undefined ? {} : { kept }) }) }
}

const ASK = {
  model: 'a/claude-sonnet-4-5',
  reasoning_effort: 'medium',
  max_tokens: 20_000,
  tools: TOOLS,
}

function assistantTurn(message: JsonObject, ...dropped: string[]): JsonObject {
  const rest: JsonObject = {}
  for (const key in message) if (!dropped.includes(key)) rest[key] = message[key]
  return rest
}

const DROPS = ['reasoning_content', 'reasoning_details', 'reasoning']

/** The first turn; the assistant's message as the client got it, without its reasoning. */
async function firstTurn({ gateway }: Setup, over: JsonObject = {}, principal?: Principal) {
  const body = { ...ASK, ...over, messages: [QUESTION] }
  const reply = await gateway.ask({ body, ...(principal === undefined ? {} : { principal }) })
  expect(reply.status).toBe(200)
  const answer = await jsonOf<{ choices: { message: JsonObject }[] }>(reply)
  return answer.choices[0]!.message
}

async function secondTurn(
  { gateway, up }: Setup,
  turn: JsonObject,
  over: JsonObject = {},
  principal?: Principal,
) {
  const body = { ...ASK, ...over, messages: [QUESTION, turn, RESULT] }
  const reply = await gateway.ask({ body, ...(principal === undefined ? {} : { principal }) })
  expect(reply.status).toBe(200)
  await textOf(reply)
  return { sent: up.requests.at(-1)!.json() as JsonObject, reply }
}

function contentOf(sent: JsonObject, at: number): unknown {
  return (sent['messages'] as JsonObject[])[at]!['content']
}

describe('an OpenAI client that drops reasoning, on Anthropic', () => {
  const first = json(anthropicAnswer([SIGNED, { type: 'text', text: 'Let me look.' }, CALL]))

  test('gets the signed thinking put back byte for byte, and thinking stays on', async () => {
    const setup = anthropicSetup([first, DONE, DONE])
    const message = await firstTurn(setup)
    const kept = (await secondTurn(setup, message)).sent
    const { sent, reply } = await secondTurn(setup, assistantTurn(message, ...DROPS))
    expect(contentOf(sent, 1)).toEqual([SIGNED, { type: 'text', text: 'Let me look.' }, CALL])
    expect(sent['thinking']).toMatchObject({ type: 'enabled' })
    expect(sent).toEqual(kept)
    expect(reply.headers['x-weir-losses'] ?? '').not.toContain('thinking')
  })

  test('streamed too, however the bytes are cut', async () => {
    for (const size of [1, 13, 4_000]) {
      const bytes = new TextEncoder().encode(anthropicStream().join(''))
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
      const setup = anthropicSetup([stream(pieces), DONE])
      await textOf(
        await setup.gateway.ask({ body: { ...ASK, stream: true, messages: [QUESTION] } }),
      )
      const turn = {
        role: 'assistant',
        content: null,
        tool_calls: [
          // Spaced and ordered in another way: it is the same call.
          {
            id: 'toolu_1',
            type: 'function',
            function: { name: 'weather', arguments: '{ "b": 1, "city": "Paris" }' },
          },
        ],
      }
      const { sent } = await secondTurn(setup, turn)
      expect(contentOf(sent, 1)).toEqual([SIGNED, CALL])
    }
  })

  test('an answer cut in the middle leaves nothing', async () => {
    const setup = anthropicSetup([stream(anthropicStream(true)), DONE])
    const reply = await setup.gateway.ask({ body: { ...ASK, stream: true, messages: [QUESTION] } })
    expect(await textOf(reply)).toContain('broke off')
    expect(setup.gateway.deps.reasoning.size).toBe(0)
    const call = {
      id: 'toolu_1',
      type: 'function',
      function: { name: 'weather', arguments: '{"city":"Paris","b":1}' },
    }
    const turn = { role: 'assistant', content: null, tool_calls: [call] }
    const { sent, reply: second } = await secondTurn(setup, turn)
    expect(contentOf(sent, 1)).toEqual([CALL])
    // With none to give back, thinking is off for this turn and that is told.
    expect(sent['thinking']).toBeUndefined()
    expect(second.headers['x-weir-losses']).toContain('reasoning@reasoning')
  })

  test('a client that left in the middle leaves nothing', async () => {
    const held = new HeldStream()
    const setup = anthropicSetup([held.answer])
    const abort = new AbortController()
    const body = { ...ASK, stream: true, messages: [QUESTION] }
    const asked = setup.gateway.ask({ body, signal: abort.signal })
    for (const event of anthropicStream().slice(0, 8)) held.write(event)
    const reply = await asked
    const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    abort.abort()
    await setup.gateway.outcome()
    expect(setup.gateway.deps.reasoning.size).toBe(0)
  })

  test('what the client sends of its own wins: its seal, its text, another call of the same id', async () => {
    const setup = anthropicSetup([first, DONE])
    const message = await firstTurn(setup)
    const own = { type: 'thinking', thinking: 'Mine', signature: 'b3duIQ==' }
    const details = [
      {
        type: 'reasoning.text',
        text: 'Mine',
        signature: 'b3duIQ==',
        format: 'weir.anthropic.signature',
        index: 0,
      },
    ]
    const withOwn = { ...assistantTurn(message, ...DROPS), reasoning_details: details }
    expect(contentOf((await secondTurn(setup, withOwn)).sent, 1)).toEqual([
      own,
      { type: 'text', text: 'Let me look.' },
      CALL,
    ])
    const otherText = { ...assistantTurn(message, ...DROPS), reasoning_content: 'Something else' }
    expect(JSON.stringify(contentOf((await secondTurn(setup, otherText)).sent, 1))).not.toContain(
      SIGNED.signature,
    )
    const sameText = { ...assistantTurn(message, ...DROPS), reasoning_content: SIGNED.thinking }
    expect(contentOf((await secondTurn(setup, sameText)).sent, 1)).toEqual([
      SIGNED,
      { type: 'text', text: 'Let me look.' },
      CALL,
    ])
    const edited = { ...assistantTurn(message, ...DROPS), content: 'Edited' }
    expect(contentOf((await secondTurn(setup, edited)).sent, 1)).toEqual([
      SIGNED,
      { type: 'text', text: 'Edited' },
      CALL,
    ])
    const call = {
      id: 'toolu_1',
      type: 'function',
      function: { name: 'weather', arguments: '{"city":"Rome"}' },
    }
    const other = { role: 'assistant', content: null, tool_calls: [call] }
    expect(JSON.stringify(contentOf((await secondTurn(setup, other)).sent, 1))).not.toContain(
      SIGNED.signature,
    )
  })

  const alice: Principal = { kind: 'key', tenantId: 't', keyId: 'k1', grants: memberGrants('t') }
  test.each([
    ['another tenant', alice, { ...alice, tenantId: 'u', grants: memberGrants('u') }, {}],
    ['another key', alice, { ...alice, keyId: 'k2' }, {}],
    ['no key', alice, { kind: 'anonymous', tenantId: 't', grants: memberGrants('t') } as const, {}],
    [
      'a key where there was none',
      { kind: 'anonymous', tenantId: 't', grants: memberGrants('t') } as const,
      alice,
      {},
    ],
    ['another provider', alice, alice, { model: 'b/claude-sonnet-4-5' }],
    ['another model', alice, alice, { model: 'a/claude-opus-4-5' }],
  ])('%s gets nothing back', async (_name, who, other, over) => {
    const setup = anthropicSetup([first, DONE], undefined, ['a', 'b'])
    const turn = assistantTurn(await firstTurn(setup, {}, who), ...DROPS)
    const { sent } = await secondTurn(setup, turn, over, other)
    expect(JSON.stringify(sent)).not.toContain(SIGNED.signature)
    const again = await secondTurn(setup, turn, {}, who)
    expect(JSON.stringify(again.sent)).toContain(SIGNED.signature)
  })

  test('another replica and a restart know it, through the store; a store that cannot be read only loses it', async () => {
    const kept = new MemoryKept(systemClock)
    const one = anthropicSetup([first], kept)
    const turn = assistantTurn(await firstTurn(one), ...DROPS)
    const two = anthropicSetup([DONE], kept)
    expect(JSON.stringify((await secondTurn(two, turn)).sent)).toContain(SIGNED.signature)
    const broken: KeptRepository = Object.assign(new MemoryKept(systemClock), {
      findMany: () => Promise.reject(new Error('disk gone')),
    })
    const three = anthropicSetup([DONE], broken)
    const { sent } = await secondTurn(three, turn)
    expect(sent['thinking']).toBeUndefined()
  })

  test('requests without tool turns never touch the store', async () => {
    const kept = new MemoryKept(systemClock)
    const setup = anthropicSetup([DONE], kept)
    await firstTurn(setup)
    await firstTurn(setup, { tools: [] })
    expect(kept.reads).toBe(0)
    expect(kept.items.size).toBe(0)
  })

  test('concurrent conversations keep apart', async () => {
    const answer = (at: number) =>
      json(
        anthropicAnswer([
          { ...SIGNED, thinking: `t${at}`, signature: `s${at}` },
          { ...CALL, id: `toolu_${at}` },
        ]),
      )
    const setup = anthropicSetup([...Array.from({ length: 20 }, (_, at) => answer(at)), DONE])
    const messages = await Promise.all(Array.from({ length: 20 }, () => firstTurn(setup)))
    for (const message of messages) {
      const [call] = message['tool_calls'] as JsonObject[]
      const at = String(call!['id']).slice('toolu_'.length)
      const { sent } = await secondTurn(setup, assistantTurn(message, ...DROPS))
      expect(contentOf(sent, 1)).toMatchObject([{ thinking: `t${at}`, signature: `s${at}` }, {}])
    }
  })

  test('for any conversation, dropping all reasoning changes nothing of what Anthropic is sent', async () => {
    const thinking = fc.oneof(
      fc.record({
        type: fc.constant('thinking'),
        thinking: fc.string({ minLength: 1 }),
        signature: fc.base64String({ minLength: 4 }),
      }),
      fc.record({
        type: fc.constant('redacted_thinking'),
        data: fc.base64String({ minLength: 4 }),
      }),
    )
    const turn = fc.record({
      thinking: fc.array(thinking, { maxLength: 3 }),
      text: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
      inputs: fc.array(
        fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())),
        { minLength: 1, maxLength: 3 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 4 }), async (turns) => {
        const answers = turns.map(({ thinking: blocks, text, inputs }, at) =>
          json(
            anthropicAnswer([
              ...blocks,
              ...(text === undefined ? [] : [{ type: 'text', text }]),
              ...inputs.map((input, index) => ({
                type: 'tool_use',
                id: `toolu_${at}_${index}`,
                name: 'weather',
                input,
              })),
            ]),
          ),
        )
        // Each turn is asked for once; what follows it is asked twice, with and without the reasoning.
        const setup = anthropicSetup([...answers, DONE, DONE])
        const [keeps, drops]: JsonObject[][] = [[QUESTION], [QUESTION]]
        for (const _turn of turns) {
          const body = { ...ASK, messages: keeps }
          const { choices } = await jsonOf<{ choices: { message: JsonObject }[] }>(
            await setup.gateway.ask({ body }),
          )
          const { message } = choices[0]!
          keeps!.push(message)
          drops!.push(assistantTurn(message, ...DROPS))
          for (const call of message['tool_calls'] as JsonObject[]) {
            const result = { role: 'tool', tool_call_id: call['id'], content: 'ok' }
            keeps!.push(result)
            drops!.push(result)
          }
        }
        for (const messages of [keeps, drops]) {
          expect((await setup.gateway.ask({ body: { ...ASK, messages } })).status).toBe(200)
        }
        const [kept, dropped] = setup.up.requests.slice(-2).map((request) => request.text)
        expect(dropped).toBe(kept!)
      }),
      checkParameters(40),
    )
  }, 60_000)
})

describe('an Ollama client that drops ids and thinking', () => {
  const ASKED = { model: 'a/claude-sonnet-4-5', think: true, stream: false, tools: TOOLS }
  const OLLAMA_RESULT = { role: 'tool', tool_name: 'weather', content: '18 degrees' }
  const alice: Principal = { kind: 'key', tenantId: 't', keyId: 'k1', grants: memberGrants('t') }

  async function sent({ gateway, up }: Setup, turn: JsonObject[], model: string, who: Principal) {
    const body = { ...ASKED, model, messages: [QUESTION, ...turn] }
    const reply = await gateway.ask({ dialect: 'ollama', body, principal: who })
    expect(reply.status).toBe(200)
    const { message } = await jsonOf<{ message: JsonObject }>(reply)
    return { message, request: up.requests.at(-1)!.json() as JsonObject }
  }

  function nameless(message: JsonObject): JsonObject[] {
    const calls = (message['tool_calls'] as JsonObject[]).map((call) => assistantTurn(call, 'id'))
    return [{ ...assistantTurn(message, 'thinking'), tool_calls: calls }, OLLAMA_RESULT]
  }

  test.each([
    ['the same key', alice, 'a/claude-sonnet-4-5', true],
    [
      'another tenant',
      { ...alice, tenantId: 'u', grants: memberGrants('u') },
      'a/claude-sonnet-4-5',
      false,
    ],
    ['another key', { ...alice, keyId: 'k2' }, 'a/claude-sonnet-4-5', false],
    [
      'no key',
      { kind: 'anonymous', tenantId: 't', grants: memberGrants('t') } as const,
      'a/claude-sonnet-4-5',
      false,
    ],
    ['another provider', alice, 'b/claude-sonnet-4-5', false],
    ['another model', alice, 'a/claude-opus-4-5', false],
  ])(
    '%s: the same call finds its thinking in its own scope only',
    async (_name, who, model, own) => {
      const kept = new MemoryKept(systemClock)
      const answer = json(anthropicAnswer([SIGNED, CALL]))
      const one = anthropicSetup([answer, DONE], kept, ['a', 'b'])
      const { message } = await sent(one, [], ASKED.model, alice)
      // Here, and on a replica that has the store alone.
      for (const setup of [one, anthropicSetup([DONE], kept, ['a', 'b'])]) {
        const { request } = await sent(setup, nameless(message), model, who)
        const id = expect.any(String) as unknown
        expect(contentOf(request, 1)).toEqual(own ? [SIGNED, { ...CALL, id }] : [{ ...CALL, id }])
      }
    },
  )

  test('a client whose protocol has ids leaves nothing that is found without them', async () => {
    const setup = anthropicSetup([json(anthropicAnswer([SIGNED, CALL])), DONE])
    await firstTurn(setup, {}, alice)
    const call = { function: { name: 'weather', arguments: { city: 'Paris', b: 1 } } }
    const turn = [{ role: 'assistant', content: '', tool_calls: [call] }, OLLAMA_RESULT]
    const { request } = await sent(setup, turn, ASKED.model, alice)
    expect(JSON.stringify(request)).not.toContain(SIGNED.signature)
  })
})

describe('an OpenAI client on OpenRouter, relayed', () => {
  const DETAILS = [
    {
      type: 'reasoning.text',
      text: 'Hmm.',
      signature: 'sig==',
      format: 'anthropic-claude-v1',
      index: 0,
    },
  ]
  const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{}' } }
  const message = {
    role: 'assistant',
    content: null,
    reasoning: 'Hmm.',
    reasoning_details: DETAILS,
    tool_calls: [call],
  }
  const whole = (finish: string, said: JsonObject): JsonObject => ({
    id: 'gen-1',
    object: 'chat.completion',
    created: 1,
    model: 'anthropic/claude',
    choices: [{ index: 0, message: said, finish_reason: finish }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  })
  const done = json(whole('stop', { role: 'assistant', content: 'Mild.' }))
  const chunk = (delta: JsonObject, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'gen-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const streamed = [
    chunk({
      role: 'assistant',
      content: '',
      reasoning: 'Hmm.',
      reasoning_details: [{ ...DETAILS[0], signature: null }],
    }),
    chunk({ content: '', reasoning_details: [{ ...DETAILS[0], text: undefined }] }),
    chunk({ tool_calls: [{ index: 0, ...call }] }),
    chunk({}, 'tool_calls'),
    'data: [DONE]\n\n',
  ]
  const BODY = { model: 'r/anthropic/claude', tools: TOOLS }
  const result = { role: 'tool', tool_call_id: 'call_1', content: '18' }

  function setupOn(type: 'openrouter' | 'openai', answers: Answer[]): Setup {
    const up = upstream(...answers)
    const provider = testProvider({ id: 'r', type, baseUrl: `${up.url}/api/v1` })
    return { up, gateway: createTestGateway({ providers: [provider] }) }
  }

  test('the answer passes untouched, and a turn without its reasoning is translated with it', async () => {
    const setup = setupOn('openrouter', [json(whole('tool_calls', message)), done])
    const reply = await setup.gateway.ask({ body: { ...BODY, messages: [QUESTION] } })
    expect(await jsonOf(reply)).toEqual(whole('tool_calls', message))
    const messages = [QUESTION, assistantTurn(message, ...DROPS), result]
    const second = await setup.gateway.ask({ body: { ...BODY, messages } })
    expect(second.headers['x-weir-mode']).toBe('translate')
    const sent = setup.up.requests[1]!.json() as { messages: JsonObject[] }
    expect(sent.messages[1]!['reasoning_details']).toEqual(DETAILS)
    expect(sent.messages[1]!['tool_calls']).toEqual([call])
    // A client that keeps them is relayed as ever.
    const third = await setup.gateway.ask({
      body: { ...BODY, messages: [QUESTION, message, result] },
    })
    expect(third.headers['x-weir-mode']).toBe('relay')
    expect(setup.up.requests[2]!.json()).toMatchObject({ messages: [QUESTION, message, result] })
  })

  test.each([1, 9, 10_000])('streamed: every byte passes, and is remembered (%d)', async (size) => {
    const bytes = new TextEncoder().encode(streamed.join(''))
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    const setup = setupOn('openrouter', [stream(pieces), done])
    const body = { ...BODY, stream: true, stream_options: { include_usage: true } }
    const reply = await setup.gateway.ask({ body: { ...body, messages: [QUESTION] } })
    expect(reply.headers['x-weir-mode']).toBe('relay')
    expect(await textOf(reply)).toBe(streamed.join(''))
    const turn = assistantTurn(message, ...DROPS)
    await setup.gateway.ask({ body: { ...BODY, messages: [QUESTION, turn, result] } })
    const sent = setup.up.requests[1]!.json() as { messages: JsonObject[] }
    expect(sent.messages[1]!['reasoning_details']).toEqual(DETAILS)
  })

  test.each([
    ['cut in the middle', streamed.slice(0, 3)],
    [
      'with an error in it',
      [...streamed.slice(0, 3), 'data: {"error":{"message":"overloaded","code":502}}\n\n'],
    ],
    ['that is no stream of this protocol', ['data: {{{\n\n', 'data: [DONE]\n\n']],
  ])('a stream %s leaves nothing and breaks nothing', async (_name, events) => {
    const setup = setupOn('openrouter', [stream(events), done])
    const body = { ...BODY, stream: true, messages: [QUESTION] }
    const text = await textOf(await setup.gateway.ask({ body }))
    expect(text.startsWith(events.join(''))).toBe(true)
    expect(setup.gateway.deps.reasoning.size).toBe(0)
  })

  test('a body that only the provider can judge goes to it as it is', async () => {
    const setup = setupOn('openrouter', [done])
    const messages = [QUESTION, { role: 'assistant', content: 5, tool_calls: [call] }, result]
    const reply = await setup.gateway.ask({ body: { ...BODY, messages } })
    expect(reply.headers['x-weir-mode']).toBe('relay')
    expect(setup.up.requests[0]!.json()).toMatchObject({ messages })
  })

  test('a provider without the quirk is neither looked at nor looked up', async () => {
    const setup = setupOn('openai', [json(whole('tool_calls', message)), done])
    await setup.gateway.ask({ body: { ...BODY, messages: [QUESTION] } })
    const messages = [QUESTION, assistantTurn(message, ...DROPS), result]
    const reply = await setup.gateway.ask({ body: { ...BODY, messages } })
    expect(reply.headers['x-weir-mode']).toBe('relay')
    const kept = setup.gateway.deps.kept as MemoryKept
    expect([kept.reads, kept.items.size, setup.gateway.deps.reasoning.size]).toEqual([0, 0, 0])
  })
})
