import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { candidateOf, questionOf } from '../../testing/routes.ts'
import { checkParameters, seededRandom } from '../../testing/seed.ts'
import type { RoutingStrategy } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import type { RouteTarget } from './route-candidate.ts'
import { arrange, turnIndex } from './route-strategy.ts'

/** Order and reasons of one arrangement. */
function arranged(
  strategy: RoutingStrategy,
  group: readonly RouteTarget[],
  over: Parameters<typeof questionOf>[1] = {},
): [string, string][] {
  return arrange(group, questionOf(group, { ...over, routing: { strategy } })).map(
    ({ candidate, reason }) => [candidate.target.providerId, reason],
  )
}

/** How often each comes first in so many runs. */
function firsts(
  strategy: RoutingStrategy,
  group: readonly RouteTarget[],
  runs: number,
  seed = 1,
): Map<string, number> {
  const random = seededRandom(seed)
  const counts = new Map<string, number>()
  for (let turn = 0; turn < runs; turn += 1) {
    const first = arranged(strategy, group, { random, turn })[0]?.[0] ?? ''
    counts.set(first, (counts.get(first) ?? 0) + 1)
  }
  return counts
}

const measured = (id: string, firstByteMs: number, totalMs = 1_000) =>
  candidateOf(id, { health: { firstByteMs, totalMs } })
const busy = (id: string, running: number, weight = 1) =>
  candidateOf(id, { health: { running }, target: { weight } })
const priced = (id: string, input: number, output = input) =>
  candidateOf(id, { price: { input, output } })

describe('each strategy', () => {
  const cases: readonly (readonly [
    name: string,
    strategy: RoutingStrategy,
    group: readonly RouteTarget[],
    expected: readonly (readonly [string, string])[],
    over?: Parameters<typeof questionOf>[1],
  ])[] = [
    ['nobody', 'latency', [], []],
    ['nobody takes turns', 'round_robin', [], []],
    [
      'lots by weight',
      'weighted',
      [busy('a', 0, 1), busy('b', 0, 9)],
      [
        ['b', 'by lot, weight 9'],
        ['a', 'by lot, weight 1'],
      ],
    ],
    [
      'as listed',
      'order',
      [busy('b', 9), busy('a', 0)],
      [
        ['b', 'as listed'],
        ['a', 'as listed'],
      ],
    ],
    [
      'the third turn',
      'round_robin',
      [busy('a', 0), busy('b', 0), busy('c', 0)],
      [
        ['c', 'its turn'],
        ['a', 'after the one whose turn it is'],
        ['b', 'after the one whose turn it is'],
      ],
      { turn: 5 },
    ],
    [
      'fewest requests for the weight',
      'least_busy',
      [busy('a', 3, 1), busy('b', 8, 4), busy('c', 5, 1)],
      [
        ['b', '8 running'],
        ['a', '3 running'],
        ['c', '5 running'],
      ],
    ],
    [
      'the fastest, then by the whole answer, unmeasured ones last',
      'latency',
      [
        candidateOf('new'),
        measured('b', 90, 800),
        measured('a', 90, 700),
        measured('c', 20.4, 9_000),
      ],
      [
        ['c', 'first byte after 20 ms'],
        ['a', 'first byte after 90 ms'],
        ['b', 'first byte after 90 ms'],
        ['new', 'not measured yet'],
      ],
    ],
    [
      'a first byte at once is the fastest of all',
      'latency',
      [measured('a', 1), measured('b', 0)],
      [
        ['b', 'first byte after 0 ms'],
        ['a', 'first byte after 1 ms'],
      ],
    ],
    [
      'the cheapest; free is known, no price is not',
      'cost',
      [candidateOf('unknown'), priced('dear', 5_000), priced('free', 0), priced('mid', 100, 2_000)],
      [
        ['free', 'about $0'],
        ['mid', 'about $0.000021'],
        ['dear', 'about $0.0001'],
        ['unknown', 'price unknown'],
      ],
    ],
    [
      'a price without output is unknown for an answer',
      'cost',
      [candidateOf('half', { price: { input: 1 } }), priced('whole', 9_000)],
      [
        ['whole', 'about $0.00018'],
        ['half', 'price unknown'],
      ],
    ],
    [
      'weight 0 comes last, however good it is',
      'latency',
      [
        candidateOf('spare', { health: { firstByteMs: 1 }, target: { weight: 0 } }),
        measured('a', 500),
      ],
      [
        ['a', 'first byte after 500 ms'],
        ['spare', 'weight 0'],
      ],
    ],
  ]
  for (const [name, strategy, group, expected, over] of cases) {
    test(`${strategy}: ${name}`, () => {
      expect(arranged(strategy, group, over)).toEqual(expected.map((pair) => [...pair]))
    })
  }

  test('the price of a prompt follows its length', () => {
    const group = [priced('even', 1, 1_000), priced('long', 100, 10)]
    const first = (inputTokens: number, outputTokens: number) =>
      arranged('cost', group, { needs: { inputTokens, outputTokens } })[0]?.[0]
    expect(first(10_000, 10)).toBe('even')
    expect(first(10, 10_000)).toBe('long')
  })

  test('equals are drawn by lot', () => {
    for (const strategy of ['least_busy', 'cost', 'latency'] as const) {
      const counts = firsts(strategy, [busy('a', 0), busy('b', 0)], 400)
      expect(counts.get('a')).toBeGreaterThan(150)
      expect(counts.get('b')).toBeGreaterThan(150)
    }
  })
})

describe('sticky', () => {
  const group = ['a', 'b', 'c', 'd'].map((id) => candidateOf(id))
  const order = (value: string, from = group, strategy: RoutingStrategy = 'weighted') =>
    arrange(
      from,
      questionOf(from, { stickyValue: value, routing: { strategy, sticky: 'session' } }),
    ).map(({ candidate }) => candidate.target.providerId)

  test('the same value gets the same order, whatever the strategy and the place in the list', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const usual = order(value)
        expect(order(value, group.toReversed(), 'latency')).toEqual(usual)
        expect(usual.toSorted()).toEqual(['a', 'b', 'c', 'd'])
      }),
      checkParameters(200),
    )
  })

  test('without the first one the second is asked, for each value', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const [first, ...rest] = order(value)
        expect(
          order(
            value,
            group.filter(({ target }) => target.providerId !== first),
          ),
        ).toEqual(rest)
      }),
      checkParameters(200),
    )
  })
})

describe('turnIndex', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 })

  test('over a whole round each has exactly its share', () => {
    fc.assert(
      fc.property(weights, (list) => {
        const total = list.reduce((sum, one) => sum + one, 0)
        const counts = list.map(() => 0)
        for (let turn = 0; turn < total; turn += 1) counts[turnIndex(list, turn)]! += 1
        expect(counts).toEqual(list)
      }),
      checkParameters(200),
    )
  })

  test('a round is spread, not blocks', () => {
    const turns = Array.from({ length: 7 }, (_, turn) => turnIndex([5, 1, 1], turn))
    expect(turns).toEqual([0, 0, 1, 0, 2, 0, 0])
  })

  test('equal weights alternate, fractions included', () => {
    const turns = [0, 1, 2, 3, 4].map((turn) => turnIndex([0.5, 0.5], turn))
    expect(turns).toEqual([0, 1, 0, 1, 0])
  })

  test('fractions and great numbers get their shares too', () => {
    for (const list of [
      [0.3, 0.7],
      [1, 1_000_000],
      [333, 667.5, 1.25],
    ]) {
      const counts = list.map(() => 0)
      const total = list.reduce((sum, one) => sum + one, 0)
      for (let turn = 0; turn < 10_000; turn += 1) counts[turnIndex(list, turn)]! += 1
      for (const [index, one] of list.entries()) {
        expect(Math.abs(counts[index]! / 10_000 - one / total)).toBeLessThan(0.002)
      }
    }
  })
})

describe('laws', () => {
  const candidate = fc.record({
    weight: fc.oneof(fc.nat(20), fc.constantFrom(0, -1, Number.NaN, 0.5)),
    running: fc.nat(9),
    firstByteMs: fc.option(fc.double({ min: 0, max: 1e4, noNaN: true }), { nil: undefined }),
    price: fc.option(fc.nat(9), { nil: undefined }),
  })
  const strategies = ['weighted', 'order', 'round_robin', 'least_busy', 'latency', 'cost'] as const

  test('every strategy returns each target once, those without weight last', () => {
    fc.assert(
      fc.property(
        fc.array(candidate, { maxLength: 8 }),
        fc.constantFrom(...strategies),
        fc.nat(),
        fc.option(fc.string(), { nil: undefined }),
        (shapes, strategy, seed, stickyValue) => {
          const group = shapes.map(({ firstByteMs, price, running, weight }, index) =>
            candidateOf(`p${index}`, {
              target: { weight },
              health: { running, ...(firstByteMs === undefined ? {} : { firstByteMs }) },
              ...(price === undefined ? {} : { price: { input: price, output: price } }),
            }),
          )
          const over = { random: seededRandom(seed), turn: seed, stickyValue }
          const result = arrange(group, questionOf(group, { ...over, routing: { strategy } }))
          expect(result.length).toBe(group.length)
          expect(new Set(result.map((one) => one.candidate))).toEqual(new Set(group))
          const weights = result.map((one) => Math.max(0, one.candidate.target.weight || 0))
          const firstWithout = weights.indexOf(0)
          if (firstWithout >= 0) {
            expect(weights.slice(firstWithout).every((one) => one === 0)).toBe(true)
          }
        },
      ),
      checkParameters(200),
    )
  })

  test('latency starves nobody: neither who was never measured nor who was slow once', () => {
    const group = [measured('fast', 10), measured('slow', 10_000), measured('slower', 20_000)]
    const runs = 20_000
    const counts = firsts('latency', group, runs)
    const others = (counts.get('slow') ?? 0) + (counts.get('slower') ?? 0)
    expect(counts.get('slow')).toBeGreaterThan(50)
    expect(counts.get('slower')).toBeGreaterThan(50)
    expect(others / runs).toBeGreaterThan(LIMITS.routeExploreShareMax * 0.8)
    expect(others / runs).toBeLessThan(LIMITS.routeExploreShareMax * 1.2)
    const withNew = firsts('latency', [...group, candidateOf('new')], runs)
    expect(withNew.get('new')).toBeGreaterThan(runs * LIMITS.routeExploreShareMax * 0.8)
  })
})
