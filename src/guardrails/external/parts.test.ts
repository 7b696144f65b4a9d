// Texts in parts, and offsets of code points: nothing is lost, nothing is cut in a character's middle, and Python's counts are found again.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { GuardText } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import { checkParameters } from '../../testing/seed.ts'
import { categoryNames, codePointOffsets, eachAtOnce, joinedTexts, textParts } from './parts.ts'

const text = fc.string({ unit: 'binary', maxLength: 3_000 })
const given = (value: string): GuardText => ({ text: value, role: 'user', kind: 'text' })

describe('parts', () => {
  test('hold every character, in their place, and none is longer than it may be', () => {
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 4 }),
        fc.integer({ min: 8, max: 900 }),
        (texts, max) => {
          const parts = textParts(texts.map(given), max)
          const covered = texts.map((value) => (value.trim() === '' ? value.length : 0))
          for (const { index, isWhole, offset, text: part } of parts) {
            expect(part.length).toBeLessThanOrEqual(max)
            expect(texts[index]!.slice(offset, offset + part.length)).toBe(part)
            expect(offset).toBeLessThanOrEqual(covered[index]!)
            covered[index] = offset + part.length
            expect(isWhole).toBe(part.length === texts[index]!.length)
          }
          expect(covered).toEqual(texts.map(({ length }) => length))
        },
      ),
      checkParameters(100),
    )
  })

  test('well-formed texts have well-formed parts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-composite', maxLength: 500 }), (value) => {
        fc.pre(value.isWellFormed())
        for (const part of textParts([given(value)], 16))
          expect(part.text.isWellFormed()).toBe(true)
      }),
      checkParameters(100),
    )
  })

  test('what lies across a border is whole in one of them', () => {
    const value = `${'a'.repeat(990)}needle${'b'.repeat(990)}`
    expect(textParts([given(value)], 995).some((part) => part.text.includes('needle'))).toBe(true)
  })

  test('more than there may be are refused, not left out', () => {
    const value = 'x'.repeat((LIMITS.guardPartsMax + 10) * 500)
    expect(() => textParts([given(value)], 500)).toThrow(
      expect.objectContaining({ kind: 'guardrail_unavailable' }),
    )
  })

  test('joined, they hold all the texts', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 50 }), { maxLength: 30 }), (texts) => {
        const pieces = joinedTexts(texts.map(given), 200)
        for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(200)
        for (const value of texts) {
          if (value.trim() === '') continue
          expect(pieces.some((piece) => piece.includes(value))).toBe(true)
        }
      }),
      checkParameters(100),
    )
  })
})

test('offsets of code points are those of the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (value) => {
      const offsetOf = codePointOffsets(value)
      const characters = [...value]
      let units = 0
      for (const [count, character] of characters.entries()) {
        expect(offsetOf(count)).toBe(units)
        units += character.length
      }
      expect(offsetOf(characters.length)).toBe(value.length)
      for (const outside of [-1, characters.length + 1, 0.5, Number.NaN, Infinity]) {
        expect(offsetOf(outside)).toBeUndefined()
      }
    }),
    checkParameters(200),
  )
})

test('names of findings are bounded and plain', () => {
  expect(
    categoryNames(['EMAIL_ADDRESS', 'self-harm/intent', 'S1 Violent Crimes', 'a\nb'], 'x'),
  ).toEqual(['email_address', 'self-harm/intent', 's1_violent_crimes', 'a_b'])
  expect(categoryNames(['', '☃', '   '], 'other')).toEqual(['other'])
  const many = categoryNames(
    Array.from({ length: 500 }, (_, at) => `${at}-${'x'.repeat(500)}`),
    'other',
  )
  expect(many).toHaveLength(LIMITS.guardCategoriesMax)
  for (const name of many) expect(name.length).toBeLessThanOrEqual(LIMITS.guardCategoryCharsMax)
})

test('so many at once, and none after it is enough', async () => {
  let running = 0
  let most = 0
  const begun: number[] = []
  const results = await eachAtOnce(
    Array.from({ length: 40 }, (_, at) => at),
    async (item) => {
      begun.push(item)
      running += 1
      most = Math.max(most, running)
      await Promise.resolve()
      running -= 1
      return item
    },
    (item) => item === 3,
  )
  expect(most).toBe(LIMITS.guardCallsOfOneMax)
  expect(begun.length).toBeLessThan(40)
  expect(results[3]).toBe(3)
  expect(results[39]).toBeUndefined()
})
