// The check `regex`: patterns of the operator's own, on the linear engine.

import type { CheckModule } from '../check.ts'
import { compilePatterns } from '../detectors/custom.ts'
import { patternsOf, patternsProblems } from '../pattern-options.ts'
import { seekingGuard } from './pii.ts'

export const regexCheck: CheckModule = {
  make: (rule) => seekingGuard(rule, compilePatterns(patternsOf(rule.options))),
  problems: patternsProblems,
}
