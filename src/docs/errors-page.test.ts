// The page about errors, held against the code: every code that the sources can produce has an entry, no entry is dead, and what is made
// from the code is what `bun run docs` writes.

import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ERROR_KINDS, GatewayError } from '../core/error.ts'
import { notFound } from '../server/admin/body.ts'
import { problemReply } from '../server/problem.ts'
import { codesInSource } from './error-codes.ts'
import { CODE_TEXTS, NOT_FOUND } from './error-code-texts.ts'
import { KIND_TEXTS } from './error-texts.ts'
import { REQUEST_ID, withErrorTables } from './errors-page.ts'
import { plainMarkdown } from './part.ts'

const page = readFileSync(join(import.meta.dir, '../../docs/errors.md'), 'utf8')
const kindCodes = new Set<string>(Object.values(ERROR_KINDS).map(({ code }) => code))

describe('docs/errors.md', () => {
  test('is what `bun run docs` writes', () => {
    expect(plainMarkdown(page)).toBe(plainMarkdown(withErrorTables(page)))
    expect(() => withErrorTables('# Errors\n')).toThrow('no place')
  })

  test('every code of the sources has an entry, and no entry is dead', async () => {
    const found = await codesInSource(join(import.meta.dir, '..'))
    const things = new Set(NOT_FOUND.map((thing) => `${thing}_not_found`))
    const documented = (code: string) =>
      code in CODE_TEXTS || kindCodes.has(code) || things.has(code)
    expect([...found].filter(([code]) => !documented(code))).toEqual([])
    const listed = [...Object.keys(CODE_TEXTS), ...things]
    expect(listed.filter((code) => !found.has(code) && !kindCodes.has(code))).toEqual([])
    expect(found.size).toBeGreaterThan(90)
  })

  test('every kind is explained, and each thing to do is said', () => {
    expect(Object.keys(KIND_TEXTS).toSorted()).toEqual(Object.keys(ERROR_KINDS).toSorted())
    for (const [code, { means, todo }] of [
      ...Object.entries(KIND_TEXTS),
      ...Object.entries(CODE_TEXTS),
    ]) {
      expect({ code, says: means.endsWith('.') && /[.:)]$/.test(todo) }).toEqual({
        code,
        says: true,
      })
    }
    for (const code of kindCodes) expect(page).toContain(`\n### \`${code}\`\n`)
  })

  test('a problem of the management API looks as it is shown', () => {
    expect(page).toContain(problemReply(new GatewayError('permission'), REQUEST_ID).body)
  })

  test('what is not there is named as the page says', () => {
    expect(notFound('limit')).toMatchObject({ status: 404, code: 'limit_not_found' })
  })
})

describe('codesInSource', () => {
  const SOURCES: readonly (readonly [what: string, text: string, codes: string[]])[] = [
    ['a literal', "new GatewayError('permission', { code: 'plain', message: 'x' })", ['plain']],
    [
      'either of two',
      "{ code: isThere ? 'read_only' : 'unknown_one' }",
      ['read_only', 'unknown_one'],
    ],
    ['a comparison', "{ code: kind === 'not_this' ? 'but_this' : null }", ['but_this']],
    [
      'a helper',
      "function conflict(code: string, message: string): Error {}\nthrow conflict('taken', 'x')",
      ['taken'],
    ],
    [
      'a helper whose last parameter it is',
      "function invalid(param: string, message: string, code?: string): E {}\ninvalid('a', words(1, 'b, c)'), 'bad_one')",
      ['bad_one'],
    ],
    ['what is not there', "throw notFound('some_thing')", ['some_thing_not_found']],
    ['a helper of another file', "conflict('not_seen', 'x')", []],
    ['something else', "{ code: text('Stable; programs act upon it.') }", []],
  ]

  test.each(SOURCES)('sees %s', async (_what, text, codes) => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-codes-'))
    try {
      writeFileSync(join(folder, 'one.ts'), text)
      expect([...(await codesInSource(folder)).keys()]).toEqual(codes)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
