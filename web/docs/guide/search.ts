// How the guide is searched: which sections have the words, and which of them comes first. Pure, so that it is tried on the real pages
// without a browser; it draws nothing and asks for nothing.

/** A section, as `src/guide/search-index.ts` writes it. */
export interface Row {
  readonly p: number
  readonly a: string
  readonly h: string
  readonly t: string
  readonly w: string
  readonly d: string
}

export interface Index {
  readonly pages: readonly { readonly href: string; readonly title: string }[]
  readonly rows: readonly Row[]
}

/** What a place is worth: the name of a page before a heading, that before what a section explains, that before what it only says. */
const WORTH = {
  title: 18,
  heading: 15,
  headingPart: 12,
  explained: 8,
  headingBegins: 6,
  titleBegins: 6,
  text: 3,
  textBegins: 1,
  stem: 0.5,
} as const

/** Endings that a reader may write and a page may not. */
const ENDING = /(?:ing|ed|es|s)$/
const STEM_CHARS_MIN = 4

interface Scored {
  readonly row: Row
  readonly score: number
}

/**
 * The sections that have every word, the best first; of equals the shorter, which says less else.
 * @param text as it was typed
 * @param max how many at most
 */
export function look({ pages, rows }: Index, text: string, max: number): Row[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}_.-]+/gu) ?? []
  if (words.length === 0) return []
  return rows
    .map((row): Scored => ({ row, score: scoreOf(row, pages[row.p]?.title ?? '', words) }))
    .filter(({ score }) => score > 0)
    .toSorted((one, other) => other.score - one.score || one.row.w.length - other.row.w.length)
    .slice(0, max)
    .map(({ row }) => row)
}

function scoreOf(row: Row, title: string, words: readonly string[]): number {
  const heading = ` ${row.h.toLowerCase()} `
  const parts = spaced(heading)
  const page = ` ${title.toLowerCase()} `
  let score = 0
  for (const word of words) {
    const worth = worthOf(word, row, { heading, parts, page })
    if (worth === 0) return 0
    score += worth + (page.includes(` ${word}`) ? 1 : 0)
  }
  // A name that is just what was typed.
  const isName = [heading, row.a === '' ? page : ''].some((name) => name.trim() === words.join(' '))
  return isName ? score + WORTH.heading : score
}

interface Names {
  readonly heading: string
  readonly parts: string
  readonly page: string
}

function worthOf(word: string, row: Row, { heading, parts, page }: Names): number {
  const begins = ` ${word}`
  const whole = `${begins} `
  const many = `${begins}s `
  let worth = 0
  // Only the beginning of a page is found by its name.
  if (row.a === '' && (page.includes(whole) || page.includes(many))) worth += WORTH.title
  else if (row.a === '' && page.includes(begins)) worth += WORTH.titleBegins
  if (heading.includes(whole) || heading.includes(many)) worth += WORTH.heading
  else if (parts.includes(whole)) worth += WORTH.headingPart
  else if (heading.includes(begins) || parts.includes(begins)) worth += WORTH.headingBegins
  if (`${row.d} `.includes(whole)) worth += WORTH.explained
  if (`${row.w} `.includes(whole)) worth += WORTH.text
  else if (row.w.includes(begins)) worth += WORTH.textBegins
  if (worth > 0 || word.length < STEM_CHARS_MIN) return worth
  const stem = word.replace(ENDING, '')
  const isOther = stem !== word && stem.length >= STEM_CHARS_MIN
  return isOther && `${parts}${row.w}`.includes(` ${stem}`) ? WORTH.stem : 0
}

/** `models[].upstream_timeout` as words, each apart. */
function spaced(text: string): string {
  return ` ${text.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').trim()} `
}
