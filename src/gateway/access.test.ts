// Who may use which model, on the whole way of a request: denials that reach an alias through its targets, access lists, names inside
// bodies, lists that show no more than may be asked for, and what belongs to one caller of a tenant alone.

import { afterEach, describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model } from '../core/catalog.ts'
import type { Grant, Principal } from '../core/principal.ts'
import { builtInRole } from '../core/roles.ts'
import {
  createTestGateway,
  jsonOf,
  testProvider,
  textOf,
  type TestGateway,
} from '../testing/gateway.ts'
import { memberGrants, OWNER_GRANTS } from '../testing/principals.ts'
import { targetOf } from '../testing/routes.ts'
import { startUpstream, type Upstream } from '../testing/upstream.ts'
import { responseObject, type ResponseInbound } from './response-objects.ts'
import { explainRoute } from './route-explain.ts'

const T = 'default'
const upstreams: Upstream[] = []
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((one) => one.close()))
})

function upstream(name: string): Upstream {
  const message = { role: 'assistant', content: name }
  const one = startUpstream(({ target }) =>
    target.endsWith('/models')
      ? Response.json({ data: [{ id: 'small' }, { id: 'large' }] })
      : Response.json({
          id: 'c',
          object: 'chat.completion',
          created: 1,
          model: 'm',
          choices: [{ index: 0, message, finish_reason: 'stop' }],
        }),
  )
  upstreams.push(one)
  return one
}

const alias = (id: string, targets: Model['targets'], over: Partial<Model> = {}): Model => ({
  id,
  origin: 'file',
  targets,
  defaults: {},
  losses: 'report',
  ...over,
})

const at = (providerId: string, model: string, order = 0) => targetOf(providerId, { model, order })

function world() {
  const p = upstream('p')
  const q = upstream('q')
  const provider = (id: string, of: Upstream, type: 'custom' | 'openrouter' = 'custom') =>
    testProvider({
      id,
      type,
      baseUrl: `${of.url}/v1`,
      retries: { max: 0, baseMs: 1, capMs: 1 },
    })
  const gateway = createTestGateway({
    providers: [provider('p', p), provider('q', q, 'openrouter')],
    models: [
      alias('both', [at('p', 'large'), at('q', 'large', 1)]),
      alias('onlyp', [at('p', 'large')]),
      alias('team', [at('p', 'small')], { access: ['group:engineers', 'key:ci'] }),
      alias('falls', [at('gone', 'm')], {
        routing: { ...DEFAULT_ROUTING, fallbacks: { any: ['team', 'onlyp', 'q/small'] } },
      }),
    ],
  })
  return { gateway, p, q }
}

function deny(scope: string): Grant {
  return { scope, effect: 'deny', role: builtInRole('member')!, because: 'a test' }
}

function allow(scope: string): Grant {
  return { scope, effect: 'allow', role: builtInRole('member')!, because: 'a test' }
}

function key(over: Partial<Principal> = {}, ...denied: readonly string[]): Principal {
  return {
    kind: 'key',
    tenantId: T,
    keyId: 'k',
    grants: [...memberGrants(T), ...denied.map(deny)],
    ...over,
  }
}

async function asked(gateway: TestGateway, principal: Principal, body: object, headers = {}) {
  const reply = await gateway.ask({
    principal,
    headers,
    body: { messages: [{ role: 'user', content: 'x' }], ...body },
  })
  const answer = await jsonOf<{
    choices?: { message: { content: string } }[]
    error?: { code: string; message: string }
  }>(reply)
  return answer.choices?.[0]?.message.content ?? answer.error?.code ?? ''
}

describe('a denial', () => {
  test.each([
    ['nothing denied', [], 'both', 'p'],
    ['the provider', ['/tenants/default/providers/p'], 'both', 'q'],
    ['all providers that begin so', ['/tenants/default/providers/p*'], 'both', 'q'],
    ['the model of the provider', ['/tenants/default/models/p/large'], 'both', 'q'],
    ['another model of the provider', ['/tenants/default/models/p/small'], 'both', 'p'],
    ['the model by its bare name', ['/tenants/default/models/large'], 'both', 'model_not_found'],
    ['every target', ['/tenants/default/providers/*'], 'both', 'model_not_found'],
    ['its only target', ['/tenants/default/providers/p'], 'onlyp', 'model_not_found'],
    ['the alias itself', ['/tenants/default/models/both'], 'both', 'model_not_found'],
    ['everything', ['/tenants/default'], 'both', 'model_not_found'],
    ['everything everywhere', ['/'], 'both', 'model_not_found'],
    ['another tenant’s', ['/tenants/other/providers/p'], 'both', 'p'],
    ['by the direct name', ['/tenants/default/models/large'], 'p/large', 'model_not_found'],
  ] as const)('%s', async (_name, denied, model, wanted) => {
    const { gateway } = world()
    expect(await asked(gateway, key({}, ...denied), { model })).toBe(wanted)
  })

  test('holds for who names the target', async () => {
    const { gateway, p } = world()
    const owner = { ...key({}, '/tenants/default/providers/p') }
    const principal = { ...owner, grants: [...OWNER_GRANTS, ...owner.grants] }
    const headers = { 'x-weir-target': 'p/large' }
    expect(await asked(gateway, principal, { model: 'both' }, headers)).not.toBe('p')
    expect(p.requests).toHaveLength(0)
    const free = { ...principal, grants: OWNER_GRANTS }
    expect(await asked(gateway, free, { model: 'both' }, headers)).toBe('p')
  })

  test('closes what a body names beside the model, for whoever is denied any', async () => {
    const { gateway } = world()
    const who = key({}, '/tenants/default/models/q/large')
    const body = { model: 'q/small', models: ['large'] }
    expect(await asked(gateway, who, body)).toBe('model_not_found')
    expect(await asked(gateway, key(), body)).toBe('q')
    expect(await asked(gateway, who, { ...body, models: ['medium'] })).toBe('q')
  })

  test('holds bodies to one way of being read', async () => {
    const { gateway } = world()
    const twice = '{"model":"p/small","messages":[],"models":["a"],"models":["b"]}'
    const ask = async (principal: Principal) => {
      const reply = await gateway.ask({ principal, body: twice })
      return (await jsonOf<{ error?: { code: string } }>(reply)).error?.code
    }
    expect(await ask(key({}, '/tenants/default/models/q/large'))).toBe('invalid_json')
    expect(await ask(key({ grants: [allow('/tenants/default/models/p/*')] }))).toBe('invalid_json')
    expect(await ask(key())).not.toBe('invalid_json')
  })
})

describe('a permission of some models', () => {
  test('is for these, by the name that is asked for, and their targets', async () => {
    const { gateway } = world()
    const who = key({ grants: [allow('/tenants/default/models/both')] })
    expect(await asked(gateway, who, { model: 'both' })).toBe('p')
    for (const model of ['p/large', 'onlyp', 'large', 'q/large', 'nowhere']) {
      expect(await asked(gateway, who, { model })).toBe('model_not_found')
    }
    const ofProvider = key({ grants: [allow('/tenants/default/providers/q')] })
    expect(await asked(gateway, ofProvider, { model: 'q/small' })).toBe('q')
    expect(await asked(gateway, ofProvider, { model: 'both' })).toBe('model_not_found')
  })
})

describe('an access list', () => {
  const engineer = key({ groups: ['engineers'] })
  test('lets those on it in, and answers others as where there is no such model', async () => {
    const { gateway, p } = world()
    expect(await asked(gateway, engineer, { model: 'team' })).toBe('p')
    expect(await asked(gateway, key({ keyName: 'ci' }), { model: 'team' })).toBe('p')
    const before = p.requests.length
    const error = async (model: string) => {
      const reply = await gateway.ask({ principal: key(), body: { model, messages: [] } })
      const { error: told } = await jsonOf<{ error: { message: string } }>(reply)
      return { ...told, message: told.message.replace(model, 'NAME') }
    }
    expect(await error('team')).toEqual(await error('tame'))
    expect(p.requests).toHaveLength(before)
  })

  test('holds for fallbacks: the next that they may use is asked', async () => {
    const { gateway, p } = world()
    expect(await asked(gateway, key(), { model: 'falls' })).toBe('p')
    expect(p.requests.at(-1)?.json()).toMatchObject({ model: 'large' })
    expect(await asked(gateway, engineer, { model: 'falls' })).toBe('p')
    expect(p.requests.at(-1)?.json()).toMatchObject({ model: 'small' })
    // The operator has joined the two: a key for the one is answered by the other.
    const narrow = key({ models: ['falls'] })
    expect(await asked(gateway, narrow, { model: 'falls' })).toBe('p')
  })
})

test('lists show what may be asked for, and no more', async () => {
  const { gateway } = world()
  const { directory, snapshot } = gateway.deps
  await directory.refreshAll(snapshot())
  const people: Principal[] = [
    key(),
    key({ groups: ['engineers'] }),
    key({ models: ['both', 'p/*'] }),
    key({}, '/tenants/default/providers/p'),
    key({}, '/tenants/default/models/large'),
    key({}, '/tenants/default/models/q/*'),
    key({ grants: [allow('/tenants/default/models/both')] }),
    key({ grants: [] }),
  ]
  const names = new Set<string>()
  for (const one of directory.models(snapshot().of(T), key({ groups: ['engineers'] }))) {
    names.add(one.id)
  }
  expect([...names].toSorted()).toEqual(
    ['both', 'falls', 'onlyp', 'p/large', 'p/small', 'q/large', 'q/small', 'team'].toSorted(),
  )
  for (const who of people) {
    const listed = new Set(directory.models(snapshot().of(T), who).map(({ id }) => id))
    for (const model of names) {
      const answer = await asked(gateway, who, { model })
      expect([model, answer !== 'model_not_found']).toEqual([model, listed.has(model)])
    }
  }
})

test('a route is explained as the key would have it: without what it is denied', () => {
  const { gateway } = world()
  const { deps } = gateway
  const snapshot = deps.snapshot()
  const who = key({}, '/tenants/default/providers/p')
  const declared = {
    id: 'k',
    origin: 'store',
    tenantId: T,
    name: 'held',
    hash: 'h',
    prefix: '',
    lastFour: '',
    createdMs: 0,
  } as const
  const held = { ...snapshot, keysByHash: new Map([['h', declared]]), principalOf: () => who }
  const [route] = explainRoute({ model: 'both', key: 'held' }, held, deps).routes
  expect(route?.candidates.map(({ provider }) => provider)).toEqual(['q'])
  expect(() => explainRoute({ model: 'team', key: 'held' }, held, deps)).toThrow('does not exist')
  expect(explainRoute({ model: 'team' }, held, deps).model).toBe('team')
})

describe('what belongs to one caller', () => {
  const user = (userId: string): Principal => ({
    kind: 'user',
    tenantId: T,
    userId,
    grants: memberGrants(T),
  })
  const service: Principal = {
    kind: 'service',
    tenantId: T,
    serviceId: 'u1',
    grants: memberGrants(T),
  }
  test('an answer is found by the user who asked for it, and by no other of the tenant', async () => {
    const { gateway } = world()
    const first = await gateway.ask({
      dialect: 'openai-responses',
      principal: user('u1'),
      body: { model: 'p/small', input: 'x' },
    })
    const { id } = await jsonOf<{ id: string }>(first)
    const goOn = async (principal: Principal) => {
      const reply = await gateway.ask({
        dialect: 'openai-responses',
        principal,
        body: { model: 'p/small', input: 'y', previous_response_id: id },
      })
      return reply.status
    }
    expect(await goOn(user('u1'))).toBe(200)
    expect(await goOn(user('u2'))).toBe(400)
    expect(await goOn(service)).toBe(400)
    expect(await goOn({ ...user('u1'), kind: 'key', keyId: 'k' })).toBe(400)
    expect(await goOn({ kind: 'anonymous', tenantId: T, grants: OWNER_GRANTS })).toBe(400)
  })
})

test('an answer at a provider that is denied by now is as one that is nowhere', async () => {
  const held = startUpstream(() =>
    Response.json({
      id: 'resp_1',
      object: 'response',
      status: 'completed',
      output: [],
      model: 'm',
    }),
  )
  upstreams.push(held)
  const provider = testProvider({ id: 'o', type: 'openai', baseUrl: `${held.url}/v1` })
  const gateway = createTestGateway({ providers: [provider] })
  const body = { model: 'o/m', input: 'x' }
  const made = await gateway.ask({ dialect: 'openai-responses', principal: key(), body })
  expect(made.status).toBe(200)
  const fetched = async (principal: Principal, id: string) => {
    const inbound: ResponseInbound = {
      dialect: 'openai-responses',
      operation: 'response-get',
      action: 'get',
      id,
      query: new URLSearchParams(),
      endpoint: '/test',
      bytes: new Uint8Array(),
      headers: new Headers(),
      principal,
      requestId: 'req_test',
      signal: new AbortController().signal,
      arrivedMs: 0,
      arrivedMonotonicMs: 0,
    }
    const reply = await responseObject(inbound, gateway.deps)
    return { status: reply.status, text: (await textOf(reply)).replaceAll(id, 'ID') }
  }
  expect((await fetched(key(), 'resp_1')).status).toBe(200)
  const denied = key({}, '/tenants/default/providers/o')
  expect(await fetched(denied, 'resp_1')).toEqual(await fetched(denied, 'resp_2'))
})
