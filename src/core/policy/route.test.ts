import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import {
  candidateOf,
  questionOf,
  type CandidateOver,
  type QuestionOver,
} from '../../testing/routes.ts'
import { checkParameters, seededRandom } from '../../testing/seed.ts'
import type { TargetAbilities } from '../catalog.ts'
import { decideRoute } from './route.ts'
import type { LearnedFacts, PassedOver, RouteNeeds, RouteTarget } from './route-candidate.ts'

/** `p:reason` of each candidate in the record, those passed over with a minus. */
function told(candidates: readonly RouteTarget[], over: QuestionOver = {}): string[] {
  const { record } = decideRoute(questionOf(candidates, over))
  return record.candidates.map(
    ({ providerId, rank, reason }) => `${rank ?? '-'} ${providerId}: ${reason}`,
  )
}

describe('what the operator declares', () => {
  const cases: readonly (readonly [
    name: string,
    abilities: TargetAbilities,
    needs: Partial<RouteNeeds>,
    passedOver: PassedOver | undefined,
    reason?: string,
  ])[] = [
    ['no pictures', { vision: false }, { vision: true }, 'vision', 'declared without vision'],
    ['no pictures needed', { vision: false }, {}, undefined],
    ['pictures', { vision: true }, { vision: true }, undefined],
    ['unknown', {}, { vision: true, tools: true, jsonSchema: true }, undefined],
    ['no tools', { tools: false }, { tools: true }, 'tools', 'declared without tools'],
    [
      'no schema',
      { jsonSchema: false },
      { jsonSchema: true },
      'json_schema',
      'declared without json_schema',
    ],
    ['no chat', { chat: false }, { form: 'chat' }, 'chat', 'declared without chat'],
    ['no chat, a completion', { chat: false }, { form: 'completion' }, undefined],
    ['no chat, neither', { chat: false }, { form: undefined }, undefined],
    [
      'too short',
      { contextWindow: 100 },
      { tokensMax: 400, tokensMin: 101 },
      'context',
      'declared context of 100 tokens is too short',
    ],
    ['just enough', { contextWindow: 100 }, { tokensMax: 400, tokensMin: 100 }, undefined],
    ['surely enough', { contextWindow: 100 }, { tokensMax: 100, tokensMin: 999 }, undefined],
  ]
  for (const [name, abilities, needs, passedOver, reason] of cases) {
    test(name, () => {
      const question = questionOf([candidateOf('a', { target: { abilities } }), candidateOf('b')], {
        needs,
      })
      const decision = decideRoute(question)
      expect(decision.passedOver).toEqual(passedOver === undefined ? [] : [passedOver])
      expect(decision.targets.length).toBe(passedOver === undefined ? 2 : 1)
      if (reason === undefined) return
      expect(decision.record.candidates.at(-1)).toEqual({ providerId: 'a', model: 'm', reason })
    })
  }

  test('nothing is looked for in a request where nobody has declared or heard anything', () => {
    const needs: RouteNeeds = {
      ...questionOf([]).needs,
      get vision(): boolean {
        throw new Error('looked for pictures')
      },
      get tools(): boolean {
        throw new Error('looked for tools')
      },
      get jsonSchema(): boolean {
        throw new Error('looked for a schema')
      },
      get tokensMin(): number {
        throw new Error('counted')
      },
    }
    const can = { vision: true, tools: true, jsonSchema: true, chat: true, contextWindow: 100 }
    const group = [
      candidateOf('a'),
      candidateOf('b', { target: { abilities: can } }),
      candidateOf('c', { learned: { vision: true, tools: true, chat: true } }),
    ]
    expect(decideRoute({ ...questionOf(group), needs }).targets.length).toBe(3)
  })
})

describe('what is only heard', () => {
  const long = { tokensMax: 90_000, tokensMin: 50_000 }
  const cases: readonly (readonly [
    name: string,
    learned: LearnedFacts,
    needs: Partial<RouteNeeds>,
    note: string | undefined,
    abilities?: TargetAbilities,
  ])[] = [
    ['no pictures', { vision: false }, { vision: true }, 'its provider lists it without vision'],
    ['no tools', { tools: false }, { tools: true }, 'its provider lists it without tools'],
    ['no text', { chat: false }, {}, 'its provider lists it without completion'],
    ['gone', { gone: true }, {}, 'its provider has taken it away'],
    ['too short', { contextWindow: 8_192 }, long, 'its context of 8192 tokens is too short'],
    ['long enough', { contextWindow: 50_000 }, long, undefined],
    ['a short request', { contextWindow: 1 }, {}, undefined],
    ['the operator knows better', { vision: false }, { vision: true }, undefined, { vision: true }],
    ['and of the length', { contextWindow: 1 }, long, undefined, { contextWindow: 100_000 }],
  ]
  for (const [name, learned, needs, note, abilities] of cases) {
    test(name, () => {
      const target = { order: 0, ...(abilities === undefined ? {} : { abilities }) }
      const group = [
        candidateOf('a', { learned, target }),
        candidateOf('b', { target: { order: 5 } }),
      ]
      if (note === undefined) {
        expect(told(group, { needs })[0]).toBe('0 a: order 0, by lot, weight 1')
        return
      }
      expect(told(group, { needs })).toEqual([
        '0 b: order 5, by lot, weight 1',
        `1 a: behind the others: ${note}`,
      ])
      expect(told(group.slice(0, 1), { needs })).toEqual([`0 a: nobody else is left: ${note}`])
    })
  }
})

describe('circuits', () => {
  const open = (id: string, opensInMs: number, over: CandidateOver = {}) =>
    candidateOf(id, { ...over, health: { circuit: 'open', opensInMs } })

  test('an open one is passed over, and the soonest says when to come again', () => {
    const decision = decideRoute(questionOf([open('a', 2_100), open('b', 400), open('c', 9_000)]))
    expect(decision.targets).toEqual([])
    expect(decision.opensInMs).toBe(400)
    expect(decision.passedOver).toEqual(['open', 'open', 'open'])
    expect(decision.record.candidates.map(({ reason }) => reason)).toEqual([
      'left alone for another 3 s',
      'left alone for another 1 s',
      'left alone for another 9 s',
    ])
  })

  test('one that cannot take the request is no reason to wait', () => {
    const lacking = open('a', 5, { target: { abilities: { tools: false } } })
    const decision = decideRoute(questionOf([lacking], { needs: { tools: true } }))
    expect(decision.passedOver).toEqual(['tools'])
    expect(decision).not.toHaveProperty('opensInMs')
  })

  test('one that is tried again keeps its place', () => {
    const half = candidateOf('a', { health: { circuit: 'half_open' } })
    expect(told([half, candidateOf('b', { target: { order: 1 } })])).toEqual([
      '0 a: order 0, by lot, weight 1; tried again after it failed',
      '1 b: order 1, by lot, weight 1',
    ])
  })
})

describe('wishes', () => {
  const group = [
    candidateOf('a', { target: { tags: ['eu', 'cheap'] } }),
    candidateOf('b', { target: { tags: ['eu'] } }),
    candidateOf('c'),
  ]

  test('tags keep those that have all of them', () => {
    expect(told(group, { tags: ['eu', 'cheap'] })).toEqual([
      '0 a: by lot, weight 1',
      '- b: without the tags that were asked for',
      '- c: without the tags that were asked for',
    ])
    expect(decideRoute(questionOf(group, { tags: ['us'] })).passedOver).toEqual([
      'untagged',
      'untagged',
      'untagged',
    ])
  })

  test('a named target is asked alone, whatever is said against it but that it cannot be asked', () => {
    const lame = candidateOf('a', {
      target: { abilities: { vision: false }, weight: 0 },
      learned: { gone: true },
      health: { circuit: 'open', opensInMs: 2_000 },
    })
    const pin = { providerId: 'a' }
    const over = { pin, needs: { vision: true } }
    expect(told([candidateOf('b'), lame], over)).toEqual([
      '0 a: named by x-weir-target; left alone for another 2 s',
      '- b: not the target that was named',
    ])
    expect(decideRoute(questionOf([lame], over)).record.by).toBe('pinned')
    const missing = candidateOf('a', { unusable: { kind: 'missing', reason: 'no key' } })
    expect(told([missing], over)).toEqual(['- a: no key'])
  })

  test('a name with a model means that one, a provider alone all it has', () => {
    const two = ['x', 'y'].map((model) => candidateOf('a', { target: { model } }))
    const models = (pin: { providerId: string; model?: string }) =>
      decideRoute(questionOf(two, { pin, routing: { strategy: 'order' } })).targets.map(
        ({ model }) => model,
      )
    expect(models({ providerId: 'a' })).toEqual(['x', 'y'])
    expect(models({ providerId: 'a', model: 'y' })).toEqual(['y'])
    expect(models({ providerId: 'b' })).toEqual([])
  })

  test('what cannot be asked is told with its reason', () => {
    const unusable = { kind: 'unoffered', reason: 'it does not embed' } as const
    expect(told([candidateOf('a', { unusable }), candidateOf('b')])).toEqual([
      '0 b: by lot, weight 1',
      '- a: it does not embed',
    ])
  })
})

test('a sticky value decides within the lowest order that is left, and moves only where its target fails', () => {
  const group = ['a', 'b', 'c'].map((id) => candidateOf(id))
  const spare = candidateOf('spare', { target: { order: 1 } })
  fc.assert(
    fc.property(fc.string(), fc.nat(2), (value, failed) => {
      const over = { stickyValue: value, routing: { sticky: 'session' as const } }
      const before = decideRoute(questionOf([...group, spare], over))
      expect(before.record.by).toBe('sticky')
      expect(before.targets.at(-1)?.providerId).toBe('spare')
      const down = group.map((one, index) =>
        index === failed
          ? { ...one, health: { ...one.health, circuit: 'open' as const, opensInMs: 1 } }
          : one,
      )
      const after = decideRoute(questionOf([...down, spare], over))
      const firstBefore = before.targets[0]?.providerId
      if (firstBefore !== group[failed]?.target.providerId) {
        expect(after.targets[0]?.providerId).toBe(firstBefore ?? '')
      } else expect(after.targets[0]?.providerId).toBe(before.targets[1]?.providerId ?? '')
    }),
    checkParameters(200),
  )
})

test('every candidate is in the record once, ranked where it is tried; lower orders come first among equals', () => {
  const shape = fc.record({
    order: fc.integer({ min: -2, max: 3 }),
    weight: fc.nat(5),
    tags: fc.subarray(['x', 'y']),
    circuit: fc.constantFrom('closed', 'open', 'half_open'),
    vision: fc.constantFrom(true, false, undefined),
    heard: fc.constantFrom(true, false, undefined),
    gone: fc.boolean(),
    lost: fc.boolean(),
  })
  const strategy = fc.constantFrom(
    ...(['weighted', 'order', 'round_robin', 'least_busy', 'latency', 'cost'] as const),
  )
  fc.assert(
    fc.property(
      fc.array(shape, { maxLength: 8 }),
      strategy,
      fc.boolean(),
      fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
      fc.nat(),
      (shapes, chosen, vision, tag, seed) => {
        const group = shapes.map((one, index) =>
          candidateOf(`p${index}`, {
            target: {
              order: one.order,
              weight: one.weight,
              tags: one.tags,
              ...(one.vision === undefined ? {} : { abilities: { vision: one.vision } }),
            },
            health: { circuit: one.circuit, opensInMs: one.circuit === 'open' ? 5 : 0 },
            learned: { gone: one.gone, vision: one.heard },
            ...(one.lost ? { unusable: { kind: 'missing', reason: 'lost' } as const } : {}),
          }),
        )
        const decision = decideRoute(
          questionOf(group, {
            routing: { strategy: chosen },
            needs: { vision },
            tags: tag === undefined ? undefined : [tag],
            random: seededRandom(seed),
            turn: seed,
          }),
        )
        const { passedOver, record, targets } = decision
        expect(record.candidates.length).toBe(group.length)
        expect(new Set(record.candidates.map((one) => one.providerId)).size).toBe(group.length)
        const ranked = record.candidates.filter((one) => one.rank !== undefined)
        expect(ranked.map((one) => one.rank)).toEqual(targets.map((_, rank) => rank))
        expect(ranked.map((one) => one.providerId)).toEqual(targets.map((one) => one.providerId))
        expect(passedOver.length).toBe(group.length - targets.length)
        expect(record.candidates.every(({ reason }) => reason !== '' && reason.length < 120)).toBe(
          true,
        )
        const usual = ranked.filter(({ reason }) => !/^(behind|nobody)/.test(reason))
        expect(ranked.slice(0, usual.length)).toEqual(usual)
        const orders = targets.slice(0, usual.length).map(({ order }) => order)
        expect(orders).toEqual(orders.toSorted((a, b) => a - b))
      },
    ),
    checkParameters(200),
  )
})
