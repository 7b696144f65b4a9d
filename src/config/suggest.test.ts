// Suggestions: nothing for what resembles nothing, the right word for usual slips, and the laws of a distance.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { editDistance, suggest } from './suggest.ts'

const WORDS = ['host', 'port', 'public_url', 'trusted_proxies', 'base_url', 'keys']

test.each(['zzzz', 'temperature', '', 'x'.repeat(10_000)])('nothing resembles %p', (word) => {
  expect(suggest(word, WORDS)).toBeUndefined()
})

test.each([
  ['prot', 'port'],
  ['baseUrl', 'base_url'],
  ['BASE-URL', 'base_url'],
  ['key', 'keys'],
  ['publc_ulr', 'public_url'],
  ['trusted_proxy', 'trusted_proxies'],
])('%s is meant to be %s', (word, wanted) => {
  expect(suggest(word, WORDS)).toBe(wanted)
})

test('a distance: zero for the same alone, symmetric, bounded by the longer word', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right)
      expect(distance === 0).toBe(left === right)
      expect(editDistance(right, left)).toBe(distance)
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length))
      expect(distance).toBeGreaterThanOrEqual(Math.abs(left.length - right.length))
    }),
  )
})
