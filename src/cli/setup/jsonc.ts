// JSON with comments (VS Code, Zed, opencode, Claude Code): values are put in place in the text itself, so that comments, order and
// indentation stay. It reads with the parser that VS Code has.

import {
  createScanner,
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
  type SyntaxKind,
} from 'jsonc-parser'
import type { JsonValue } from '../../core/json.ts'
import { CannotEdit, type FileFormat, itemIndex, type Segment } from './change.ts'
import {
  indentAt,
  indented,
  indentUnit,
  lineEnd,
  lineStart,
  lineStop,
  nextLine,
  spliced,
} from './splice.ts'

/** The parser's kinds are a constant enumeration, which this code cannot import: their numbers, as its documentation has them. */
const LINE_COMMENT = 12 satisfies SyntaxKind.LineCommentTrivia
const BLOCK_COMMENT = 13 satisfies SyntaxKind.BlockCommentTrivia
const END = 17 satisfies SyntaxKind.EOF
const COMMA = 5 satisfies SyntaxKind.CommaToken

const READING = { allowTrailingComma: true, allowEmptyContent: true, disallowComments: false }

export const JSONC: FileFormat = { parse, comments, set, remove }

function tree(text: string): Node | undefined {
  const errors: ParseError[] = []
  const root = parseTree(text, errors, READING)
  const [first] = errors
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split('\n').length
    throw new SyntaxError(`line ${line}: ${printParseErrorCode(first.error)}`)
  }
  if (root !== undefined) refuseTwice(root)
  return root
}

/** A name that is there twice has two values: which one counts is each program's own idea. */
function refuseTwice(node: Node): void {
  const { children = [] } = node
  if (node.type === 'object') {
    const names = children.map((property) => property.children?.[0]?.value as unknown)
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined) throw new SyntaxError(`"${String(twice)}" is there twice`)
  }
  for (const child of children) refuseTwice(child)
}

function parse(text: string): JsonValue | undefined {
  const root = tree(text)
  // The parser's objects have no prototype, which would tell them from others with the same in them.
  return root === undefined
    ? undefined
    : (JSON.parse(JSON.stringify(getNodeValue(root))) as JsonValue)
}

function comments(text: string): readonly string[] {
  const scanner = createScanner(text, false)
  const found: string[] = []
  for (let kind = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (kind === LINE_COMMENT || kind === BLOCK_COMMENT) {
      found.push(scanner.getTokenValue().trimEnd())
    }
  }
  return found
}

/** The path as the parser has it: places in lists by their number. */
function located(text: string, path: readonly Segment[]): (string | number)[] {
  let value = parse(text)
  return path.map((segment) => {
    if (typeof segment === 'string') {
      value = (value as Record<string, JsonValue> | undefined)?.[segment]
      return segment
    }
    const list = Array.isArray(value) ? value : []
    const at = itemIndex(list, segment)
    value = list[at]
    return at
  })
}

function set(text: string, path: readonly Segment[], value: JsonValue): string {
  const root = tree(text)
  if (root === undefined) return withRoot(text, path, value)
  const places = located(text, path)
  const node = findNodeAtLocation(root, places)
  const unit = indentUnit(text)
  if (node !== undefined) {
    const written = valueText(value, indentAt(text, node.offset), unit, text)
    return spliced(text, node.offset, node.offset + node.length, written)
  }
  // The deepest that is there gets one new entry, which holds the rest of the path.
  for (let length = path.length - 1; length >= 0; length -= 1) {
    const holder = findNodeAtLocation(root, places.slice(0, length))
    if (holder === undefined) continue
    const inner = nested(path.slice(length + 1), value)
    return withEntry(text, holder, path[length]!, inner)
  }
  throw new CannotEdit('its outermost value is not an object')
}

function nested(path: readonly Segment[], value: JsonValue): JsonValue {
  return path.reduceRight<JsonValue>(
    (inner, segment) => (typeof segment === 'string' ? { [segment]: inner } : [inner]),
    value,
  )
}

/** A file without a value: comments at most, which stay above. */
function withRoot(text: string, path: readonly Segment[], value: JsonValue): string {
  const eol = lineEnd(text)
  const above = text.trim() === '' ? '' : `${text.trimEnd()}${eol}`
  return `${above}${valueText(nested(path, value), '', '  ', text)}${eol}`
}

function valueText(value: JsonValue, indent: string, unit: string, text: string): string {
  return indented(JSON.stringify(value, undefined, unit), indent, lineEnd(text))
}

function withEntry(text: string, holder: Node, segment: Segment, value: JsonValue): string {
  const isList = typeof segment !== 'string'
  if (holder.type !== (isList ? 'array' : 'object')) {
    throw new CannotEdit('a setting has a value of another kind than its tool knows')
  }
  const unit = indentUnit(text)
  const outer = indentAt(text, holder.offset)
  const name = isList ? '' : `${JSON.stringify(segment)}: `
  const close = holder.offset + holder.length - 1
  const children = holder.children ?? []
  const eol = lineEnd(text)
  const [first] = children
  const last = children.at(-1)
  if (first === undefined || last === undefined) {
    const inside = text.slice(holder.offset + 1, close).trimEnd()
    const entry = `${name}${valueText(value, `${outer}${unit}`, unit, text)}`
    const body = `${inside}${eol}${outer}${unit}${entry}${eol}${outer}`
    return spliced(text, holder.offset + 1, close, body)
  }
  const isOneLine = !text.slice(holder.offset, first.offset).includes('\n')
  const indent = isOneLine ? outer : indentAt(text, first.offset)
  const compact = () => JSON.stringify(value, undefined, 1).replace(/\n\s*/g, ' ')
  const entry = `${name}${isOneLine ? compact() : valueText(value, indent, unit, text)}`
  if (isList && segment.isFirst === true) {
    const gap = isOneLine ? ' ' : `${eol}${indent}`
    return spliced(text, first.offset, first.offset, `${entry},${gap}`)
  }
  const end = last.offset + last.length
  const comma = commaBetween(text, end, close)
  if (isOneLine) return spliced(text, end, end, `, ${entry}`)
  const place = behindComments(text, comma === undefined ? end : comma + 1, close)
  const placed = `${eol}${indent}${entry}${comma === undefined ? '' : ','}`
  const rest = spliced(text, place, place, placed)
  return comma === undefined ? spliced(rest, end, end, ',') : rest
}

/** The comma behind the last entry, where there is one. */
function commaBetween(text: string, from: number, to: number): number | undefined {
  const scanner = createScanner(text, false)
  scanner.setPosition(from)
  for (let kind = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (scanner.getTokenOffset() >= to) return undefined
    if (kind === COMMA) return scanner.getTokenOffset()
  }
  return undefined
}

/** Behind the comments that stand on the same line. */
function behindComments(text: string, from: number, to: number): number {
  const stop = lineStop(text, from)
  const scanner = createScanner(text, false)
  scanner.setPosition(from)
  let place = from
  for (let kind = scanner.scan(); kind !== END; kind = scanner.scan()) {
    const offset = scanner.getTokenOffset()
    if (offset >= to || offset >= stop) break
    if (kind === LINE_COMMENT || kind === BLOCK_COMMENT) place = offset + scanner.getTokenLength()
  }
  return place
}

function remove(text: string, path: readonly Segment[]): string {
  const root = tree(text)
  const value = root === undefined ? undefined : findNodeAtLocation(root, located(text, path))
  const entry = value?.parent?.type === 'property' ? value.parent : value
  const holder = entry?.parent
  if (entry === undefined || holder === undefined) return text
  const end = entry.offset + entry.length
  const comma = commaBetween(text, end, holder.offset + holder.length - 1)
  if (comma !== undefined) return cut(text, entry.offset, comma + 1)
  const siblings = holder.children ?? []
  const before = siblings[siblings.indexOf(entry) - 1]
  const rest = cut(text, entry.offset, end)
  if (before === undefined) return rest
  const place = commaBetween(text, before.offset + before.length, entry.offset)
  return place === undefined ? rest : spliced(rest, place, place + 1, '')
}

/** A part taken out, with the lines that it alone stands on and the blanks before it. */
function cut(text: string, from: number, to: number): string {
  const start = lineStart(text, from)
  const isAlone =
    text.slice(start, from).trim() === '' && text.slice(to, lineStop(text, to)).trim() === ''
  if (isAlone && start > 0) return spliced(text, start, nextLine(text, to), '')
  const blanks = /[ \t]*$/.exec(text.slice(0, from))?.[0].length ?? 0
  return spliced(text, from - blanks, to, '')
}
