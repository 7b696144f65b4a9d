import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { Literals } from './literals.ts'

const word = () =>
  fc.string({ unit: fc.constantFrom('a', 'b', '.', '\u{1f600}'), minLength: 1, maxLength: 6 })

test('what is replaced is what a pattern of the same literals replaces, the longest first', () => {
  fc.assert(
    fc.property(
      fc.array(word(), { minLength: 1, maxLength: 8 }),
      fc.array(word(), { maxLength: 20 }),
      (values, words) => {
        const text = words.join('')
        const literals = new Literals(values)
        const escaped = values
          .toSorted((a, b) => b.length - a.length)
          .map((value) => value.replace(/[.]/g, '\\$&'))
        const pattern = new RegExp(escaped.join('|'), 'g')
        expect(literals.replace(text, (value) => `<${value}>`)).toBe(text.replace(pattern, '<$&>'))
        expect(literals.standIn(text)).toBe(values.some((value) => text.includes(value)))
      },
    ),
    checkParameters(300),
  )
})

test('none, and the empty one, stand nowhere', () => {
  expect(new Literals(['']).isEmpty).toBe(true)
  expect(new Literals(['']).replace('abc', () => 'x')).toBe('abc')
})

test('thousands of values that begin alike take a time that grows with the text', () => {
  const values = Array.from({ length: 5_000 }, (_, at) => `${'a'.repeat(20)}${at}@example.com`)
  const literals = new Literals(values)
  const fromMs = performance.now()
  literals.standIn('a'.repeat(1_000_000))
  expect(performance.now() - fromMs).toBeLessThan(5_000)
})
