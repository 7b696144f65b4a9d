// The way of a request through a real pipeline to real upstreams: refusals first, then who is asked, and what the record says.

import { afterEach, describe, expect, test } from 'bun:test'
import { DEFAULT_ROUTING, type Model, type Target } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { Principal } from '../core/principal.ts'
import { createTestGateway, testProvider, textOf, type TestRequest } from '../testing/gateway.ts'
import { targetOf } from '../testing/routes.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { json } from '../testing/upstream-answers.ts'
import type { Inbound } from './inbound.ts'
import { peek } from './peek.ts'
import { RequestForms } from './plan.ts'
import { RouteRefused } from './route-refusal.ts'
import { routeRelayed, routeTargets } from './routing.ts'
import type { GatewayDeps } from './deps.ts'
import { memberGrants, OWNER_GRANTS } from '../testing/principals.ts'

const ADMIN: Principal = {
  kind: 'key',
  tenantId: 'default',
  keyId: 'k-admin',
  grants: OWNER_GRANTS,
}
const catalogOf = (deps: GatewayDeps) => deps.snapshot().of(USER.tenantId)

const USER: Principal = {
  kind: 'key',
  tenantId: 'default',
  keyId: 'k-user',
  grants: memberGrants(),
}

const upstreams: Upstream[] = []
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((one) => one.close()))
})

function upstream(...answers: Answer[]): Upstream {
  const started = startUpstream(...answers)
  upstreams.push(started)
  return started
}

const answering = json({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
})

function modelOf(targets: readonly Target[], over: Partial<Model> = {}): Model {
  return { id: 'fast', origin: 'file', targets, defaults: {}, losses: 'report', ...over }
}

/** A gateway with a provider of each id, all behind one upstream that answers. */
function gatewayOf(ids: readonly string[], models: readonly Model[] = []) {
  const provider = (id: string) =>
    testProvider({ id, type: 'custom', baseUrl: 'http://127.0.0.1:9/v1' })
  return createTestGateway({ providers: ids.map(provider), models })
}

interface Asking {
  readonly body?: object
  readonly headers?: Record<string, string>
  readonly principal?: Principal
  readonly dialect?: Inbound['dialect']
  readonly operation?: Inbound['operation']
}

function formsOf(model: Model, asking: Asking = {}): RequestForms {
  const body = { model: 'fast', messages: [{ role: 'user', content: 'hi' }], ...asking.body }
  const inbound: Inbound = {
    dialect: asking.dialect ?? 'openai-chat',
    operation: asking.operation ?? 'chat',
    hints: {},
    streamByDefault: false,
    endpoint: '/test',
    bytes: new TextEncoder().encode(JSON.stringify(body)),
    headers: new Headers(asking.headers),
    principal: asking.principal ?? USER,
    requestId: 'req_test',
    signal: new AbortController().signal,
    arrivedMs: 0,
    arrivedMonotonicMs: 0,
  }
  return new RequestForms(inbound, peek(inbound), model)
}

function routedBy(
  model: Model,
  asking: Asking = {},
  gateway = gatewayOf(['a', 'b', 'c']),
  candidates: readonly Target[] = model.targets,
) {
  const { deps } = gateway
  return routeTargets(model, candidates, formsOf(model, asking), catalogOf(deps), deps)
}

/** The error that routing throws. */
function refusal(model: Model, asking: Asking): GatewayError {
  try {
    routedBy(model, asking)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

const ids = (targets: readonly Target[]) => targets.map(({ providerId }) => providerId)
const ABC = [targetOf('a'), targetOf('b'), targetOf('c')]
const LISTED = { ...DEFAULT_ROUTING, strategy: 'order' as const }

describe('what a client may not wish', () => {
  const model = modelOf(ABC)
  const one = modelOf([targetOf('a')])

  test('a target, without the right to', () => {
    for (const alias of [model, one]) {
      const error = refusal(alias, { headers: { 'x-weir-target': 'a' } })
      expect([error.kind, error.param]).toEqual(['permission', 'x-weir-target'])
    }
  })

  test.each(['z', 'a/other', 'A', 'a/m/'])('a target that is not there: %j', (target) => {
    for (const alias of [model, one]) {
      const error = refusal(alias, { headers: { 'x-weir-target': target }, principal: ADMIN })
      expect([error.kind, error.param]).toEqual(['invalid_request', 'x-weir-target'])
    }
  })

  test.each(['', ' ', '/m', 'a/', 'x'.repeat(401)])('a target that is none: %j', (target) => {
    const error = refusal(model, { headers: { 'x-weir-target': target }, principal: ADMIN })
    expect([error.kind, error.param]).toEqual(['invalid_request', 'x-weir-target'])
    expect(error.message).not.toContain('xxx')
  })

  test.each([
    'nowhere',
    'eu,nowhere',
    '',
    'a,,b',
    'x y',
    '-',
    'é',
    `${'x,'.repeat(17)}x`,
    'x'.repeat(500),
  ])('tags that nobody has, or that are none: %j', (tags) => {
    const eu = modelOf([targetOf('a', { tags: ['eu'] })])
    for (const alias of [model, eu]) {
      const error = refusal(alias, { headers: { 'x-weir-tags': tags } })
      expect([error.kind, error.param]).toEqual(['invalid_request', 'x-weir-tags'])
      expect(error.message).not.toContain('xxx')
    }
  })

  test('a session that is none, where it counts', () => {
    const sticky = modelOf(ABC, { routing: { ...DEFAULT_ROUTING, sticky: 'session' } })
    const headers = { 'x-session-id': 's'.repeat(401) }
    const error = refusal(sticky, { headers })
    expect([error.kind, error.param]).toEqual(['invalid_request', 'x-session-id'])
    expect(routedBy(model, { headers }).targets.length).toBe(3)
  })
})

describe('what no target can take', () => {
  const lame = { vision: false, tools: false, jsonSchema: false }
  const asks = {
    tools: [{ type: 'function', function: { name: 'f' } }],
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } },
  }

  test('is refused with the names of what is missing, and with the decision for the log', () => {
    for (const targets of [
      [targetOf('a', { abilities: lame })],
      [targetOf('a', { abilities: lame }), targetOf('b', { abilities: { tools: false } })],
    ]) {
      const error = refusal(modelOf(targets), { body: asks })
      expect(error.kind).toBe('unsupported')
      expect(error.message).toContain('tools')
      expect(error).toBeInstanceOf(RouteRefused)
      const { route } = error as RouteRefused
      expect(route.candidates.map(({ reason }) => reason)).toEqual(
        targets.map(() => 'declared without tools'),
      )
      expect(error.cause).toContain('a/m: declared without tools')
    }
  })

  test('because of its length is a prompt that is too long', () => {
    const short = [8, 9].map((contextWindow) => targetOf('a', { abilities: { contextWindow } }))
    const content = 'word '.repeat(100)
    const error = refusal(modelOf(short), { body: { messages: [{ role: 'user', content }] } })
    expect([error.kind, error.code]).toEqual(['context_length', 'context_length_exceeded'])
  })

  test('by the defaults that the model adds', () => {
    const model = modelOf([targetOf('a', { abilities: lame })], {
      defaults: {
        response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } },
      },
    })
    expect(refusal(model, {}).message).toContain('json_schema')
  })

  test('an operation that nobody offers', () => {
    const gateway = createTestGateway({
      providers: ['a', 'b'].map((id) =>
        testProvider({ id, type: 'anthropic', baseUrl: 'http://127.0.0.1:9' }),
      ),
    })
    const model = modelOf([targetOf('a'), targetOf('b')])
    const asking = { operation: 'embedding', dialect: 'openai-embeddings' } as const
    expect(() => routedBy(model, asking, gateway)).toThrow('embedding')
  })
})

test('nobody there is nobody to ask, and no fault of the request', () => {
  const routed = routedBy(modelOf([targetOf('x'), targetOf('y')]))
  expect(routed.targets).toEqual([])
  expect(routed.record?.candidates.map(({ reason }) => reason)).toEqual([
    'its provider is not there',
    'its provider is not there',
  ])
  expect(routedBy(modelOf([])).targets).toEqual([])
})

describe('the plain path', () => {
  test('one target is given back as it is, without a decision', () => {
    const model = modelOf([targetOf('a')])
    const routed = routedBy(model)
    expect(routed.targets).toBe(model.targets)
    expect(routed).not.toHaveProperty('record')
  })

  test('one holder among several likewise', () => {
    const holders = [ABC[1]!]
    expect(routedBy(modelOf(ABC), {}, undefined, holders).targets).toBe(holders)
  })
})

describe('whom a request goes to', () => {
  test('the named target, of a provider or by its model', () => {
    const model = modelOf([...ABC, targetOf('b', { model: 'other' })], { routing: LISTED })
    const named = (target: string) =>
      routedBy(model, { headers: { 'x-weir-target': target }, principal: ADMIN })
    expect(named('c').targets).toEqual([targetOf('c')])
    expect(named('b/other').targets).toEqual([targetOf('b', { model: 'other' })])
    expect(named('b').targets.length).toBe(2)
    expect(named('c').record?.by).toBe('pinned')
    expect(named('c').record?.candidates.length).toBe(4)
  })

  test('only those with all the tags', () => {
    const model = modelOf(
      [targetOf('a', { tags: ['eu'] }), targetOf('b', { tags: ['eu', 'fast'] }), targetOf('c')],
      { routing: LISTED },
    )
    const tagged = (tags: string) =>
      ids(routedBy(model, { headers: { 'x-weir-tags': tags } }).targets)
    expect(tagged('eu')).toEqual(['a', 'b'])
    expect(tagged(' fast , eu,eu')).toEqual(['b'])
  })

  test('wishes do not stop a model that is fallen back to', () => {
    const spare = modelOf(ABC, { id: 'spare' })
    const headers = { 'x-weir-target': 'z' }
    expect(routedBy(spare, { headers, principal: ADMIN }).targets).toEqual([])
    expect(routedBy(spare, { headers: { 'x-weir-tags': 'eu' } }).targets).toEqual([])
  })

  test('the same one for the same key, user or session, and each tenant by itself', () => {
    const model = (sticky: 'key' | 'user' | 'session') =>
      modelOf(ABC, { routing: { ...DEFAULT_ROUTING, sticky } })
    const order = (sticky: 'key' | 'user' | 'session', asking: Asking) =>
      ids(routedBy(model(sticky), asking).targets).join('')
    const seen = new Set<string>()
    for (let index = 0; index < 20; index += 1) {
      const session = { headers: { 'x-session-id': `s${index}` } }
      const first = order('session', session)
      seen.add(first)
      expect(order('session', session)).toBe(first)
      expect(order('user', { body: { user: `s${index}` } })).toBe(first)
      expect(order('key', { principal: { ...USER, keyId: `s${index}` } })).toBe(first)
    }
    expect(seen.size).toBeGreaterThan(3)
    const tenants = new Set<string>()
    for (let index = 0; index < 20; index += 1) {
      const principal = { ...USER, tenantId: `t${index}` }
      tenants.add(order('session', { headers: { 'x-session-id': 's' }, principal }))
    }
    expect(tenants.size).toBeGreaterThan(3)
    expect(routedBy(model('session')).record?.by).toBe('weighted')
  })

  test('each in turn, and a model of its own turns', () => {
    const gateway = gatewayOf(['a', 'b', 'c'])
    const routing = { ...DEFAULT_ROUTING, strategy: 'round_robin' as const }
    const first = (model: Model) => ids(routedBy(model, {}, gateway).targets)[0]
    const turns = modelOf(ABC, { routing })
    const other = modelOf(ABC, { routing, id: 'other' })
    expect([first(turns), first(turns), first(other), first(turns), first(turns)]).toEqual([
      'a',
      'b',
      'a',
      'c',
      'a',
    ])
  })

  test('one whose circuit is open is left alone; when all are, the wait is told', () => {
    const gateway = gatewayOf(['a', 'b'])
    const { health, snapshot } = gateway.deps
    const fail = (id: string) => {
      for (let count = 0; count < 50; count += 1) {
        health.begin(snapshot().allProviders.get(id)!, 'm')?.failed()
      }
    }
    const model = modelOf([targetOf('a'), targetOf('b')])
    fail('a')
    expect(ids(routedBy(model, {}, gateway).targets)).toEqual(['b'])
    fail('b')
    const routed = routedBy(model, {}, gateway)
    expect(routed.targets).toEqual([])
    expect(routed.retryAfterMs).toBeGreaterThan(0)
    expect(routed.record?.candidates[0]?.reason).toMatch(/^left alone for another \d+ s$/)
    const headers = { 'x-weir-target': 'a' }
    expect(ids(routedBy(model, { headers, principal: ADMIN }, gateway).targets)).toEqual(['a'])
  })

  test("behind the others where the provider's own list says it cannot; a guess from the name says nothing", async () => {
    const lists = upstream(
      json({
        data: [
          {
            id: 'text',
            architecture: { input_modalities: ['text'], output_modalities: ['text'] },
            supported_parameters: ['tools'],
          },
        ],
      }),
    )
    const gateway = createTestGateway({
      providers: [
        testProvider({ id: 'a', type: 'openrouter', baseUrl: `${lists.url}/api/v1` }),
        testProvider({ id: 'b', type: 'custom', baseUrl: 'http://127.0.0.1:9/v1' }),
      ],
    })
    const provider = gateway.deps.snapshot().allProviders.get('a')!
    await gateway.deps.directory.refresh(provider)
    const content = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }]
    const model = modelOf([targetOf('a', { model: 'text' }), targetOf('b', { order: 1 })])
    const seen = routedBy(model, { body: { messages: [{ role: 'user', content }] } }, gateway)
    expect(ids(seen.targets)).toEqual(['b', 'a'])
    expect(seen.record?.candidates[1]?.reason).toBe(
      'behind the others: its provider lists it without vision',
    )
    expect(ids(routedBy(model, {}, gateway).targets)).toEqual(['a', 'b'])
  })
})

describe('what is relayed', () => {
  const relayed = (model: Model, asking: Asking = {}, offered: readonly string[] = ['a', 'b']) => {
    const { deps } = gatewayOf(['a', 'b', 'c'])
    const arrival = { headers: new Headers(asking.headers), principal: asking.principal ?? USER }
    const operation = {
      name: 'image',
      offers: ({ id }: { readonly id: string }) => offered.includes(id),
    }
    const { targets: candidates } = model
    return routeRelayed(
      { model, candidates, requested: 'fast', operation, arrival, body: { user: 'u' } },
      catalogOf(deps),
      deps,
    )
  }

  test('is refused for the same wishes, and where nobody has the operation', () => {
    const model = modelOf(ABC)
    expect(() => relayed(model, { headers: { 'x-weir-target': 'a' } })).toThrow('may not choose')
    expect(() => relayed(model, { headers: { 'x-weir-tags': 'eu' } })).toThrow('x-weir-tags')
    expect(() => relayed(model, {}, [])).toThrow('(image)')
  })

  test('goes where a chat would, past those that have no such operation, whatever they can do', () => {
    const abilities = { vision: false, tools: false, chat: false, contextWindow: 1 }
    const lame = modelOf([...ABC, targetOf('b', { model: 'x', abilities })], { routing: LISTED })
    expect(ids(relayed(lame).targets)).toEqual(['a', 'b', 'b'])
    const headers = { 'x-weir-target': 'b/x' }
    expect(relayed(lame, { headers, principal: ADMIN }).targets.length).toBe(1)
    const sticky = modelOf(ABC, { routing: { ...DEFAULT_ROUTING, sticky: 'user' } })
    expect(relayed(sticky).record?.by).toBe('sticky')
    expect(relayed(modelOf([targetOf('c')])).record).toBeUndefined()
  })
})

test('the whole way: the upstream that is asked and the row that says why', async () => {
  const one = upstream(answering)
  const two = upstream(answering)
  const abilities = { vision: false }
  const gateway = createTestGateway({
    providers: [
      testProvider({ id: 'one', type: 'custom', baseUrl: `${one.url}/v1` }),
      testProvider({ id: 'two', type: 'custom', baseUrl: `${two.url}/v1` }),
    ],
    models: [
      modelOf([targetOf('one', { abilities }), targetOf('two')], { routing: LISTED }),
      modelOf([targetOf('one', { abilities })], { id: 'blind' }),
      modelOf([targetOf('two')], { id: 'plain' }),
    ],
  })
  const content = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }]
  const ask = async (model: string, more: Partial<TestRequest> & { picture?: boolean } = {}) => {
    const index = gateway.outcomes.length
    const said = more.picture === true ? content : 'hi'
    const reply = await gateway.ask({
      body: { model, messages: [{ role: 'user', content: said }] },
      ...more,
    })
    const text = await textOf(reply)
    return { status: reply.status, text, outcome: await gateway.outcome(index) }
  }
  const usual = await ask('fast')
  expect([usual.status, one.requests.length, two.requests.length]).toEqual([200, 1, 0])
  expect(usual.outcome.route).toEqual([
    {
      model: 'fast',
      by: 'order',
      candidates: [
        { providerId: 'one', model: 'm', rank: 0, reason: 'as listed' },
        { providerId: 'two', model: 'm', rank: 1, reason: 'as listed' },
      ],
    },
  ])
  const seen = await ask('fast', { picture: true })
  expect([seen.status, one.requests.length, two.requests.length]).toEqual([200, 1, 1])
  expect(seen.outcome.route?.[0]?.candidates[1]).toEqual({
    providerId: 'one',
    model: 'm',
    reason: 'declared without vision',
  })
  expect((await ask('plain')).outcome).not.toHaveProperty('route')
  const blind = await ask('blind', { picture: true })
  expect(blind.status).toBe(400)
  expect(blind.outcome.errorText).toContain('one/m: declared without vision')
  expect([one.requests.length, two.requests.length]).toEqual([1, 2])
})
