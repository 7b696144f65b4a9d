// Tables and the text in them: nothing from outside may move a cursor, and nothing is cut where no terminal is.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { cutToWidth, renderTable, Table } from './table.ts'
import { checkParameters } from '../testing/seed.ts'
import { formatMs, formatUsd, jsonText, printable } from './format.ts'

const COLUMNS = [{ header: 'NAME' }, { header: 'COUNT', align: 'right' as const }]
// oxlint-disable-next-line no-control-regex
const CONTROL =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/
const plain = { color: false }

describe('data from outside', () => {
  const dangerous = fc.constantFrom(
    ...'\u001b\u009b\u0007\u202e\u2028\u200b\ufeff\u0000\r\n[m\ud800',
  )
  const anything = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })
  const hostile = fc.string({ unit: fc.oneof(dangerous, anything), maxLength: 40 })

  test('no cell brings a control character or a line of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, hostile), { maxLength: 5 }), (rows) => {
        const text = renderTable(COLUMNS, rows, plain)
        expect(text).not.toMatch(CONTROL)
        expect(text.split('\n')).toHaveLength(rows.length + 2)
        expect(text.isWellFormed()).toBe(true)
      }),
      checkParameters(200),
    )
  })

  test('JSON without a control character is still the same document', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, fc.array(hostile)), (value) => {
        for (const indent of [undefined, 2]) {
          const text = jsonText(value, indent)
          expect(text).not.toMatch(CONTROL)
          expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        }
        expect(jsonText(value)).not.toContain('\n')
      }),
      checkParameters(200),
    )
  })

  test('escape sequences become readable', () => {
    expect(printable('a\u001b[31mred\u009b2J\u202e')).toBe('a\\u001b[31mred\\u009b2J\\u202e')
    expect(printable('one\r\ntwo\tthree')).toBe('one  two three')
    expect(printable('日本語 é 🙂')).toBe('日本語 é 🙂')
  })
})

describe('widths', () => {
  test('columns align by what a terminal shows, wide characters too', () => {
    const text = renderTable(
      COLUMNS,
      [
        ['日本', '1'],
        ['é🙂x', '22'],
        ['', '0'],
      ],
      plain,
    )
    expect(text).toBe('NAME  COUNT\n日本      1\né🙂x     22\n          0\n')
  })

  test('a line fits its terminal, and nothing is cut without one', () => {
    const cell = fc.string({ unit: 'grapheme', maxLength: 30 })
    fc.assert(
      fc.property(cell, cell, fc.integer({ min: 1, max: 50 }), (left, right, width) => {
        const rows = [[left, right]]
        for (const line of renderTable(COLUMNS, rows, { ...plain, width }).split('\n')) {
          expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width)
        }
        expect(renderTable(COLUMNS, rows, plain)).toContain(printable(right).trimEnd())
      }),
      checkParameters(300),
    )
  })

  test('a longest cell holds on a terminal only', () => {
    const columns = [{ header: 'X', maxWidth: 4 }]
    expect(renderTable(columns, [['abcdefgh']], plain)).toContain('abcdefgh')
    expect(renderTable(columns, [['abcdefgh']], { ...plain, width: 80 })).toContain('abc…')
  })

  test('a character people see as one is never cut in two', () => {
    expect(cutToWidth('👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3)).toBe('👩‍👩‍👧‍👦…')
    expect(cutToWidth('abc', 3)).toBe('abc')
    expect(cutToWidth('abcd', 1)).toBe('…')
    expect(cutToWidth('abcd', 0)).toBe('')
  })

  test('later rows keep the columns of the first', () => {
    const table = new Table(COLUMNS, plain)
    const first = table.start([['longer-name', '1']])
    const later = table.more([['x', '2']])
    expect(first.split('\n')[1]?.length).toBe(later.split('\n')[0]?.length)
  })
})

test('color is the header’s alone, and only where it is wanted', () => {
  expect(renderTable(COLUMNS, [], plain)).toBe('NAME  COUNT\n')
  expect(renderTable(COLUMNS, [], { color: true })).toBe('\u001b[1mNAME  COUNT\u001b[0m\n')
})

test('durations', () => {
  const cases = [
    [0, '0ms'],
    [0.4, '0ms'],
    [999.4, '999ms'],
    [999.6, '1.00s'],
    [1_234, '1.23s'],
    [59_994, '59.99s'],
    [59_996, '1m00s'],
    [125_400, '2m05s'],
  ] as const
  for (const [milliseconds, text] of cases) expect(formatMs(milliseconds)).toBe(text)
})

test('money is exact', () => {
  const cases = [
    [0, '$0'],
    [1, '$0.000000001'],
    [123_000, '$0.000123'],
    [1_000_000_000, '$1'],
    [12_340_000_000, '$12.34'],
    [-5, '-$0.000000005'],
  ] as const
  for (const [nano, text] of cases) expect(formatUsd(nano)).toBe(text)
})
