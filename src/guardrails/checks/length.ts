// The check `length`: how much is said, in characters, words or estimated tokens.

import type { GuardText } from '../../core/guardrail.ts'
import type { CheckModule } from '../check.ts'

type Unit = 'chars' | 'words' | 'tokens'

export const lengthCheck: CheckModule = {
  make(rule) {
    const unit = (rule.options['unit'] ?? 'chars') as Unit
    const min = (rule.options['min'] ?? 0) as number
    const max = (rule.options['max'] ?? Infinity) as number
    const each = rule.options['of'] === 'each'
    return {
      rule,
      reversible: false,
      sees: 'whole',
      judge({ texts }) {
        const counts = texts
          .filter(({ kind }) => kind !== 'thinking')
          .map((one) => count(one, unit))
        const judged = each ? counts : [counts.reduce((sum, one) => sum + one, 0)]
        const categories: string[] = []
        if (judged.some((one) => one > max)) categories.push('too_long')
        if (judged.some((one) => one < min)) categories.push('too_short')
        return { hit: categories.length > 0, categories }
      },
    }
  },
  problems({ min, max }) {
    if (min === undefined && max === undefined) {
      return [{ path: '', problem: "needs 'min' or 'max'" }]
    }
    return typeof min === 'number' && typeof max === 'number' && min > max
      ? [{ path: 'min', problem: "is more than 'max'" }]
      : []
  },
}

const CHARS_PER_TOKEN = 4

/** Characters are code points, words what stands between white space; a token is four characters, or one of a script without an alphabet. */
function count({ text }: GuardText, unit: Unit): number {
  let chars = 0
  let words = 0
  let dense = 0
  let within = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if ((code & 0xfc00) === 0xdc00) continue
    chars++
    if (code >= 0x2e80) dense++
    const blank = code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0xa0
    if (!blank && !within) words++
    within = !blank
  }
  if (unit === 'chars') return chars
  return unit === 'words' ? words : dense + Math.ceil((chars - dense) / CHARS_PER_TOKEN)
}
