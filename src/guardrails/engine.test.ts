// Patterns on the linear engine (S62): what explodes or fails silently elsewhere, what cannot be said, and what it costs.

import { describe, expect, test } from 'bun:test'
import { LIMITS } from '../core/limits.ts'
import { compilePattern, patternProblem } from './engine.ts'
import { compilePatterns } from './detectors/custom.ts'
import { findIn, findInTexts } from './find.ts'

function matches(pattern: string, text: string, from = 0): string[] {
  return [...compilePattern(pattern).matches(text, from)].map(([start, end]) =>
    text.slice(start, end),
  )
}

describe('S62: catastrophic patterns', () => {
  const HOSTILE = ['((a|aa)+)+c|secret', '(a+)+$|secret', '(a|a?)+b|secret', '(.*a){20}b|secret']

  test('the engine of the language gives up and says that nothing is there', () => {
    const text = `${'a'.repeat(60)} secret`
    // If this ever finds it, the trap is gone from this version of the engine.
    expect(/((a|aa)+)+c|secret/.test(text)).toBe(false)
  })

  test.each(HOSTILE)('%s finds what is there', (pattern) => {
    expect(matches(pattern, `${'a'.repeat(60)} secret`).at(-1)).toBe('secret')
    expect(matches(pattern, `${'a'.repeat(5000)} secret`).at(-1)).toBe('secret')
  })

  test('a long text is read in slices, and others run between', async () => {
    const seekers = compilePatterns([{ name: 'x', pattern: '(a|b)*a(a|b){100}[cd]|secret' }])
    const text = 'ab'.repeat(40_000)
    let pauses = 0
    const ticking = setInterval(() => pauses++, 0)
    const texts = [{ text: `${text} secret`, role: 'user', kind: 'text' } as const]
    const spans = await findInTexts(texts, seekers, new AbortController().signal)
    clearInterval(ticking)
    expect(spans).toEqual([{ text: 0, start: 80_001, end: 80_007, label: 'x' }])
    expect(pauses).toBeGreaterThan(5)
  })

  test('who asked has gone: it stops', async () => {
    const seekers = compilePatterns([{ name: 'x', pattern: '(a*b)|a' }])
    const texts = [{ text: 'a'.repeat(400_000), role: 'user', kind: 'text' } as const]
    const signal = AbortSignal.timeout(30)
    await expect(Promise.resolve(findInTexts(texts, seekers, signal))).rejects.toThrow()
  })
})

describe('what RE2 cannot do is said', () => {
  test.each([
    ['(a)\\1', 'back reference'],
    ['(?=a)b', 'look-around'],
    ['a(?!b)', 'look-around'],
    ['(?<=a)b', 'look-around'],
    ['(?<!a)b', 'look-around'],
    ['a{1001}', 'more than 1000'],
    ['(((a{100}){100}){100})', '1000'],
    ['[', 'missing closing'],
    ['(', 'missing closing'],
    ['a*', 'empty text'],
    ['', 'empty text'],
    ['a|', 'empty text'],
    ['a{500}', 'too large'],
    ['x'.repeat(LIMITS.patternCharsMax + 1), 'characters'],
  ])('%s', (pattern, words) => {
    const problem = patternProblem(pattern)
    expect(problem).toContain(words)
    if (pattern.length > 3) expect(problem).not.toContain(pattern)
  })

  test('a pattern of a schema may match the empty text', () => {
    expect(patternProblem('a*', 'schema')).toBeUndefined()
    expect(patternProblem('a*', 'find')).toBeDefined()
  })
})

describe('places', () => {
  test('anchors and borders see what stands before', () => {
    expect(matches('^b', 'ab', 1)).toEqual([])
    expect(matches('\\bb', 'ab b', 1)).toEqual(['b'])
    expect(matches('(?i)STRASSE', 'Straße strasse')).toEqual(['strasse'])
  })

  test('what is found in slices is what is found in the whole', () => {
    const pattern = '[a-z]{3}-\\d{4}'
    const text = Array.from({ length: 60_000 }, (_, at) =>
      at % 7 === 0 ? `abc-${1000 + (at % 9000)} ` : 'x y ',
    ).join('')
    const seekers = compilePatterns([{ name: 'x', pattern }])
    const found = findIn(text, seekers).map(({ start, end }) => text.slice(start, end))
    expect(found).toEqual(text.match(/[a-z]{3}-\d{4}/g) as string[])
    expect(found.length).toBeGreaterThan(8000)
  })

  test('a checksum is asked for', () => {
    const seekers = compilePatterns([{ name: 'x', pattern: '\\d{10}', checksum: 'luhn' }])
    expect(findIn('7992739871 8992739871 0000000018', seekers)).toHaveLength(1)
  })
})
