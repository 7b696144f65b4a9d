// Finds the line of a syntax error, which Bun's parsers do not tell. It runs only when a file is already known to be broken,
// and it stops after a bounded amount of parsing: a few characters may take long, where aliases make much of them.

import { LIMITS } from '../core/limits.ts'

/** Characters parsed in all while looking; beyond it no line is told. */
const PARSED_CHARS_MAX = 16 * 1_048_576

/**
 * The first line, from 1, after the longest run of whole lines that parses: where the broken construct begins. For JSON the
 * place where reading stops. Undefined when it can't be found within bounds.
 */
export function findSyntaxLine(
  text: string,
  format: 'yaml' | 'json' | 'toml',
  parse: (text: string) => unknown,
): number | undefined {
  if (format === 'json') return jsonFaultLine(text)
  const lines = text.split('\n')
  const budget = { chars: PARSED_CHARS_MAX }
  const endMs = performance.now() + LIMITS.syntaxLineSearchMs
  const parses = (count: number): boolean => {
    const part = lines.slice(0, count).join('\n')
    budget.chars -= part.length
    if (performance.now() > endMs) budget.chars = 0
    return budget.chars > 0 && accepts(parse, part)
  }
  const isEntry = (count: number) => /^[A-Za-z0-9_"'[]/.test(lines[count] ?? '')
  // Whole top-level entries first, so that a long file needs few attempts.
  let good = 0
  for (let count = 1; count < lines.length; count++) {
    if (!isEntry(count)) continue
    if (!parses(count)) break
    good = count
  }
  let last = good
  for (let count = good + 1; count <= lines.length; count++) {
    if (parses(count)) last = count
    else if (budget.chars <= 0 || isEntry(count)) break
  }
  if (budget.chars <= 0) return undefined
  let line = last + 1
  while (line < lines.length && /^\s*(?:#.*)?$/.test(lines[line - 1] ?? '')) line++
  return line
}

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

const JSON_TOKEN =
  /[\t\n\r ]*(?:([{}[\],:])|("(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.]))/uy

type Expect = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end' | 'nothing'

/** Reads tokens until one is out of place. */
function jsonFaultLine(text: string): number {
  const open: ('{' | '[')[] = []
  const afterValue = (): Expect => (open.length === 0 ? 'nothing' : 'comma or end')
  let expect: Expect = 'value'
  let at = 0
  for (;;) {
    JSON_TOKEN.lastIndex = at
    const match = JSON_TOKEN.exec(text)
    if (match === null) break
    const [, mark, string, word] = match
    const next = jsonStep(expect, mark, string ?? word, string !== undefined, open, afterValue)
    if (next === undefined) break
    expect = next
    at = JSON_TOKEN.lastIndex
  }
  const fault = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0)
  return text.slice(0, Math.min(fault, text.trimEnd().length)).split('\n').length
}

function jsonStep(
  expect: Expect,
  mark: string | undefined,
  scalar: string | undefined,
  isString: boolean,
  open: ('{' | '[')[],
  afterValue: () => Expect,
): Expect | undefined {
  const wantsValue = expect === 'value' || expect === 'value or end'
  const wantsKey = expect === 'key' || expect === 'key or end'
  if (scalar !== undefined) {
    if (wantsKey) return isString ? 'colon' : undefined
    return wantsValue ? afterValue() : undefined
  }
  if (mark === '{' || mark === '[') {
    if (!wantsValue) return undefined
    open.push(mark)
    return mark === '{' ? 'key or end' : 'value or end'
  }
  if (mark === ':') return expect === 'colon' ? 'value' : undefined
  if (mark === ',') {
    if (expect !== 'comma or end') return undefined
    return open.at(-1) === '{' ? 'key' : 'value'
  }
  if (!expect.endsWith('or end')) return undefined
  const isClosed = (mark === '}') === (open.at(-1) === '{')
  if (!isClosed) return undefined
  open.pop()
  return afterValue()
}
