import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { LIMITS } from '../../core/limits.ts'
import { createRedactor } from '../../guardrails/redact.ts'
import { checkParameters } from '../../testing/seed.ts'
import { excerptOf } from './excerpt.ts'

const MAIL = 'canary.person@example.com'
const redact = createRedactor(['email'])

test('wherever the cut is, it is bounded, well-formed, and no part of what is taken out is left', () => {
  const { auditExcerptChars } = LIMITS
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { maxLength: 4 }),
      fc.integer({ min: 1_900, max: auditExcerptChars + 400 }),
      fc.constantFrom('ab ', '\u{1F600}'),
      (texts, chars, filler) => {
        const long = filler.repeat(Math.ceil(chars / filler.length)).slice(0, chars)
        const all = [...texts, `${long.toWellFormed()} ${MAIL} ${long}`, MAIL].map((text) => ({
          text,
        }))
        const excerpt = excerptOf(all, redact) ?? ''
        expect(excerpt.length).toBeLessThanOrEqual(auditExcerptChars)
        expect(excerpt).not.toMatch(/canary|person@/)
        const plain = excerptOf(all, undefined) ?? ''
        expect(plain.length).toBeLessThanOrEqual(auditExcerptChars)
        expect(/[\uD800-\uDBFF]$/.test(plain)).toBe(false)
        const whole = all.filter(({ text }) => text !== '').map(({ text }) => text)
        expect(whole.join('\n').startsWith(plain)).toBe(true)
      },
    ),
    checkParameters(200),
  )
})

test('of several short texts each is there, of none nothing', () => {
  expect(excerptOf([{ text: 'a' }, { text: '' }, { text: `b ${MAIL}` }], redact)).toBe(
    'a\nb [EMAIL]',
  )
  expect(excerptOf([{ text: `b ${MAIL}` }], undefined)).toBe(`b ${MAIL}`)
  for (const texts of [[], [{ text: '' }]]) expect(excerptOf(texts, redact)).toBeUndefined()
})
