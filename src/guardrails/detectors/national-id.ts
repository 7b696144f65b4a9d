// Finds national identity numbers: those with letters by their form, those of digits by their groups or by a word that names them. One in
// ten numbers of the right length has a valid check digit, so that a checksum alone is not taken for proof. Pure.

import { isDay, isMod11And2, remainder97 } from './checksums.ts'
import type { Detector } from './detector.ts'
import { DIGIT_IDS, type DigitId } from './national-digits.ts'
import { digitsOf, eachNumberRun, goesOn, isNamed, type NumberRun } from './number-runs.ts'

const GROUPS_MAX = 7
const DIGITS_MAX = Math.max(...DIGIT_IDS.map(({ length }) => length))

/** Kinds by number of digits. */
const BY_LENGTH: ReadonlyMap<number, readonly DigitId[]> = Map.groupBy(
  DIGIT_IDS,
  ({ length }) => length,
)

/** @param bare numbers without groups count without a word that names them */
export function nationalIdDetector(bare: boolean): Detector {
  return (text, found) => {
    eachNumberRun(text, (run) => {
      for (let first = 0; first < run.starts.length; first++) {
        const match = idAt(run, first, bare)
        if (match === undefined) continue
        found(run.starts[first]!, run.ends[match.last]!, match.label)
        first = match.last
      }
    })
    for (const letters of LETTER_IDS) letters(text, found)
  }
}

function idAt(
  run: NumberRun,
  first: number,
  bare: boolean,
): { last: number; label: string } | undefined {
  let length = 0
  const groupsMax = Math.min(run.starts.length, first + GROUPS_MAX)
  for (let last = first; last < groupsMax; last++) {
    length += run.ends[last]! - run.starts[last]!
    if (length > DIGITS_MAX) return undefined
    const id = BY_LENGTH.get(length)?.find((one) => isId(one, run, first, last, bare))
    if (id !== undefined) return { last, label: id.label }
  }
  return undefined
}

function isId(id: DigitId, run: NumberRun, first: number, last: number, bare: boolean): boolean {
  const start = run.starts[first]!
  const end = run.ends[last]!
  const grouped = first !== last
  if (grouped && id.shape?.test(run.text.slice(start, end)) !== true) return false
  if (!id.isValid(digitsOf(run, first, last)) || goesOn(run, first, last)) return false
  if (hyphenated(run, first, last)) return false
  if (grouped ? id.unmistakable : id.strong || (bare && !id.unchecked)) return true
  return isNamed(run.text, start, end, id.words)
}

/** Groups before or behind that are joined by a hyphen: the number is a part of something longer. */
function hyphenated({ text, starts, ends }: NumberRun, first: number, last: number): boolean {
  return (
    /-[\w]/.test(text.slice(ends[last], ends[last]! + 2)) ||
    /\w-/.test(text.slice(Math.max(0, starts[first]! - 2), starts[first]))
  )
}

type Letters = (match: RegExpMatchArray) => boolean

function byForm(label: string, form: RegExp, isValid: Letters): Detector {
  return (text, found) => {
    for (const match of text.matchAll(form)) {
      if (isValid(match)) found(match.index, match.index + match[0].length, label)
    }
  }
}

const DNI_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE'
const HETU_SIGNS = '0123456789ABCDEFHJKLMNPRSTUVWXY'

const LETTER_IDS: readonly Detector[] = [
  byForm(
    // HM Revenue & Customs: prefixes that are not given out, and a suffix of A to D.
    'uk_nino',
    /(?<![\w-])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![\w-])/g,
    () => true,
  ),
  byForm('es_dni', /(?<![\w-])\d{8}-?[A-HJ-NP-TV-Z](?![\w-])/g, ([id]) => isDni(id)),
  byForm('es_nie', /(?<![\w-])[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z](?![\w-])/g, ([id]) =>
    isDni(String('XYZ'.indexOf(id[0]!)) + id.slice(1)),
  ),
  byForm(
    'it_codice_fiscale',
    /(?<![\w-])[A-Za-z]{6}[\dL-NP-Vl-np-v]{2}[A-EHLMPR-Ta-ehlmpr-t][\dL-NP-Vl-np-v]{2}[A-Za-z][\dL-NP-Vl-np-v]{3}[A-Za-z](?![\w-])/g,
    ([id]) => isCodiceFiscale(id.toUpperCase()),
  ),
  byForm(
    'fi_hetu',
    /(?<![\w-])\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y](?![\w-])/g,
    ([id]) =>
      isDay(id.slice(4, 6), id.slice(2, 4), id.slice(0, 2)) &&
      HETU_SIGNS[Number(id.slice(0, 6) + id.slice(7, 10)) % 31] === id[10],
  ),
  byForm(
    // Corsica: 2A and 2B count as 19 and 18.
    'fr_nir',
    /(?<![\w-])[12] ?\d{2} ?\d{2} ?2[AB] ?\d{3} ?\d{3} ?\d{2}(?![\w-])/g,
    ([id]) => {
      const plain = id.replaceAll(' ', '')
      const digits = plain
        .replace('A', '9')
        .replace('B', '8')
        .replace(/^(\d{5})2/, '$11')
      return 97 - remainder97(digits.slice(0, 13)) === Number(digits.slice(13))
    },
  ),
  byForm(
    'cn_resident_id',
    /(?<!\w)[1-9]\d{5}(?:18|19|20)\d{9}[\dXx](?!\w)/g,
    ([id]) =>
      isDay(id.slice(6, 10), id.slice(10, 12), id.slice(12, 14)) && isMod11And2(id.toUpperCase()),
  ),
  byForm('sg_nric', /(?<![\w-])[STFG]\d{7}[A-Z](?![\w-])/g, ([id]) => isNric(id)),
  byForm(
    // Income Tax Department: the fourth letter is the kind of holder. There is no public check.
    'in_pan',
    /(?<![\w-])[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z](?![\w-])/g,
    (match) =>
      isNamed(
        match.input ?? '',
        match.index ?? 0,
        (match.index ?? 0) + match[0].length,
        /\b(?:pan|permanent account|income tax)\b/i,
      ),
  ),
]

function isDni(id: string): boolean {
  const plain = id.replaceAll('-', '')
  return DNI_LETTERS[Number(plain.slice(0, -1)) % 23] === plain.at(-1)
}

/** Values at odd places, for 0 to 9 and then A to Z: Decreto ministeriale 23 dicembre 1976. */
const ODD_VALUES = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
]

function isCodiceFiscale(id: string): boolean {
  let sum = 0
  for (let at = 0; at < 15; at++) {
    const code = id.charCodeAt(at)
    const value = code < 58 ? code - 48 : code - 65
    sum += at % 2 === 0 ? ODD_VALUES[value]! : value
  }
  return id.charCodeAt(15) === 65 + (sum % 26)
}

/** Those of the last century and this one; the series M, whose letters were never published, is not told apart. */
function isNric(id: string): boolean {
  const weights = [2, 7, 6, 5, 4, 3, 2]
  let sum = 'TG'.includes(id[0]!) ? 4 : 0
  for (let at = 0; at < 7; at++) sum += Number(id[at + 1]) * weights[at]!
  return ('ST'.includes(id[0]!) ? 'JZIHGFEDCBA' : 'XWUTRQPNMLK')[sum % 11] === id[8]
}
