// The difference of two texts as `diff -u` shows it, and with every secret in it masked: a diff is shown on screens and kept in logs of
// scripts. Pure.

import { maskSecret } from '../../config/show.ts'

const CONTEXT_LINES = 3
/** Beyond it a change in the middle is shown as one: no file of settings is so long. */
const TABLE_MAX = 4_000_000

interface Line {
  readonly mark: ' ' | '-' | '+'
  readonly text: string
}

/** Hunks alone, empty when nothing differs. */
export function unifiedDiff(before: string, after: string): string {
  const lines = compared(split(before), split(after))
  const shown = lines.map(({ mark }, at) => mark !== ' ' || isNearChange(lines, at))
  let out = ''
  let old = 1
  let now = 1
  for (let at = 0; at < lines.length; at += 1) {
    if (shown[at] === true && (at === 0 || shown[at - 1] !== true)) {
      let end = at
      while (end < lines.length && shown[end] === true) end += 1
      const hunk = lines.slice(at, end)
      const olds = hunk.filter(({ mark }) => mark !== '+').length
      const news = hunk.filter(({ mark }) => mark !== '-').length
      out += `@@ -${olds === 0 ? old - 1 : old},${olds} +${news === 0 ? now - 1 : now},${news} @@\n`
      out += hunk.map(({ mark, text }) => `${mark}${text}\n`).join('')
    }
    const mark = lines[at]?.mark
    if (mark !== '+') old += 1
    if (mark !== '-') now += 1
  }
  return out
}

function split(text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()
  return last === undefined || last === '' ? lines : [...lines, `${last} (no end of line)`]
}

function isNearChange(lines: readonly Line[], at: number): boolean {
  return lines
    .slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1)
    .some(({ mark }) => mark !== ' ')
}

function compared(before: readonly string[], after: readonly string[]): Line[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1
  let ends = 0
  while (
    ends < before.length - start &&
    ends < after.length - start &&
    before[before.length - 1 - ends] === after[after.length - 1 - ends]
  ) {
    ends += 1
  }
  const same = (text: string): Line => ({ mark: ' ', text })
  return [
    ...before.slice(0, start).map(same),
    ...middle(before.slice(start, before.length - ends), after.slice(start, after.length - ends)),
    ...before.slice(before.length - ends).map(same),
  ]
}

/** The longest common part by the table of all lengths. */
function middle(before: readonly string[], after: readonly string[]): Line[] {
  const lines: Line[] = []
  const width = after.length + 1
  const isSmall = (before.length + 1) * width <= TABLE_MAX
  const lengths = new Uint32Array(isSmall ? (before.length + 1) * width : 0)
  for (let row = isSmall ? before.length - 1 : -1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        before[row] === after[column]
          ? lengths[(row + 1) * width + column + 1]! + 1
          : Math.max(lengths[(row + 1) * width + column]!, lengths[row * width + column + 1]!)
    }
  }
  let row = 0
  let column = 0
  while (row < before.length || column < after.length) {
    const isSame = isSmall && row < before.length && before[row] === after[column]
    const isRemoved =
      row < before.length &&
      (column >= after.length ||
        !isSmall ||
        lengths[(row + 1) * width + column]! >= lengths[row * width + column + 1]!)
    if (isSame) {
      lines.push({ mark: ' ', text: before[row++]! })
      column += 1
    } else if (isRemoved) lines.push({ mark: '-', text: before[row++]! })
    else lines.push({ mark: '+', text: after[column++]! })
  }
  return lines
}

/** A name that says its value is secret, and the value. */
const NAMED =
  /((?:key|token|secret|password|authorization|credential)s?["'\]]*\s*[:=]\s*(?:["'`]|Bearer )*)([^\s"'`,{}$#]{8,})/gi
/** The same in quotes, where a value may have blanks. */
const QUOTED =
  /((?:key|token|secret|password|credential)s?["'\]]*\s*[:=]\s*)(["'`])([^"'`{}$]{4,})(?=["'`])/gi
/** Keys that are known by their form, wherever they stand. */
const FORMED =
  /\b((?:sk|pk|rk|weir|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abps]|hf|gsk|AIza)[-_]?)([\w-]{16,})/g
const IN_ADDRESS = /(\/k\/)([^/\s"']+)/g

/** Names of variables and of settings are no secrets. */
const NO_SECRET = /^(?:[A-Z][A-Z0-9_]*|anonymous)$/

/** The text without secrets: `known` ones, and what looks like one. */
export function withoutSecrets(text: string, known: readonly string[]): string {
  let shown = text
  for (const secret of known) {
    if (secret !== '') shown = shown.replaceAll(secret, maskSecret(secret))
  }
  const mask = (whole: string, before: string, value: string) =>
    NO_SECRET.test(value) || value.startsWith('*') ? whole : `${before}${maskSecret(value)}`
  shown = shown.replace(QUOTED, (whole, before: string, quote: string, value: string) =>
    mask(whole, `${before}${quote}`, value),
  )
  return shown.replace(FORMED, mask).replace(NAMED, mask).replace(IN_ADDRESS, mask)
}
