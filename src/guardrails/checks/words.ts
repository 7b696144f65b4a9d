// The check `words`: a list of words and phrases, found whatever their case, accents, look-alike letters, invisible characters and, if wanted,
// with their letters set apart. What they mean is the operator's.

import type { GuardSpan, GuardText } from '../../core/guardrail.ts'
import { LIMITS } from '../../core/limits.ts'
import type { CheckModule } from '../check.ts'
import { joinedTexts, runAtOnce, runInSlices, slicesOf, spansOf } from '../find.ts'
import { maskStyle } from '../mask.ts'
import { normalise, originalSpan, type Normal } from '../normalise.ts'
import { WordAutomaton } from '../word-automaton.ts'
import { judgementOf } from './pii.ts'

export const wordsCheck: CheckModule = {
  make(rule) {
    const finder = new WordFinder(rule.options['words'] as string[], {
      whole: rule.options['whole_words'] !== false,
      spaced: rule.options['spaced'] !== false,
    })
    return {
      rule,
      reversible: maskStyle(rule, 'input') === 'placeholder',
      sees: 'piece',
      judge({ texts, signal }) {
        const steps = seekWords(texts, finder)
        let chars = 0
        for (const { text } of texts) chars += text.length
        if (chars > LIMITS.guardSliceChars) return runInSlices(steps, signal).then(judgementOf)
        return judgementOf(runAtOnce(steps))
      },
    }
  },
  problems({ words }) {
    return (words as string[]).flatMap((word, at) =>
      foldWord(word) === ''
        ? [{ path: `words.${at}`, problem: 'has no character that could be found' }]
        : [],
    )
  },
}

function* seekWords(texts: readonly GuardText[], finder: WordFinder): Generator<void, GuardSpan[]> {
  const spans: GuardSpan[] = []
  for (const joined of joinedTexts(texts)) {
    for (const slice of slicesOf(joined.text)) {
      finder.find(slice.text, (start, end) => {
        if (start < slice.from || start >= slice.to) return
        const found = { start: start + slice.offset, end: end + slice.offset, label: 'word' }
        spans.push(...spansOf(joined, found))
      })
      // Too many to be masked, and for all else one is enough.
      if (spans.length > LIMITS.guardSpansMax) return spans
      yield
    }
  }
  return spans
}

function foldWord(word: string): string {
  return normalise(word, true).text.trim()
}

/** Letters set apart: four or more single ones with the same kind of sign between. */
const SPACED =
  /(?<![\p{L}\p{N}])[\p{L}\p{N}](?:[ ._*|/~-]{1,2}[\p{L}\p{N}](?![\p{L}\p{N}])){2,200}/gu

export class WordFinder {
  private readonly automaton: WordAutomaton
  private readonly whole: boolean
  private readonly spaced: boolean

  /** @param words as an operator writes them; `checkProblems` has seen that something of each is left in normal form */
  constructor(
    words: readonly string[],
    { whole, spaced }: { readonly whole: boolean; readonly spaced: boolean },
  ) {
    this.whole = whole
    this.spaced = spaced
    this.automaton = new WordAutomaton([
      ...new Set(words.flatMap(formsOf).filter((word) => word !== '')),
    ])
  }

  /** Places in the original text. */
  find(text: string, found: (start: number, end: number) => void): void {
    const normal = normalise(text, true)
    this.search(normal.text, this.whole, (start, end) => report(normal, start, end, found))
    if (!this.spaced) return
    for (const match of normal.text.matchAll(SPACED)) {
      const letters = [...match[0].matchAll(/[\p{L}\p{N}]/gu)]
      const joined = letters.map(([letter]) => letter).join('')
      const place = (at: number): number => match.index + letterAt(letters, at)
      this.search(joined, false, (start, end) => {
        const last = letters.find((_, index) => letterEnd(letters, index) === end)
        const width = last?.[0].length ?? 1
        report(normal, place(start), match.index + (last?.index ?? 0) + width, found)
      })
    }
  }

  private search(text: string, whole: boolean, found: (start: number, end: number) => void): void {
    let borderAt = -1
    this.automaton.search(text, (word, end) => {
      if (whole && borderAt !== end && !isBorder(text, end)) return true
      borderAt = end
      const start = end - this.automaton.lengthOf(word)
      const isFound = !whole || isBorder(text, start)
      if (isFound) found(start, end)
      // Those that end there too are within it.
      return isFound
    })
  }
}

function letterAt(letters: readonly RegExpExecArray[], offset: number): number {
  let at = 0
  for (const letter of letters) {
    if (at >= offset) return letter.index
    at += letter[0].length
  }
  return letters.at(-1)!.index
}

function letterEnd(letters: readonly RegExpExecArray[], index: number): number {
  let at = 0
  for (let letter = 0; letter <= index; letter++) at += letters[letter]![0].length
  return at
}

function report(
  normal: Normal,
  start: number,
  end: number,
  found: (start: number, end: number) => void,
): void {
  const span = originalSpan(normal, start, end)
  found(span.start, span.end)
}

/** Capitals of some scripts pass for other letters than their small ones do: each form is looked for. */
function formsOf(word: string): string[] {
  const title = word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()
  return [word, word.toLowerCase(), word.toUpperCase(), title].map(foldWord)
}

const LETTER = /[\p{L}\p{N}_]/u
/** Scripts that set no blanks between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** Whether a word may begin or end between two characters. */
function isBorder(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return true
  const codeBefore = text.charCodeAt(at - 1)
  const codeBehind = text.charCodeAt(at)
  // Nearly always, and asked for each of many words that end at one place.
  if (codeBefore < 0x80 && codeBehind < 0x80) {
    return !isAsciiLetter(codeBefore) || !isAsciiLetter(codeBehind)
  }
  const before = characterBefore(text, at)
  const behind = String.fromCodePoint(text.codePointAt(at) ?? 0x20)
  if (!LETTER.test(before) || !LETTER.test(behind)) return true
  return UNSPACED.test(before) || UNSPACED.test(behind)
}

/** Digits and underscore included. */
function isAsciiLetter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f
  )
}

function characterBefore(text: string, at: number): string {
  const low = text.charCodeAt(at - 1)
  return (low & 0xfc00) === 0xdc00 ? text.slice(at - 2, at) : (text[at - 1] ?? ' ')
}
