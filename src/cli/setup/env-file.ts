// Files of `NAME=value` lines (`.env`), as Continue keeps its secrets in: one line is put in place, all others stay as they are.

import type { JsonValue } from '../../core/json.ts'
import { CannotEdit, type FileFormat, type Segment } from './change.ts'
import { lineEnd, lineStop, nextLine, spliced } from './splice.ts'

const ENTRY = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(.*?)[ \t]*\r?$/gm

export const ENV_FILE: FileFormat = { parse, comments, set, remove }

function parse(text: string): JsonValue | undefined {
  const found: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(ENTRY)) found[name] = unquoted(value)
  return found
}

function unquoted(value: string): string {
  const match = /^(["'`])(.*)\1$/.exec(value)
  return match?.[2] ?? value
}

/** In quotes that the value has not: none of them is escaped in such a file. */
function quoted(value: string): string {
  if (/^[\w./:@%+=-]*$/.test(value)) return value
  const quote = ["'", '`'].find((each) => !value.includes(each))
  if (quote === undefined || /[\r\n]/.test(value)) throw new CannotEdit('it has no quotes for it')
  return `${quote}${value}${quote}`
}

function comments(text: string): readonly string[] {
  return [...text.matchAll(/^[ \t]*#.*$/gm)].map(([line]) => line.trim())
}

function entryOf(text: string, [name]: readonly Segment[]): RegExpMatchArray | undefined {
  // The last one counts.
  return [...text.matchAll(ENTRY)].findLast((match) => match[1] === name)
}

function set(text: string, path: readonly Segment[], value: JsonValue): string {
  const [name] = path
  if (typeof name !== 'string' || path.length !== 1 || typeof value !== 'string') {
    throw new CannotEdit('it holds names and texts alone')
  }
  const line = `${name}=${quoted(value)}`
  const entry = entryOf(text, path)
  if (entry?.index === undefined) {
    const eol = lineEnd(text)
    const gap = text === '' || text.endsWith('\n') ? '' : eol
    return `${text}${gap}${line}${eol}`
  }
  return spliced(text, entry.index, lineStop(text, entry.index), line)
}

function remove(text: string, path: readonly Segment[]): string {
  const entry = entryOf(text, path)
  if (entry?.index === undefined) return text
  return spliced(text, entry.index, nextLine(text, entry.index), '')
}
