import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Target } from '../catalog.ts'
import { orderTargets } from './route-lot.ts'

const target = (providerId: string, order: number, weight: number): Target => ({
  providerId,
  model: 'm',
  order,
  weight,
})

/** A small seeded generator (mulberry32), so that frequencies are the same on every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

describe('orderTargets', () => {
  test('nothing gives nothing', () => expect(orderTargets([], Math.random)).toEqual([]))

  test('every target comes once, orders ascend, and within an order weightless ones come last', () => {
    const targets = fc.array(
      fc.tuple(
        fc.integer({ min: -3, max: 3 }),
        fc.oneof(fc.nat(100), fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, 0.5)),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(targets, fc.integer(), (shapes, seed) => {
        const list = shapes.map(([order, weight], index) => target(`p${index}`, order, weight))
        const ordered = orderTargets(list, seeded(seed))
        expect(new Set(ordered)).toEqual(new Set(list))
        expect(ordered.length).toBe(list.length)
        for (const [index, later] of ordered.slice(1).entries()) {
          const earlier = ordered[index]
          if (earlier === undefined) throw new Error('a hole in the order')
          expect(earlier.order).toBeLessThanOrEqual(later.order)
          const isLive = (one: Target) => Number.isFinite(one.weight) && one.weight > 0
          if (earlier.order === later.order && isLive(later)) expect(isLive(earlier)).toBe(true)
        }
      }),
    )
  })

  test('who comes first follows the weights, and so does who comes second among the rest', () => {
    const list = [target('a', 0, 80), target('b', 0, 15), target('c', 0, 5), target('d', 1, 100)]
    const random = seeded(7)
    const runs = 20_000
    const firsts = new Map<string, number>()
    let secondIsB = 0
    let firstIsA = 0
    for (let run = 0; run < runs; run += 1) {
      const [first, second, , last] = orderTargets(list, random)
      firsts.set(first?.providerId ?? '', (firsts.get(first?.providerId ?? '') ?? 0) + 1)
      if (first?.providerId === 'a') {
        firstIsA += 1
        if (second?.providerId === 'b') secondIsB += 1
      }
      expect(last?.providerId).toBe('d')
    }
    expect((firsts.get('a') ?? 0) / runs).toBeCloseTo(0.8, 1)
    expect((firsts.get('b') ?? 0) / runs).toBeCloseTo(0.15, 1)
    expect((firsts.get('c') ?? 0) / runs).toBeGreaterThan(0.04)
    expect((firsts.get('c') ?? 0) / runs).toBeLessThan(0.06)
    expect(secondIsB / firstIsA).toBeCloseTo(0.75, 1)
  })

  test('the input stays as it was', () => {
    const list = Object.freeze([target('a', 1, 1), target('b', 0, 1)])
    expect(orderTargets(list, () => 0).map((one) => one.providerId)).toEqual(['b', 'a'])
    expect(list[0]?.providerId).toBe('a')
  })
})
