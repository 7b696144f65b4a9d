// Finds the line each key of a configuration stands on, and keys written twice. The parsers tell neither. Best effort:
// it reads the forms people write and never refuses anything by itself; a path it can't find has its parent's line.

import { LIMITS } from '../core/limits.ts'

export interface KeyLines {
  /** Line of a path or of its nearest parent, from 1. */
  lineOf(path: string): number | undefined
  /** Paths of keys that stand twice in one mapping; the parsers silently keep the last. */
  readonly duplicates: readonly { readonly path: string; readonly line: number }[]
}

/** The path of a member: `server.port`, `providers[0]`. */
export function childPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  return path === '' ? key : `${path}.${key}`
}

/** Reads the text of a file that its parser has accepted. */
export function findLines(text: string, format: 'yaml' | 'json' | 'toml'): KeyLines {
  const index = new LineIndex()
  if (format === 'toml') readToml(text, index)
  else new YamlReader(text, index).read()
  return index
}

class LineIndex implements KeyLines {
  readonly duplicates: { path: string; line: number }[] = []
  private readonly lines = new Map<string, number>()

  record(path: string, line: number): void {
    if (!this.lines.has(path)) this.lines.set(path, line)
  }

  recordTwice(path: string, line: number): void {
    this.duplicates.push({ path, line })
  }

  lineOf(path: string): number | undefined {
    let at = path
    while (at !== '') {
      const line = this.lines.get(at)
      if (line !== undefined) return line
      at = at.slice(0, Math.max(at.lastIndexOf('.'), at.lastIndexOf('['), 0))
    }
    return undefined
  }
}

interface Block {
  readonly kind: 'mapping' | 'sequence'
  readonly indent: number
  readonly path: string
  readonly keys: Set<string>
  items: number
}

const KEY =
  /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#[\]{},&*!|>%@`-][^#:]*?|-[^\s#:][^#:]*?)\s*:(?=\s|$)/

/** Reads block and flow style; JSON is flow style alone. */
class YamlReader {
  private readonly text: string
  private readonly index: LineIndex
  private readonly blocks: Block[] = []
  private at = 0
  private line = 1

  constructor(text: string, index: LineIndex) {
    this.text = text
    this.index = index
  }

  read(): void {
    let path = ''
    while (this.at < this.text.length) {
      const content = this.restOfLine()
      const indent = content.length - content.trimStart().length
      const rest = content.trimStart()
      if (rest === '' || rest.startsWith('#') || /^(?:---|\.\.\.|%)/.test(content)) this.skipLine()
      else path = this.readBlockLine(rest, indent, path)
    }
  }

  /** One line of block style; returns the path that the lines below it continue. */
  private readBlockLine(rest: string, indent: number, pending: string): string {
    let path = pending
    let column = indent
    let content = rest
    this.leaveBlocks(column, /^-(?:\s|$)/.test(content))
    this.at += column
    while (/^-(?:\s|$)/.test(content)) {
      const block = this.enter('sequence', column, path)
      path = childPath(block.path, block.items++)
      this.index.record(path, this.line)
      const skipped = content.length - content.slice(1).trimStart().length
      content = content.slice(skipped)
      column += skipped
      this.at += skipped
    }
    const match = KEY.exec(content)
    if (match === null) {
      this.readValue(path, column)
      return path
    }
    const block = this.enter('mapping', column, path)
    path = this.recordKey(block.path, unquote(match[1] ?? ''), block.keys)
    this.at += match[0].length
    this.readValue(path, column)
    return path
  }

  private leaveBlocks(indent: number, isItem: boolean): void {
    for (;;) {
      const top = this.blocks.at(-1)
      if (top === undefined || top.indent < indent) return
      if (top.indent === indent && (top.kind === 'mapping' || isItem)) return
      this.blocks.pop()
    }
  }

  private enter(kind: Block['kind'], indent: number, path: string): Block {
    const top = this.blocks.at(-1)
    if (top?.kind === kind && top.indent === indent) return top
    const block: Block = { kind, indent, path, keys: new Set(), items: 0 }
    this.blocks.push(block)
    return block
  }

  private recordKey(parent: string, key: string, seen: Set<string>): string {
    const path = childPath(parent, key)
    // `<<` merges and may be repeated.
    if (seen.has(key) && key !== '<<') this.index.recordTwice(path, this.line)
    seen.add(key)
    this.index.record(path, this.line)
    return path
  }

  /** Reads the value that begins on this line, and the lines it goes on over. */
  private readValue(path: string, indent: number): void {
    this.skipProperties()
    const character = this.text[this.at]
    if (character === '[' || character === '{') this.readFlow(path, 0)
    else if (character === '"' || character === "'") this.skipQuoted()
    else if (character === '|' || character === '>') {
      this.skipBlockScalar(indent)
      return
    }
    this.skipLine()
  }

  private skipProperties(): void {
    const match = /^[ \t]*(?:[&!][^\s]*[ \t]*)*/.exec(this.restOfLine())
    this.at += match?.[0].length ?? 0
  }

  private skipBlockScalar(indent: number): void {
    this.skipLine()
    while (this.at < this.text.length) {
      const content = this.restOfLine()
      const own = content.length - content.trimStart().length
      if (content.trim() !== '' && own <= indent) return
      this.skipLine()
    }
  }

  private readFlow(path: string, depth: number): void {
    const isList = this.text[this.at] === '['
    const seen = new Set<string>()
    let item = 0
    this.at++
    while (this.at < this.text.length && depth <= LIMITS.configDepthMax) {
      this.skipFlowSpace()
      const character = this.text[this.at]
      if (character === ']' || character === '}') {
        this.at++
        return
      }
      if (character === ',' || character === undefined) {
        this.at++
        continue
      }
      let member = path
      if (isList) {
        member = childPath(path, item++)
        this.index.record(member, this.line)
      } else member = this.recordKey(path, this.readFlowKey(), seen)
      this.skipFlowSpace()
      this.readFlowValue(member, depth)
    }
  }

  private readFlowKey(): string {
    const start = this.at
    this.readFlowScalar(true)
    const key = unquote(this.text.slice(start, this.at).trim())
    this.skipFlowSpace()
    if (this.text[this.at] === ':') this.at++
    return key
  }

  private readFlowValue(path: string, depth: number): void {
    this.skipProperties()
    const character = this.text[this.at]
    if (character === '[' || character === '{') this.readFlow(path, depth + 1)
    else this.readFlowScalar(false)
  }

  private readFlowScalar(isKey: boolean): void {
    const character = this.text[this.at]
    if (character === '"' || character === "'") {
      this.skipQuoted()
      return
    }
    while (this.at < this.text.length) {
      const now = this.text[this.at] ?? ''
      if (',[]{}\n'.includes(now)) return
      if (isKey && now === ':' && /[\s,[\]{}"']|^$/.test(this.text[this.at + 1] ?? '')) return
      this.at++
    }
  }

  private skipQuoted(): void {
    const quote = this.text[this.at]
    this.at++
    while (this.at < this.text.length) {
      const character = this.text[this.at]
      if (character === '\n') this.line++
      if (character === '\\' && quote === '"') {
        this.at++
        if (this.text[this.at] === '\n') this.line++
      }
      this.at++
      if (character !== quote) continue
      if (quote !== "'" || this.text[this.at] !== "'") return
      this.at++
    }
  }

  private skipFlowSpace(): void {
    for (;;) {
      const character = this.text[this.at]
      if (character === '\n') this.line++
      else if (character === '#') {
        while (this.at < this.text.length && this.text[this.at] !== '\n') this.at++
        continue
      } else if (character !== ' ' && character !== '\t' && character !== '\r') return
      this.at++
    }
  }

  private restOfLine(): string {
    const end = this.text.indexOf('\n', this.at)
    return this.text.slice(this.at, end < 0 ? this.text.length : end)
  }

  private skipLine(): void {
    const end = this.text.indexOf('\n', this.at)
    this.at = end < 0 ? this.text.length : end + 1
    this.line++
  }
}

function unquote(key: string): string {
  if (key.startsWith("'")) return key.slice(1, -1).replaceAll("''", "'")
  return key.startsWith('"') ? key.slice(1, -1).replace(/\\(["\\/])/g, '$1') : key
}

/** Tables, arrays of tables and keys; inline tables have the line of their key. */
function readToml(text: string, index: LineIndex): void {
  const counts = new Map<string, number>()
  let table = ''
  for (const [number, line] of text.split('\n').entries()) {
    const header = /^\s*\[(\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$/.exec(line)
    if (header !== null) {
      table = tomlPath('', header[2] ?? '', counts)
      if (header[1] === '[') {
        const item = (counts.get(table) ?? -1) + 1
        counts.set(table, item)
        index.record(table, number + 1)
        table = childPath(table, item)
      }
      index.record(table, number + 1)
      continue
    }
    const key =
      /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(
        line,
      )
    if (key !== null) index.record(tomlPath(table, key[1] ?? '', new Map()), number + 1)
  }
}

/** A dotted key as a path, in which a table of an array stands for its last item. */
function tomlPath(table: string, dotted: string, counts: ReadonlyMap<string, number>): string {
  const parts = dotted.match(/[A-Za-z0-9_-]+|"[^"]*"|'[^']*'/g) ?? []
  let path = table
  for (const [position, part] of parts.entries()) {
    path = childPath(path, unquote(part))
    const item = position < parts.length - 1 ? counts.get(path) : undefined
    if (item !== undefined) path = childPath(path, item)
  }
  return path
}
