// Rules of guardrails and feature flags that no single node of the schema can hold: the options that a kind of check has, ids that occur twice,
// a rule that says nothing. What only the check itself can prove (a pattern that compiles) is proven where it is made ready.

import { FLAGS } from '../core/flags.ts'
import { checkDescription, optionProblems } from '../core/guardrail-options.ts'
import type { JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { childPath } from './lines.ts'
import type { Unproven } from './node.ts'
import { refuseTwice, type RuleContext } from './rule-context.ts'
import { GUARDRAIL, type GuardrailSettings } from './schema-guardrails.ts'
import type { Settings } from './schema.ts'
import { suggest } from './suggest.ts'

/** Adds a problem for every guardrail that is broken. */
export function checkGuardrails(
  { guardrails = [] }: Unproven<Settings>,
  { problems }: RuleContext,
): void {
  refuseTwice(
    guardrails.map((rule) => rule?.id),
    'guardrails',
    'id',
    problems,
  )
  if (guardrails.length > LIMITS.tenantGuardrailsMax) {
    problems.add('guardrails', `must be at most ${LIMITS.tenantGuardrailsMax}`)
    return
  }
  for (const [index, rule] of guardrails.entries()) {
    if (rule !== undefined) checkOptions(rule, childPath('guardrails', index), problems)
  }
}

function checkOptions(
  { check, mode, options = {} }: Unproven<GuardrailSettings>,
  path: string,
  problems: RuleContext['problems'],
): void {
  const description = check === undefined ? undefined : checkDescription(check)
  if (description === undefined || check === undefined) return
  const known = description.options.map(({ name }) => name)
  const own = Object.keys(GUARDRAIL.keys).filter((name) => name !== 'options')
  const synonyms: Readonly<Record<string, string>> = GUARDRAIL.synonyms
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const meant = Object.hasOwn(synonyms, name) ? synonyms[name] : suggest(name, [...known, ...own])
    const at = childPath(path, /^[\w.$-]{1,60}$/.test(name) ? name : '…')
    problems.add(at, `unknown key; a check of the kind ${check} has no such option`, meant)
  }
  const mine = Object.fromEntries(
    Object.entries(options).filter(([name]) => known.includes(name)),
  ) as JsonObject
  for (const { path: below, problem } of optionProblems(check, mine)) {
    problems.add(below.split('.').reduce(belowOf, path), problem)
  }
  if (mode === 'mask' && !description.masks) {
    problems.add(childPath(path, 'mode'), `cannot be mask: ${check} does not tell what to replace`)
  }
}

/** `patterns.0.pattern` as the file's lines know it. */
function belowOf(path: string, part: string): string {
  return childPath(path, /^\d+$/.test(part) ? Number(part) : part)
}

/** Adds a problem for every rule of flags that sets none. */
export function checkFlagRules({ flags }: Unproven<Settings>, { problems }: RuleContext): void {
  for (const [index, rule] of (flags?.rules ?? []).entries()) {
    if (rule === undefined) continue
    const sets = Object.keys(FLAGS).some((flag) => rule[flag as keyof typeof FLAGS] !== undefined)
    const path = childPath('flags.rules', index)
    if (!sets) problems.add(path, `sets no flag; there are ${Object.keys(FLAGS).join(', ')}`)
  }
}
