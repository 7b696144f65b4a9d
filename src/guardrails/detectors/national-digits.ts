// Identity numbers that are digits alone, country by country: their lengths, the groups in which they are written, their checksums, and the
// words that name them. Data and arithmetic; where they stand in a text is `national-id.ts`'s.

import { isDay, isLuhn, isMod11And10, isVerhoeff, remainder97, weightedSum } from './checksums.ts'

/** A kind of number. */
export interface DigitId {
  readonly label: string
  readonly length: number
  /** How it is written where it is no mere row of digits: groups and what stands between them. */
  readonly shape?: RegExp
  /** Written like that nothing else looks like it, so that no word has to name it. */
  readonly unmistakable?: true
  /** Even a row of digits is hardly ever anything else: what is checked of it leaves less than one in a thousand. */
  readonly strong?: true
  /** It has no check digit: a row of digits is never one without a word. */
  readonly unchecked?: true
  isValid(digits: string): boolean
  /** Words beside it that name it. */
  readonly words: RegExp
}

const SSN_WORDS = /\b(?:ssn|ssns|social security|soc(?:ial)? sec|tax\s?payer)\b/i

export const DIGIT_IDS: readonly DigitId[] = [
  {
    // Social Security Administration: areas, groups and serials that are never given out. There is no check digit.
    label: 'us_ssn',
    length: 9,
    shape: /^\d{3}-\d{2}-\d{4}$/,
    unmistakable: true,
    unchecked: true,
    isValid: isSsn,
    words: SSN_WORDS,
  },
  {
    label: 'us_ssn',
    length: 9,
    shape: /^\d{3} \d{2} \d{4}$/,
    unchecked: true,
    isValid: isSsn,
    words: SSN_WORDS,
  },
  {
    label: 'uk_nhs',
    length: 10,
    shape: /^\d{3}[ -]\d{3}[ -]\d{4}$/,
    isValid: isNhs,
    words: /\bnhs\b|\bhealth service\b/i,
  },
  {
    // One digit of the first ten stands there twice or three times: Bundeszentralamt für Steuern.
    label: 'de_tax_id',
    length: 11,
    shape: /^\d{2} \d{3} \d{3} \d{3}$/,
    isValid: (digits) => !digits.startsWith('0') && repeatsOne(digits) && isMod11And10(digits),
    words: /\b(?:steuer\w*|id-?nr|idnr|identifikationsnummer|tin|tax id\w*)\b/i,
  },
  {
    label: 'fr_nir',
    length: 15,
    shape: /^\d \d{2} \d{2} \d{2} \d{3} \d{3} \d{2}$|^\d{13} \d{2}$/,
    unmistakable: true,
    strong: true,
    isValid: isNir,
    words: /\b(?:nir|insee|s[eé]curit[eé] sociale|sociale?s?|num[eé]ro de s[eé]cu)\b/i,
  },
  {
    label: 'nl_bsn',
    length: 9,
    shape: /^\d{4}[. ]\d{2}[. ]\d{3}$/,
    isValid: (digits) =>
      !/^0+$/.test(digits) && isElevenProof(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]),
    words: /\b(?:bsn|burgerservice\w*|sofi\w*|citizen service)\b/i,
  },
  {
    label: 'pl_pesel',
    length: 11,
    isValid: isPesel,
    words: /\bpesel\b/i,
  },
  {
    label: 'se_personnummer',
    length: 10,
    shape: /^\d{6}[-+]\d{4}$/,
    unmistakable: true,
    isValid: isPersonnummer,
    words: /\b(?:person\w*nummer|pnr|personnr|samordningsnummer)\b/i,
  },
  {
    label: 'se_personnummer',
    length: 12,
    shape: /^\d{8}[-+]\d{4}$/,
    unmistakable: true,
    isValid: (digits) => /^(?:18|19|20)/.test(digits) && isPersonnummer(digits.slice(2)),
    words: /\b(?:person\w*nummer|pnr|personnr|samordningsnummer)\b/i,
  },
  {
    label: 'no_fodselsnummer',
    length: 11,
    shape: /^\d{6} \d{5}$/,
    isValid: isFodselsnummer,
    words: /\b(?:f[oø]dselsn\w*|personn\w*|fnr|d-nummer)\b/i,
  },
  {
    label: 'dk_cpr',
    length: 10,
    shape: /^\d{6}-\d{4}$/,
    unchecked: true,
    isValid: (digits) => isDay(digits.slice(4, 6), digits.slice(2, 4), digits.slice(0, 2)),
    words: /\b(?:cpr|personnummer)\b/i,
  },
  {
    label: 'be_rrn',
    length: 11,
    shape: /^\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}$/,
    unmistakable: true,
    isValid: isBelgian,
    words: /\b(?:rijksregister\w*|registre national|insz|niss|rrn)\b/i,
  },
  {
    label: 'ch_ahv',
    length: 13,
    shape: /^756\.\d{4}\.\d{4}\.\d{2}$/,
    unmistakable: true,
    strong: true,
    isValid: (digits) => digits.startsWith('756') && weightedSum(digits, [1, 3]) % 10 === 0,
    words: /\b(?:ahv|avs|navs13|oasi)\b/i,
  },
  {
    label: 'br_cpf',
    length: 11,
    shape: /^\d{3}\.\d{3}\.\d{3}-\d{2}$/,
    unmistakable: true,
    isValid: isCpf,
    words: /\bcpf\b/i,
  },
  {
    label: 'ca_sin',
    length: 9,
    shape: /^\d{3}[ -]\d{3}[ -]\d{3}$/,
    isValid: (digits) => !digits.startsWith('8') && isLuhn(digits),
    words: /\b(?:sin|nas|social insurance|assurance sociale)\b/i,
  },
  {
    label: 'in_aadhaar',
    length: 12,
    shape: /^\d{4}[ -]\d{4}[ -]\d{4}$/,
    isValid: (digits) => /^[2-9]/.test(digits) && isVerhoeff(digits),
    words: /\b(?:aadhaa?r|uidai|uid|adhar)\b/i,
  },
  {
    label: 'au_tfn',
    length: 9,
    shape: /^\d{3} \d{3} \d{3}$/,
    isValid: (digits) => weightedSum(digits, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    words: /\b(?:tfn|tax file)\b/i,
  },
  {
    label: 'kr_rrn',
    length: 13,
    shape: /^\d{6}-\d{7}$/,
    unmistakable: true,
    isValid: isKorean,
    words: /\b(?:rrn|resident registration)\b|주민등록/i,
  },
  {
    label: 'za_id',
    length: 13,
    shape: /^\d{6} \d{4} \d{2} \d$/,
    isValid: (digits) =>
      isDay(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6)) &&
      /[01]/.test(digits[10]!) &&
      isLuhn(digits),
    words: /\b(?:id number|identity number|south african|rsa id|sa id)\b/i,
  },
]

function isSsn(digits: string): boolean {
  return /^(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}$/.test(digits)
}

function isElevenProof(digits: string, weights: readonly number[]): boolean {
  return weightedSum(digits, weights) % 11 === 0
}

function isNhs(digits: string): boolean {
  const check = (11 - (weightedSum(digits.slice(0, 9), [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11
  return check < 10 && check === Number(digits[9])
}

function repeatsOne(digits: string): boolean {
  const counts = new Map<string, number>()
  for (const digit of digits.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1)
  const often = [...counts.values()].filter((count) => count > 1)
  return often.length === 1 && often[0]! <= 3
}

/** Sex, year, month (20 and more where it is not known), then a key of 97. Corsica's letters are `national-id.ts`'s. */
function isNir(digits: string): boolean {
  const month = Number(digits.slice(3, 5))
  const isMonth = (month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50
  if (!/^[123478]/.test(digits) || !isMonth) return false
  return 97 - remainder97(digits.slice(0, 13)) === Number(digits.slice(13))
}

/** The century is in the month: 80 for 1800, 20 for 2000, 40 and 60 for those after. */
function isPesel(digits: string): boolean {
  const month = String(Number(digits.slice(2, 4)) % 20)
  if (!isDay(digits.slice(0, 2), month, digits.slice(4, 6))) return false
  return weightedSum(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0
}

/** Days are 60 more in coordination numbers. */
function isPersonnummer(digits: string): boolean {
  const day = Number(digits.slice(4, 6))
  return (
    isDay(digits.slice(0, 2), digits.slice(2, 4), String(day > 60 ? day - 60 : day)) &&
    isLuhn(digits)
  )
}

/** Days are 40 more in D numbers. */
function isFodselsnummer(digits: string): boolean {
  const day = Number(digits.slice(0, 2))
  if (!isDay(digits.slice(4, 6), digits.slice(2, 4), String(day > 40 ? day - 40 : day)))
    return false
  return (
    isElevenProof(digits.slice(0, 10), [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) &&
    isElevenProof(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1])
  )
}

/** Those born from 2000 on have a 2 before the number in the checksum. */
function isBelgian(digits: string): boolean {
  const number = digits.slice(0, 9)
  const check = Number(digits.slice(9))
  return 97 - remainder97(number) === check || 97 - remainder97(`2${number}`) === check
}

function isCpf(digits: string): boolean {
  if (/^(\d)\1{10}$/.test(digits)) return false
  return [9, 10].every((length) => {
    let sum = 0
    for (let at = 0; at < length; at++) sum += Number(digits[at]) * (length + 1 - at)
    return ((sum * 10) % 11) % 10 === Number(digits[length])
  })
}

function isKorean(digits: string): boolean {
  const sum = weightedSum(digits.slice(0, 12), [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5])
  return (
    isDay(digits.slice(0, 2), digits.slice(2, 4), digits.slice(4, 6)) &&
    (11 - (sum % 11)) % 10 === Number(digits[12])
  )
}
