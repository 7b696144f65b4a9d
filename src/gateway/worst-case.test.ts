import { describe, expect, test } from 'bun:test'
import type { Model, ModelPrice, Provider } from '../core/catalog.ts'
import { buildSnapshot } from './snapshot.ts'
import { testProvider } from '../testing/gateway.ts'
import { memberGrants } from '../testing/principals.ts'
import type { Asked, RawAsked } from './admit.ts'
import { askedTokens } from './asked-tokens.ts'
import { worstCase } from './worst-case.ts'

const PROVIDER = testProvider({ id: 'p', type: 'openai', baseUrl: 'http://p.invalid/v1' })

function modelOf(id: string, targets: readonly string[], over: Partial<Model> = {}): Model {
  return {
    id,
    origin: 'file',
    targets: targets.map((model, order) => ({ providerId: 'p', model, order, weight: 1 })),
    defaults: {},
    losses: 'report',
    ...over,
  }
}

/** By the provider's name for the model. */
const PRICES: Readonly<Record<string, ModelPrice>> = {
  cheap: { input: 0, output: 1 },
  dear: { input: 0, output: 1_000 },
  embed: { input: 1 },
}

const prices = {
  ready: () => Promise.resolve(),
  find(_provider: Provider, model: string) {
    const price = PRICES[model]
    return price === undefined ? undefined : { price }
  },
}

function asked(
  body: Asked['body'],
  over: { operation?: string; action?: string; model?: Model; modelName?: string; raw?: RawAsked },
): Asked {
  const { action, operation = 'chat', modelName = 'm', ...rest } = over
  const inbound = {
    dialect: operation === 'completion' ? 'openai-completions' : 'openai-chat',
    operation,
    endpoint: '/test',
    bytes: new TextEncoder().encode(JSON.stringify(body ?? {})),
    headers: new Headers(),
    principal: { kind: 'key', tenantId: 'default', grants: memberGrants('default') },
    requestId: 'r',
    signal: new AbortController().signal,
    arrivedMs: 0,
    arrivedMonotonicMs: 0,
    ...(action === undefined ? {} : { action }),
  } as Asked['inbound']
  return { inbound, modelName, stream: false, ...(body === undefined ? {} : { body }), ...rest }
}

function worst(one: Asked, models: readonly Model[] = []) {
  const catalog = buildSnapshot(1, [{ providers: [PROVIDER], models, keys: [] }]).of('default')
  return worstCase(one, catalog, prices, 0)
}

describe('the most a request may cost', () => {
  const cheap = modelOf('m', ['cheap'])

  test('every prompt of a legacy completion is answered, and so is every choice', () => {
    const body = { prompt: ['a', 'b', 'c'], max_tokens: 10, n: 2 }
    const request = asked(body, { operation: 'completion', model: cheap })
    expect(worst(request).nanoUsd).toBe(60)
    expect(askedTokens(request).tokens).toBeGreaterThanOrEqual(60)
    // A prompt in tokens is one.
    const tokens = asked({ ...body, prompt: [1, 2, 3] }, { operation: 'completion', model: cheap })
    expect(worst(tokens).nanoUsd).toBe(20)
  })

  test('what a target sets in place of the client counts, where that is more', () => {
    const overridden = (overrides: object) => {
      const [target] = modelOf('m', ['cheap']).targets
      return { ...modelOf('m', []), targets: [{ ...target!, overrides: { ...overrides } }] }
    }
    const tokens = (max: number, overrides: object) =>
      worst(asked({ max_tokens: max }, { model: overridden(overrides) }))
    expect(tokens(10, { max_tokens: 500 }).outputTokens).toBe(500)
    expect(tokens(900, { max_tokens: 500 }).outputTokens).toBe(900)
    expect(tokens(10, { n: 3 }).outputTokens).toBe(30)
    expect(tokens(10, { max_tokens: null }).isOpenEnded).toBe(true)
    const model = overridden({ max_tokens: 5_000 })
    const estimate = askedTokens(asked({ max_tokens: 10 }, { model })).tokens
    expect(estimate).toBeGreaterThanOrEqual(5_000)
  })

  test('a length beyond all sense has a price all the same', () => {
    for (const length of [1e15, 1e300]) {
      expect(worst(asked({ max_tokens: length }, { model: cheap })).nanoUsd).toBe(1e9)
    }
  })

  test('of targets with and without a price those with one are held', () => {
    const mixed = modelOf('m', ['cheap', 'nobody-knows'])
    expect(worst(asked({ max_tokens: 7 }, { model: mixed }))).toMatchObject({
      nanoUsd: undefined,
      knownNanoUsd: 7,
    })
  })

  test('a model that may answer in its place counts, also where it is named by its provider', () => {
    const routing = { fallbacks: { any: ['p/dear'] } } as unknown as NonNullable<Model['routing']>
    const one = asked({ max_tokens: 7 }, { model: { ...cheap, routing } })
    expect(worst(one).nanoUsd).toBe(7_000)
  })

  test('a raw request is read as what it is', () => {
    const chat = { dialect: 'anthropic', operation: 'chat' } as const
    const about = { operation: 'proxy', modelName: 'p/cheap' }
    expect(worst(asked({ max_tokens: 100_000 }, { ...about, raw: chat })).nanoUsd).toBe(100_000)
    const embedding = { dialect: 'openai-embeddings', operation: 'embedding' } as const
    const embed = worst(asked({}, { ...about, modelName: 'p/embed', raw: embedding }))
    expect(embed.nanoUsd).toBeGreaterThan(0)
    const count = { dialect: 'anthropic', operation: 'token-count' } as const
    expect(worst(asked({}, { ...about, raw: count })).nanoUsd).toBe(0)
  })

  test('nobody knows what a new batch will cost; looking at one is free', () => {
    const about = { operation: 'batch', modelName: '' }
    expect(worst(asked(undefined, { ...about, action: 'create' })).nanoUsd).toBeUndefined()
    expect(worst(asked(undefined, { ...about, action: 'cancel' })).nanoUsd).toBe(0)
    expect(worst(asked(undefined, { operation: 'file', modelName: '' })).nanoUsd).toBe(0)
  })
})
