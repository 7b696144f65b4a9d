// The part of the repositories' contract that is about models: aliases, and what became of the models that providers list.
// Imported by `contract.ts` alone.

import { expect, test } from 'bun:test'
import type { Model } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { ModelFacts, ProviderModel } from '../core/model-status.ts'
import type { Open } from './contract.ts'
import { sampleModel, TEST_ACTOR } from './test-store.ts'

/** Changes that are made on what is there. */
export function modelChangesContract(open: Open): void {
  test('sees what is there, makes what it says, and deletes where it says nothing', async () => {
    const { models } = await open()
    const seen: (Model | undefined)[] = []
    const to = (next: Model | undefined) => (before: Model | undefined) => {
      seen.push(before)
      return next
    }
    const first = sampleModel()
    const stored = { ...first, tenantId: 'a' }
    expect(await models.change('a', 'none', TEST_ACTOR, to(undefined))).toBeUndefined()
    expect(await models.change('a', first.id, TEST_ACTOR, to(first))).toEqual(stored)
    expect(await models.find('a', first.id)).toEqual(stored)
    expect(await models.find('b', first.id)).toBeUndefined()
    expect(await models.list('a')).toEqual([stored])
    expect(await models.list('b')).toEqual([])
    // It keeps its name and its tenant, whatever the plan says of them.
    const other = sampleModel({ id: 'other', tenantId: 'b', origin: 'file', contextWindow: 5 })
    const now = { ...stored, contextWindow: 5 }
    expect(await models.change('a', first.id, TEST_ACTOR, to(other))).toEqual(now)
    expect(await models.all()).toEqual([now])
    expect(await models.change('a', first.id, TEST_ACTOR, to(undefined))).toBeUndefined()
    expect(await models.all()).toEqual([])
    expect(seen).toEqual([undefined, undefined, stored, now])
  })

  test('what a plan throws changes nothing, and changes at once are one after the other', async () => {
    const { models } = await open()
    const model = sampleModel({ contextWindow: 0 })
    await models.save('a', model, TEST_ACTOR)
    const refused = models.change('a', model.id, TEST_ACTOR, () => {
      throw new GatewayError('invalid_request', { param: 'x' })
    })
    await expect(refused).rejects.toMatchObject({ param: 'x', status: 400 })
    const more = (before: Model | undefined) =>
      sampleModel({ contextWindow: (before?.contextWindow ?? 0) + 1 })
    await Promise.all(
      Array.from({ length: 8 }, () => models.change('a', model.id, TEST_ACTOR, more)),
    )
    expect((await models.find('a', model.id))?.contextWindow).toBe(8)
  })
}

/** Aliases with their targets. */
export function modelsContract(open: Open): void {
  test('another tenant can neither remove nor replace', async () => {
    const { models } = await open()
    const model = sampleModel()
    await models.save('a', model, TEST_ACTOR)
    expect(await models.remove('b', model.id, TEST_ACTOR)).toBe(false)
    await models.save('b', sampleModel({ targets: [] }), TEST_ACTOR)
    expect(await models.remove('b', model.id, TEST_ACTOR)).toBe(true)
    expect(await models.all()).toEqual([{ ...model, tenantId: 'a' }])
  })

  test('comes back as it was saved; saving again replaces all of it', async () => {
    const { models } = await open()
    const full = sampleModel({
      defaults: { temperature: 0, stop: [], nested: { a: null, b: [false, '', 1.5] } },
      losses: 'reject',
      contextWindow: 0,
      price: { input: 0, output: 0.25 },
      routing: {
        strategy: 'latency',
        sticky: 'session',
        fallbacks: { context_length: ['large'], any: [] },
        retryRefused: true,
        hedgeAfterMs: 0,
        continuation: true,
      },
      targets: [
        {
          providerId: 'openai',
          model: 'gpt-5-mini',
          order: 0,
          weight: 80,
          tags: ['eu', ''],
          abilities: { vision: false, tools: true, contextWindow: 0 },
          overrides: { temperature: 0, stop: null, nested: { a: [false, ''] } },
        },
        { providerId: 'azure', model: 'm', order: 1, weight: 0.5, tags: [], abilities: {} },
        { providerId: 'azure', model: 'n', order: 1, weight: 0 },
      ],
    })
    await models.save('default', full, TEST_ACTOR)
    expect(await models.all()).toStrictEqual([{ ...full, tenantId: 'default' }])
    const less = sampleModel({ targets: full.targets.slice(1), defaults: {} })
    await models.save('default', less, TEST_ACTOR)
    expect(await models.all()).toStrictEqual([{ ...less, tenantId: 'default' }])
    await models.save('default', { ...less, targets: [] }, TEST_ACTOR)
    expect((await models.all())[0]?.targets).toEqual([])
  })
}

const NO_FACTS: ModelFacts = {}

function listed(...models: readonly string[]) {
  return models.map((model) => ({ model, facts: NO_FACTS }))
}

/** `model state first last gone`, in order. */
function told(models: readonly ProviderModel[]): string[] {
  return models.map(({ firstSeenMs, goneMs, lastSeenMs, model, providerId, state }) =>
    [`${providerId}/${model}`, state, firstSeenMs, lastSeenMs, goneMs ?? '-'].join(' '),
  )
}

const INTERVAL_MS = LIMITS.modelLastSeenIntervalMs

/** What a look at a provider's list does. */
export function modelStatusesContract(open: Open): void {
  test('another tenant and another provider neither see nor change it', async () => {
    const { modelStatuses } = await open()
    await modelStatuses.seen('a', 'p', listed('m'), 1)
    await modelStatuses.seen('b', 'p', [], 2)
    await modelStatuses.seen('a', 'q', [], 2)
    expect(await modelStatuses.all('b')).toEqual([])
    expect(told(await modelStatuses.all('a'))).toEqual(['p/m available 1 1 -'])
  })

  test('what vanishes is marked once, keeps its facts and comes back with the time it first came', async () => {
    const { modelStatuses } = await open()
    const facts: ModelFacts = {
      contextWindow: 0,
      capabilities: [],
      baseModel: 'b',
      version: '1',
      status: 'Succeeded',
      retiresMs: 0,
    }
    await modelStatuses.seen('default', 'p', [{ model: 'a', facts }, ...listed('b')], 1)
    await modelStatuses.seen('default', 'p', listed('b'), 2)
    expect(told(await modelStatuses.all('default'))).toEqual([
      'p/a gone 1 1 2',
      'p/b available 1 2 -',
    ])
    expect((await modelStatuses.all('default'))[0]?.facts).toStrictEqual(facts)
    // Nothing new: not even the time of the look is written.
    await modelStatuses.seen('default', 'p', listed('b'), 3)
    expect(told(await modelStatuses.all('default'))).toEqual([
      'p/a gone 1 1 2',
      'p/b available 1 2 -',
    ])
    await modelStatuses.seen('default', 'p', [], 4)
    expect(told(await modelStatuses.all('default'))).toEqual(['p/a gone 1 1 2', 'p/b gone 1 2 4'])
    await modelStatuses.seen('default', 'p', listed('a', 'b', 'c'), 5)
    expect(told(await modelStatuses.all('default'))).toEqual([
      'p/a available 1 5 -',
      'p/b available 1 5 -',
      'p/c available 5 5 -',
    ])
  })

  test('a part of a list marks nothing as gone, and brings what it has', async () => {
    const { modelStatuses } = await open()
    await modelStatuses.seen('default', 'p', listed('a', 'b'), 1)
    await modelStatuses.seen('default', 'p', listed('b', 'c'), 2, false)
    expect(told(await modelStatuses.all('default'))).toEqual([
      'p/a available 1 1 -',
      'p/b available 1 2 -',
      'p/c available 2 2 -',
    ])
    await modelStatuses.seen('default', 'p', [], 3, false)
    expect(await modelStatuses.all('default')).toHaveLength(3)
  })

  test('other facts and another state are taken over', async () => {
    const { modelStatuses } = await open()
    await modelStatuses.seen('default', 'p', [{ model: 'a', facts: { contextWindow: 1 } }], 1)
    const retired = { model: 'a', state: 'retired' as const, facts: { retiresMs: 1 } }
    await modelStatuses.seen('default', 'p', [retired], 2)
    expect(await modelStatuses.all('default')).toStrictEqual([
      {
        providerId: 'p',
        model: 'a',
        state: 'retired',
        facts: { retiresMs: 1 },
        firstSeenMs: 1,
        lastSeenMs: 2,
      },
    ])
    await modelStatuses.seen('default', 'p', [], 3)
    expect(told(await modelStatuses.all('default'))).toEqual(['p/a gone 1 2 3'])
  })

  test('a look much later is written, of those that were seen', async () => {
    const { modelStatuses } = await open()
    await modelStatuses.seen('default', 'p', listed('a', 'b'), 1)
    await modelStatuses.seen('default', 'p', listed('a'), 2)
    await modelStatuses.seen('default', 'p', listed('a'), 1 + INTERVAL_MS)
    expect(told(await modelStatuses.all('default'))[0]).toBe('p/a available 1 2 -')
    await modelStatuses.seen('default', 'p', listed('a'), 2 + INTERVAL_MS)
    expect(told(await modelStatuses.all('default'))).toEqual([
      `p/a available 1 ${2 + INTERVAL_MS} -`,
      'p/b gone 1 1 2',
    ])
  })
}

/** Odd and very long lists. */
export function modelStatusBoundsContract(open: Open): void {
  test('a name listed twice is one model, by the first; any text is a name', async () => {
    const { modelStatuses } = await open()
    const names = ['', "a'b", 'ü/ñ:latest', 'x'.repeat(5_000), '%', '__proto__']
    const twice = { model: "a'b", facts: { contextWindow: 9 } }
    await modelStatuses.seen('default', 'p', [...listed(...names), twice], 1)
    const all = await modelStatuses.all('default')
    expect(all.map(({ model }) => model).toSorted()).toEqual(names.toSorted())
    expect(all.every(({ facts }) => Object.keys(facts).length === 0)).toBe(true)
    await modelStatuses.seen('default', 'p', listed(...names), 2)
    expect((await modelStatuses.all('default')).every(({ lastSeenMs }) => lastSeenMs === 1)).toBe(
      true,
    )
  })

  test('of more models than are remembered, those gone longest are forgotten', async () => {
    const { modelStatuses } = await open()
    const batch = (name: string, count: number) =>
      listed(...Array.from({ length: count }, (_, at) => `${name}${at}`))
    const half = LIMITS.modelStatusRowsMax / 2
    await modelStatuses.seen('default', 'p', batch('first', half), 1)
    await modelStatuses.seen('default', 'p', batch('second', half), 2)
    await modelStatuses.seen('default', 'p', batch('third', half), 3)
    const all = await modelStatuses.all('default')
    const counts = Map.groupBy(all, ({ model, state }) => `${model.replace(/\d+/, '')} ${state}`)
    expect([...counts].map(([name, models]) => [name, models.length]).toSorted()).toEqual([
      ['second gone', half],
      ['third available', half],
    ])
  })

  test('parts of a list that go on bringing others: what was not seen for longest is forgotten', async () => {
    const { modelStatuses } = await open()
    const half = LIMITS.modelStatusRowsMax / 2
    for (const [at, name] of ['x', 'y', 'z'].entries()) {
      const batch = Array.from({ length: half }, (_, index) => `${name}${index}`)
      await modelStatuses.seen('default', 'p', listed(...batch), at + 1, false)
    }
    const all = await modelStatuses.all('default')
    expect(all).toHaveLength(LIMITS.modelStatusRowsMax)
    expect(new Set(all.map(({ model }) => model[0]))).toEqual(new Set(['y', 'z']))
  })
}
