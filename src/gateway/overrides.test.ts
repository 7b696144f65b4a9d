// What a target sets in place of the client: in every protocol's own words, for that target alone, relayed or translated; never what is the
// client's own; and what it means for the money that is held.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Target } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import { isClientsOwn } from '../core/policy/overrides.ts'
import type { DialectName } from '../dialects/dialect.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { startTestServer } from '../testing/server.ts'
import { startUpstream, type Answer } from '../testing/upstream.ts'
import { overriddenBody } from './defaults.ts'
import { answerOverrides } from './overrides.ts'

const OVERRIDES = Object.entries({ temperature: 0, max_tokens: 9, stop: 'END', seed: null })

test.each<[DialectName, JsonObject, JsonObject]>([
  [
    'openai-chat',
    { temperature: 1, max_completion_tokens: 5, seed: 3, user: 'u' },
    { temperature: 0, max_tokens: 9, stop: 'END', user: 'u' },
  ],
  [
    'openai-responses',
    { temperature: 1, max_output_tokens: 5 },
    { temperature: 0, max_output_tokens: 9 },
  ],
  [
    'anthropic',
    { max_tokens: 5, stop_sequences: ['a', 'b'], top_k: 1 },
    { temperature: 0, max_tokens: 9, stop_sequences: ['END'], top_k: 1 },
  ],
  [
    'ollama',
    { options: { num_predict: 5, seed: 3, mirostat: 1 }, think: true },
    { options: { temperature: 0, num_predict: 9, stop: 'END', mirostat: 1 }, think: true },
  ],
  [
    'gemini',
    { generation_config: { max_output_tokens: 5, topK: 2, seed: 1 } },
    {
      generation_config: { temperature: 0, maxOutputTokens: 9, stopSequences: ['END'], topK: 2 },
    },
  ],
  ['cohere', { p: 1, seed: 3 }, { p: 1, temperature: 0, max_tokens: 9, stop_sequences: ['END'] }],
])('%s: the target’s word stands in place of the client’s', (dialect, body, expected) => {
  const given = structuredClone(body)
  expect(overriddenBody(dialect, 'chat', body, OVERRIDES)).toEqual(expected)
  expect(body).toEqual(given)
})

test('whatever is overridden, nothing else of the body changes, and twice is as once', () => {
  const names = fc.constantFrom('temperature', 'top_p', 'seed', 'user', 'logit_bias', 'x_vendor')
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(names, fc.jsonValue()),
      (body, overrides) => {
        const entries = Object.entries(overrides)
        const once = overriddenBody('openai-chat', 'chat', body as JsonObject, entries)
        expect(overriddenBody('openai-chat', 'chat', once, entries)).toEqual(once)
        for (const [name, value] of entries) {
          if (value === null) expect(Object.hasOwn(once, name)).toBe(false)
          else expect(once[name]).toEqual(value as JsonObject)
        }
        const rest = (of: object) =>
          Object.fromEntries(Object.entries(of).filter(([name]) => !Object.hasOwn(overrides, name)))
        expect(rest(once)).toEqual(rest(body))
      },
    ),
    checkParameters(200),
  )
}, 60_000)

const completion =
  (text: string): Answer =>
  () =>
    Response.json({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    })

const failing: Answer = () => new Response('{}', { status: 500 })

function world(targets: readonly Target[], ...script: Answer[]) {
  const upstream = startUpstream(...script)
  const gateway = createTestGateway({
    providers: [
      testProvider({
        id: 'p',
        type: 'openai',
        baseUrl: `${upstream.url}/v1`,
        retries: { max: 0, baseMs: 1, capMs: 1 },
      }),
    ],
    models: [
      {
        id: 'fast',
        origin: 'file',
        targets,
        defaults: { seed: 1, top_p: 0.5 },
        losses: 'report',
      },
    ],
  })
  const server = startTestServer(gateway)
  const ask = async (path: string, body: object) => {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    await response.text()
    return response
  }
  const sent = () => upstream.requests.map((request) => request.json() as JsonObject)
  return {
    ask,
    sent,
    async [Symbol.asyncDispose]() {
      await server.stop(0)
      await upstream.close()
    },
  }
}

const target = (model: string, order: number, overrides?: Target['overrides']): Target => ({
  providerId: 'p',
  model,
  order,
  weight: 1,
  ...(overrides === undefined ? {} : { overrides }),
})

const MESSAGES = [{ role: 'user', content: 'hi' }]

describe('a request', () => {
  test('that is relayed is written anew for this target, and the next one gets the client’s own', async () => {
    const targets = [target('a', 0, { temperature: 0, seed: null, stream: true }), target('b', 1)]
    await using one = world(targets, failing, completion('hello'))
    const body = { model: 'fast', temperature: 1, messages: MESSAGES, vendor: { x: [1, null] } }
    const response = await one.ask('/v1/chat/completions', body)
    expect([response.status, response.headers.get('x-weir-mode')]).toEqual([200, 'relay'])
    const { model: _model, ...own } = body
    expect(one.sent()).toEqual([
      { ...own, model: 'a', temperature: 0, top_p: 0.5 },
      { ...own, model: 'b', seed: 1, top_p: 0.5 },
    ])
  })

  test('that is translated says it in the provider’s words', async () => {
    await using one = world([target('a', 0, { max_tokens: 9, stop: ['END'] })], completion('hello'))
    const response = await one.ask('/v1/messages', {
      model: 'fast',
      max_tokens: 100,
      messages: MESSAGES,
    })
    expect([response.status, response.headers.get('x-weir-mode')]).toEqual([200, 'translate'])
    const [sent] = one.sent()
    expect(sent?.['max_completion_tokens'] ?? sent?.['max_tokens']).toBe(9)
    expect(sent?.['stop']).toEqual(['END'])
  })
})

test('what is the client’s own is nobody’s to set', () => {
  for (const name of ['model', 'stream', 'messages', 'input', 'contents', '__proto__']) {
    expect(isClientsOwn(name), name).toBe(true)
  }
  expect(isClientsOwn('temperature')).toBe(false)
})

test('the longest answer of any target counts; no limit is no limit', () => {
  const of = (...overrides: Target['overrides'][]) =>
    answerOverrides(overrides.map((each, order) => target('m', order, each)))
  expect(of()).toEqual({ tokensMax: 0, isUnlimited: false, choicesMax: 0 })
  expect(of(undefined, { max_tokens: 5 }, { max_completion_tokens: 9, n: 3 })).toEqual({
    tokensMax: 9,
    isUnlimited: false,
    choicesMax: 3,
  })
  expect(of({ max_tokens: null }).isUnlimited).toBe(true)
  expect(of({ max_tokens: 'many', n: 'x' })).toEqual(of())
})
