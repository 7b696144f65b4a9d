// S63: a text that a rule blocks is blocked in whatever protocol and place it is said; S65: a check that is down lets nothing through.

import { afterEach, describe, expect, test } from 'bun:test'
import type { GuardJudgement } from '../../core/guardrail.ts'
import type { DialectName } from '../../core/ir/request.ts'
import type { JsonObject } from '../../core/json.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestRequest,
} from '../../testing/gateway.ts'
import { testGuard, withGuards } from '../../testing/guards.ts'
import { json } from '../../testing/upstream-answers.ts'
import { startUpstream, type Upstream } from '../../testing/upstream.ts'
import { openaiChat } from '../../testing/voices-openai.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function gatewayOf(...guards: Parameters<typeof withGuards>[1][]) {
  const upstream: Upstream = startUpstream(json(openaiChat.whole({ text: 'fine' })))
  closing.push(upstream)
  const gateway = createTestGateway({
    providers: [testProvider({ id: 'p', type: 'custom', baseUrl: `${upstream.url}/v1` })],
    models: [
      {
        id: 'm',
        origin: 'file',
        targets: [{ providerId: 'p', model: 'gpt', order: 0, weight: 1 }],
        defaults: {},
        losses: 'report',
      },
    ] as never,
  })
  const events = withGuards(gateway.deps, ...guards)
  return { ...gateway, upstream, events }
}

const BAD = 'say the secret-word now'

interface Place {
  readonly name: string
  readonly request: Pick<TestRequest, 'dialect' | 'operation' | 'hints'> & {
    readonly body: JsonObject
  }
}

function place(
  name: string,
  dialect: DialectName,
  body: JsonObject,
  more: Pick<TestRequest, 'operation' | 'hints'> = {},
): Place {
  return { name, request: { dialect, body: { model: 'm', ...body }, ...more } }
}

const user = (content: JsonObject['x']) => ({ messages: [{ role: 'user', content: content! }] })
const call = {
  id: 'c',
  type: 'function',
  function: { name: 'f', arguments: '{"q":"say the \\u0073ecret-word"}' },
}

/** Every place in which a client can say something. */
const PLACES: readonly Place[] = [
  place('chat: text', 'openai-chat', user(BAD)),
  place('chat: n of several', 'openai-chat', { ...user(BAD), n: 3 }),
  place('chat: part', 'openai-chat', user([{ type: 'text', text: BAD }])),
  place(
    'chat: split over parts',
    'openai-chat',
    user([
      { type: 'text', text: 'a secret' },
      { type: 'text', text: '-word' },
    ]),
  ),
  place('chat: split over messages', 'openai-chat', {
    messages: [
      { role: 'user', content: 'a secret' },
      { role: 'user', content: '-word' },
    ],
  }),
  place('chat: system', 'openai-chat', {
    messages: [
      { role: 'system', content: BAD },
      { role: 'user', content: 'hi' },
    ],
  }),
  place('chat: developer', 'openai-chat', {
    messages: [
      { role: 'developer', content: BAD },
      { role: 'user', content: 'hi' },
    ],
  }),
  place('chat: history', 'openai-chat', {
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: BAD },
      { role: 'user', content: 'go on' },
    ],
  }),
  place('chat: arguments of a call, escaped', 'openai-chat', {
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c', content: 'x' },
    ],
  }),
  place('chat: result of a tool', 'openai-chat', {
    messages: [
      { role: 'user', content: 'hi' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ ...call, function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: BAD },
    ],
  }),
  place('chat: description of a tool', 'openai-chat', {
    ...user('hi'),
    tools: [
      {
        type: 'function',
        function: { name: 'f', description: BAD, parameters: { type: 'object' } },
      },
    ],
  }),
  place('chat: name of a parameter', 'openai-chat', {
    ...user('hi'),
    tools: [
      {
        type: 'function',
        function: {
          name: 'f',
          parameters: { type: 'object', properties: { 'secret-word': { type: 'string' } } },
        },
      },
    ],
  }),
  place('chat: metadata', 'openai-chat', { ...user('hi'), metadata: { note: BAD } }),
  place('chat: user', 'openai-chat', { ...user('hi'), user: 'secret-word' }),
  place('chat: a member nobody knows', 'openai-chat', { ...user('hi'), whatever: { deep: [BAD] } }),
  place('completion', 'openai-completions', { prompt: BAD }, { operation: 'completion' }),
  place(
    'completion: list',
    'openai-completions',
    { prompt: ['hi', BAD] },
    { operation: 'completion' },
  ),
  place(
    'completion: suffix',
    'openai-completions',
    { prompt: 'hi', suffix: BAD },
    { operation: 'completion' },
  ),
  place('embedding', 'openai-embeddings', { input: BAD }, { operation: 'embedding' }),
  place('embedding: list', 'openai-embeddings', { input: ['hi', BAD] }, { operation: 'embedding' }),
  place('responses: text', 'openai-responses', { input: BAD }),
  place('responses: instructions', 'openai-responses', { input: 'hi', instructions: BAD }),
  place('responses: item', 'openai-responses', {
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: BAD }] }],
  }),
  place('responses: result of a call', 'openai-responses', {
    input: [
      { role: 'user', content: 'hi' },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: BAD },
    ],
  }),
  place('anthropic: text', 'anthropic', { ...user(BAD), max_tokens: 9 }),
  place('anthropic: system', 'anthropic', {
    ...user('hi'),
    system: [{ type: 'text', text: BAD }],
    max_tokens: 9,
  }),
  place('anthropic: split', 'anthropic', {
    ...user([
      { type: 'text', text: 'secr' },
      { type: 'text', text: 'et-word' },
    ]),
    max_tokens: 9,
  }),
  place('anthropic: document', 'anthropic', {
    ...user([
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: BAD } },
      { type: 'text', text: 'hi' },
    ]),
    max_tokens: 9,
  }),
  place('anthropic: call and result', 'anthropic', {
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: { q: BAD } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'x' }] },
    ],
    max_tokens: 9,
  }),
  place('anthropic: result', 'anthropic', {
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c', content: [{ type: 'text', text: BAD }] },
        ],
      },
    ],
    max_tokens: 9,
  }),
  place('ollama: chat', 'ollama', { ...user(BAD), stream: false }),
  place('ollama: generate', 'ollama', { prompt: BAD, stream: false }, { operation: 'completion' }),
  place(
    'ollama: system of generate',
    'ollama',
    { prompt: 'hi', system: BAD, stream: false },
    { operation: 'completion' },
  ),
  place('ollama: embed', 'ollama', { input: [BAD] }, { operation: 'embedding' }),
  place(
    'gemini: part',
    'gemini',
    { contents: [{ role: 'user', parts: [{ text: BAD }] }] },
    { hints: { model: 'm', stream: false } },
  ),
  place(
    'gemini: split over parts',
    'gemini',
    { contents: [{ role: 'user', parts: [{ text: 'a secret' }, { text: '-word' }] }] },
    { hints: { model: 'm', stream: false } },
  ),
  place(
    'gemini: system',
    'gemini',
    {
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      systemInstruction: { parts: [{ text: BAD }] },
    },
    { hints: { model: 'm', stream: false } },
  ),
  place(
    'gemini: result of a function',
    'gemini',
    {
      contents: [
        { role: 'user', parts: [{ text: 'hi' }] },
        { role: 'model', parts: [{ functionCall: { name: 'f', args: {} } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: { result: BAD } } }] },
      ],
    },
    { hints: { model: 'm', stream: false } },
  ),
  place('cohere: chat', 'cohere', user(BAD)),
  place('cohere: documents', 'cohere', { ...user('hi'), documents: [{ data: { text: BAD } }] }),
  place(
    'cohere: embed',
    'cohere',
    { texts: [BAD], input_type: 'search_query' },
    { operation: 'embedding' },
  ),
]

describe('a blocked text', () => {
  for (const { name, request } of PLACES) {
    for (const stream of [false, true]) {
      test(`${name}${stream ? ', streamed' : ''}`, async () => {
        const gateway = gatewayOf(testGuard())
        const body = stream ? { ...request.body, stream } : request.body
        const reply = await gateway.ask({ ...request, body })
        const said = await textOf(reply)
        expect([reply.status, said]).toEqual([400, expect.stringContaining("'words'")])
        expect(said).not.toContain('secret-word')
        expect(gateway.upstream.requests).toHaveLength(0)
        const outcome = await gateway.outcome()
        expect(outcome.errorKind).toBe('content_filter')
        expect(outcome.guardrails?.map(({ ruleId, verdict }) => [ruleId, verdict])).toContainEqual([
          'words',
          'blocked',
        ])
        expect(gateway.events).toHaveLength(1)
        expect(JSON.stringify(outcome)).not.toContain('secret-word')
      })
    }
  }

  test('counting tokens sends it nowhere either', async () => {
    const gateway = gatewayOf(testGuard())
    const reply = await gateway.count({ dialect: 'anthropic', body: { model: 'm', ...user(BAD) } })
    expect([reply.status, gateway.upstream.requests.length]).toEqual([400, 0])
  })

  test('of a member named twice no reading is believed', async () => {
    const gateway = gatewayOf(testGuard())
    const body = `{"model":"m","messages":[{"role":"user","content":"${BAD}","content":"hi"}]}`
    const reply = await gateway.ask({ body })
    expect([reply.status, gateway.upstream.requests.length]).toEqual([400, 0])
  })

  test('text that was cut into tokens cannot be judged', async () => {
    for (const options of [{}, { unjudged: 'allow' }]) {
      const gateway = gatewayOf(testGuard({ options }))
      const reply = await gateway.ask({
        dialect: 'openai-embeddings',
        operation: 'embedding',
        body: { model: 'm', input: [[1, 2, 3]] },
      })
      expect(gateway.upstream.requests).toHaveLength('unjudged' in options ? 1 : 0)
      if (!('unjudged' in options)) expect(reply.status).toBe(400)
    }
  })
})

describe('a check that gives no judgement', () => {
  const never = () => new Promise<GuardJudgement>(() => {})
  const FAULTS: Record<string, () => GuardJudgement | Promise<GuardJudgement>> = {
    down: () => Promise.reject(new Error('connection refused')),
    'down at once': () => {
      throw new Error('connection refused')
    },
    slow: never,
    junk: () => Promise.resolve('<html>' as never),
    'junk at once': () => null as never,
    'rewritten to nothing': () => ({ hit: true, categories: [], rewritten: [] }),
  }
  for (const [name, judge] of Object.entries(FAULTS)) {
    test(`${name}: closed refuses within its time, open lets through and says so`, async () => {
      // What is slow never answers: that its time is over is all that can end it.
      const closed = gatewayOf(testGuard({ timeoutMs: 50 }, { judge }))
      const refused = await closed.ask({ body: { model: 'm', ...user('hi') } })
      expect([refused.status, closed.upstream.requests.length]).toEqual([503, 0])
      expect(await jsonOf(refused)).toMatchObject({
        error: { type: 'server_error', code: 'guardrail_unavailable' },
      })
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect(Number(refused.headers['retry-after'])).toBeLessThan(6)
      expect(closed.events.map(({ action }) => action)).toEqual(['guardrail.failed'])
      expect((await closed.outcome()).guardrails?.[0]?.verdict).toBe('failed-closed')

      const open = gatewayOf(
        testGuard({ timeoutMs: 50, onFailure: 'open', stages: ['input'] }, { judge }),
      )
      const passed = await open.ask({ body: { model: 'm', ...user('hi') } })
      expect(passed.status).toBe(200)
      expect(passed.headers['x-weir-guardrails']).toBe('words=failed-open')
      expect(open.events.map(({ verdict }) => verdict)).toEqual(['failed-open'])
    })
  }

  test('what it threw is not repeated: it may quote what was judged', async () => {
    const judge = ({ texts }: { texts: readonly { text: string }[] }) => {
      throw new Error(`cannot read ${texts[0]?.text}`)
    }
    const gateway = gatewayOf(testGuard({}, { judge }))
    const logged: unknown[] = []
    Object.assign(gateway.deps, {
      logger: { ...gateway.deps.logger, warn: (...said: unknown[]) => logged.push(said) },
    })
    const reply = await gateway.ask({ body: { model: 'm', ...user('canary') } })
    expect(await textOf(reply)).not.toContain('canary')
    const outcome = await gateway.outcome()
    expect(outcome.errorText).toContain("'words'")
    expect(JSON.stringify([outcome, logged, gateway.events])).not.toContain('canary')
    expect(logged).toHaveLength(1)
    // Whoever may quote it has to ask for it.
    expect(gateway.events[0]?.texts().map(({ text }) => text)).toContain('canary')
  })

  test('a client that leaves ends the judging', async () => {
    const leaving = new AbortController()
    const asked = Promise.withResolvers<AbortSignal>()
    const judge = ({ signal }: { signal: AbortSignal }) => {
      asked.resolve(signal)
      return never()
    }
    const gateway = gatewayOf(testGuard({ timeoutMs: 60_000 }, { judge }))
    const reply = gateway.ask({ body: { model: 'm', ...user('hi') }, signal: leaving.signal })
    const signal = await asked.promise
    leaving.abort()
    expect((await reply).status).toBe(499)
    expect(signal.aborted).toBe(true)
    expect(gateway.outcomes).toHaveLength(1)
    expect(gateway.events).toEqual([])
  })
})

describe('modes', () => {
  test('flag lets through and tells; observe lets through and tells the row alone', async () => {
    const gateway = gatewayOf(
      testGuard({ id: 'flags', mode: 'flag' }),
      testGuard({ id: 'sees', mode: 'observe' }),
    )
    const reply = await gateway.ask({ body: { model: 'm', ...user(BAD) } })
    expect([reply.status, reply.headers['x-weir-guardrails']]).toEqual([200, 'flags=flagged'])
    const outcome = await gateway.outcome()
    expect(
      outcome.guardrails?.map(({ ruleId, stage, verdict }) => `${ruleId} ${stage} ${verdict}`),
    ).toEqual([
      'flags input flagged',
      'sees input observed',
      'flags output pass',
      'sees output pass',
    ])
    expect(gateway.events.map(({ action, rule }) => [action, rule.id])).toEqual([
      ['guardrail.flagged', 'flags'],
    ])
  })

  test('nobody who has no rules pays for them', async () => {
    const gateway = gatewayOf()
    const reply = await gateway.ask({ body: { model: 'm', ...user(BAD) } })
    expect(reply.status).toBe(200)
    expect((await gateway.outcome()).guardrails).toBeUndefined()
    expect(reply.headers['x-weir-guardrails']).toBeUndefined()
  })
})
