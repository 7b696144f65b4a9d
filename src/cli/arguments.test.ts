// Options as people type them: what is refused is refused as wrong use, never taken for something else.

import { expect, test } from 'bun:test'
import {
  integerOption,
  listOption,
  parseExpiry,
  requiredArgument,
  textOption,
} from './arguments.ts'
import { type CommandInput, type Output, UsageError } from './command.ts'

const output: Output = {
  out: () => {},
  error: () => {},
  color: false,
  isTerminal: false,
  columns: 80,
  closed: new AbortController().signal,
}

function input(options: Record<string, string | boolean>, ...positionals: string[]): CommandInput {
  return { positionals, options, configFlags: {}, output }
}

const NOW_MS = Date.UTC(2026, 10, 21, 12)

test('what cannot be meant is refused', () => {
  expect(() => textOption(input({ model: ' ' }), 'model')).toThrow(UsageError)
  expect(() => listOption(input({ models: 'a,,b' }), 'models')).toThrow(UsageError)
  expect(() => requiredArgument(input({}), 'the name')).toThrow('Missing the name.')
  for (const text of ['0', '-1', '1.5', '1e3', 'ten', '1001', '٣']) {
    expect(() => integerOption(input({ limit: text }), 'limit', { min: 1, max: 1_000 })).toThrow(
      UsageError,
    )
  }
  for (const text of [
    '30',
    'tomorrow',
    '2026-02-31',
    '2026-13-01',
    '1d2h',
    '0d',
    '2020-01-01',
    '999999999999999d',
  ]) {
    expect(() => parseExpiry(text, NOW_MS)).toThrow(UsageError)
  }
})

test('values come through', () => {
  expect(textOption(input({}), 'model')).toBeUndefined()
  expect(listOption(input({ models: 'a, b*,a' }), 'models')).toEqual(['a', 'b*'])
  expect(integerOption(input({ limit: '1000' }), 'limit', { min: 1, max: 1_000 })).toBe(1_000)
  expect(requiredArgument(input({}, ' ci '), 'the name')).toBe('ci')
})

test('an end from now or by date, a date to its end', () => {
  expect(parseExpiry('30d', NOW_MS)).toBe(NOW_MS + 30 * 86_400_000)
  expect(parseExpiry('90m', NOW_MS)).toBe(NOW_MS + 90 * 60_000)
  expect(parseExpiry('2026-11-21', NOW_MS)).toBe(Date.UTC(2026, 10, 22))
  expect(parseExpiry('2026-12-31T08:00:00+01:00', NOW_MS)).toBe(Date.UTC(2026, 11, 31, 7))
})
