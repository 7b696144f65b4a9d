// Texts in the parts that a service takes: each part says where in its text it begins, and overlaps the one before it so that nothing is
// missed at a border. Also the conversion of offsets that count code points. Pure.

import type { GuardQuestion, GuardText } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import { unavailable } from './unavailable.ts'

/** One part of one text. */
export interface TextPart {
  /** Index in the question's texts. */
  readonly index: number
  readonly text: string
  /** UTF-16 offset in the whole text. */
  readonly offset: number
  /** The whole text is in this part. */
  readonly isWhole: boolean
  readonly from: GuardText
}

/** What parts have in common with the one before, at most. */
const OVERLAP_CHARS = 200

/**
 * Every text that is not blank, in parts of `charsMax` UTF-16 units at most.
 * @throws GatewayError `guardrail_unavailable` where there are too many: what is not asked is not passed
 */
export function textParts(texts: readonly GuardText[], charsMax: number): TextPart[] {
  const parts: TextPart[] = []
  for (const [index, from] of texts.entries()) {
    const { text } = from
    if (text.trim() === '') continue
    if (text.length <= charsMax) parts.push({ index, text, offset: 0, isWhole: true, from })
    else {
      const overlap = Math.min(OVERLAP_CHARS, charsMax >> 2)
      for (let start = 0; start < text.length;) {
        const end = border(text, start + charsMax)
        parts.push({ index, text: text.slice(start, end), offset: start, isWhole: false, from })
        if (parts.length > LIMITS.guardPartsMax) break
        if (end >= text.length) break
        start = border(text, end - overlap)
      }
    }
    if (parts.length > LIMITS.guardPartsMax) throw unavailable('the text has too many parts')
  }
  return parts
}

/** Not in the middle of a surrogate pair. */
function border(text: string, at: number): number {
  if (at >= text.length) return text.length
  const code = text.charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}

/**
 * All texts in as few pieces as they fit into, for checks that judge whatever is put to them as one.
 * @returns pieces of `charsMax` at most, texts apart by an empty line
 */
export function joinedTexts(texts: readonly GuardText[], charsMax: number): string[] {
  const pieces: string[] = []
  let piece = ''
  for (const { text } of textParts(texts, charsMax)) {
    const joined = piece === '' ? text : `${piece}\n\n${text}`
    if (joined.length <= charsMax) piece = joined
    else {
      pieces.push(piece)
      piece = text
    }
  }
  if (piece !== '') pieces.push(piece)
  return pieces
}

/** What the user said last before the texts in question; undefined where nothing is known of it. */
export function lastUserText(question: GuardQuestion, charsMax: number): string | undefined {
  const text = question.context.findLast(({ role }) => role === 'user')?.text
  return text === undefined || text.trim() === '' ? undefined : text.slice(-charsMax)
}

/** A text in which no line begins as a turn of a template does: those that do are quoted. */
export function withoutTurns(text: string, roles: readonly string[]): string {
  return text.replaceAll(
    new RegExp(`^([^\\S\\r\\n]*)((?:${roles.join('|')})\\s*:)`, 'gim'),
    '$1> $2',
  )
}

/**
 * Translates offsets that count code points (Python's) into UTF-16 units.
 * @returns for a count its offset, or undefined where it lies outside the text
 */
export function codePointOffsets(text: string): (count: number) => number | undefined {
  // Where every character is one unit they are the same, and nothing has to be counted.
  let pairs: number[] | undefined
  const surrogate = /[\ud800-\udbff][\udc00-\udfff]/g
  for (const { index } of text.matchAll(surrogate)) (pairs ??= []).push(index)
  const isInside = (count: number) => Number.isSafeInteger(count) && count >= 0
  if (pairs === undefined) {
    return (count) => (isInside(count) && count <= text.length ? count : undefined)
  }
  // The count at which each pair begins: its index less the pairs before it.
  const counts = pairs.map((index, before) => index - before)
  const length = text.length - pairs.length
  return (count) => {
    if (!isInside(count) || count > length) return undefined
    let low = 0
    let high = counts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (counts[middle]! < count) low = middle + 1
      else high = middle
    }
    return count + low
  }
}

/** Runs over items, so many at once, and stops beginning new ones when `isEnough`. Rejects with the first error. */
export async function eachAtOnce<T, R>(
  items: readonly T[],
  run: (item: T) => Promise<R>,
  isEnough: (result: R) => boolean,
): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = Array.from({ length: items.length }, () => undefined)
  let next = 0
  let enough = false
  const worker = async () => {
    while (!enough && next < items.length) {
      const index = next
      next += 1
      const result = await run(items[index]!)
      results[index] = result
      if (isEnough(result)) enough = true
    }
  }
  const count = Math.min(LIMITS.guardCallsOfOneMax, items.length)
  await Promise.all(Array.from({ length: count }, worker))
  return results
}

/** A name of what was found, as it may stand in rows, headers and metrics; undefined where nothing of it is left. */
export function categoryName(name: string): string | undefined {
  const result = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_./:-]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, LIMITS.guardCategoryCharsMax)
  return result === '' ? undefined : result
}

/** Names without repeats, within their bound; `otherwise` where none is left. */
export function categoryNames(names: Iterable<string>, otherwise: string): string[] {
  const result = new Set<string>()
  for (const name of names) {
    const category = categoryName(name)
    if (category !== undefined) result.add(category)
    if (result.size >= LIMITS.guardCategoriesMax) break
  }
  return result.size === 0 ? [otherwise] : [...result]
}
