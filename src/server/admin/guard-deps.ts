// What the routes of guardrails and feature flags need of the outside. Words alone; who fills them is `app-server.ts`.

import type { FlagRule } from '../../core/flags.ts'
import type { Guard, GuardrailRule } from '../../core/guardrail.ts'
import type { FlagRepository, GuardrailRepository, StoredFlag } from '../../core/ports-guard.ts'

export interface FlagsDeps {
  readonly rules: FlagRepository
  /** What the file declares and these of the store, in the order in which they are asked. */
  inOrder(stored: readonly StoredFlag[]): readonly FlagRule[]
}

export interface GuardrailsDeps {
  readonly rules: Pick<GuardrailRepository, 'list' | 'save' | 'remove' | 'reorder'>
  /** In the order in which they are asked; they hold for every tenant. */
  declared(): readonly GuardrailRule[]
  /** What keeps rules that a tenant is under from being asked; `undefined`: of every tenant. */
  problems(tenantId: string | undefined): readonly GuardrailProblem[]
  /** A check of its own for a rule, to be closed by whoever asked for it. @throws GatewayError `invalid_request` */
  ready(rule: GuardrailRule): Promise<Guard>
  /**
   * Makes a rule ready and lets it go again: whatever is wrong with it is found before it is kept.
   * @throws GatewayError `invalid_request` naming the option
   */
  prove(rule: GuardrailRule): Promise<void>
  /** Whether what people declare may lead to this machine or into a private network. */
  mayReachInner(url: string): boolean
}

/** A rule that cannot be asked. */
export interface GuardrailProblem {
  readonly id: string
  /** Absent: it holds for every tenant. */
  readonly tenantId?: string
  /** In words for people, without anything secret. */
  readonly problem: string
}

export interface GuardDeps {
  readonly flags: FlagsDeps
  readonly guardrails: GuardrailsDeps
}
