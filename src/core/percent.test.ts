import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { SEED } from '../testing/seed.ts'
import { percentDecoded } from './percent.ts'

test.each(['100%', '%zz', 'a%', '%C3', '%ff%fe', '%E0%A4%A'])(
  '%j escapes nothing that can be read: it stands for itself',
  (text) => expect(percentDecoded(text)).toBe(text),
)

test('whatever was escaped comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(percentDecoded(encodeURIComponent(text))).toBe(text)
    }),
    { seed: SEED },
  )
})
