// Checksums of cards, accounts and identity numbers, on plain digits. Pure; who may call a number what is for its detector to say.

/** The sum of digits with weights, which repeat where there are fewer of them. */
export function weightedSum(digits: string, weights: readonly number[]): number {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    sum += Number(digits[at]) * weights[at % weights.length]!
  }
  return sum
}

/** ISO/IEC 7812-1 annex B, the check digit last. */
export function isLuhn(digits: string): boolean {
  if (digits.length < 2) return false
  let sum = 0
  for (let at = digits.length - 1, doubled = false; at >= 0; at--, doubled = !doubled) {
    const digit = digits.charCodeAt(at) - 48
    sum += doubled ? (digit > 4 ? 2 * digit - 9 : 2 * digit) : digit
  }
  return sum % 10 === 0
}

/** ISO 13616: the first four signs moved to the end, letters as 10 to 35, and what is left of a division by 97 is 1. */
export function isMod97(signs: string): boolean {
  if (signs.length < 5) return false
  return remainder97(signs.slice(4) + signs.slice(0, 4)) === 1
}

/** A decimal number of any length modulo 97; capital letters count as the two digits 10 to 35. */
export function remainder97(signs: string): number {
  let rest = 0
  for (let at = 0; at < signs.length; at++) {
    const code = signs.charCodeAt(at)
    rest = code < 58 ? (rest * 10 + code - 48) % 97 : (rest * 100 + code - 55) % 97
  }
  return rest
}

/** ISO 7064 MOD 11,10, the check digit last. */
export function isMod11And10(digits: string): boolean {
  let product = 10
  for (let at = 0; at < digits.length - 1; at++) {
    const sum = (Number(digits[at]) + product) % 10
    product = (2 * (sum === 0 ? 10 : sum)) % 11
  }
  return (11 - product) % 10 === Number(digits.at(-1))
}

/** ISO 7064 MOD 11-2, the check sign last, `X` for ten. */
export function isMod11And2(signs: string): boolean {
  let product = 0
  for (let at = 0; at < signs.length - 1; at++) {
    product = ((product + Number(signs[at])) * 2) % 11
  }
  const check = (12 - product) % 11
  return signs.at(-1) === (check === 10 ? 'X' : String(check))
}

const DIHEDRAL = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
]
const PERMUTED = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
]

/** Verhoeff, the check digit last. */
export function isVerhoeff(digits: string): boolean {
  let check = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits[digits.length - 1 - at])
    check = Number(DIHEDRAL[check]![Number(PERMUTED[at % 8]![digit])])
  }
  return check === 0
}

/** Whether a text is a day: two digits of a year, or four, then month and day. */
export function isDay(year: string, month: string, day: string): boolean {
  const monthNumber = Number(month)
  const dayNumber = Number(day)
  if (monthNumber < 1 || monthNumber > 12 || dayNumber < 1) return false
  const days = monthNumber === 2 ? 29 : [4, 6, 9, 11].includes(monthNumber) ? 30 : 31
  return dayNumber <= days && (year.length < 4 || (year >= '1850' && year <= '2099'))
}
