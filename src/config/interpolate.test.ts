// References in a configuration: malformed ones first, then what they become.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { interpolate } from './interpolate.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-interpolate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'key'), 'file-secret\r\n')
writeFileSync(join(folder, 'lines'), 'a\nb\n\n')
writeFileSync(join(folder, 'large'), 'x'.repeat(65_537))

const ENVIRONMENT = { NAME: 'value', EMPTY: '', TRICK: '${NAME}${file:key}', DOLLAR: '$&$1$$' }

function run(document: unknown) {
  const reports: string[] = []
  const result = interpolate(document, {
    environment: ENVIRONMENT,
    folder,
    report: (path, message) => reports.push(`${path}: ${message}`),
  })
  return { ...result, reports }
}

describe('faults', () => {
  const FORMS =
    'a: has a reference that is none of ${NAME}, ${NAME:-default} or ${file:path}; $${ stands for a plain ${'
  test.each([
    ['${NOPE}', 'a: the environment variable NOPE is not set'],
    ['${constructor}', 'a: the environment variable constructor is not set'],
    ['${__proto__}', 'a: the environment variable __proto__ is not set'],
    ['x ${NAME', 'a: has a "${" without its "}"'],
    ['${}', FORMS],
    ['${A B}', FORMS],
    ['${1A}', FORMS],
    ['${NAME-x}', FORMS],
    ['${NAME:x}', FORMS],
    ['${file:}', 'a: ${file:} names no file'],
    ['${file:nope}', 'a: the file "nope" does not exist'],
    ['${file:key/x}', 'a: the file "key/x" does not exist'],
    ['${file:.}', 'a: the file "." is not a regular file'],
    ['${file:large}', 'a: the file "large" is larger than 64KiB'],
  ])('%p', (text, wanted) => {
    const { refused, reports } = run({ a: text })
    expect(reports).toEqual([wanted])
    expect([...refused]).toEqual(['a'])
  })

  test('references without an end take no longer the more there are', () => {
    const spentMs = cpuMsOf(() => {
      for (const text of ['${'.repeat(200_000), '${NAME}${A:-'.repeat(100_000)]) {
        expect(run({ a: text }).reports).toEqual(['a: has a "${" without its "}"'])
      }
    })
    expect(spentMs).toBeLessThan(2_000)
  })

  test('a document in a circle is cut', () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(run(circle).reports[0]).toEndWith('is nested too deeply')
  })

  test('a document that repeats itself without end is cut', () => {
    let list: unknown[] = ['x']
    for (let level = 0; level < 12; level++) list = [list, list, list, list]
    const { refused, reports } = run(list)
    expect(reports).toEqual([': holds too many values'])
    expect(refused.has('')).toBe(true)
  })
})

test.each([
  ['plain $ and $X and }', 'plain $ and $X and }'],
  ['${NAME}', 'value'],
  ['a${NAME}b${NAME}', 'avaluebvalue'],
  ['${NOPE:-x y}', 'x y'],
  ['${NOPE:-}', ''],
  ['${EMPTY:-x}', 'x'],
  ['${EMPTY}', ''],
  ['${NAME:-x}', 'value'],
  ['$${NAME}', '${NAME}'],
  ['$$${NAME}', '$${NAME}'],
  ['${TRICK}', '${NAME}${file:key}'],
  ['${DOLLAR}', '$&$1$$'],
  ['${file:key}', 'file-secret'],
  ['${file:./key}', 'file-secret'],
  ['${file:lines}', 'a\nb\n'],
])('%p becomes %p', (text, wanted) => {
  const { reports, value } = run({ a: text })
  expect(reports).toEqual([])
  expect(value).toEqual({ a: wanted })
})

test('what came from outside is known by path, and files by their hash', () => {
  const { files, references, wanted } = run({
    a: [{ b: '${NAME} ${file:key}' }, '$${NAME}', '${NOPE:-x}', 'plain'],
    c: '${file:key}',
  })
  expect([...references]).toEqual([
    ['a[0].b', { names: ['NAME', 'file:key'] }],
    ['c', { names: ['file:key'] }],
  ])
  expect(files.map((file) => file.path)).toEqual([join(folder, 'key')])
  expect(wanted).toEqual([join(folder, 'key')])
})

test('a document without references is copied as it is', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (json) => {
      fc.pre(!json.includes('${'))
      const { reports, value } = run(JSON.parse(json))
      expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(json)))
      expect(reports).toEqual([])
    }),
  )
})
