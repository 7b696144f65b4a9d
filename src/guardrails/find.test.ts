// Where things are found: in slices of long texts, across the parts of a message, and always within the text.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { PII_DETECTORS } from '../core/guardrail-option.ts'
import type { GuardText } from '../core/guardrail.ts'
import { LIMITS } from '../core/limits.ts'
import { checkParameters } from '../testing/seed.ts'
import { detectorsOf } from './detectors/all.ts'
import { compilePatterns } from './detectors/custom.ts'
import { findIn, findInTexts } from './find.ts'
import { Masking } from './mask.ts'

const detectors = detectorsOf(PII_DETECTORS)
const { signal } = new AbortController()

function user(...texts: string[]): GuardText[] {
  return texts.map((text) => ({ text, role: 'user', kind: 'text' }))
}

const pieces = fc.constantFrom(
  'bob@example.com',
  '4111 1111 1111 1111',
  '+49 30 901820',
  'DE89370400440532013000',
  '529.982.247-25',
  '203.0.113.7',
  'AKIAIOSFODNN7REALKEY',
  'https://a:bcd@e.f',
  'password=',
  'Server=x;',
  '４１１１',
  '😀',
  '\ud83d',
  'é',
  '\u200b',
  ' ',
  '\n',
  'a',
  '1',
  '@',
  '.',
  '-',
)
const text = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(''))

describe('laws', () => {
  test('spans lie in the text, masks remove every value found, and what is left holds nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 3 }), async (texts) => {
        const spans = await findInTexts(user(...texts), detectors, signal)
        for (const { text: at, start, end } of spans) {
          expect(start).toBeGreaterThanOrEqual(0)
          expect(start).toBeLessThan(end)
          expect(end).toBeLessThanOrEqual(texts[at]!.length)
        }
        const masking = new Masking()
        const masked = masking.mask(texts, spans)
        expect(masked.map((one) => masking.restore(one))).toEqual(texts)
        for (const { text: at, start, end } of spans) {
          const value = texts[at]!.slice(start, end)
          const count = (one: string): number => one.split(value).length
          if (value.length < 4) continue
          expect(count(masked[at]!)).toBeLessThan(count(texts[at]!))
        }
      }),
      checkParameters(600),
    )
  })
})

describe('parts of one message', () => {
  test('what is split over parts is found, in every part', async () => {
    for (const [label, ...parts] of [
      ['card', '4111 1111', ' 1111 1111'],
      ['card', 'x 4111 1111 ', '1111', ' 1111'],
      ['card', '41111111', '11111111'],
      ['email', 'bob@exam', 'ple.com'],
      ['email', 'bo\u200bb', '@', 'example.com now'],
    ] as const) {
      const spans = await findInTexts(user(...parts), detectors, signal)
      expect([...new Set(spans.map((one) => one.label))]).toEqual([label])
      expect(new Set(spans.map((one) => one.text)).size).toBe(parts.length)
      const masked = new Masking().mask(parts, spans).join('|')
      expect(masked).not.toMatch(/4111|1111|bob|exam/)
    }
  })

  test('a word before a border is no part of what begins behind it', async () => {
    const spans = await findInTexts(user('Write to', 'bob@example.com'), detectors, signal)
    expect(spans.map(({ text: at }) => at)).toEqual([1])
  })

  test('neighbours of other roles and kinds are no parts', async () => {
    const texts: GuardText[] = [
      { text: '4111 1111', role: 'user', kind: 'text' },
      { text: ' 1111 1111', role: 'assistant', kind: 'text' },
      { text: '4111 1111', role: 'user', kind: 'data' },
      { text: ' 1111 1111', role: 'user', kind: 'data' },
    ]
    expect(await findInTexts(texts, detectors, signal)).toEqual([])
  })
})

describe('long texts', () => {
  test('what lies across a slice, or begins before it, is found once and whole', async () => {
    const size = LIMITS.guardSliceChars
    const key = `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(9000)}\n-----END PRIVATE KEY-----`
    for (const at of [size - 10, size - 1, size, size + 1, 2 * size - 9000, size - 512]) {
      const before = 'word '.repeat(Math.ceil(at / 5)).slice(0, at - 1)
      const long = `${before} ${key} ${'word '.repeat(30_000)}`
      const spans = await findInTexts(user(long), detectors, signal)
      const masked = new Masking().mask([long], spans)[0]!
      expect(masked).toBe(`${before} [PRIVATE_KEY_1] ${'word '.repeat(30_000)}`)
    }
  })

  test('a megabyte lets others run', async () => {
    const long = 'The order 123 of Bob <bob@example.com> came at 12:30. '.repeat(20_000)
    let ticks = 0
    let longestMs = 0
    let lastMs = performance.now()
    const ticking = setInterval(() => {
      ticks++
      longestMs = Math.max(longestMs, performance.now() - lastMs)
      lastMs = performance.now()
    }, 0)
    const spans = await findInTexts(user(long), detectors, signal)
    clearInterval(ticking)
    expect(spans).toHaveLength(20_000)
    expect(ticks).toBeGreaterThan(4)
    process.stdout.write(`guardrails: 1 MB judged, longest stretch ${longestMs.toFixed(1)} ms\n`)
  })

  test('a short text lets others run where each match of a pattern reads to its end', async () => {
    const patterns = compilePatterns([{ name: 'far', pattern: '(a*b)|a' }])
    let ticks = 0
    const ticking = setInterval(() => (ticks += 1), 0)
    const spans = await findInTexts(user('a'.repeat(4_000)), patterns, signal)
    clearInterval(ticking)
    expect(spans).toHaveLength(4_000)
    expect(ticks).toBeGreaterThan(0)
  })

  test('at once is the same as with pauses', async () => {
    const long = `${'x '.repeat(40_000)}a@b.de ${'y '.repeat(70_000)} c@d.de`
    const spans = await findInTexts(user(long), detectors, signal)
    expect(findIn(long, detectors)).toEqual(
      spans.map(({ start, end, label }) => ({ start, end, label })),
    )
  })
})
