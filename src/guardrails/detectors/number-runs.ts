// Reads the numbers of a text as people write them, in groups of digits with blanks, hyphens, dots or slashes between: what cards, phone
// numbers and identity numbers have in common. It reads each character once and knows no kind of number.

/** Groups of digits that belong together or merely stand side by side; which of it is a number is for a detector to say. */
export interface NumberRun {
  readonly text: string
  /** Of each group, in the order of the text. */
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

const SEPARATOR_CHARS_MAX = 3
/** A table of numbers is read in parts of so many groups, each with some of the part before it. */
const GROUPS_MAX = 400
const GROUPS_KEPT = 12

/** Calls back for each run. A group that touches a letter or underscore, as in identifiers and hashes, belongs to none. */
export function eachNumberRun(text: string, take: (run: NumberRun) => void): void {
  let starts: number[] = []
  let ends: number[] = []
  const flush = (): void => {
    if (starts.length > 0) take({ text, starts, ends })
    starts = []
    ends = []
  }
  const length = text.length
  for (let at = 0; at < length; at++) {
    if (!isDigit(text.charCodeAt(at))) continue
    const start = at
    while (at < length && isDigit(text.charCodeAt(at))) at++
    if (isWordSign(text.charCodeAt(start - 1)) || isWordSign(text.charCodeAt(at))) {
      flush()
      continue
    }
    if (!joins(text, ends.at(-1) ?? -1, start)) flush()
    starts.push(start)
    ends.push(at)
    if (starts.length === GROUPS_MAX) {
      take({ text, starts, ends })
      starts = starts.slice(-GROUPS_KEPT)
      ends = ends.slice(-GROUPS_KEPT)
    }
  }
  flush()
}

function joins(text: string, end: number, start: number): boolean {
  if (end < 0 || start - end > SEPARATOR_CHARS_MAX) return false
  for (let at = end; at < start; at++) {
    const code = text.charCodeAt(at)
    const separates =
      code === 0x20 ||
      code === 0x2d ||
      code === 0x2e ||
      code === 0x2f ||
      code === 0x28 ||
      code === 0x29
    if (!separates) return false
  }
  return true
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** ASCII letters, underscore, and everything beyond ASCII that is no sign of punctuation in normal form. */
function isWordSign(code: number): boolean {
  return (
    (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f || code > 0xbf
  )
}

/** The digits of some groups of a run, without what stands between. */
export function digitsOf(run: NumberRun, first: number, last: number): string {
  let digits = ''
  for (let group = first; group <= last; group++) {
    digits += run.text.slice(run.starts[group], run.ends[group])
  }
  return digits
}

/** Lengths of some groups, as `4-4-4-4`. */
export function shapeOf(run: NumberRun, first: number, last: number): string {
  let shape = ''
  for (let group = first; group <= last; group++) {
    shape += `${group > first ? '-' : ''}${run.ends[group]! - run.starts[group]!}`
  }
  return shape
}

/** What stands between two groups where it is the same between all of some; undefined where it is not. */
export function separatorOf(run: NumberRun, first: number, last: number): string | undefined {
  const { text, starts, ends } = run
  const separator = text.slice(ends[first], starts[first + 1])
  for (let group = first + 1; group < last; group++) {
    if (text.slice(ends[group], starts[group + 1]) !== separator) return undefined
  }
  return separator
}

/** Whether these groups are all of their run. */
export function isWhole(run: NumberRun, first: number, last: number): boolean {
  return first === 0 && last === run.starts.length - 1
}

/** Whether a number is a part of a decimal fraction, a version or an identifier with hyphens: digits that go on beyond a sign. */
export function goesOn(run: NumberRun, first: number, last: number): boolean {
  const { text } = run
  const start = run.starts[first]!
  const end = run.ends[last]!
  const before = text[start - 1]
  const behind = text[end]
  if ((before === '.' || before === ',') && isDigit(text.charCodeAt(start - 2))) return true
  if ((behind === '.' || behind === ',') && isDigit(text.charCodeAt(end + 1))) return true
  return isInUuid(text, start, end)
}

const UUID = /^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/

/** Whether a place is within a UUID, whose groups may be of digits alone. */
export function isInUuid(text: string, start: number, end: number): boolean {
  if (end - start > 36 || (text[start - 1] !== '-' && text[end] !== '-' && end - start < 9)) {
    return false
  }
  let from = start
  let to = end
  while (from > 0 && start - from < 36 && isUuidSign(text.charCodeAt(from - 1))) from--
  while (to < text.length && to - end < 36 && isUuidSign(text.charCodeAt(to))) to++
  return to - from === 36 && UUID.test(text.slice(from, to))
}

function isUuidSign(code: number): boolean {
  return (
    isDigit(code) ||
    code === 0x2d ||
    (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66)
  )
}

/** How far before (and a little behind) a number a word counts that names it. */
const WORD_BEFORE_CHARS = 48
const WORD_BEHIND_CHARS = 16

/** Whether a word stands beside a place; of one without width, before it. */
export function isNamed(text: string, start: number, end: number, words: RegExp): boolean {
  return (
    words.test(text.slice(Math.max(0, start - WORD_BEFORE_CHARS), start)) ||
    (end > start && words.test(text.slice(end, end + WORD_BEHIND_CHARS)))
  )
}
