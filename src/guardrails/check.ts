// What a kind of check is made of, and what it is given: the contract between the registry and the checks. It holds no check.

import type { Guard, GuardrailRule } from '../core/guardrail.ts'
import type { OptionProblem } from '../core/guardrail-option.ts'
import type { JsonObject } from '../core/json.ts'
import type { Clock, Transport } from '../core/ports.ts'
import type { GuardServers } from './external/servers.ts'

/** What checks need of the outside. Those that are judged in this program need none of it. */
export interface GuardDeps {
  readonly transport: Transport
  readonly clock: Clock
  /** Services outside; one for the whole program, so that rules share what is known of them. */
  readonly servers: GuardServers
}

export interface CheckModule {
  /** Options are proven by `problems` and by their description. */
  make(rule: GuardrailRule, deps: GuardDeps): Guard
  /** What the description cannot say of the options; asked only for ones that agree with it. */
  problems?(options: JsonObject): OptionProblem[]
}
