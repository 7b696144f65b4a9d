// What targets set in a request in place of the client: the request as one of them is to be asked it, and what that means for how long an
// answer may get. A target without overrides costs nothing here; one with them gets the body written anew.

import type { Target } from '../core/catalog.ts'
import { asNumber, type JsonValue } from '../core/json.ts'
import { effectiveOverrides } from '../core/policy/overrides.ts'
import { overriddenBody } from './defaults.ts'
import { peekBody } from './peek.ts'
import { RequestForms } from './plan.ts'

const encoder = new TextEncoder()

/** The request as this target is asked it: the same where the target sets nothing. */
export function formsFor(target: Target, forms: RequestForms): RequestForms {
  if (target.overrides === undefined) return forms
  const overrides = effectiveOverrides(target.overrides)
  if (overrides.length === 0) return forms
  const { inbound, model, peeked } = forms
  const body = overriddenBody(inbound.dialect, inbound.operation, peeked.body, overrides)
  const written = peekBody(encoder.encode(JSON.stringify(body)))
  // What is taken away is not put back by a default.
  const gone = new Set(overrides.filter(([, value]) => value === null).map(([name]) => name))
  const defaults = Object.entries(model.defaults).filter(([name]) => !gone.has(name))
  return new RequestForms(
    inbound,
    { ...peeked, ...written },
    gone.size === 0 ? model : { ...model, defaults: Object.fromEntries(defaults) },
  )
}

/** What targets say of how long an answer may get. */
export interface AnswerOverrides {
  /** The longest that one of them sets; 0 where none does. */
  readonly tokensMax: number
  /** One of them takes the client's limit away. */
  readonly isUnlimited: boolean
  /** The most answers that one of them asks for; 0 where none says. */
  readonly choicesMax: number
}

const NO_OVERRIDES: AnswerOverrides = { tokensMax: 0, isUnlimited: false, choicesMax: 0 }
const LIMIT_NAMES = ['max_tokens', 'max_completion_tokens'] as const

/** Over all targets that may be asked. */
export function answerOverrides(targets: readonly Target[]): AnswerOverrides {
  let found = NO_OVERRIDES
  for (const { overrides } of targets) {
    if (overrides === undefined) continue
    const limits = LIMIT_NAMES.map((name) => overrides[name])
    const numbers = limits.map((value) => asNumber(value as JsonValue | undefined) ?? 0)
    found = {
      tokensMax: Math.max(found.tokensMax, ...numbers),
      isUnlimited: found.isUnlimited || limits.includes(null),
      choicesMax: Math.max(
        found.choicesMax,
        Math.trunc(asNumber(overrides['n'] as JsonValue | undefined) ?? 0),
      ),
    }
  }
  return found
}
