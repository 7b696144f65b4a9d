// Masks and what is put back: laws over arbitrary texts, spans and ways in which an answer comes in pieces.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { GuardrailRule, GuardSpan } from '../core/guardrail.ts'
import { checkParameters } from '../testing/seed.ts'
import { Masking, maskStyle } from './mask.ts'

function span(text: number, start: number, end: number, label = 'email'): GuardSpan {
  return { text, start, end, label }
}

/** Texts that look like placeholders more often than chance would have it. */
const signs = fc.constantFrom(
  '[',
  ']',
  '\\',
  '_',
  ' ',
  '-',
  'EMAIL',
  'email',
  '1',
  '12',
  'a',
  'CARD',
  '"',
  '\n',
  '😀',
  '\ud83d',
  'é',
  '[EMAIL_1]',
  '\\[EMAIL\\_2\\]',
  '{',
  ':',
)
const text = fc.array(signs, { maxLength: 24 }).map((parts) => parts.join(''))

const masked = fc
  .record({
    texts: fc.array(text, { minLength: 1, maxLength: 4 }),
    places: fc.array(
      fc.tuple(fc.nat(3), fc.nat(60), fc.nat(20), fc.constantFrom('email', 'card', 'us_ssn')),
      { maxLength: 8 },
    ),
  })
  .map(({ texts, places }) => ({
    texts,
    spans: places
      .map(([at, start, width, label]) => span(at % texts.length, start, start + width, label))
      .filter(({ text: at, end }) => end <= texts[at]!.length),
  }))

describe('masking', () => {
  test('the same value has the same placeholder, numbered as they appear', () => {
    const masking = new Masking()
    const texts = ['a@b.de and c@d.de', 'again a@b.de']
    const spans = [span(1, 6, 12), span(0, 11, 17), span(0, 0, 6)]
    expect(masking.mask(texts, spans)).toEqual(['[EMAIL_1] and [EMAIL_2]', 'again [EMAIL_1]'])
    expect([...masking.replacements]).toEqual([
      ['a@b.de', '[EMAIL_1]'],
      ['c@d.de', '[EMAIL_2]'],
    ])
  })

  test('no placeholder is one that stands in a text already, whatever its form', () => {
    const masking = new Masking()
    const texts = ['secret', 'What is [email 1]? And \\[EMAIL\\_2\\]?']
    expect(masking.mask(texts, [span(0, 0, 6)])[0]).toBe('[EMAIL_3]')
    expect(masking.restore(texts[1]!)).toBe(texts[1]!)
  })

  test('a later rule keeps what an earlier one has masked', () => {
    const masking = new Masking()
    const [first] = masking.mask(['call Bob at b@c.de'], [span(0, 12, 18)])
    const [second] = masking.mask([first!], [span(0, 5, first!.length, 'person')])
    expect(second).toBe('call [PERSON_1]')
    expect(masking.restore(second!)).toBe('call Bob at b@c.de')
  })

  test.each([
    ['[EMAIL_1]', true],
    ['[email_1]', true],
    ['[Email 1]', true],
    ['[ EMAIL_1 ]', true],
    ['[EMAIL-1]', true],
    ['\\[EMAIL\\_1\\]', true],
    ['[EMAIL\\_1]', true],
    ['EMAIL_1', false],
    ['[EMAIL_01]', false],
    ['[EMAIL_2]', false],
    ['[EMAIL_1', false],
    ['[E MAIL_1]', false],
  ])('%j is understood: %p', (form, understood) => {
    const masking = new Masking()
    masking.mask(['a@b.de'], [span(0, 0, 6)])
    expect(masking.restore(`x ${form} y`)).toBe(understood ? 'x a@b.de y' : `x ${form} y`)
  })

  test('values are escaped within JSON, where a backslash is two', () => {
    const masking = new Masking()
    const value = 'say "hi"\n\\'
    masking.mask([value], [span(0, 0, value.length, 'quote')])
    const call = JSON.stringify({ a: 'x [QUOTE_1]', b: '\\[QUOTE\\_1\\]' })
    expect(JSON.parse(masking.restoreJson(call))).toEqual({ a: `x ${value}`, b: value })
  })

  test('what cannot be put back is not', () => {
    const masking = new Masking()
    const texts = ['4111111111111111 and short']
    const spans = [span(0, 0, 16, 'card'), span(0, 21, 26, 'word')]
    expect(masking.mask(texts, spans, 'label')).toEqual(['[CARD] and [WORD]'])
    expect(masking.mask(texts, spans, 'stars')).toEqual(['*** and ***'])
    expect(masking.mask(texts, spans, 'last4')).toEqual(['***1111 and ***'])
    expect(masking.active).toBe(false)
  })

  test('in answers a placeholder is a label, or what was masked would be put back at once', () => {
    const rule = { check: 'pii', options: {} } as unknown as GuardrailRule
    expect(maskStyle(rule, 'input')).toBe('placeholder')
    expect(maskStyle(rule, 'tool_result')).toBe('placeholder')
    expect(maskStyle(rule, 'output')).toBe('label')
    const stars = { check: 'words', options: {} } as unknown as GuardrailRule
    expect(maskStyle(stars, 'input')).toBe('stars')
  })
})

describe('laws', () => {
  test('restoring undoes masking', () => {
    fc.assert(
      fc.property(masked, ({ texts, spans }) => {
        const masking = new Masking()
        expect(masking.mask(texts, spans).map((one) => masking.restore(one))).toEqual(texts)
      }),
      checkParameters(2000),
    )
  })

  test('no masked text holds a value, unless it stands elsewhere too', () => {
    fc.assert(
      fc.property(fc.uuid(), text, text, (value, before, behind) => {
        const masking = new Masking()
        const whole = before + value + behind
        const [out] = masking.mask([whole], [span(0, before.length, before.length + value.length)])
        expect(out).not.toContain(value)
      }),
      checkParameters(500),
    )
  })

  test('pieces restored are the whole restored, for every split', () => {
    for (const as of ['text', 'json'] as const) {
      fc.assert(
        fc.property(text, text, fc.array(fc.nat(80), { maxLength: 12 }), (first, last, cuts) => {
          const masking = new Masking()
          masking.mask(['a"b😀'], [span(0, 0, 5)])
          masking.mask(['card'], [span(0, 0, 4, 'card')])
          const whole = `${first}[EMAIL_1]${last}[CARD_1`
          const restorer = masking.restorer(as)
          const sorted = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].sort(
            (a, b) => a - b,
          )
          let joined = ''
          for (let at = 1; at < sorted.length; at++) {
            joined += restorer.push(whole.slice(sorted[at - 1], sorted[at]))
          }
          joined += restorer.end()
          const expected = as === 'json' ? masking.restoreJson(whole) : masking.restore(whole)
          expect(joined).toBe(expected)
        }),
        checkParameters(3000),
      )
    }
  })

  test('one character at a time, and never more held back than a placeholder has', () => {
    const masking = new Masking()
    masking.mask(['a@b.de'], [span(0, 0, 6)])
    const whole = 'A [EMAIL_1] b \\[email 1\\] [[[[ [EMAIL_1 [EMAIL_1]'
    const restorer = masking.restorer()
    let out = ''
    for (let at = 0; at < whole.length; at++) {
      out += restorer.push(whole[at]!)
      expect(at + 1 - out.length).toBeLessThan(80)
    }
    expect(out + restorer.end()).toBe(masking.restore(whole))
  })

  test('a text of brackets is restored in time that grows with it', () => {
    const masking = new Masking()
    masking.mask(['a@b.de'], [span(0, 0, 6)])
    const restorer = masking.restorer()
    let left = 0
    for (let piece = 0; piece < 2000; piece++) left += restorer.push('[\\[EMAIL'.repeat(20)).length
    expect(left + restorer.end().length).toBe(2000 * 20 * 8)
  })
})
