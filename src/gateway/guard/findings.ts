// From places in texts to what is replaced in a body: a value that is found in one text is replaced wherever it stands, one that is split over
// texts loses its piece in each. It asks nobody and knows no rule.

import type { GuardCheckKind, GuardSpan } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import { Edits } from './edits.ts'
import type { Asked, TextPart } from './texts.ts'

interface Finding {
  readonly parts: readonly TextPart[]
  readonly asked: readonly Asked[]
  readonly check: GuardCheckKind
  /** What stands in the place of a value. */
  replace(value: string, label: string): string
}

/** Texts as a check has written them anew, in the place of the whole of them. */
export function rewrittenEdits(rewritten: readonly string[], asked: readonly Asked[]): Edits {
  const wholes = new Map<string, string>()
  asked.forEach(({ parts, text: { text } }, index) => {
    if (parts.length === 1 && rewritten[index] !== text) wholes.set(text, rewritten[index]!)
  })
  return new Edits(new Map(), wholes)
}

/** Replacements for places; undefined where there are too many, or none in what was asked. */
export function foundEdits(
  spans: readonly GuardSpan[],
  { asked, check, parts, replace }: Finding,
): Edits | undefined {
  const values = new Map<string, string>()
  const wholes = new Map<string, string>()
  for (const span of spans) {
    const source = asked[span.text]
    if (source === undefined) return undefined
    const pieces = piecesOf(span, source, parts)
    if (pieces.length === 1) {
      const value = valueIn(parts[pieces[0]!.part]!.text, pieces[0]!)
      if (value !== '') values.set(value, replace(value, span.label))
    } else if (pieces.length > 1 && !isFoundBesides(span, source, spans, asked)) {
      // What was found whole in one part ends there, though the next one begins as if it went on. Of a secret no rest is left.
      const isWhole = pieces.some((piece) => isFoundIn(piece, spans, asked))
      if (isWhole && check !== 'secrets') continue
      if (!cutPieces(pieces, parts, span.label, replace, wholes)) return undefined
    }
    if (values.size > LIMITS.guardValuesMax) return undefined
  }
  // A whole is set in place of its text, so what is found in it besides is replaced in it.
  const inner = new Edits(values, new Map())
  for (const [text, whole] of wholes) wholes.set(text, inner.text(whole))
  return new Edits(values, wholes)
}

/** Split over parts: its pieces mean nothing by themselves, so they are replaced where they stand. False where that cannot be. */
function cutPieces(
  pieces: readonly Piece[],
  parts: readonly TextPart[],
  label: string,
  replace: Finding['replace'],
  wholes: Map<string, string>,
): boolean {
  const value = pieces.map((piece) => valueIn(parts[piece.part]!.text, piece)).join('')
  return pieces.every((piece, at) => {
    const { text } = parts[piece.part]!
    const before = wholes.get(text) ?? text
    const changed = cut(before, text, piece, at === 0 ? replace(value, label) : '')
    // Another part that says the same would lose its piece as well.
    const isOne = parts.filter((part) => part.text === text).length === 1
    if (changed === undefined || !isOne) return false
    wholes.set(text, changed)
    return true
  })
}

interface Piece {
  readonly part: number
  readonly start: number
  readonly end: number
}

/** A place in a text that was asked, as places in its parts. */
function piecesOf(span: GuardSpan, { gap, parts: members }: Asked, parts: readonly TextPart[]) {
  const pieces: Piece[] = []
  let from = 0
  for (const part of members) {
    const { length } = parts[part]!.text
    const start = Math.max(span.start - from, 0)
    const end = Math.min(span.end - from, length)
    if (start < end) pieces.push({ part, start, end })
    from += length + gap
  }
  return pieces
}

/** A value with both halves of the characters at its borders. */
function valueIn(text: string, { end, start }: Piece): string {
  const from = isSplit(text, start) ? start - 1 : start
  return text.slice(from, isSplit(text, end) ? end + 1 : end)
}

/** Whether an offset lies between the halves of a character. */
export function isSplit(text: string, at: number): boolean {
  return (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(at) & 0xfc00) === 0xdc00
}

/** The text with a piece replaced, though other pieces may be already; undefined where they overlap. */
function cut(now: string, text: string, piece: Piece, replacement: string): string | undefined {
  const before = text.slice(0, piece.start)
  const after = text.slice(piece.end)
  if (now.endsWith(after)) {
    const head = now.slice(0, now.length - after.length)
    const value = text.slice(piece.start, piece.end)
    if (head.endsWith(value)) return head.slice(0, head.length - value.length) + replacement + after
  }
  return now.startsWith(before) && now === text ? before + replacement + after : undefined
}

/** Whether all of a piece is found in its part alone. */
function isFoundIn(piece: Piece, spans: readonly GuardSpan[], asked: readonly Asked[]): boolean {
  return spans.some(({ end, start, text }) => {
    const members = asked[text]?.parts
    const isOfPart = members?.length === 1 && members[0] === piece.part
    return isOfPart && start <= piece.start && end >= piece.end
  })
}

/** The same joined with another gap is one finding, not two. */
function isFoundBesides(
  span: GuardSpan,
  source: Asked,
  spans: readonly GuardSpan[],
  asked: readonly Asked[],
): boolean {
  if (source.gap === 0) return false
  return spans.some((other) => {
    const from = asked[other.text]
    return (
      from !== undefined &&
      from.gap === 0 &&
      from.parts === source.parts &&
      other.label === span.label
    )
  })
}
