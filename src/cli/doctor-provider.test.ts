// The layers that tests through the executable cannot reach without an account: tokens of Entra ID, lists that say nothing of a key, pages
// of a list, names that providers take without listing them. Against real loopback servers.

import { afterEach, expect, test } from 'bun:test'
import type { Model, Provider } from '../core/catalog.ts'
import { sampleModel, sampleProvider } from '../storage/test-store.ts'
import { type Answer, startUpstream, type Upstream } from '../testing/upstream.ts'
import { checkPorts } from './doctor-ports.ts'
import { examine, type Examination } from './doctor-provider.ts'
import type { Step } from './doctor-steps.ts'

const SECRET = 'sk-live-0123456789-last'

let upstream: Upstream | undefined

afterEach(async () => {
  await upstream?.close()
  upstream = undefined
})

async function steps(
  fields: Partial<Provider>,
  answer: Answer,
  more: Partial<Examination> = {},
): Promise<Step[]> {
  upstream = startUpstream(answer)
  const provider = sampleProvider({
    type: 'custom',
    baseUrl: `${upstream.url}/v1`,
    keys: [{ id: 'k', secret: SECRET }],
    network: { allowPrivate: true },
    ...fields,
  })
  const found: Step[] = []
  const examination: Examination = {
    provider,
    model: undefined,
    models: [],
    tokens: 'free',
    proxyVariable: undefined,
    ...more,
  }
  for await (const step of examine(examination, await checkPorts()(provider))) found.push(step)
  return found
}

function named(found: readonly Step[], name: string): Step | undefined {
  return found.find((step) => step.name === name)
}

function leadingTo(model: string): Model[] {
  const targets = [{ providerId: 'openai', model, order: 0, weight: 1 }]
  return [sampleModel({ id: 'alias', targets })]
}

const list =
  (...ids: string[]): Answer =>
  () =>
    Response.json({ data: ids.map((id) => ({ id })) })

test('an application that gets no token fails there, with its own advice', async () => {
  const refusal = {
    error: 'invalid_client',
    error_codes: [7000215],
    error_description: 'AADSTS7000215: Invalid client secret provided.',
  }
  upstream = startUpstream(() => Response.json(refusal, { status: 401 }))
  const authority = upstream
  const tenant = '11111111-2222-3333-4444-555555555555'
  const clientSecret = 'entra-secret-0123456789'
  const entra = { tenant, clientId: tenant, clientSecret, cloud: 'public' } as const
  const fields: Partial<Provider> = {
    type: 'azure',
    keys: [],
    entra: { ...entra, authority: authority.url },
  }
  const found = await steps(fields, list('m'))
  await authority.close()
  expect(named(found, 'token')?.failure).toMatchObject({
    reason: expect.stringContaining('the client secret is wrong (AADSTS7000215)'),
    todo: expect.stringContaining('new secret'),
  })
  expect(named(found, 'key')?.state).toBe('not_reached')
  expect(JSON.stringify(found)).not.toContain(clientSecret)
})

test('where the list is open to everybody the key is asked for by its own page', async () => {
  const answer: Answer = ({ headers, target }) => {
    if (target.endsWith('/models')) return Response.json({ data: [{ id: 'm' }] })
    const isGood =
      target.endsWith('/key') && headers['authorization'] === 'Bearer sk-good-0123456789'
    return Response.json(isGood ? { data: {} } : {}, { status: isGood ? 200 : 401 })
  }
  const bad = await steps({ type: 'openrouter' }, answer)
  expect(named(bad, 'key')?.failure?.reason).toContain('refuses the key (401)')
  expect(named(bad, 'model list')?.state).toBe('not_reached')
  await upstream?.close()
  const keys = [{ id: 'k', secret: 'sk-good-0123456789' }]
  expect(named(await steps({ type: 'openrouter', keys }, answer), 'key')?.state).toBe('ok')
})

test('a limit is no refusal of the key, and no list either', async () => {
  const found = await steps({}, () => Response.json({ message: 'slow down' }, { status: 429 }))
  expect(named(found, 'key')?.state).toBe('ok')
  expect(named(found, 'model list')?.failure?.reason).toContain('slow down')
})

test('names that providers take without listing them are in their list', async () => {
  const listed = list('claude-haiku-4-5-20251001', 'llama3:latest', 'gpt-5', 'm-latest')
  const cases: readonly (readonly [Provider['type'], string, boolean])[] = [
    ['custom', 'claude-haiku-4-5', true],
    ['custom', 'claude-haiku-4-5-latest', true],
    ['custom', 'm', true],
    ['custom', 'gpt-5', true],
    ['custom', 'gpt', false],
    ['custom', 'claude-haiku', false],
  ]
  for (const [type, model, isListed] of cases) {
    const found = await steps({ type, id: 'openai' }, listed, { models: leadingTo(model) })
    expect([model, named(found, 'model list')?.state]).toEqual([model, isListed ? 'ok' : 'failed'])
    await upstream?.close()
  }
})

test('of rails the configuration must be in the list', async () => {
  const configurations: Answer = () => Response.json([{ id: 'strict' }, { id: 'support' }])
  const judged = async (model: string) => {
    const found = await steps({ type: 'nemo', keys: [] }, configurations, {
      models: leadingTo(model),
    })
    await upstream?.close()
    return named(found, 'model list')
  }
  for (const model of ['gpt-5@strict', '@support', 'gpt-5']) {
    expect((await judged(model))?.state).toBe('ok')
  }
  expect(await judged('gpt-5@strickt')).toMatchObject({ state: 'failed' })
})

test('nothing that costs is asked unless it is asked for', async () => {
  const models = leadingTo('m')
  const told = await steps({ id: 'openai' }, list('m'), { models })
  expect(named(told, 'one token')).toMatchObject({
    state: 'skipped',
    result: expect.stringContaining('--tokens asks m'),
  })
  expect(upstream?.requests.every(({ method }) => method === 'GET')).toBe(true)
  await upstream?.close()
  const never = await steps({ id: 'openai' }, list('m'), { models, tokens: 'never' })
  expect(named(never, 'one token')?.state).toBe('skipped')
  await upstream?.close()
  const asked = await steps({ id: 'openai' }, list('m'), { models, tokens: 'asked' })
  expect(named(asked, 'one token')?.state).toBe('failed')
  expect(upstream?.requests.at(-1)?.target).toBe('/v1/chat/completions')
})

test('whoever keeps one key waiting is not asked with the others', async () => {
  const keys = ['a', 'b', 'c'].map((id) => ({ id, secret: `${SECRET}-${id}` }))
  // Long enough for the question to get there on a machine with much to do.
  const timeouts = { connectMs: 60_000, firstByteMs: 2_000, idleMs: 60_000, totalMs: 60_000 }
  const found = await steps({ keys, timeouts }, () => new Promise<Response>(() => undefined))
  expect(upstream?.requests.length).toBe(1)
  expect(found.filter(({ name }) => name === 'key').map(({ state }) => state)).toEqual([
    'skipped',
    'skipped',
    'skipped',
  ])
  expect(named(found, 'model list')?.state).toBe('failed')
})
