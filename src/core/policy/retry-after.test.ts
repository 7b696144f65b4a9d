import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { readRetryAfterMs, RETRY_AFTER_MAX_MS } from './retry-after.ts'

const NOW_MS = Date.UTC(2026, 0, 31, 12, 0, 0)
const read = (headers: Record<string, string>, bodyMs?: number) =>
  readRetryAfterMs(new Headers(headers), bodyMs, NOW_MS)

describe('readRetryAfterMs', () => {
  test.each<[string, Record<string, string>, number | undefined, number | undefined]>([
    ['nothing', {}, undefined, undefined],
    ['no answer to any question', { 'retry-after': 'soon' }, undefined, undefined],
    ['a negative wait', { 'retry-after': '-5' }, undefined, undefined],
    ['an empty wait', { 'retry-after': '' }, undefined, undefined],
    ['an exponent', { 'retry-after': '1e9' }, undefined, undefined],
    ['seconds', { 'retry-after': '15' }, undefined, 15_000],
    ['zero is a wait of zero', { 'retry-after': '0' }, undefined, 0],
    ['a fraction', { 'retry-after': '0.25' }, undefined, 250],
    ['milliseconds', { 'retry-after-ms': '1200' }, undefined, 1200],
    ['the longer of two', { 'retry-after': '1', 'retry-after-ms': '0' }, undefined, 1000],
    ['the body, when longer', { 'retry-after': '1' }, 4_500, 4_500],
    ['the body alone', {}, 0, 0],
    ['a broken body', {}, Number.NaN, undefined],
    ['a date', { 'retry-after': 'Sat, 31 Jan 2026 12:00:30 GMT' }, undefined, 30_000],
    ['a date gone by', { 'retry-after': 'Sat, 31 Jan 2026 11:00:00 GMT' }, undefined, 0],
    ['an absurd wait', { 'retry-after': '9999999999' }, undefined, RETRY_AFTER_MAX_MS],
    [
      'resets of windows with room',
      { 'x-ratelimit-remaining-requests': '5', 'x-ratelimit-reset-requests': '6m0s' },
      undefined,
      undefined,
    ],
    [
      'a reset that names no remainder',
      { 'x-ratelimit-reset-requests': '6m0s' },
      undefined,
      undefined,
    ],
    [
      'a used-up window',
      { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '6m0s' },
      undefined,
      360_000,
    ],
    [
      'milliseconds of a window',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '120ms' },
      undefined,
      120,
    ],
    [
      'a fraction of a window',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '17.399999999s' },
      undefined,
      17_400,
    ],
    [
      'plain seconds of a window',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '10' },
      undefined,
      10_000,
    ],
    [
      'epoch milliseconds',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW_MS + 2_000) },
      undefined,
      2_000,
    ],
    [
      'epoch seconds',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW_MS / 1000 + 3) },
      undefined,
      3_000,
    ],
    [
      'an RFC 3339 reset',
      {
        'anthropic-ratelimit-tokens-remaining': '0',
        'anthropic-ratelimit-tokens-reset': '2026-01-31T12:00:05Z',
      },
      undefined,
      5_000,
    ],
    [
      'an explicit word before a window',
      {
        'retry-after': '2',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1h',
      },
      undefined,
      2_000,
    ],
  ])('%s', (_name, headers, bodyMs, expected) => {
    expect(read(headers, bodyMs)).toBe(expected as number)
  })

  test('whatever a provider sends, the wait is none or within its bound', () => {
    const value = fc.oneof(
      fc.stringMatching(/^[ -~]{0,30}$/),
      fc.integer().map(String),
      fc.double().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    )
    fc.assert(
      fc.property(
        value,
        value,
        fc.option(fc.double(), { nil: undefined }),
        (first, second, bodyMs) => {
          const headers = {
            'retry-after': first,
            'retry-after-ms': second,
            'x-ratelimit-remaining': '0',
            'x-ratelimit-reset': second,
          }
          const waitMs = read(headers, bodyMs)
          if (waitMs === undefined) return
          expect(waitMs).toBeGreaterThanOrEqual(0)
          expect(waitMs).toBeLessThanOrEqual(RETRY_AFTER_MAX_MS)
          expect(Number.isInteger(waitMs)).toBe(true)
        },
      ),
    )
  })
})
