// YAML (Continue, aider, llm): the parser tells where each value stands, and the text is changed there and nowhere else, so that comments,
// order and quoting stay.

import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  parseAllDocuments,
  Parser,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { JsonValue } from '../../core/json.ts'
import { CannotEdit, type FileFormat, isRecord, itemIndex, type Segment } from './change.ts'
import { indented, indentUnit, lineEnd, lineStart, lineStop, nextLine, spliced } from './splice.ts'

export const YAML: FileFormat = { parse, comments, set, remove }

type Entry = Pair<ParsedNode, ParsedNode | null>

function contents(text: string): ParsedNode | undefined {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return undefined
  const [document, another] = documents
  if (another !== undefined) throw new SyntaxError('it has several documents')
  const error = document?.errors[0]
  if (error !== undefined) {
    throw new SyntaxError(error.message.split('\n')[0]?.replace(/:$/, '') ?? 'not YAML')
  }
  return (document?.contents ?? undefined) as ParsedNode | undefined
}

function parse(text: string): JsonValue | undefined {
  const node = contents(text)
  if (node === undefined || (isScalar(node) && node.value === null)) return undefined
  try {
    return JSON.parse(JSON.stringify(parseAllDocuments(text)[0]?.toJS())) as JsonValue
  } catch (error) {
    // An alias of nothing, or of too much.
    if (!(error instanceof ReferenceError)) throw error
    throw new SyntaxError(error.message, { cause: error })
  }
}

function comments(text: string): readonly string[] {
  const found: string[] = []
  const visit = (token: unknown): void => {
    if (Array.isArray(token)) token.forEach(visit)
    else if (isRecord(token)) {
      if (token['type'] === 'comment') found.push(String(token['source']).trimEnd())
      for (const value of Object.values(token)) if (typeof value === 'object') visit(value)
    }
  }
  for (const token of new Parser().parse(text)) visit(token)
  return found
}

/** What of a path is there: the deepest node, how many segments lead to it, and the entry that holds it. */
interface Reached {
  readonly node: ParsedNode | null
  readonly depth: number
  readonly entry?: Entry
  readonly holder?: YAMLMap.Parsed | YAMLSeq.Parsed
}

function reach(text: string, path: readonly Segment[]): Reached | undefined {
  const root = contents(text)
  if (root === undefined) return undefined
  let reached: Reached = { node: root, depth: 0 }
  for (const segment of path) {
    const { node } = reached
    const depth = reached.depth + 1
    if (isAlias(node)) throw new CannotEdit('the setting stands behind an alias')
    if (typeof segment === 'string') {
      const entry = isMap(node)
        ? (node.items as Entry[]).find(({ key }) => isScalar(key) && String(key.value) === segment)
        : undefined
      if (entry === undefined) return reached
      reached = { node: entry.value, depth, entry, holder: node as YAMLMap.Parsed }
    } else {
      const at = isSeq(node) ? itemIndex(node.toJSON() as JsonValue[], segment) : -1
      if (at < 0) return reached
      const holder = node as YAMLSeq.Parsed
      reached = { node: holder.items[at] as ParsedNode, depth, holder }
    }
  }
  return reached
}

function nested(path: readonly Segment[], value: JsonValue): JsonValue {
  return path.reduceRight<JsonValue>(
    (inner, segment) => (typeof segment === 'string' ? { [segment]: inner } : [inner]),
    value,
  )
}

/** Quoted where YAML 1.1 would read another value, too: some tools do. */
function block(value: JsonValue): string {
  return stringify(value, {
    compat: 'yaml-1.1',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  }).trimEnd()
}

function flow(value: JsonValue): string {
  return JSON.stringify(value)
}

function set(text: string, path: readonly Segment[], value: JsonValue): string {
  const reached = reach(text, path)
  if (reached === undefined || isNothing(reached.node)) return underNothing(text, path, value)
  const { depth, node } = reached
  const segment = path[depth]
  if (segment === undefined) return replaced(text, node!, value)
  const inner = nested(path.slice(depth + 1), value)
  const entry = typeof segment === 'string' ? { [segment]: inner } : [inner]
  if (typeof segment === 'string' ? !isMap(node) : !isSeq(node)) {
    throw new CannotEdit('a setting has a value of another kind than its tool knows')
  }
  const holder = node as YAMLMap.Parsed | YAMLSeq.Parsed
  if (holder.flow === true) return withFlowEntry(text, holder, segment, inner)
  const isFirst = typeof segment !== 'string' && segment.isFirst === true
  const firstLine = lineStart(text, startOf(holder))
  const lead = text.slice(firstLine, startOf(holder))
  if (isFirst && /^[ ]*$/.test(lead)) {
    const eol = lineEnd(text)
    // Above the comments of the one that was first until now.
    const key = reached.entry?.key
    const place = key === undefined ? firstLine : nextLine(text, key.range[1])
    return spliced(text, place, place, `${lead}${indented(block(entry), lead, eol)}${eol}`)
  }
  return withBlockEntry(text, holder, entry)
}

function isNothing(node: ParsedNode | null): boolean {
  return node === null || (isScalar(node) && node.value === null && !isCollection(node))
}

/** Where a block begins: at the first key, or at the first dash. */
function startOf(holder: YAMLMap.Parsed | YAMLSeq.Parsed): number {
  return holder.range[0]
}

/** The last place that belongs to a node: not the comments and blank lines behind it. */
function endOf(node: ParsedNode | null, otherwise: number): number {
  if (node === null) return otherwise
  if (isCollection(node) && node.flow !== true) {
    const last = node.items.at(-1) as Entry | ParsedNode | undefined
    if (last === undefined) return node.range[1]
    if (!('key' in last && 'value' in last && !('range' in last))) {
      return endOf(last as ParsedNode, node.range[1])
    }
    return endOf(last.value as ParsedNode | null, (last.key as ParsedNode).range[1])
  }
  return Math.max(node.range[1], otherwise)
}

/** Behind the last line of a node, its own comment included. */
function behind(text: string, node: ParsedNode | null, otherwise: number): number {
  const end = endOf(node, otherwise)
  // A block of text ends with its end of line.
  return end > 0 && text[end - 1] === '\n' ? end : nextLine(text, end)
}

function withBlockEntry(
  text: string,
  holder: YAMLMap.Parsed | YAMLSeq.Parsed,
  entry: JsonValue,
): string {
  const start = startOf(holder)
  const eol = lineEnd(text)
  // In a list, a map may begin behind its dash.
  const indent = ' '.repeat(start - lineStart(text, start))
  const place = behind(text, holder, start)
  const gap = place > 0 && text[place - 1] !== '\n' ? eol : ''
  const placed = `${gap}${indent}${indented(block(entry), indent, eol)}${eol}`
  return spliced(text, place, place, placed)
}

function withFlowEntry(
  text: string,
  holder: YAMLMap.Parsed | YAMLSeq.Parsed,
  segment: Segment,
  inner: JsonValue,
): string {
  const name = typeof segment === 'string' ? `${JSON.stringify(segment)}: ` : ''
  const written = `${name}${flow(inner)}`
  const open = holder.range[0] + 1
  const close = holder.range[1] - 1
  if (holder.items.length === 0) return spliced(text, open, open, written)
  if (typeof segment !== 'string' && segment.isFirst === true) {
    return spliced(text, open, open, `${written}, `)
  }
  const hasComma = /,\s*$/.test(text.slice(open, close))
  const place = open + text.slice(open, close).trimEnd().length
  return spliced(text, place, place, `${hasComma ? '' : ','} ${written}`)
}

/** A value that is there, by another. */
function replaced(text: string, node: ParsedNode, value: JsonValue): string {
  const [from, to] = node.range
  if (isCollection(node) && node.flow !== true) {
    throw new CannotEdit('a setting has a value of another kind than its tool knows')
  }
  const isBlock = text.slice(from, to).endsWith('\n')
  return spliced(text, from, to, isBlock ? `${flow(value)}${lineEnd(text)}` : scalarText(value))
}

function scalarText(value: JsonValue): string {
  if (typeof value === 'object') return flow(value)
  // What a flow list or map would read as more than a text is quoted.
  const plain = block(value)
  return plain.includes('\n') || /[,[\]{}]/.test(plain) ? flow(value) : plain
}

/** A file, or a setting, that says nothing yet. */
function underNothing(text: string, path: readonly Segment[], value: JsonValue): string {
  const reached = reach(text, path)
  const eol = lineEnd(text)
  const key = reached?.entry?.key
  if (reached === undefined || key === undefined || key === null) {
    const body = indented(block(nested(path, value)), '', eol)
    const gap = text === '' || text.endsWith('\n') ? '' : eol
    return `${text}${gap}${body}${eol}`
  }
  const rest = path.slice(reached.depth)
  const inner = nested(rest, value)
  const stop = lineStop(text, key.range[1])
  const colon = text.indexOf(':', key.range[1])
  if (colon < 0 || colon >= stop) throw new CannotEdit('a setting has no value')
  const word = reached.node === null ? undefined : reached.node.range
  if (rest.length === 0 || (word !== undefined && word[1] > word[0])) {
    const place = word !== undefined && word[1] > word[0] ? word : ([colon + 1, colon + 1] as const)
    return spliced(text, place[0], place[1], `${place[0] === colon + 1 ? ' ' : ''}${flow(inner)}`)
  }
  const indent = ' '.repeat(key.range[0] - lineStart(text, key.range[0])) + indentUnit(text)
  const placed = `${eol}${indent}${indented(block(inner), indent, eol)}`
  return spliced(text, stop, stop, placed)
}

function remove(text: string, path: readonly Segment[]): string {
  const reached = reach(text, path)
  if (reached === undefined || reached.depth < path.length) return text
  const { entry, holder, node } = reached
  if (holder === undefined) return text
  const isFlow = holder.flow === true
  const key = entry?.key
  const from = key?.range[0] ?? node?.range[0] ?? 0
  const to = endOf(node, key?.range[1] ?? from)
  if (isFlow) return withoutFlow(text, from, to)
  const start = lineStart(text, from)
  const isLast = holder.items.length === 1
  const before = text.slice(start, from)
  if (/^ *(?:- *)?$/.test(before) && !(key !== undefined && /-/.test(before))) {
    const end = behind(text, node, key?.range[1] ?? from)
    const rest = spliced(text, start, end, '')
    return isLast && path.length > 1 ? withEmpty(rest, path.slice(0, -1), typeof path.at(-1)) : rest
  }
  throw new CannotEdit('a setting shares its line with others')
}

/** A holder whose last entry has gone would be no holder any more. */
function withEmpty(text: string, path: readonly Segment[], kind: string): string {
  return set(text, path, kind === 'string' ? {} : [])
}

function withoutFlow(text: string, from: number, to: number): string {
  const after = /^\s*,[ \t]*/.exec(text.slice(to))?.[0]
  if (after !== undefined) return spliced(text, from, to + after.length, '')
  const before = /,\s*$/.exec(text.slice(0, from))?.[0] ?? ''
  return spliced(text, from - before.length, to, '')
}
