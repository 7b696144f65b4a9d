// Bodies as they can be read: JSON line by line with what two of them do not share, a stream as its events and as the text they make up. Of
// whatever protocol; what is not understood stays text. Pure.

import { createParser } from 'eventsource-parser'

export interface StreamEvent {
  readonly name: string | undefined
  /** Parsed, where it is JSON. */
  readonly data: unknown
}

export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'events'; readonly events: readonly StreamEvent[] }
  | { readonly kind: 'text' }

export function readBody(text: string): Body {
  const value = parsed(text)
  if (value !== undefined) return { kind: 'json', value }
  const lines = text.trim().split('\n')
  const values = lines.map(parsed)
  if (values.length > 1 && values.every((each) => each !== undefined)) {
    return { kind: 'events', events: values.map((data) => ({ name: undefined, data })) }
  }
  const events: StreamEvent[] = []
  createParser({
    onEvent: ({ data, event }) => events.push({ name: event, data: parsed(data) ?? data }),
  }).feed(`${text}\n\n`)
  return events.length > 0 ? { kind: 'events', events } : { kind: 'text' }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    return undefined
  }
}

type Members = Readonly<Record<string, unknown>>
const membersOf = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Members
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The text of an answer that a stream's events make up. */
export function textOf(events: readonly StreamEvent[]): string {
  return events.map(({ data }) => piece(membersOf(data))).join('')
}

/** What one event adds, in the protocols there are. */
function piece(data: Members): string {
  const choice = membersOf(listOf(data['choices'])[0])
  const { content: parts } = membersOf(membersOf(listOf(data['candidates'])[0]))
  const delta = membersOf(data['delta'])
  const isText = data['type'] === 'response.output_text.delta'
  const found = [
    membersOf(choice['delta'])['content'],
    choice['text'],
    isText ? data['delta'] : undefined,
    delta['text'],
    membersOf(membersOf(delta['message'])['content'])['text'],
    membersOf(data['message'])['content'],
    data['response'],
    listOf(membersOf(parts)['parts'])
      .map((part) => membersOf(part)['text'] ?? '')
      .join(''),
  ].find((each) => typeof each === 'string')
  return found === undefined ? '' : String(found)
}

export interface Line {
  readonly text: string
  readonly depth: number
  /** Where it is: the same in both of two bodies. */
  readonly path: string
}

const LINES_MAX = 3_000
const STRING_CHARS_MAX = 4_000

/** JSON as lines, at most some thousands. */
export function linesOf(value: unknown): readonly Line[] {
  const lines: Line[] = []
  const walk = (each: unknown, path: string, head: string, depth: number) => {
    if (lines.length >= LINES_MAX) return
    const isList = Array.isArray(each)
    const members = typeof each === 'object' && each !== null ? Object.entries(each) : []
    if (members.length === 0) {
      const text = JSON.stringify(each) ?? ''
      const cut = text.length > STRING_CHARS_MAX ? `${text.slice(0, STRING_CHARS_MAX)}…` : text
      lines.push({ text: head + cut, depth, path })
      return
    }
    lines.push({ text: head + (isList ? '[' : '{'), depth, path })
    for (const [name, inner] of members) {
      const step = name.replaceAll('~', '~0').replaceAll('/', '~1')
      walk(inner, `${path}/${step}`, isList ? '' : `${JSON.stringify(name)}: `, depth + 1)
    }
    lines.push({ text: isList ? ']' : '}', depth, path: `${path}/~` })
  }
  walk(value, '', '', 0)
  return lines
}

/** Of each line whether the other has it otherwise, or not at all; undefined: as it is here. */
export function changesOf(
  lines: readonly Line[],
  other: readonly Line[] | undefined,
): readonly ('changed' | 'alone' | undefined)[] {
  if (other === undefined) return lines.map(() => undefined)
  const texts = new Map(other.map(({ path, text }) => [path, text]))
  return lines.map(({ path, text }) => {
    const found = texts.get(path)
    return found === undefined ? 'alone' : found === text ? undefined : 'changed'
  })
}
