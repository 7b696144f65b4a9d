import { describe, expect, test } from 'bun:test'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import fc from 'fast-check'
import type { Outcome } from '../core/outcome.ts'
import { outcomes } from '../storage/outcome-arbitrary.ts'
import { checkParameters } from '../testing/seed.ts'
import { langfuseSpans } from './langfuse.ts'
import { contentAttributes } from './trace-content.ts'
import { spansOf, type SpanOptions } from './trace-spans.ts'

const SENTENCE = 'the heron keeps a silver thimble'

const OPTIONS: SpanOptions = {
  content: false,
  provider: (_, id) =>
    id === 'gone' ? undefined : { type: 'azure', baseUrl: 'https://team.openai.azure.com:8443/x' },
}

function outcomeOf(over: Partial<Outcome> = {}): Outcome {
  return {
    logId: '0199d5a5-1a2b-7c3d-8e4f-5a6b7c8d9e0f',
    timestampMs: 1_700_000_000_000,
    tenantId: 'default',
    requestId: 'req_1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    trace: {
      spanId: 'aaaaaaaaaaaaaaaa',
      parentSpanId: 'b7ad6b7169203331',
      sampled: true,
      steps: [],
    },
    direction: 'inbound',
    endpoint: '/v1/chat/completions',
    clientFormat: 'openai-chat',
    operation: 'chat',
    stream: true,
    status: 200,
    losses: [],
    attempts: [
      {
        providerId: 'p',
        model: 'm',
        mode: 'relay',
        status: 503,
        error: 'upstream_error',
        durationMs: 10,
        startedMs: 5,
        spanId: 'cccccccccccccccc',
      },
      {
        providerId: 'p',
        model: 'm2',
        mode: 'relay',
        status: 200,
        durationMs: 20,
        startedMs: 20,
        firstByteMs: 40,
        as: 'retry',
        spanId: 'dddddddddddddddd',
      },
    ],
    totalMs: 500,
    firstTokenMs: 60,
    requestBytes: 10,
    responseBytes: 20,
    modelRequested: 'fast',
    modelResolved: 'm2-2026',
    finish: 'stop',
    costNanoUsd: 1_500_000,
    usage: {
      inputTokens: 20,
      cacheReadTokens: 10,
      cacheWrite5mTokens: 1,
      outputTokens: 7,
      reasoningTokens: 3,
    },
    ...over,
  }
}

/** Every name that the package knows, of all conventions. */
const KNOWN: ReadonlySet<unknown> = new Set(Object.values(conventions))

describe('spans', () => {
  test('are those of the request, under the client’s, and of each attempt under it', () => {
    const [root, first, second] = spansOf(outcomeOf(), OPTIONS)
    expect(root).toMatchObject({
      name: 'POST /v1/chat/completions',
      kind: 'server',
      spanId: 'aaaaaaaaaaaaaaaa',
      parentSpanId: 'b7ad6b7169203331',
      isParentRemote: true,
      startMs: 1_700_000_000_000,
      endMs: 1_700_000_000_500,
      status: 'unset',
    })
    expect(first).toMatchObject({
      name: 'chat m',
      kind: 'client',
      spanId: 'cccccccccccccccc',
      parentSpanId: 'aaaaaaaaaaaaaaaa',
      startMs: 1_700_000_000_005,
      endMs: 1_700_000_000_015,
      status: 'error',
    })
    // It streams: it is over when the request is.
    expect(second).toMatchObject({
      spanId: 'dddddddddddddddd',
      startMs: 1_700_000_000_020,
      endMs: 1_700_000_000_500,
      status: 'unset',
    })
    expect(second?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'azure.ai.openai',
      'gen_ai.request.model': 'm2',
      'gen_ai.response.model': 'm2-2026',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.response.time_to_first_chunk': 0.04,
      'gen_ai.usage.input_tokens': 31,
      'gen_ai.usage.cache_read.input_tokens': 10,
      'gen_ai.usage.cache_creation.input_tokens': 1,
      'gen_ai.usage.output_tokens': 7,
      'gen_ai.usage.reasoning.output_tokens': 3,
      'server.address': 'team.openai.azure.com',
      'server.port': 8443,
      'weir.attempt': 'retry',
      'weir.cost_usd': 0.0015,
    })
  })

  test('every name is one of the conventions, or ours', () => {
    const outcome = outcomeOf({
      requestBody: '{"messages":[{"role":"user","content":"x"}],"system":"y"}',
      responseBody: '{}',
      errorKind: 'upstream_error',
      userId: 'u',
      userAgent: 'curl',
    })
    const names = spansOf(outcome, { ...OPTIONS, content: true }).flatMap(({ attributes }) =>
      Object.keys(attributes),
    )
    const unknown = [...new Set(names)].filter(
      (name) => !name.startsWith('weir.') && !KNOWN.has(name),
    )
    expect(unknown).toEqual([])
    expect(names.filter((name) => name.startsWith('gen_ai.')).length).toBeGreaterThan(10)
    expect([...KNOWN]).toContain('azure.ai.openai')
    for (const value of ['aws.bedrock', 'gcp.gemini', 'mistral_ai', 'text_completion']) {
      expect([...KNOWN]).toContain(value)
    }
  })

  test('guardrails, the cache and waits have theirs, each within the request', () => {
    const spans = spansOf(
      outcomeOf({
        guardrails: [
          {
            ruleId: 'pii',
            check: 'pii',
            stage: 'input',
            verdict: 'masked',
            categories: ['email'],
            durationMs: 3,
            startedMs: 1,
            asked: 1,
          },
          {
            ruleId: 'nemo',
            check: 'nemo',
            stage: 'output',
            verdict: 'failed-closed',
            categories: [],
            durationMs: 30,
            startedMs: 100,
            asked: 2,
          },
        ],
        cache: { state: 'miss', kind: 'exact', startedMs: 4, durationMs: 1 },
        trace: {
          spanId: 'aaaaaaaaaaaaaaaa',
          sampled: true,
          steps: [{ name: 'admit', startedMs: 2, durationMs: 1 }],
        },
      }),
      OPTIONS,
    )
    const byName = new Map(spans.map((span) => [span.name, span]))
    expect(byName.get('guardrail pii')).toMatchObject({
      kind: 'internal',
      status: 'unset',
      attributes: { 'weir.guardrail.verdict': 'masked', 'weir.guardrail.categories': ['email'] },
    })
    expect(byName.get('guardrail nemo')?.status).toBe('error')
    expect(byName.get('cache exact')?.attributes['weir.cache.state']).toBe('miss')
    expect(byName.get('admit')?.startMs).toBe(1_700_000_000_002)
    const root = spans[0]!
    expect(spans.slice(1).every(({ parentSpanId }) => parentSpanId === root.spanId)).toBe(true)
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length)
  })

  test('an answer that another went on with ends where that began', () => {
    const attempts = outcomeOf().attempts.map((attempt, index) =>
      index === 0
        ? { ...attempt, error: undefined as never, status: 200 }
        : { ...attempt, as: 'continuation' as const },
    )
    const { error: _none, ...first } = attempts[0]!
    const [, before, after] = spansOf(outcomeOf({ attempts: [first, attempts[1]!] }), OPTIONS)
    expect(before?.endMs).toBe(1_700_000_000_020)
    expect(after?.endMs).toBe(1_700_000_000_500)
    expect(before?.attributes['gen_ai.usage.input_tokens']).toBeUndefined()
  })

  test('our own failures are errors of the span, a client’s are not, and what breaks off is', () => {
    const status = (over: Partial<Outcome>) => spansOf(outcomeOf(over), OPTIONS)[0]?.status
    expect(status({ status: 502, errorKind: 'upstream_error' })).toBe('error')
    expect(status({ status: 400, errorKind: 'invalid_request' })).toBe('unset')
    expect(status({ status: 499, errorKind: 'client_closed' })).toBe('unset')
    expect(status({ status: 200, errorKind: 'upstream_timeout' })).toBe('error')
  })

  test('a provider that is gone is told by its id, and paths of raw requests are no names', () => {
    const raw = outcomeOf({
      operation: 'proxy',
      endpoint: '/proxy/p/v1/files/secret-name',
      attempts: [{ providerId: 'gone', model: '', mode: 'relay', durationMs: 1 }],
    })
    const [root, attempt] = spansOf(raw, OPTIONS)
    expect(root?.name).toBe('proxy')
    expect(attempt).toMatchObject({ name: 'proxy' })
    expect(attempt?.attributes['gen_ai.provider.name']).toBe('gone')
    expect(attempt?.attributes['server.address']).toBeUndefined()
  })

  test.each([
    [
      '/v1beta/models/anything at all:generateContent',
      'POST /v1beta/models/{model}:generateContent',
    ],
    [
      '/openai/deployments/x/chat/completions',
      'POST /openai/deployments/{deployment}/chat/completions',
    ],
    ['/v1/messages', 'POST /v1/messages'],
  ])('what a client puts into a path (%s) is in no name', (endpoint, name) => {
    const [root] = spansOf(outcomeOf({ endpoint }), OPTIONS)
    expect(root?.name).toBe(name)
    expect(root?.attributes['http.route']).toBe(name.slice('POST '.length))
  })

  test('a wait for the cache is the cache’s own span, and no second one', () => {
    const trace = {
      spanId: 'aaaaaaaaaaaaaaaa',
      sampled: true,
      steps: [{ name: 'cache', startedMs: 1, durationMs: 2 }],
    }
    const names = (over: Partial<Outcome>) =>
      spansOf(outcomeOf({ trace, attempts: [], ...over }), OPTIONS).map((span) => span.name)
    const cache = { state: 'miss', kind: 'exact', startedMs: 1, durationMs: 2 } as const
    expect(names({ cache })).toEqual(['POST /v1/chat/completions', 'cache exact'])
    expect(names({})).toEqual(['POST /v1/chat/completions', 'cache'])
  })

  test('of any outcome are whole: one trace, one root, no body and no text of an error', () => {
    fc.assert(
      fc.property(outcomes(), (outcome) => {
        const told = {
          ...outcome,
          requestBody: SENTENCE,
          responseBody: SENTENCE,
          providerRequestBody: SENTENCE,
          providerResponseBody: SENTENCE,
          errorText: SENTENCE,
        }
        for (const spans of [spansOf(told, OPTIONS), langfuseSpans(told, OPTIONS)]) {
          expect(JSON.stringify(spans)).not.toContain(SENTENCE)
          expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
          const [root, ...rest] = spans
          expect(rest.every(({ parentSpanId }) => parentSpanId === root?.spanId)).toBe(true)
          for (const { attributes, endMs, startMs } of spans) {
            expect(endMs).toBeGreaterThanOrEqual(startMs)
            for (const value of Object.values(attributes)) {
              expect(value === undefined || value === null || Number.isNaN(value)).toBe(false)
            }
          }
        }
      }),
      checkParameters(200),
    )
  })
})

describe('content', () => {
  const read = (body: string, name: string) =>
    JSON.parse(
      contentAttributes(outcomeOf({ requestBody: body, responseBody: body }))[name] ?? '[]',
    ) as { role: string; parts: { content: string }[] }[]

  test.each([
    ['openai', { messages: [{ role: 'user', content: SENTENCE }] }],
    ['anthropic', { messages: [{ role: 'user', content: [{ type: 'text', text: SENTENCE }] }] }],
    ['gemini', { contents: [{ role: 'user', parts: [{ text: SENTENCE }] }] }],
    ['responses', { input: SENTENCE }],
    [
      'responses with items',
      { input: [{ role: 'user', content: [{ type: 'input_text', text: SENTENCE }] }] },
    ],
    ['a completion', { prompt: SENTENCE }],
  ])('of %s is messages of roles and parts', (_, body) => {
    expect(read(JSON.stringify(body), 'gen_ai.input.messages')).toEqual([
      { role: 'user', parts: [{ type: 'text', content: SENTENCE }] } as never,
    ])
  })

  test.each([
    ['openai', { choices: [{ message: { role: 'assistant', content: SENTENCE } }] }],
    ['anthropic', { content: [{ type: 'text', text: SENTENCE }] }],
    ['ollama', { message: { role: 'assistant', content: SENTENCE } }],
    ['gemini', { candidates: [{ content: { parts: [{ text: SENTENCE }] } }] }],
    [
      'responses',
      { output: [{ type: 'message', content: [{ type: 'output_text', text: SENTENCE }] }] },
    ],
  ])('of an answer of %s', (_, body) => {
    const [message] = read(JSON.stringify(body), 'gen_ai.output.messages')
    expect(message).toMatchObject({ role: 'assistant', parts: [{ content: SENTENCE }] })
  })

  test('of a stream is its words in turn, and of a body that was cut the body', () => {
    const events = ['the heron ', 'keeps a ', 'silver thimble'].map(
      (content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`,
    )
    const [message] = read(`${events.join('')}data: [DONE]\n\n`, 'gen_ai.output.messages')
    expect(message?.parts[0]?.content).toBe(SENTENCE)
    const [cut] = read('{"messages":[{"role":"user","content":"the her', 'gen_ai.input.messages')
    expect(cut?.parts[0]?.content).toContain('the her')
  })

  test('is bounded, and JSON whatever it is', () => {
    const long = JSON.stringify({
      messages: Array.from({ length: 50 }, (_, at) => ({
        role: 'user',
        content: `${at} ${'é'.repeat(20_000)}`,
      })),
    })
    const text = contentAttributes(outcomeOf({ requestBody: long }))['gen_ai.input.messages']!
    expect(text.length).toBeLessThan(140_000)
    // What was asked last is what matters.
    expect(text).toContain('"49 ')
    expect(Array.isArray(JSON.parse(text))).toBe(true)
    const deep = `{"messages":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    expect(() => contentAttributes(outcomeOf({ requestBody: deep }))).not.toThrow()
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        for (const value of Object.values(
          contentAttributes(outcomeOf({ requestBody: body, responseBody: body })),
        )) {
          expect(() => void JSON.parse(value)).not.toThrow()
        }
      }),
      checkParameters(300),
    )
  })
})

test('Langfuse gets one generation, whose usage adds up and whose cost is ours', () => {
  const spans = langfuseSpans(outcomeOf({ userId: 'u1' }), OPTIONS)
  const types = spans.map(({ attributes }) => attributes['langfuse.observation.type'])
  expect(types).toEqual(['span', 'span', 'generation'])
  const { attributes } = spans[2]!
  expect(JSON.parse(String(attributes['langfuse.observation.usage_details']))).toEqual({
    input: 20,
    cache_read_input_tokens: 10,
    cache_creation_input_tokens: 1,
    output: 4,
    output_reasoning_tokens: 3,
  })
  expect(JSON.parse(String(attributes['langfuse.observation.cost_details']))).toEqual({
    total: 0.0015,
  })
  expect(spans.every((span) => span.attributes['langfuse.user.id'] === 'u1')).toBe(true)
  const { trace: _trace, traceId: _id, ...untraced } = outcomeOf()
  const { attempts } = untraced
  const bare = { ...untraced, attempts: attempts.map(({ spanId: _span, ...attempt }) => attempt) }
  // Without tracing its ids follow from the record: sent twice it is there once.
  expect(langfuseSpans(bare, OPTIONS)).toEqual(langfuseSpans(bare, OPTIONS))
  expect(langfuseSpans(bare, OPTIONS)[0]?.traceId).toBe('0199d5a51a2b7c3d8e4f5a6b7c8d9e0f')
})
