// The normal form and the way back from it.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { normalise, originalSpan } from './normalise.ts'

describe('normal form', () => {
  test.each([
    ['ｓｅｃｒｅｔ', 'full width'],
    ['𝓼𝓮𝓬𝓻𝓮𝓽', 'mathematical script'],
    ['ⓢⓔⓒⓡⓔⓣ', 'circled'],
    ['s\u200be\u200bc\u2060r\ufeffe\u00adt', 'zero width and soft hyphen'],
    ['s\u0336e\u0301c\u0323ret', 'combining marks'],
    ['ѕесrеt', 'Cyrillic'],
    ['sεcret', 'Greek'],
    ['\u202esecret\u202c', 'direction override'],
    ['ꜱᴇᴄʀᴇᴛ', 'small capitals'],
    ['🅂🄴🄲🅁🄴🅃', 'squared'],
    ['🇸🇪🇨🇷🇪🇹', 'regional indicators'],
    ['se\u{e0063}\u{e0072}cret', 'tag characters'],
    ['se\u0000cr\u0007et', 'control characters'],
    ['s\u{1d173}ecret\ufe0f', 'variation selector and musical control'],
  ])('%s is secret (%s)', (text) => {
    expect(normalise(text, true).text).toContain('secret')
  })

  test.each([
    ['4１1２', '4112'],
    ['٤١١١', '4111'],
    ['४१११', '4111'],
    ['a\u00a0b\u3000c', 'a b c'],
    ['a\u2028b', 'a\nb'],
    ['a–b—c−d', 'a-b-c-d'],
    ['x＠y。z', 'x@y.z'],
  ])('%j is %j', (text, form) => {
    expect(normalise(text).text).toBe(form)
  })

  test('what is plain is left as it is, without a map', () => {
    expect(normalise('const a = "b" // 1\n\tx')).toEqual({ text: 'const a = "b" // 1\n\tx' })
    expect(normalise('Ab  C\n\nd', true).text).toBe('ab c d')
  })

  test('a span leads back to whole characters, with invisible ones and marks behind', () => {
    const text = 'x ﬁ\u200bne\u0301! 😀'
    const normal = normalise(text)
    expect(normal.text).toBe('x fine! 😀')
    const back = (start: number, end: number): string => {
      const place = originalSpan(normal, start, end)
      return text.slice(place.start, place.end)
    }
    expect(back(2, 3)).toBe('ﬁ\u200b')
    expect(back(2, 6)).toBe('ﬁ\u200bne\u0301')
    expect(back(8, 9)).toBe('😀')
  })
})

describe('laws', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.array(fc.nat(0xffff), { maxLength: 30 }).map((codes) => String.fromCharCode(...codes)),
  )

  test('every span of the form lies within the original, in order', () => {
    fc.assert(
      fc.property(text, fc.boolean(), (original, fold) => {
        const normal = normalise(original, fold)
        const { offsets } = normal
        if (offsets === undefined) {
          expect(normal.text.length).toBe(original.length)
          return
        }
        expect(offsets.length).toBe(normal.text.length + 1)
        for (let at = 0; at < normal.text.length; at++) {
          const place = originalSpan(normal, at, at + 1)
          expect(place.start).toBeLessThan(place.end)
          expect(place.end).toBeLessThanOrEqual(original.length)
          expect(offsets[at]!).toBeLessThanOrEqual(offsets[at + 1]!)
        }
      }),
      checkParameters(1500),
    )
  })

  test('the form of a form is itself', () => {
    fc.assert(
      fc.property(text, (original) => {
        const once = normalise(original, true).text
        const twice = normalise(once, true).text
        expect(normalise(twice, true).text).toBe(twice)
      }),
      checkParameters(1500),
    )
  })
})
