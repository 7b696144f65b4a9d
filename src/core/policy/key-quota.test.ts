import { expect, test } from 'bun:test'
import { quotasOf, shareLeft } from './key-quota.ts'

const NOW_MS = 1_000_000

function quotas(headers: Record<string, string>) {
  return quotasOf(new Headers(headers), NOW_MS)
}

test('says nothing where nothing is told, or nothing that can be read', () => {
  expect(quotas({})).toEqual([])
  expect(quotas({ 'x-ratelimit-remaining-requests': 'many' })).toEqual([])
  expect(quotas({ 'x-ratelimit-remaining-requests': '-1' })).toEqual([])
  expect(shareLeft([], 0, NOW_MS)).toBeUndefined()
})

test.each([
  ['1s', 1_000],
  ['6m0s', 360_000],
  ['120ms', 120],
  ['1h2m3.5s', 3_723_500],
  ['7', 7_000],
  ['1767225600', 60_000],
  ['soon', 60_000],
  ['', 60_000],
])('OpenAI’s reset %p', (reset, lastsMs) => {
  const [quota] = quotas({
    'x-ratelimit-limit-tokens': '200',
    'x-ratelimit-remaining-tokens': '50',
    'x-ratelimit-reset-tokens': reset,
  })
  expect(quota).toEqual({ share: 0.25, perRequest: 0, resetMs: NOW_MS + lastsMs })
})

test('Anthropic’s reset is a moment of its own clock', () => {
  expect(
    quotas({
      date: 'Sat, 15 Mar 2025 08:58:20 GMT',
      'anthropic-ratelimit-requests-limit': '5',
      'anthropic-ratelimit-requests-remaining': '1',
      'anthropic-ratelimit-requests-reset': '2025-03-15T08:58:28Z',
      'anthropic-ratelimit-output-tokens-limit': '400000',
      'anthropic-ratelimit-output-tokens-remaining': '400000',
      'anthropic-ratelimit-output-tokens-reset': '2025-03-15T08:58:10Z',
    }),
  ).toEqual([
    { share: 0.2, perRequest: 0.2, resetMs: NOW_MS + 8_000 },
    { share: 1, perRequest: 0, resetMs: NOW_MS },
  ])
})

test('a limit named by its minute, one without a limit, and one with none', () => {
  expect(
    quotas({ 'x-ratelimit-limit-req-minute': '100', 'x-ratelimit-remaining-req-minute': '75' }),
  ).toEqual([{ share: 0.75, perRequest: 0.01, resetMs: NOW_MS + 60_000 }])
  expect(quotas({ 'x-ratelimit-remaining-requests': '0' })[0]?.share).toBe(0)
  expect(quotas({ 'x-ratelimit-remaining-requests': '3' })[0]?.share).toBe(1)
  expect(
    quotas({ 'x-ratelimit-limit-requests': '0', 'x-ratelimit-remaining-requests': '0' })[0]?.share,
  ).toBe(0)
})

test('the least of what is left counts, less what was sent since, until it is reset', () => {
  const left = [
    { share: 0.5, perRequest: 0.1, resetMs: 20 },
    { share: 0.4, perRequest: 0, resetMs: 10 },
  ]
  expect(shareLeft(left, 0, 0)).toBe(0.4)
  expect(shareLeft(left, 3, 0)).toBeCloseTo(0.2)
  expect(shareLeft(left, 90, 0)).toBe(0)
  expect(shareLeft(left, 0, 10)).toBe(0.5)
  expect(shareLeft(left, 0, 20)).toBeUndefined()
})
