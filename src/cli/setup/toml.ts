// TOML (Codex): the smallest change of the text that is right. Names without a table stand before the first table, a table's names behind its
// head, and a value that is there is replaced where it stands, in whichever of TOML's ways it is written.

import type { JsonValue } from '../../core/json.ts'
import { CannotEdit, type FileFormat, isRecord, type Segment } from './change.ts'
import { lineEnd, lineStart, nextLine, spliced } from './splice.ts'
import { scanToml, type TomlStatement } from './toml-scan.ts'

export const TOML: FileFormat = { parse, comments, set, remove }

function parse(text: string): JsonValue | undefined {
  let parsed: unknown
  try {
    parsed = Bun.TOML.parse(text)
  } catch (error) {
    throw new SyntaxError(error instanceof Error ? error.message : 'not TOML', { cause: error })
  }
  // Numbers that JSON does not have are told apart by nothing here: no setting of ours is one.
  return JSON.parse(JSON.stringify(parsed)) as JsonValue
}

function comments(text: string): readonly string[] {
  return scanToml(text).comments
}

function names(path: readonly Segment[]): string[] {
  return path.map((segment) => {
    if (typeof segment !== 'string') throw new CannotEdit('lists of tables are not changed')
    return segment
  })
}

function isAt(statement: TomlStatement, path: readonly string[]): boolean {
  return (
    statement.path.length === path.length && statement.path.every((name, at) => name === path[at])
  )
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.length < path.length && start.every((name, at) => name === path[at])
}

function keyText(name: string): string {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name)
}

function valueText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  if (isRecord(value)) {
    const parts = Object.entries(value).map(
      ([name, each]) => `${keyText(name)} = ${valueText(each as JsonValue)}`,
    )
    return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
  }
  if (value === null) throw new CannotEdit('TOML has no null')
  if (typeof value !== 'string') return String(value)
  // As JSON, but for one character that TOML wants escaped.
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f')
}

function set(text: string, path: readonly Segment[], value: JsonValue): string {
  const wanted = names(path)
  const { statements } = scanToml(text)
  const there = statements.find((each) => each.kind === 'pair' && isAt(each, wanted))
  if (there !== undefined) return spliced(text, there.valueFrom, there.to, valueText(value))
  const inside = inlineHolder(text, statements, wanted)
  if (inside !== undefined) return spliced(text, inside.from, inside.to, inside.withValue(value))
  const parent = wanted.slice(0, -1)
  const table = statements.find((each) => each.kind === 'table' && isAt(each, parent))
  const line = `${keyText(wanted.at(-1)!)} = ${valueText(value)}`
  if (table !== undefined && !isRecord(value)) return behindTable(text, statements, table, line)
  if (wanted.length === 1 && !isRecord(value)) return beforeTables(text, statements, line)
  const dotted = statements.filter(
    (each) =>
      each.kind === 'pair' &&
      startsWith(each.path, parent) &&
      // Named with dots from a table further out, or from none.
      (headOf(statements, each)?.path.length ?? 0) < parent.length,
  )
  const isDotted = dotted.length > 0 && table === undefined
  if (isDotted) return behindPair(text, statements, dotted.at(-1)!, wanted, value)
  if (isRecord(value)) return asTable(text, wanted, value)
  return asTable(text, parent, { [wanted.at(-1)!]: value })
}

/** The head of the table a name stands in. */
function headOf(
  statements: readonly TomlStatement[],
  pair: TomlStatement,
): TomlStatement | undefined {
  return statements.findLast(({ from, kind }) => kind !== 'pair' && from < pair.from)
}

/** Names that are set with dots, of a table that has no head, are set so on. */
function behindPair(
  text: string,
  statements: readonly TomlStatement[],
  last: TomlStatement,
  wanted: readonly string[],
  value: JsonValue,
): string {
  const head = headOf(statements, last)
  const rest = wanted.slice(head?.path.length ?? 0)
  const eol = lineEnd(text)
  const place = nextLine(text, last.to)
  const gap = text[place - 1] === '\n' ? '' : eol
  const line = `${gap}${rest.map(keyText).join('.')} = ${valueText(value)}${eol}`
  return spliced(text, place, place, line)
}

/** Behind the last name of a table that stands in it itself. */
function behindTable(
  text: string,
  statements: readonly TomlStatement[],
  table: TomlStatement,
  line: string,
): string {
  const index = statements.indexOf(table)
  const next = statements.findIndex(({ kind }, at) => at > index && kind !== 'pair')
  const own = statements.slice(index, next < 0 ? undefined : next)
  const last = own.at(-1) ?? table
  const place = nextLine(text, last.to)
  const indent = /^[ \t]*/.exec(text.slice(lineStart(text, last.from), last.from))?.[0] ?? ''
  const eol = lineEnd(text)
  const gap = place > 0 && text[place - 1] !== '\n' ? eol : ''
  return spliced(text, place, place, `${gap}${last === table ? '' : indent}${line}${eol}`)
}

/** Behind the last name that has no table; where there is none, before the comments of the first table. */
function beforeTables(text: string, statements: readonly TomlStatement[], line: string): string {
  const firstTable = statements.findIndex(({ kind }) => kind !== 'pair')
  const top = firstTable < 0 ? statements : statements.slice(0, firstTable)
  const last = top.at(-1)
  const eol = lineEnd(text)
  if (last !== undefined) {
    const place = nextLine(text, last.to)
    const gap = text[place - 1] === '\n' ? '' : eol
    return spliced(text, place, place, `${gap}${line}${eol}`)
  }
  if (firstTable < 0) {
    const gap = text === '' || text.endsWith('\n') ? '' : eol
    return `${text}${gap}${line}${eol}`
  }
  const table = lineStart(text, statements[firstTable]!.from)
  // Comments right above a table are the table's.
  const above = /(?:[ \t]*#[^\n]*\n)*$/.exec(text.slice(0, table))
  const place = above === null ? table : above.index
  return spliced(text, place, place, `${line}${eol}${eol}`)
}

/** A new table at the end. */
function asTable(text: string, path: readonly string[], value: JsonValue): string {
  const eol = lineEnd(text)
  const gap = text === '' ? '' : text.endsWith('\n') ? eol : `${eol}${eol}`
  const head = `[${path.map(keyText).join('.')}]`
  const lines = Object.entries(value as Record<string, JsonValue>).map(
    ([name, each]) => `${keyText(name)} = ${valueText(each)}`,
  )
  return `${text}${gap}${[head, ...lines].join(eol)}${eol}`
}

interface Inline {
  readonly from: number
  readonly to: number
  withValue(value: JsonValue): string
}

/** A table written on one line that holds the place, or should: it is closed, so its own braces must hold what is new. */
function inlineHolder(
  text: string,
  statements: readonly TomlStatement[],
  wanted: readonly string[],
): Inline | undefined {
  const pair = statements.find(
    (each) => each.kind === 'pair' && startsWith(wanted, each.path) && text[each.valueFrom] === '{',
  )
  if (pair === undefined) return undefined
  const rest = wanted.slice(pair.path.length)
  const offset = pair.valueFrom
  const inner = scanInline(text.slice(offset, pair.to))
  const there = inner.find(({ path }) => startsWith([...rest, ''], path) && path.length > 0)
  if (there !== undefined && there.path.length === rest.length) {
    const place = { from: offset + there.valueFrom, to: offset + there.to }
    return { ...place, withValue: valueText }
  }
  if (there !== undefined) {
    const moved = {
      ...there,
      from: offset + there.from,
      to: offset + there.to,
      valueFrom: offset + there.valueFrom,
    }
    return inlineHolder(text, [moved], rest)
  }
  const last = inner.at(-1)
  const place = last === undefined ? offset + 1 : offset + last.to
  const name = rest.map(keyText).join('.')
  return {
    from: place,
    to: place,
    withValue: (value) => `${last === undefined ? ' ' : ', '}${name} = ${valueText(value)}`,
  }
}

/** The names of a table on one line: each part between its commas is a statement of its own. */
function scanInline(text: string): readonly TomlStatement[] {
  const found: TomlStatement[] = []
  let at = 1
  for (const part of inlineParts(text.slice(1, -1))) {
    const [statement] = part.trim() === '' ? [] : scanToml(part).statements
    if (statement !== undefined) {
      const { from, to, valueFrom } = statement
      found.push({ ...statement, from: at + from, to: at + to, valueFrom: at + valueFrom })
    }
    at += part.length + 1
  }
  return found
}

function inlineParts(text: string): string[] {
  const parts: string[] = []
  const token = /"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\])*"|'[^']*'|[[{]|[\]}]|,/g
  let depth = 0
  let start = 0
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === '[' || found === '{') depth += 1
    else if (found === ']' || found === '}') depth -= 1
    else if (found === ',' && depth === 0) {
      parts.push(text.slice(start, index))
      start = index + 1
    }
  }
  return [...parts, text.slice(start)]
}

function remove(text: string, path: readonly Segment[]): string {
  const wanted = names(path)
  const { statements } = scanToml(text)
  const gone = statements.filter((each) => isAt(each, wanted) || startsWith(each.path, wanted))
  if (gone.length === 0) return withoutInline(text, statements, wanted)
  let now = text
  for (const { from, to } of gone.toReversed()) {
    const start = lineStart(now, from)
    // The empty line that a table was set apart with goes with it.
    const isTable = now[from] === '['
    const before = isTable ? (/\r?\n(?=\r?\n$)/.exec(now.slice(0, start))?.[0].length ?? 0) : 0
    now = spliced(now, start - before, nextLine(now, to), '')
  }
  return now
}

function withoutInline(
  text: string,
  statements: readonly TomlStatement[],
  wanted: readonly string[],
): string {
  const pair = statements.find(
    (each) => each.kind === 'pair' && startsWith(wanted, each.path) && text[each.valueFrom] === '{',
  )
  if (pair === undefined) return text
  const rest = wanted.slice(pair.path.length)
  const inner = scanInline(text.slice(pair.valueFrom, pair.to))
  const at = inner.findIndex((each) => isAt(each, rest))
  const found = inner[at]
  if (found === undefined) throw new CannotEdit('a setting shares its line with others')
  const next = inner[at + 1]
  const from = next === undefined ? (inner[at - 1]?.to ?? found.from) : found.from
  const to = next === undefined ? found.to : next.from
  return spliced(text, pair.valueFrom + from, pair.valueFrom + to, '')
}
