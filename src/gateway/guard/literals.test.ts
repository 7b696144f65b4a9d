import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { cpuMsOf } from '../../testing/cpu-time.ts'
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

test('thousands of values that begin alike take a time that grows with the text alone', () => {
  const text = 'a'.repeat(1_000_000)
  const literals = (count: number) =>
    new Literals(Array.from({ length: count }, (_, at) => `${'a'.repeat(20)}${at}@example.com`))
  const [few, many] = [literals(5), literals(5_000)]
  few.standIn(text.slice(0, 10_000))
  const fewMs = cpuMsOf(() => few.standIn(text))
  // A thousand times as many: where each were looked for by itself, it would take so many times as long.
  expect(cpuMsOf(() => many.standIn(text))).toBeLessThan(Math.max(fewMs * 20, 1_000))
}, 60_000)
