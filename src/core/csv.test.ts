// Cells: nothing a spreadsheet would run, and every text comes back as it was but for the mark in front of a formula.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { csvCell, csvLine } from './csv.ts'

test.each([
  ['=1+1', "'=1+1"],
  ['+49 30 1', "'+49 30 1"],
  ['-cmd', "'-cmd"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\tx', "'\tx"],
  ['\r=1', `"'\r=1"`],
  ['-5', '-5'],
  [-0.25, '-0.25'],
  ['+5', "'+5"],
  ['-2+3+cmd|calc', "'-2+3+cmd|calc"],
  ['a,b', '"a,b"'],
  ['say "x"', '"say ""x"""'],
  [null, ''],
  [undefined, ''],
  [0, '0'],
  [false, 'false'],
  ['', ''],
] as const)('%p is written %p', (value, text) => {
  expect(csvCell(value)).toBe(text)
})

/** A reader of RFC 4180. */
function read(line: string): string[] {
  const cells: string[] = []
  let cell = ''
  let quoted = false
  const text = line.slice(0, -2)
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!
    if (quoted) {
      if (char !== '"') cell += char
      else if (text[at + 1] === '"') {
        cell += '"'
        at += 1
      } else quoted = false
    } else if (char === '"') quoted = true
    else if (char === ',') {
      cells.push(cell)
      cell = ''
    } else cell += char
  }
  return [...cells, cell]
}

test('what is written is read back, and no cell begins like a formula', () => {
  const text = fc.string({
    unit: fc.constantFrom('=', '+', '-', '@', '"', ',', '\n', '\r', '\t', 'a', '1', '.', ' '),
  })
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), (values) => {
      const cells = read(csvLine(values))
      expect(cells).toHaveLength(values.length)
      for (const [at, cell] of cells.entries()) {
        const value = values[at]!
        expect(cell === value || cell === `'${value}`).toBe(true)
        if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(cell)) expect(cell).not.toMatch(/^[=+\-@\t\r]/)
      }
    }),
    checkParameters(500),
  )
})
