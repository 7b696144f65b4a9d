// Every way a body has to name another model than the one it asks for, and what a key that is held to some models makes of
// it: nothing is sent unless all of them are its own.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Model, Provider } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import { createTestGateway, jsonOf, testProvider, type TestRequest } from '../testing/gateway.ts'
import { checkParameters } from '../testing/seed.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'
import { namedBeside } from './named-models.ts'
import { memberGrants } from '../testing/principals.ts'

const named = (body: JsonObject) => namedBeside(body, 'asked').names.map(({ name }) => name)
const tool = (more: JsonObject): JsonObject => ({ model: 'asked', tools: [more] })

/** Bodies that lead to `other`, each in a vendor's own way. */
const LEADS: readonly (readonly [string, JsonObject])[] = [
  ['OpenRouter’s list', { models: ['asked', 'other'] }],
  ['a list of entries', { models: [{ model: 'other' }] }],
  ['Anthropic’s fallbacks', { fallbacks: [{ model: 'other', max_tokens: 9 }] }],
  ['fallbacks by name', { fallbacks: ['other'] }],
  ['one fallback', { fallback: 'other' }],
  ['fallbacks by the model they stand in for', { fallbacks: [{ asked: ['other'] }] }],
  ['fallbacks for a long context', { context_window_fallbacks: [{ asked: ['other'] }] }],
  ['another spelling', { Model: 'other' }],
  ['a spelling that folds', { 'model\u017f': ['other'] }],
  ['a nested spelling', { tools: [{ type: 'x', MODEL: 'other' }] }],
  [
    'Anthropic’s advisor',
    { tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'other' }] },
  ],
  [
    'OpenRouter’s advisor',
    { tools: [{ type: 'openrouter:advisor', parameters: { model: 'other' } }] },
  ],
  ['OpenAI’s image tool', { tools: [{ type: 'image_generation', model: 'other' }] }],
  ['a plugin’s panel', { plugins: [{ id: 'fusion', analysis_models: ['asked', 'other'] }] }],
  ['a judge', { judgeModel: 'other' }],
  ['a moderator', { moderation: { model: 'other' } }],
  ['Azure’s data sources', { data_sources: [{ parameters: { x: { deployment_name: 'other' } } }] }],
  ['Google’s resource name', { requests: [{ model: 'models/other' }] }],
]

/** Bodies with a model that nobody names. */
const OPEN: readonly (readonly [string, JsonObject])[] = [
  ['preset', { preset: 'other' }],
  ['route', { route: 'fallback' }],
  ['fallbacks', { fallbacks: 'default' }],
  ['models', { models: 'other' }],
  ['models', { models: ['asked', 7] }],
  ['models', { models: [['other']] }],
  ['tools', { tools: [{ type: 'openrouter:advisor' }] }],
  ['tools', { tools: [{ type: 'openrouter:subagent', parameters: { max: 2 } }] }],
  ['plugins', { plugins: [{ id: 'fusion' }] }],
]

/** What looks like it and is none. */
const HARMLESS: readonly (readonly [string, JsonObject])[] = [
  ['the model itself', { models: ['asked'], fallbacks: [{ model: 'asked' }] }],
  ['nothing', { models: null, fallbacks: null, preset: null, route: null }],
  ['a route through a list', { models: ['asked'], route: 'fallback' }],
  ['settings of a provider', { provider: { allow_fallbacks: false, order: ['x'] } }],
  ['a token', { fallback_credit_token: 'abc' }],
  [
    'words',
    { messages: [{ role: 'user', content: 'x', model: 'other' }], metadata: { model: 'o' } },
  ],
  ['web search', { tools: [{ type: 'web_search' }, { type: 'openrouter:datetime' }] }],
  [
    'a function with a parameter of that name',
    tool({
      type: 'function',
      function: { name: 'buy', parameters: { properties: { model: { enum: ['T'] } } } },
    }),
  ],
  [
    'the same flat',
    tool({ type: 'function', name: 'b', parameters: { examples: [{ model: 'T' }] } }),
  ],
  ['Anthropic’s', tool({ name: 'buy', input_schema: { default: { model: 'T' } } })],
  [
    'Gemini’s',
    tool({ functionDeclarations: [{ name: 'b', parameters: { example: { model: 'T' } } }] }),
  ],
  [
    'a schema of the answer',
    { response_format: { json_schema: { schema: { default: { model: 'T' } } } } },
  ],
]

describe('names beside the model', () => {
  test.each(LEADS)('%s', (_name, body) =>
    expect(named({ model: 'asked', ...body })).toEqual(['other']),
  )

  test.each(OPEN)('%s lets the provider choose: %p', (member, body) => {
    expect(namedBeside({ model: 'asked', ...body }, 'asked').open).toBe(member)
  })

  test.each(HARMLESS)('none in %s', (_name, body) => {
    expect(namedBeside({ model: 'asked', ...body }, 'asked')).toEqual({ names: [] })
  })

  test('any body at all is looked through', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('models', 'fallbacks', 'tools', 'x'), fc.jsonValue()),
        (body) => {
          const { names } = namedBeside(body as JsonObject, 'asked')
          for (const { name, param } of names)
            expect(JSON.stringify(body[param])).toContain(JSON.stringify(name).slice(1, -1))
        },
      ),
      checkParameters(300),
    )
  })
})

const CHAT = {
  id: 'x',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
}
const MESSAGES = [{ role: 'user', content: 'Hi' }]

const principal = (models: string[]): Principal => ({
  kind: 'key',
  grants: memberGrants(),
  tenantId: 'default',
  keyId: 'k',
  models,
})

function asker(type: Provider['type'], models: readonly Model[] = []) {
  const up = startUpstream(json(CHAT))
  const provider = testProvider({ id: 'up', type, baseUrl: `${up.url}/v1` })
  const gateway = createTestGateway({ providers: [provider], models })
  return {
    up,
    ask: (allowed: string[] | undefined, request: TestRequest) =>
      gateway.ask(allowed === undefined ? request : { ...request, principal: principal(allowed) }),
    [Symbol.asyncDispose]: () => up.close(),
  }
}

describe('a key that is held to some models', () => {
  test.each([...LEADS, ...OPEN])('does not reach another by %s: %p', async (_name, more) => {
    await using here = asker('openrouter')
    const body = { model: 'up/asked', messages: MESSAGES, ...more }
    const reply = await here.ask(['up/asked'], { body })
    expect(reply.status).toBe(404)
    expect(await jsonOf(reply)).toMatchObject({ error: { code: 'model_not_found' } })
    // Nor where it would be translated.
    const asked = { ...body, messages: undefined, input: 'Hi', max_output_tokens: 9 }
    expect(
      (await here.ask(['up/asked'], { dialect: 'openai-responses', body: asked })).status,
    ).toBe(404)
    expect(
      (await here.ask(['up/asked'], { dialect: 'anthropic', body: { max_tokens: 9, ...body } }))
        .status,
    ).toBe(404)
    expect(here.up.requests).toHaveLength(0)
  })

  test.each([...LEADS, ...OPEN])('reaches what it may: by %s: %p', async (_name, more) => {
    await using here = asker('openrouter')
    const body = { model: 'up/asked', messages: MESSAGES, ...more }
    expect((await here.ask(['up/*'], { body })).status).toBe(200)
    expect((await here.ask(undefined, { body })).status).toBe(200)
    expect(here.up.requests).toHaveLength(2)
  })

  test.each(LEADS)('by its name here or at the provider: %s', async (_name, more) => {
    await using here = asker('openrouter')
    const body = { model: 'up/asked', messages: MESSAGES, ...more }
    expect((await here.ask(['up/asked', 'other'], { body })).status).not.toBe(404)
    expect((await here.ask(['up/asked', 'up/other'], { body })).status).not.toBe(404)
    expect((await here.ask(['up/asked', 'other/up', 'down/other'], { body })).status).toBe(404)
  })

  test('and not by one provider of several alone', async () => {
    await using here = asker('openrouter', [
      {
        id: 'asked',
        origin: 'file',
        losses: 'report',
        defaults: {},
        targets: ['up', 'down'].map((providerId, order) => ({
          providerId,
          model: 'm',
          order,
          weight: 1,
        })),
      },
    ])
    const body = { model: 'asked', messages: MESSAGES, models: ['other'] }
    expect((await here.ask(['asked', 'up/other'], { body })).status).toBe(404)
    expect((await here.ask(['asked', 'up/other', 'down/other'], { body })).status).toBe(200)
  })

  test.each(HARMLESS)('is not troubled by %s', async (_name, more) => {
    const body = { messages: MESSAGES, ...more, model: 'asked' }
    const models = [
      {
        id: 'asked',
        origin: 'file',
        losses: 'report',
        defaults: {},
        targets: [{ providerId: 'up', model: 'm', order: 0, weight: 1 }],
      },
    ] as const
    await using alias = asker('openrouter', models)
    expect((await alias.ask(['asked'], { body })).status).toBe(200)
  })

  test.each([
    '{"model":"up/asked","models":["other"],"models":["up/asked"],"messages":[{"role":"user","content":"Hi"}]}',
    '{"model":"up/asked","tools":[{"type":"image_generation","model":"other","model":"asked"}],"messages":[{"role":"user","content":"Hi"}]}',
  ])('is refused a body with two readings: %s', async (body) => {
    await using here = asker('openrouter')
    const reply = await here.ask(['up/asked', 'asked'], { body })
    expect(reply.status).toBe(400)
    expect(here.up.requests).toHaveLength(0)
    expect((await here.ask(undefined, { body })).status).toBe(200)
  })

  test('nor by a raw request, nor by an operation beyond chat', async () => {
    const key = 'weir_0123456789012345678901234567890123456789abcdef'
    const up = startUpstream(json({ results: [] }))
    const provider = testProvider({ id: 'up', type: 'openrouter', baseUrl: `${up.url}/v1` })
    const gateway = createTestGateway({ providers: [provider] })
    const keys = [testKey(key, { models: ['up/asked'] })]
    await using server = startTestServer(gateway, { keys, anonymous: 'never' })
    const post = (path: string, body: unknown) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    for (const [, more] of [...LEADS, ...OPEN]) {
      expect((await post('/v1/rerank', { model: 'up/asked', ...more })).status).toBe(404)
      const raw = await post('/proxy/up/v1/chat/completions', { model: 'asked', ...more })
      expect(raw.status).toBe(404)
    }
    expect(up.requests).toHaveLength(0)
    expect((await post('/v1/rerank', { model: 'up/asked' })).status).toBe(200)
    expect((await post('/proxy/up/v1/chat/completions', { model: 'asked' })).status).toBe(200)
    await up.close()
  })
})
