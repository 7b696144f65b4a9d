// Which model of this gateway a guardrail's check asks, by its options: what must be there for the rule to be of use. Pure.

import type { GuardrailRule } from './guardrail.ts'
import { checkDescription } from './guardrail-options.ts'

/** The model's name; undefined where none is asked, or a service of its own is, whose models are not ours. */
export function modelAsked({ check, options }: Pick<GuardrailRule, 'check' | 'options'>) {
  if (options['url'] !== undefined) return undefined
  const described = checkDescription(check)?.options.find(({ name }) => name === 'model')
  if (described?.type !== 'text') return undefined
  const { model = described.default } = options
  return typeof model === 'string' ? model : undefined
}
