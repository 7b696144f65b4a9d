// Makes a rule into a check that can be asked: the registry of all kinds. Who adds a kind adds one line here and its options in
// `core/guardrail-options.ts`; what follows from a judgement is the gateway's, and where rules come from is nobody's business here.

import { GatewayError } from '../core/error.ts'
import type { Guard, GuardCheckKind, GuardrailRule } from '../core/guardrail.ts'
import type { OptionProblem } from '../core/guardrail-option.ts'
import { optionProblems } from '../core/guardrail-options.ts'
import type { JsonObject } from '../core/json.ts'
import type { GuardDeps } from './check.ts'
import { injectionCheck } from './checks/injection.ts'
import { jsonSchemaCheck } from './checks/json-schema.ts'
import { lengthCheck } from './checks/length.ts'
import { piiCheck, secretsCheck } from './checks/pii.ts'
import { regexCheck } from './checks/regex.ts'
import { topicCheck } from './checks/topic.ts'
import { wordsCheck } from './checks/words.ts'
import type { CheckModule } from './check.ts'
import { EXTERNAL } from './external/checks.ts'

/** Kinds and who judges them. */
const CHECKS: Readonly<Partial<Record<GuardCheckKind, CheckModule>>> = {
  ...EXTERNAL,
  pii: piiCheck,
  secrets: secretsCheck,
  words: wordsCheck,
  regex: regexCheck,
  topic: topicCheck,
  injection: injectionCheck,
  json_schema: jsonSchemaCheck,
  length: lengthCheck,
}

/**
 * A rule, ready to be asked.
 * @throws GatewayError `invalid_request` naming the option, where the options are not those of the kind
 */
export function readyGuard(rule: GuardrailRule, deps: GuardDeps): Guard {
  const problem = checkProblems(rule.check, rule.options)[0]
  if (problem !== undefined) {
    const param = problem.path === '' ? 'options' : `options.${problem.path}`
    throw new GatewayError('invalid_request', {
      param,
      message: `'${param}' ${problem.problem}.`,
    })
  }
  return CHECKS[rule.check]!.make(rule, deps)
}

/**
 * What is wrong with the options of a check, every pattern compiled and every schema read; empty where nothing is. It may load the pattern
 * engine, which takes some 6 ms once. Paths are within the options (`patterns.0.pattern`); values are never repeated.
 */
export function checkProblems(kind: string, options: JsonObject): OptionProblem[] {
  const check = CHECKS[kind as GuardCheckKind]
  if (check === undefined) return [{ path: '', problem: 'is of no such kind of check' }]
  const problems = optionProblems(kind, options)
  return problems.length > 0 ? problems : (check.problems?.(options) ?? [])
}
