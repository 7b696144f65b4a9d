// Phone numbers: the international form (E.164) with a country code that exists, and national forms that are seldom anything else; what
// looks like less counts only beside a word for it. Pure.

import type { Detector } from './detector.ts'
import {
  digitsOf,
  eachNumberRun,
  goesOn,
  isNamed,
  isWhole,
  separatorOf,
  shapeOf,
  type NumberRun,
} from './number-runs.ts'

/** Words right before a number that say what it is; those with other meanings only where nothing else comes between. */
const PHONE_WORDS =
  /(?<![\w-])(?:(?:tel|tlf|t[eé]l|phones?|telephone|fax|whatsapp|telefon\w*|handy\w*|rufnummer|mobilnummer|portable|t[eé]l[eé]phone|m[oó]vil|tel[eé]fono|celular|cellulare|telefone|telefoon\w*)[^\d\n]{0,20}|(?:mobile|cell|call|dial|text|sms|mobil|ruf|appelez)(?:[\s:.#]|\b(?:me|us|him|her|them|at|on|under|number|no|nr|nummer|is|an|le|au)\b){1,12})\(?\+?$/i

/** Country codes of ITU-T E.164, those of one digit, of two and of three. */
const CODES_1 = '17'
const CODES_2 = new Set(
  '20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98'.split(
    ' ',
  ),
)
const CODES_3 =
  /^(?:21[1-368]|22\d|23\d|24\d|25[0-8]|26\d|29[0179]|35\d|37[0-8]|38[0-35-79]|42[0139]|50[0-9]|59\d|67[02-9]|68[0-35-9]|69[0-2]|80[08]|85[02356]|870|88[0-368]|96[0-8]|97[0-79]|99[2-68])/

const DIGITS_MAX = 15
const GROUPS_MAX = 8

export const detectPhone: Detector = (text, found) => {
  eachNumberRun(text, (run) => {
    for (let first = 0; first < run.starts.length; first++) {
      const last = international(run, first) ?? national(run, first)
      if (last === undefined) continue
      const start = run.starts[first]!
      found(start - prefixChars(text, start), run.ends[last]!, 'phone')
      first = last
    }
  })
}

/** `+` and brackets that belong to the number. */
function prefixChars(text: string, start: number): number {
  if (text[start - 1] === '+') return text[start - 2] === '(' ? 2 : 1
  return text[start - 1] === '(' ? 1 : 0
}

/** `+` (or `00` with groups) and 8 to 15 digits. */
function international(run: NumberRun, first: number): number | undefined {
  const { text } = run
  const start = run.starts[first]!
  const plus = text[start - 1] === '+'
  if (plus && /[\w+)\]]/.test(text[start - 2] ?? ' ')) return undefined
  const zeros = !plus && text.startsWith('00', start)
  if (!plus && (!zeros || goesOn(run, first, first))) return undefined
  let best: number | undefined
  let digits = ''
  for (let last = first; last < Math.min(run.starts.length, first + GROUPS_MAX); last++) {
    const groupDigits = run.ends[last]! - run.starts[last]!
    if (last > first && groupDigits === 1 && digits.length > 4) break
    digits += text.slice(run.starts[last], run.ends[last])
    const number = zeros ? digits.slice(2) : digits
    if (number.length > DIGITS_MAX) break
    const grouped = last > first || isNamed(text, start, start, PHONE_WORDS)
    const least = grouped ? 8 : 10
    if (number.length >= least && hasCountry(number) && (plus || grouped)) best = last
  }
  return best
}

function hasCountry(number: string): boolean {
  return (
    CODES_1.includes(number[0] ?? ' ') || CODES_2.has(number.slice(0, 2)) || CODES_3.test(number)
  )
}

/** Shapes of whole runs with a leading zero: Britain, Australia, France, Germany, Japan. */
const ZERO_SHAPES = new Set([
  '3-4-4',
  '4-3-4',
  '4-3-3',
  '5-6',
  '5-3-3',
  '2-2-2-2-2',
  '2-4-4',
  '3-3-4',
])

function national(run: NumberRun, first: number): number | undefined {
  const { text, starts, ends } = run
  const america = american(run, first)
  if (america !== undefined) return america
  if (first !== 0 || goesOn(run, 0, starts.length - 1)) return undefined
  const last = starts.length - 1
  const length = last < GROUPS_MAX ? digitsOf(run, 0, last).length : 0
  if (length < 7 || length > DIGITS_MAX) return undefined
  if (isNamed(text, starts[0]!, starts[0]!, PHONE_WORDS)) {
    return isOther(run, last) ? undefined : last
  }
  if (last === 0) return undefined
  const separator = separatorOf(run, 0, last)
  const shape = shapeOf(run, 0, last)
  const zero = text[starts[0]!] === '0' && text[starts[0]! + 1] !== '0'
  if (zero && separator !== undefined && separator !== '/' && separator !== '.') {
    return ZERO_SHAPES.has(shape) ? last : undefined
  }
  if (zero && separator === '/') return /^[3-5]-[6-8]$/.test(shape) ? last : undefined
  const area = text[starts[0]! - 1] === '(' && text[ends[0]!] === ')'
  return area && /^[2-5]-(?:[6-8]|[345]-4)$/.test(shape) ? last : undefined
}

/** NANP: `(415) 555-0132`, `415-555-0132`, `1-415-555-0132`, with dots too; with blanks only where nothing else is in the run. */
function american(run: NumberRun, first: number): number | undefined {
  const { text, starts, ends } = run
  const country = text.slice(starts[first], ends[first]) === '1' ? 1 : 0
  const last = first + country + 2
  if (last >= starts.length || shapeOf(run, first + country, last) !== '3-3-4') return undefined
  const area = text.slice(starts[last - 2], ends[last - 2])
  const office = text.slice(starts[last - 1], ends[last - 1])
  if (!/^[2-9](?!11)\d\d$/.test(area) || !/^[2-9]\d\d$/.test(office)) return undefined
  if (goesOn(run, first, last)) return undefined
  const between = text.slice(ends[last - 1], starts[last])
  const bracket = text[starts[last - 2]! - 1] === '('
  if (between !== '-' && between !== '.' && !(between === ' ' && (bracket || country === 1))) {
    if (between !== ' ' || !isWhole(run, first, last)) return undefined
  }
  const before = text.slice(ends[last - 2], starts[last - 1])
  return bracket || before === between || before === ' ' ? last : undefined
}

const YEAR = /^(?:19|20)\d\d/

/** Dates and decimal fractions stand beside words for phones too. */
function isOther(run: NumberRun, last: number): boolean {
  const groups = run.starts.map((start, group) => run.text.slice(start, run.ends[group]))
  if (last === 0) return groups[0]!.length === 8 && YEAR.test(groups[0]!)
  if (last === 1) return separatorOf(run, 0, 1) === '.'
  const isYear = (group: string): boolean => group.length === 4 && YEAR.test(group)
  return isYear(groups[0]!) || isYear(groups[2]!)
}
