import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { matchesPattern } from './principal.ts'

/** Few letters, so that they meet; every place a star can have. */
const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 6 })
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), maxLength: 6 })

/** The meaning of a pattern, said the plain way. */
function means(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replaceAll(/[/.]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('[^]*')}$`)
}

test('a star stands for any text, wherever it is, and nothing else for anything but itself', () => {
  fc.assert(
    fc.property(pattern, letters, (text, name) => {
      expect(matchesPattern(text, name)).toBe(means(text).test(name))
    }),
    checkParameters(20_000),
  )
})

test('a name that holds a star is taken by itself and by what takes the star', () => {
  fc.assert(
    fc.property(pattern, pattern, (text, name) => {
      expect(matchesPattern(text, name)).toBe(means(text).test(name))
    }),
    checkParameters(5_000),
  )
})
