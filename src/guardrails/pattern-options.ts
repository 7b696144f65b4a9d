// The option `patterns`, which several checks have: read, and proven by compiling each.

import type { OptionProblem } from '../core/guardrail-option.ts'
import { asObject, type JsonObject } from '../core/json.ts'
import type { CustomPattern } from './detectors/custom.ts'
import { patternProblem } from './engine.ts'

/** The patterns of options that were proven. */
export function patternsOf(options: JsonObject): CustomPattern[] {
  const list = options['patterns']
  return Array.isArray(list) ? (list as unknown as CustomPattern[]) : []
}

/** What is wrong with the patterns. */
export function patternsProblems(options: JsonObject): OptionProblem[] {
  return patternsOf(options).flatMap((entry, at) => {
    const { name, pattern } = (asObject(entry) ?? {}) as unknown as CustomPattern
    const problems: OptionProblem[] = []
    if (!isLabel(name)) {
      problems.push({
        path: `patterns.${at}.name`,
        problem: 'must be of letters, digits and _, with a letter first',
      })
    }
    const problem = patternProblem(pattern)
    if (problem !== undefined) problems.push({ path: `patterns.${at}.pattern`, problem })
    return problems
  })
}

/** Whether a name can stand in categories and placeholders. */
export function isLabel(name: string): boolean {
  return /^[A-Za-z]\w{0,39}$/.test(name)
}
