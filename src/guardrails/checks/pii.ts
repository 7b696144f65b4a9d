// The checks `pii` and `secrets`: detectors of personal data and of credentials, with patterns of the operator's own beside them.

import type { Guard, GuardJudgement, GuardrailRule, GuardSpan } from '../../core/guardrail.ts'
import { PII_DETECTORS, type PiiDetector } from '../../core/guardrail-option.ts'
import { LIMITS } from '../../core/limits.ts'
import type { CheckModule } from '../check.ts'
import { detectorsOf } from '../detectors/all.ts'
import { detectAssigned } from '../detectors/assigned.ts'
import { compilePatterns } from '../detectors/custom.ts'
import { detectIssued } from '../detectors/secret.ts'
import { findInTexts, type Seeker } from '../find.ts'
import { maskStyle } from '../mask.ts'
import { patternsOf, patternsProblems } from '../pattern-options.ts'

export const piiCheck: CheckModule = {
  make(rule) {
    const names = (rule.options['detect'] as PiiDetector[] | undefined) ?? PII_DETECTORS
    const bare = rule.options['bare_numbers'] === true
    const custom = compilePatterns(patternsOf(rule.options))
    return seekingGuard(rule, [...detectorsOf(names, { bare }), ...custom])
  },
  problems: patternsProblems,
}

export const secretsCheck: CheckModule = {
  make(rule) {
    const assigned = rule.options['entropy'] === false ? [] : [detectAssigned]
    const custom = compilePatterns(patternsOf(rule.options))
    return seekingGuard(rule, [detectIssued, ...assigned, ...custom])
  },
  problems: patternsProblems,
}

/** A guard whose finding is what seekers find. */
export function seekingGuard(rule: GuardrailRule, seekers: readonly Seeker[]): Guard {
  return {
    rule,
    reversible: maskStyle(rule, 'input') === 'placeholder',
    sees: 'piece',
    judge({ texts, signal }) {
      const spans = findInTexts(texts, seekers, signal)
      return spans instanceof Promise ? spans.then(judgementOf) : judgementOf(spans)
    },
  }
}

/** Spans as a judgement. Categories are the labels, each once. Too many places are none that could be masked: what would mask blocks. */
export function judgementOf(spans: readonly GuardSpan[]): GuardJudgement {
  const categories = [...new Set(spans.map(({ label }) => label))].sort()
  if (spans.length === 0) return { hit: false, categories }
  return spans.length > LIMITS.guardSpansMax
    ? { hit: true, categories }
    : { hit: true, categories, spans }
}
