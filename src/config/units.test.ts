// Durations and sizes: what is refused, what is read, and that writing and reading are inverse.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

describe('refused', () => {
  test.each([
    '',
    '5',
    's',
    '-5s',
    '5 minutes',
    '5S',
    '1e3s',
    '1,5s',
    '.5s',
    '5s5',
    '1h30m',
    '5s\n6s',
    'constructor',
  ])('%p is no duration', (text) => expect(parseDuration(text)).toBeUndefined())
  test.each(['', '5', '5M', '5mib', '5 bytes', '-1B', '5Mib', '1toString'])(
    '%p is no size',
    (text) => expect(parseSize(text)).toBeUndefined(),
  )
})

test.each([
  ['0ms', 0],
  ['250ms', 250],
  ['5s', 5_000],
  ['1.5s', 1_500],
  ['10m', 600_000],
  ['1 h', 3_600_000],
  ['30d', 2_592_000_000],
])('%s', (text, wanted) => expect(parseDuration(text)).toBe(wanted))

test.each([
  ['0B', 0],
  ['2GB', 2_000_000_000],
  ['32MiB', 33_554_432],
  ['64KiB', 65_536],
  ['1.5kB', 1_500],
])('%s', (text, wanted) => expect(parseSize(text)).toBe(wanted))

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), (value) => {
      expect(parseDuration(formatDuration(value))).toBe(value)
      expect(parseSize(formatSize(value))).toBe(value)
    }),
  )
})
