// Names of models that are no names but ways up a path: providers that have the model in their address must not be led by them to another
// model, nor out of the place that was configured, with our credential.

import { describe, expect, test } from 'bun:test'
import type { Model } from '../core/catalog.ts'
import type { ProviderType } from '../core/catalog.ts'
import { scopes } from '../core/permission.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { createTestGateway, testProvider, textOf } from '../testing/gateway.ts'
import { memberGrants } from '../testing/principals.ts'
import { json } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'

const WAYS = [
  'flash/../models/pro',
  'flash/..',
  '..',
  '.',
  '../../pro',
  './pro',
  'flash/./../pro',
  'flash/%2e%2E/pro',
  'flash/.%2e/pro',
  String.raw`flash\..\pro`,
  'flash%2f..%2Fpro',
  'flash%5C%2e%2e%5cpro',
] as const

function gatewayTo(url: string, type: ProviderType) {
  const provider = testProvider({
    id: 'p',
    type,
    baseUrl: `${url}/tenant`,
    apiVersion: '2024-10-21',
  })
  return createTestGateway({ providers: [provider] })
}

const ASK = { messages: [{ role: 'user', content: 'Hi' }] }

describe.each(['gemini', 'azure', 'bedrock'] as const)('%s', (type) => {
  test.each(WAYS)('a name with %p is no model', async (way) => {
    await using up = startUpstream(json({ stolen: true }))
    const gateway = gatewayTo(up.url, type)
    const reply = await gateway.ask({ body: { ...ASK, model: `p/${way}` } })
    expect(reply.status).toBe(404)
    expect(JSON.parse(await textOf(reply))).toMatchObject({ error: { code: 'model_not_found' } })
    expect(up.requests).toEqual([])
  })

  test.each(['flash..2', 'a.b/.c', '...', 'x/..y', 'x/y%41?z#'])('%p is one', async (name) => {
    await using up = startUpstream(json({}, { status: 500 }))
    const gateway = gatewayTo(up.url, type)
    await gateway.ask({ body: { ...ASK, model: `p/${name}` } })
    expect(up.requests.length).toBeGreaterThan(0)
    for (const { target } of up.requests) {
      expect(new URL(target, up.url).pathname).toStartWith('/tenant/')
    }
  })
})

test('a vendor’s name of a model leads nowhere else either', async () => {
  await using up = startUpstream(json({ stolen: true }))
  const gateway = gatewayTo(up.url, 'gemini')
  const reply = await gateway.ask({ body: { ...ASK, model: 'gemini-2.5-flash/../../files' } })
  expect(reply.status).toBe(404)
  expect(up.requests).toEqual([])
})

test('a model of Gemini with its collection before it is the same one, and as denied', async () => {
  await using up = startUpstream(json({ candidates: [] }))
  const gateway = gatewayTo(up.url, 'gemini')
  const scope = scopes.model(DEFAULT_TENANT_ID, 'p/pro')
  const [member] = memberGrants()
  const grants = [member!, { ...member!, effect: 'deny' as const, scope }]
  const principal = { kind: 'user' as const, tenantId: DEFAULT_TENANT_ID, grants }
  for (const model of ['p/pro', 'p/models/pro']) {
    const reply = await gateway.ask({ body: { ...ASK, model }, principal })
    expect(`${model} ${reply.status}`).toBe(`${model} 404`)
  }
  expect(up.requests).toEqual([])
  await gateway.ask({ body: { ...ASK, model: 'p/models/flash' }, principal })
  expect(up.requests.map(({ target }) => target)).toEqual(['/tenant/models/flash:generateContent'])
})

test('nor is one with its collection twice', async () => {
  await using up = startUpstream(json({ candidates: [] }))
  const gateway = gatewayTo(up.url, 'gemini')
  await gateway.ask({ body: { ...ASK, model: 'p/models/models/flash' } })
  expect(up.requests.map(({ target }) => target)).toEqual(['/tenant/models/flash:generateContent'])
})

/** Who may use everything but what is denied at this name. */
function deniedAt(name: string) {
  const [member] = memberGrants()
  const scope = scopes.model(DEFAULT_TENANT_ID, name)
  const grants = [member!, { ...member!, effect: 'deny' as const, scope }]
  return { kind: 'user' as const, tenantId: DEFAULT_TENANT_ID, grants }
}

function aliasOf(id: string, model: string): Model {
  const targets = [{ providerId: 'p', model, order: 0, weight: 1 }]
  return { id, origin: 'file', targets, defaults: {}, losses: 'report' }
}

describe('a denial holds for every spelling that the provider takes for the same model', () => {
  const CLAUDE = 'anthropic.claude-x-v1:0'
  test.each([
    ['gemini', 'models/pro', ['pro', 'models/models/pro', 'models/Pro']],
    ['azure', 'GPT-5-prod', ['gpt-5-prod', 'GPT-5-PROD']],
    ['azure', 'gpt-5*', ['GPT-5-prod']],
    ['ollama', 'llama3:latest', ['llama3', 'Llama3', 'library/llama3', 'LLAMA3:LATEST']],
    ['ollama', 'llama3', ['llama3:latest', 'registry.ollama.ai/library/llama3:latest']],
    ['custom', 'llama3:latest', ['llama3', 'https://registry.ollama.ai/library/llama3']],
    ['bedrock', CLAUDE, ['anthropic%2Eclaude-x-v1%3A0', 'anthropic%252Eclaude-x-v1:0']],
    ['bedrock', CLAUDE, [`arn:aws:bedrock:us-east-1::foundation-model/${CLAUDE}`]],
  ] as const)('%s: %s', async (type, denied, asked) => {
    await using up = startUpstream(json({}))
    const provider = testProvider({
      id: 'p',
      type,
      baseUrl: `${up.url}/v1`,
      apiVersion: '2024-10-21',
    })
    // What an alias asks for is the operator's own.
    const plain = asked.filter((name) => !name.includes('%25'))
    const aliases = plain.map((name, at) => aliasOf(`alias-${at}`, name))
    const gateway = createTestGateway({ providers: [provider], models: aliases })
    const principal = deniedAt(`p/${denied}`)
    for (const model of [...asked.map((name) => `p/${name}`), ...aliases.map(({ id }) => id)]) {
      const reply = await gateway.ask({ body: { ...ASK, model }, principal })
      expect(`${model} ${reply.status}`).toBe(`${model} 404`)
    }
    expect(up.requests).toEqual([])
  })

  test.each([
    ['ollama', 'llama3', 'llama3:8b'],
    ['ollama', 'llama3:8b', 'llama3'],
    ['ollama', 'llama3', 'somebody/llama3'],
    ['custom', 'gpt-5', 'gpt-5-mini'],
    ['bedrock', 'anthropic.claude-x', 'us.anthropic.claude-x'],
  ] as const)('%s: %s is not %s', async (type, denied, asked) => {
    await using up = startUpstream(json({}, { status: 400 }))
    const provider = testProvider({ id: 'p', type, baseUrl: `${up.url}/v1` })
    const gateway = createTestGateway({ providers: [provider] })
    await gateway.ask({ body: { ...ASK, model: `p/${asked}` }, principal: deniedAt(`p/${denied}`) })
    expect(up.requests.length).toBe(1)
  })
})
