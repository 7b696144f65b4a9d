// Numbers of payment cards: by network, length and Luhn's checksum, as one number or in the groups in which cards show them. Pure.

import { isLuhn } from './checksums.ts'
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

const DIGITS_MIN = 13
const DIGITS_MAX = 19
const GROUPS_MAX = 7

interface Network {
  /** First and last of each range of leading digits. */
  readonly ranges: readonly (readonly [from: number, to: number])[]
  readonly lengths: readonly number[]
}

/** Issuer ranges: https://en.wikipedia.org/wiki/Payment_card_number, those that are in use. */
const NETWORKS: readonly Network[] = [
  { ranges: [[4, 4]], lengths: [16, 19] },
  {
    ranges: [
      [51, 55],
      [2221, 2720],
    ],
    lengths: [16],
  },
  {
    ranges: [
      [34, 34],
      [37, 37],
    ],
    lengths: [15],
  },
  {
    ranges: [
      [6011, 6011],
      [644, 649],
      [65, 65],
    ],
    lengths: [16, 19],
  },
  { ranges: [[3528, 3589]], lengths: [16] },
  {
    ranges: [
      [300, 305],
      [3095, 3095],
      [36, 36],
      [38, 39],
    ],
    lengths: [14, 16],
  },
  { ranges: [[62, 62]], lengths: [16, 19] },
  {
    ranges: [
      [5018, 5018],
      [5020, 5020],
      [5038, 5038],
      [5893, 5893],
      [6304, 6304],
      [6759, 6759],
      [6761, 6763],
    ],
    lengths: [13, 16, 18, 19],
  },
  { ranges: [[2200, 2204]], lengths: [16, 19] },
  {
    ranges: [
      [508, 508],
      [60, 60],
      [81, 82],
    ],
    lengths: [16],
  },
]

/** First digits of all networks. */
const CARD_STARTS = '234568'

const SHAPES = new Set(['4-4-4-4', '4-4-4-4-3', '4-6-5', '4-6-4'])
const CARD_WORDS =
  /\b(?:cards?|visa|credit|debit|kreditkarte|karte|carte|tarjeta|carta|cart[aã]o)\b/i

/** Finds card numbers; one of 13 digits (of the first days of Visa) only beside a word for it. */
export const detectCard: Detector = (text, found) => {
  eachNumberRun(text, (run) => {
    if (isSpelled(run)) {
      found(run.starts[0]!, run.ends.at(-1)!, 'card')
      return
    }
    for (let first = 0; first < run.starts.length; first++) {
      const last = cardAt(run, first)
      if (last === undefined) continue
      found(run.starts[first]!, run.ends[last]!, 'card')
      first = last
    }
  })
}

/** Digit by digit, as `4 1 1 1 …`: what nobody writes who does not mean to hide it. */
function isSpelled(run: NumberRun): boolean {
  const { length } = run.starts
  if (length < DIGITS_MIN || length > DIGITS_MAX) return false
  const last = length - 1
  return digitsOf(run, 0, last).length === length && isCard(run, 0, last, length)
}

/** The last group of a card that begins with a group. */
function cardAt(run: NumberRun, first: number): number | undefined {
  let digits = 0
  let cardEnd: number | undefined
  const groupsMax = Math.min(run.starts.length, first + GROUPS_MAX)
  if (!CARD_STARTS.includes(run.text[run.starts[first]!]!)) return undefined
  for (let last = first; last < groupsMax; last++) {
    digits += run.ends[last]! - run.starts[last]!
    if (digits > DIGITS_MAX) break
    if (digits < DIGITS_MIN || !isCard(run, first, last, digits)) continue
    if (isShape(run, first, last) && !goesOn(run, first, last)) cardEnd = last
  }
  return cardEnd
}

/** One group, the groups in which cards show their number, or a whole run of groups longer than those of lists of numbers. */
function isShape(run: NumberRun, first: number, last: number): boolean {
  if (first === last) return true
  const separator = separatorOf(run, first, last)
  if (separator?.length === 1 && separator !== '/' && SHAPES.has(shapeOf(run, first, last))) {
    return true
  }
  if (!isWhole(run, first, last)) return false
  for (let group = first; group <= last; group++) {
    if (run.ends[group]! - run.starts[group]! < LONG_GROUP_DIGITS) return false
  }
  return true
}

const LONG_GROUP_DIGITS = 4

function isCard(run: NumberRun, first: number, last: number, length: number): boolean {
  const digits = digitsOf(run, first, last)
  if (!isLuhn(digits)) return false
  const leading = Number(digits.slice(0, LEADING_DIGITS))
  const network = NETWORKS.find(({ ranges }) => ranges.some((range) => isWithin(leading, range)))
  if (network === undefined) return false
  if (network.lengths.includes(length)) return true
  return (
    length === 13 &&
    digits.startsWith('4') &&
    isNamed(run.text, run.starts[first]!, run.ends[last]!, CARD_WORDS)
  )
}

const LEADING_DIGITS = 4

/** Whether the first four digits of a number begin with one of a range, whose ends may be shorter. */
function isWithin(leading: number, [from, to]: readonly [number, number]): boolean {
  const scale = from < 10 ? 1000 : from < 100 ? 100 : from < 1000 ? 10 : 1
  const start = Math.floor(leading / scale)
  return start >= from && start <= to
}
