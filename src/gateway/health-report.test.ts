// Whether a request could be answered, by what is known of keys and targets: true words in both directions, whatever clients name.

import { describe, expect, test } from 'bun:test'
import type { Model, Provider } from '../core/catalog.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { anyProviderFit } from './health-report.ts'

const CIRCUIT = { enabled: true, failures: 2, errorRate: 0.5, windowMs: 60_000, openMs: 60_000 }

function aliasTo(model: string): Model {
  return {
    id: `alias-${model}`,
    origin: 'file',
    targets: [{ providerId: 'p', model, order: 0, weight: 1 }],
    defaults: {},
    losses: 'report',
  }
}

function world(models: readonly Model[], over: Partial<Provider> = {}) {
  const provider = testProvider({
    id: 'p',
    type: 'openai',
    baseUrl: 'http://127.0.0.1:9/v1',
    circuit: CIRCUIT,
    ...over,
  })
  const { deps } = createTestGateway({ providers: [provider], models: [...models] })
  const { health } = deps
  return {
    health,
    provider,
    isReady: () => anyProviderFit(deps),
    fail: (model: string) => {
      for (let time = 0; time < CIRCUIT.failures; time += 1) health.begin(provider, model)?.failed()
    },
    answer: (model: string) => {
      const attempt = health.begin(provider, model)
      attempt?.answered()
      attempt?.ended(true)
    },
    // As a provider does that knows no such model: no verdict on the target.
    refuse: (model: string) => health.begin(provider, model)?.released(),
  }
}

describe('a request could be answered', () => {
  test('before anybody has asked, and as long as one target of an alias was not asked or is not left alone', () => {
    const { fail, isReady } = world([aliasTo('one'), aliasTo('two')])
    expect(isReady()).toBe(true)
    fail('one')
    expect(isReady()).toBe(true)
    fail('two')
    expect(isReady()).toBe(false)
  })

  test('not because a client once named what is not there', () => {
    const { fail, isReady, refuse } = world([aliasTo('one')])
    refuse('invented')
    fail('one')
    expect(isReady()).toBe(false)
  })

  test('though what a client named fails, where others have answered or an alias leads elsewhere', () => {
    const aliased = world([aliasTo('one')])
    aliased.fail('invented')
    expect(aliased.isReady()).toBe(true)
    const plain = world([])
    plain.answer('good')
    plain.fail('invented')
    expect(plain.isReady()).toBe(true)
    plain.fail('good')
    expect(plain.isReady()).toBe(false)
  })

  test('not where nothing has ever answered and all that was asked failed, or every key is refused', () => {
    const { fail, isReady } = world([])
    fail('one')
    expect(isReady()).toBe(false)
    const keyless = world([aliasTo('one')])
    const { keys } = keyless.provider
    keyless.health.keys(keyless.provider).refused(keys, keys[0]?.id ?? '', 401, performance.now())
    expect(keyless.isReady()).toBe(false)
  })
})
