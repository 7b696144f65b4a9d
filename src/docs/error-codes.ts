// Finds every error code that the sources can produce, so that `docs/errors.md` can be held against them. It reads texts, as codes are
// literals: those given as `code:`, and those handed to a helper whose parameter is called `code`. Used by the page's test alone.

import { Glob } from 'bun'
import { join } from 'node:path'

const CODE = /^[a-z]+(?:_[a-z]+)*$/

/** Not seen by clients of a server: tests and what they use, commands, and the provider that plays others' errors. */
const ELSEWHERE =
  /\.test\.ts$|^(?:testing|docs|cli)\/|\/(?:contract|conformance|test-store)|^providers\/mock-/

/** Codes between a provider's stream and the pipeline, which makes errors of its own of them, and words that are no codes. */
const INSIDE: ReadonlySet<string> = new Set(['truncated', 'bad_chunk', 'certificate'])

const HELPER = /function (\w+)\(([^(){}]*\bcode\??: string[^(){}]*)\)/g

interface Helper {
  readonly file: string
  readonly name: string
  /** Which of its parameters the code is. */
  readonly at: number
}

/** Codes with the files that produce them, in the order of the alphabet. @param folder `src` */
export async function codesInSource(folder: string): Promise<Map<string, string[]>> {
  const texts = new Map<string, string>()
  for await (const file of new Glob('**/*.ts').scan(folder)) {
    const name = file.replaceAll('\\', '/')
    if (!ELSEWHERE.test(name)) texts.set(name, await Bun.file(join(folder, file)).text())
  }
  const helpers = [...texts].flatMap(([file, text]) => helpersIn(file, text))
  const found = new Map<string, string[]>()
  for (const [file, text] of texts) {
    for (const code of [...given(text), ...handed(file, text, helpers), ...missing(text)]) {
      if (INSIDE.has(code)) continue
      const files = found.get(code)
      if (files === undefined) found.set(code, [file])
      else if (!files.includes(file)) files.push(file)
    }
  }
  return new Map([...found].toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

/** `code: 'x'` and `code: isThere ? 'x' : 'y'`. */
function* given(text: string): Generator<string> {
  for (const [, value = ''] of text.matchAll(/\bcode:\s*((?:[^\n,{}()]|\n\s+[?:])+)/g)) {
    const literals = value.replace(/===? '\w*'|\['\w+'\]|'\w+' in /g, '')
    for (const [, code = ''] of literals.matchAll(/'([^']*)'/g)) if (CODE.test(code)) yield code
  }
  // Tables of what may not be changed: a code and its words.
  for (const [, code = ''] of text.matchAll(/: \[\s*'([a-z]+_[a-z_]+)',\s*'[A-Z][^']*\.'/g))
    yield code
}

function helpersIn(file: string, text: string): Helper[] {
  return [...text.matchAll(HELPER)].map(([, name = '', parameters = '']) => {
    const names = parameters.split(',').map((one) => one.trim().replace(/\??:.*$/s, ''))
    return { file, name, at: names.indexOf('code') }
  })
}

/** Calls of helpers, where they are declared and where they are imported. */
function* handed(file: string, text: string, helpers: readonly Helper[]): Generator<string> {
  for (const helper of helpers) {
    const isHere = helper.file === file
    const from = helper.file.slice(helper.file.lastIndexOf('/') + 1)
    const imported = new RegExp(`import \\{[^}]*\\b${helper.name}\\b[^}]*\\} from '[^']*/${from}'`)
    if (!isHere && !imported.test(text)) continue
    for (const match of text.matchAll(new RegExp(`\\b${helper.name}\\(`, 'g'))) {
      const value = argumentAt(text, match.index + match[0].length, helper.at)
      const code = /^'([^']*)'$/.exec(value)?.[1] ?? ''
      if (CODE.test(code)) yield code
    }
  }
}

/** `notFound('limit')` says `limit_not_found`; that it is made so is held by the page's test. */
function* missing(text: string): Generator<string> {
  for (const [, what = ''] of text.matchAll(/\bnotFound\('([a-z_]+)'\)/g)) yield `${what}_not_found`
}

/** The source of one argument of a call, from behind its bracket. */
function argumentAt(text: string, start: number, index: number): string {
  let depth = 0
  let quote = ''
  let seen = 0
  let from = start
  for (let at = start; at < text.length; at++) {
    const sign = text[at]!
    if (quote !== '') {
      if (sign === '\\') at++
      else if (sign === quote) quote = ''
    } else if (`'"\``.includes(sign)) quote = sign
    else if ('([{'.includes(sign)) depth++
    else if (')]}'.includes(sign) && depth > 0) depth--
    else if (sign === ',' && depth === 0) {
      if (seen++ === index) return text.slice(from, at).trim()
      from = at + 1
    } else if (sign === ')') {
      return seen === index ? text.slice(from, at).trim() : ''
    }
  }
  return ''
}
