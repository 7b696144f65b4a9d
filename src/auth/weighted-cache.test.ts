// The bounds of what is remembered: entries, and what they weigh together.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { WeightedCache } from './weighted-cache.ts'

test('holds both bounds whatever is put, and the last that fits is always there', () => {
  const put = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(12))
  fc.assert(
    fc.property(fc.array(put, { maxLength: 40 }), (puts) => {
      const cache = new WeightedCache<number>(3, 20)
      for (const [key, weight] of puts) {
        cache.set(key, weight, weight)
        expect(cache.get(key)).toBe(weight)
        const held = ['a', 'b', 'c', 'd', 'e', 'f'].map((each) => cache.get(each))
        const present = held.filter((value) => value !== undefined)
        expect(present.length).toBe(cache.size)
        expect(cache.size).toBeLessThanOrEqual(3)
        expect(present.reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(20)
      }
    }),
    checkParameters(300),
  )
})

test('what is too heavy takes the place of nobody, and the old one of its name goes', () => {
  const cache = new WeightedCache<string>(10, 10)
  cache.set('a', 'one', 4)
  cache.set('b', 'two', 4)
  cache.set('a', 'huge', 11)
  expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([undefined, 'two', 1])
  cache.deleteWhere((value) => value === 'two')
  expect(cache.size).toBe(0)
  // The weight of what went is free again.
  cache.set('c', 'three', 10)
  expect(cache.get('c')).toBe('three')
})
