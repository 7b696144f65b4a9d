// The model directory against a real server on loopback: pages, parts, lies and silence of providers, what is written when, and what
// is known before anybody has answered.

import { afterEach, describe, expect, jest, test } from 'bun:test'
import type { Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { ProviderModel } from '../core/model-status.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { FakeClock } from '../testing/clock.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { systemClock } from '../system.ts'
import { ModelDirectory, type DirectoryPorts } from './catalog.ts'
import type { AskedList } from './model-list-question.ts'
import type { SeenModel } from './model-status.ts'
import { resolve } from './resolve.ts'
import { buildSnapshot } from './snapshot.ts'
import { memberGrants } from '../testing/principals.ts'

const ANYBODY = {
  kind: 'anonymous',
  tenantId: DEFAULT_TENANT_ID,
  grants: memberGrants(),
} as const

interface Written {
  readonly providerId: string
  readonly names: readonly string[]
  readonly isWhole: boolean | undefined
}

/** Who is known by that id, whatever else it is. */
function named(id: string) {
  return testProvider({ id, type: 'custom', baseUrl: 'http://127.0.0.1:9/v1' })
}

class Rig {
  readonly clock = new FakeClock()
  readonly written: Written[] = []
  failing = false
  readonly directory: ModelDirectory

  constructor(over: Partial<DirectoryPorts> = {}) {
    const { deps } = createTestGateway({ providers: [] })
    this.directory = new ModelDirectory({
      clock: this.clock,
      logger: SILENT_LOGGER,
      prices: deps.prices,
      tokens: deps.tokens,
      transport: (provider) => deps.transport(provider),
      statuses: {
        seen: (_tenant, providerId, models: readonly SeenModel[], _nowMs, isWhole) => {
          if (this.failing) return Promise.reject(new Error('the disk is full'))
          this.written.push({ providerId, names: models.map(({ model }) => model), isWhole })
          return Promise.resolve()
        },
      },
      ...over,
    })
  }

  names(providerId: string): string[] | undefined {
    return this.directory.listed(named(providerId))?.map(({ id }) => id)
  }
}

const upstreams: Upstream[] = []
afterEach(async () => {
  jest.useRealTimers()
  for (const upstream of upstreams.splice(0)) await upstream.close()
})

function playing(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  upstreams.push(started)
  return started
}

const json =
  (body: unknown, status = 200): Answer =>
  () =>
    Response.json(body, { status })
const list = (...ids: readonly string[]) => json({ data: ids.map((id) => ({ id })) })
/** A page as Anthropic has it. */
const page = (ids: readonly string[], next?: string) =>
  json({
    data: ids.map((id) => ({ type: 'model', id })),
    has_more: next !== undefined,
    last_id: next ?? null,
  })

function providerAt(server: Upstream, over: Partial<Provider> = {}): Provider {
  return testProvider({ id: 'p', type: 'openai', baseUrl: `${server.url}/v1`, ...over })
}

describe('pages', () => {
  const anthropicAt = (server: Upstream) =>
    providerAt(server, { type: 'anthropic', baseUrl: server.url })

  test('all of them are read, one after the other, with the key', async () => {
    const server = playing(page(['a', 'b'], 'b/?&'), page(['c'], 'c'), page(['d', 'a']))
    const rig = new Rig()
    await rig.directory.refresh(anthropicAt(server))
    expect(rig.names('p')).toEqual(['a', 'b', 'c', 'd'])
    expect(server.requests.map(({ target }) => target)).toEqual([
      '/v1/models?limit=1000',
      '/v1/models?limit=1000&after_id=b%2F%3F%26',
      '/v1/models?limit=1000&after_id=c',
    ])
    expect(server.requests.every(({ headers }) => headers['x-api-key'] !== undefined)).toBe(true)
    expect(rig.written).toEqual([{ providerId: 'p', names: ['a', 'b', 'c', 'd'], isWhole: true }])
  })

  const BROKEN: [string, Answer][] = [
    ['fails', json({ error: 'no' }, 500)],
    ['is refused', json({ error: 'no' }, 401)],
    ['is no JSON', () => new Response('<html>')],
    ['says something else', json({ error: { message: 'later' } })],
    ['is null', json(null)],
    ['names the same page again', page(['b'], 'a')],
  ]
  test.each(BROKEN)(
    'a later page %s: what was read is known, and nothing is gone',
    async (_name, answer) => {
      const server = playing(page(['a', 'b', 'c']))
      const rig = new Rig()
      const provider = anthropicAt(server)
      await rig.directory.refresh(provider)
      server.play(page(['a'], 'a'), answer)
      await rig.directory.refresh(provider)
      expect(rig.names('p')?.toSorted()).toEqual(['a', 'b', 'c'])
      expect(rig.directory.stateOf(named('p'), 'c')).toBe('available')
      expect(rig.directory.asked(named('p'))).toMatchObject({ answered: true, isWhole: false })
      expect(rig.written).toHaveLength(1)
    },
  )

  test('without end: so many and no more', async () => {
    let pages = 0
    const server = playing(() => {
      pages += 1
      return Response.json({
        data: [{ type: 'model', id: `m${pages}` }],
        has_more: true,
        last_id: `m${pages}`,
      })
    })
    const rig = new Rig()
    await rig.directory.refresh(anthropicAt(server))
    expect(server.requests).toHaveLength(LIMITS.modelListPagesMax)
    expect(rig.directory.asked(named('p'))).toMatchObject({
      isWhole: false,
      models: LIMITS.modelListPagesMax,
    })
  })

  test('one that is longer than is kept is cut, and marks nothing', async () => {
    const ids = Array.from({ length: LIMITS.modelListEntriesMax }, (_, at) => `m${at}`)
    const server = playing(page(ids, 'x'), page(['one too many']))
    const rig = new Rig()
    await rig.directory.refresh(anthropicAt(server))
    expect(rig.directory.asked(named('p'))).toMatchObject({
      isWhole: false,
      models: LIMITS.modelListEntriesMax,
    })
  })
})

describe('an answer that is none', () => {
  const NONE: [string, Answer][] = [
    ['an error with 200', json({ error: { message: 'overloaded' } })],
    ['an empty object', json({})],
    ['null', json(null)],
    ['a text', json('models')],
    ['not JSON', () => new Response('<html>')],
    ['500', list('a')],
    ['a redirect', () => Response.redirect('http://127.0.0.1:9/v1/models', 302)],
  ]
  test.each(NONE)('%s leaves everything as it was', async (name, answer) => {
    const server = playing(list('a', 'b'))
    const rig = new Rig()
    const provider = providerAt(server)
    await rig.directory.refresh(provider)
    server.play(name === '500' ? json({ data: [] }, 500) : answer)
    await rig.directory.refresh(provider)
    expect(rig.names('p')).toEqual(['a', 'b'])
    expect(rig.directory.stateOf(named('p'), 'a')).toBe('available')
    expect(rig.directory.asked(named('p'))).toMatchObject({
      answered: false,
      problem: expect.any(String),
    })
    expect(rig.written).toHaveLength(1)
  })

  test('an empty list is one: null as an empty slice too, and a bare array', async () => {
    for (const body of [{ data: [] }, { data: null }, []]) {
      const server = playing(json([{ id: 'a' }, { id: 'b' }]))
      const rig = new Rig()
      const provider = providerAt(server)
      await rig.directory.refresh(provider)
      expect(rig.names('p')).toEqual(['a', 'b'])
      server.play(json(body))
      await rig.directory.refresh(provider)
      expect(rig.names('p')).toEqual([])
      expect(rig.directory.stateOf(named('p'), 'a')).toBe('gone')
    }
  })

  test('a key that is refused is not the last word: the next one asks, one on its way out last', async () => {
    const server = playing((request) =>
      request.headers['authorization'] === 'Bearer third'
        ? Response.json({ data: [{ id: 'a' }] })
        : Response.json({}, { status: request.index === 0 ? 401 : 429 }),
    )
    const rig = new Rig()
    const keys = [
      { id: '1', secret: 'draining', draining: true },
      { id: '2', secret: 'first' },
      { id: '3', secret: 'second' },
      { id: '4', secret: 'third' },
    ]
    await rig.directory.refresh(providerAt(server, { keys }))
    expect(rig.names('p')).toEqual(['a'])
    const secrets = server.requests.map(({ headers }) => headers['authorization'])
    expect(secrets).toEqual(['Bearer first', 'Bearer second', 'Bearer third'])
  })
})

describe('writing', () => {
  test('only what is new, and again after it could not be written', async () => {
    const server = playing(list('a'))
    const rig = new Rig()
    const provider = providerAt(server)
    rig.failing = true
    await rig.directory.refresh(provider)
    expect(rig.names('p')).toEqual(['a'])
    rig.failing = false
    for (let round = 0; round < 3; round += 1) await rig.directory.refresh(provider)
    expect(rig.written.map(({ names }) => names)).toEqual([['a']])
    server.play(list('a', 'b'))
    await rig.directory.refresh(provider)
    rig.clock.advance(LIMITS.modelLastSeenIntervalMs)
    await rig.directory.refresh(provider)
    await rig.directory.refresh(provider)
    expect(rig.written.map(({ names }) => names)).toEqual([['a'], ['a', 'b'], ['a', 'b']])
  })

  test('nothing once it is stopped, and a question that runs ends at once', async () => {
    const server = playing(() => new Promise<Response>(() => {}))
    const rig = new Rig()
    const asking = rig.directory.refresh(providerAt(server))
    await server.request(0)
    rig.directory.stop()
    await asking
    expect(rig.written).toEqual([])
  })
})

describe('asking', () => {
  test('one question at a time for each provider, a few providers at once, and only those whose list is old', async () => {
    let running = 0
    let most = 0
    const gate = Promise.withResolvers<void>()
    const server = playing(async () => {
      running += 1
      most = Math.max(most, running)
      if (running === LIMITS.modelListsAtOnceMax) gate.resolve()
      await gate.promise
      running -= 1
      return Response.json({ data: [{ id: 'a' }] })
    })
    const providers = Array.from({ length: 20 }, (_, at) => providerAt(server, { id: `p${at}` }))
    const snapshot = buildSnapshot(1, [{ providers, models: [], keys: [] }])
    const rig = new Rig()
    await Promise.all([rig.directory.refreshAll(snapshot), rig.directory.refreshAll(snapshot)])
    expect(server.requests).toHaveLength(20)
    expect(most).toBe(LIMITS.modelListsAtOnceMax)
    await rig.directory.refreshAll(snapshot)
    expect(server.requests).toHaveLength(20)
    // Another address behind an id is another provider.
    const moved = providers.with(0, providerAt(server, { id: 'p0', baseUrl: `${server.url}/v2` }))
    await rig.directory.refreshAll(buildSnapshot(2, [{ providers: moved, models: [], keys: [] }]))
    expect(server.requests).toHaveLength(21)
    rig.clock.advance(LIMITS.modelListTtlMs)
    await rig.directory.refreshAll(snapshot)
    expect(server.requests).toHaveLength(41)
  })

  test('at another address that does not answer: the list of the one before is not its own', async () => {
    const server = playing(list('old'))
    const rig = new Rig()
    await rig.directory.refresh(providerAt(server))
    expect(rig.names('p')).toEqual(['old'])
    const silent = playing(json({ error: 'no' }, 500))
    await rig.directory.refresh(providerAt(silent))
    expect(rig.names('p')).toBeUndefined()
  })

  test('at another address while the one before is still asked: the new one is asked as well, and its list stays', async () => {
    const held = Promise.withResolvers<void>()
    const slow = playing(async () => {
      await held.promise
      return Response.json({ data: [{ id: 'old' }] })
    })
    const rig = new Rig()
    const first = rig.directory.refresh(providerAt(slow))
    await slow.request(0)
    const moved = providerAt(playing(list('new')))
    const round = rig.directory.refreshAll(
      buildSnapshot(2, [{ providers: [moved], models: [], keys: [] }]),
    )
    held.resolve()
    await Promise.all([first, round])
    expect(rig.names('p')).toEqual(['new'])
  })

  test('parts of a list without end: no more names are kept than a list may have', async () => {
    let batch = 0
    const rig = new Rig({
      deployments: () => {
        batch += 1
        const names = Array.from({ length: LIMITS.modelListEntriesMax * 0.75 }, (_, at) => at)
        const models = names.map((at) => ({ id: `b${batch}-${at}` }))
        return Promise.resolve({ models, isWhole: false })
      },
    })
    const provider = providerAt(playing(list()))
    for (let round = 0; round < 3; round += 1) await rig.directory.refresh(provider)
    const kept = rig.names('p') ?? []
    expect(kept).toHaveLength(LIMITS.modelListEntriesMax)
    expect(kept.filter((name) => name.startsWith('b3-'))).toHaveLength(
      LIMITS.modelListEntriesMax * 0.75,
    )
  })

  test('every so often while the program runs, give or take', async () => {
    jest.useFakeTimers()
    for (const [random, share] of [
      [0, 0.8],
      [0.5, 1],
      [1, 1.2],
    ] as const) {
      const asked: number[] = []
      const rig = new Rig({ random: () => random })
      rig.directory.start(() => {
        asked.push(asked.length)
        return buildSnapshot(1, [])
      })
      const intervalMs = LIMITS.modelListRefreshIntervalMs * share
      jest.advanceTimersByTime(intervalMs - 1)
      expect(asked).toHaveLength(0)
      jest.advanceTimersByTime(1)
      expect(asked).toHaveLength(1)
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
      rig.directory.stop()
      jest.advanceTimersByTime(intervalMs * 10)
      expect(asked).toHaveLength(1)
    }
  })

  test('what is deployed comes from whoever knows; a failure there is one', async () => {
    const server = playing(list('could be'))
    const answers: (() => Promise<AskedList | undefined>)[] = [
      () =>
        Promise.resolve({
          models: [{ id: 'deployed', facts: { status: 'Succeeded' } }],
          isWhole: true,
        }),
      () => Promise.reject(new Error('no')),
      () => Promise.resolve(undefined),
    ]
    const rig = new Rig({ deployments: () => answers.shift()!() })
    const provider = providerAt(server)
    await rig.directory.refresh(provider)
    expect(rig.names('p')).toEqual(['deployed'])
    await rig.directory.refresh(provider)
    expect(rig.directory.stateOf(named('p'), 'deployed')).toBe('available')
    expect(server.requests).toHaveLength(0)
    await rig.directory.refresh(provider)
    expect(rig.names('p')).toEqual(['could be'])
  })
})

describe('names', () => {
  const remembered = (model: string, over: Partial<ProviderModel> = {}): ProviderModel => ({
    providerId: 'p',
    model,
    state: 'available',
    facts: { contextWindow: 7, capabilities: ['completion'] },
    firstSeenMs: 1,
    lastSeenMs: 2,
    ...over,
  })

  test('of yesterday are known before a provider has answered, and count as no answer', () => {
    const rig = new Rig()
    rig.directory.load(DEFAULT_TENANT_ID, [
      remembered('a'),
      remembered('b', { state: 'gone', goneMs: 3 }),
    ])
    const provider = testProvider({ id: 'p', type: 'openai', baseUrl: 'http://127.0.0.1:9/v1' })
    const snapshot = buildSnapshot(1, [{ providers: [provider], models: [], keys: [] }]).of(
      DEFAULT_TENANT_ID,
    )
    expect(rig.directory.models(snapshot, ANYBODY)).toEqual([
      { id: 'p/a', ownedBy: 'p', contextWindow: 7, capabilities: ['completion'] },
    ])
    expect(rig.directory.listed(named('p'))).toBeUndefined()
    expect(rig.directory.asked(named('p'))).toBeUndefined()
    expect(resolve('a', snapshot, rig.directory)?.targets).toMatchObject([
      { providerId: 'p', model: 'a' },
    ])
    // What is gone is still put to the one who had it: its own answer says why.
    expect(resolve('b', snapshot, rig.directory)?.targets).toMatchObject([
      { providerId: 'p', model: 'b' },
    ])
    expect(resolve('c', snapshot, rig.directory)).toBeUndefined()
    // A vendor's name goes to the vendor before somebody who once had it.
    const other = testProvider({ id: 'q', type: 'custom', baseUrl: 'http://127.0.0.1:9/v1' })
    rig.directory.load(DEFAULT_TENANT_ID, [remembered('gpt-9', { providerId: 'q', state: 'gone' })])
    const both = buildSnapshot(2, [{ providers: [other, provider], models: [], keys: [] }]).of(
      DEFAULT_TENANT_ID,
    )
    expect(resolve('gpt-9', both, rig.directory)?.targets[0]?.providerId).toBe('p')
  })

  test('of many models are found in no time (measured)', async () => {
    const ids = Array.from({ length: LIMITS.modelListEntriesMax }, (_, at) => `m${at}`)
    const server = playing(list(...ids))
    const rig = new Rig()
    const provider = providerAt(server)
    await rig.directory.refresh(provider)
    const snapshot = buildSnapshot(1, [{ providers: [provider], models: [], keys: [] }]).of(
      DEFAULT_TENANT_ID,
    )
    const startMs = systemClock.monotonicMs()
    expect(rig.directory.models(snapshot, ANYBODY)).toHaveLength(LIMITS.modelListEntriesMax)
    const listedMs = systemClock.monotonicMs()
    for (let round = 0; round < 1_000; round += 1) resolve('nobody', snapshot, rig.directory)
    const resolvedMs = systemClock.monotonicMs()
    await rig.directory.refresh(provider)
    expect(rig.written).toHaveLength(1)
    process.stdout.write(
      `directory of ${ids.length}: listed in ${(listedMs - startMs).toFixed(1)} ms, a name in ${(resolvedMs - listedMs).toFixed(1)} µs\n`,
    )
  })

  test('are seen when they were last listed, though that is not written each time', async () => {
    const server = playing(list('a', 'b'))
    const rig = new Rig()
    const provider = providerAt(server)
    await rig.directory.refresh(provider)
    const firstMs = rig.clock.nowMs()
    rig.clock.advance(1_000)
    server.play(list('a'))
    await rig.directory.refresh(provider)
    expect(rig.directory.statuses(named('p'))).toMatchObject([
      { model: 'a', state: 'available', firstSeenMs: firstMs, lastSeenMs: firstMs + 1_000 },
      { model: 'b', state: 'gone', lastSeenMs: firstMs, goneMs: firstMs + 1_000 },
    ])
    expect(rig.directory.statuses(named('nobody'))).toEqual([])
  })
})
