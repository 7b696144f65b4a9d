// What the guarding of requests takes from outside: rules that hold, placeholders, models for checks, the audit. Ports alone; who fills
// them is the composition's affair.

import type { GuardModelCaller, GuardrailRule, GuardrailVerdict } from '../../core/guardrail.ts'
import type { GuardSpan, GuardStage, GuardText } from '../../core/guardrail.ts'
import type { MaskStyle } from '../../core/guardrail-option.ts'
import type { Principal } from '../../core/principal.ts'
import type { Arrival } from '../inbound.ts'

/** Puts back what placeholders stand for, in a text that comes in pieces. */
export interface TextRestorer {
  push(piece: string): string
  end(): string
}

/** Placeholders of one request. */
export interface Masking {
  /** The texts with their spans replaced; no placeholder is given out that stands in one of them. */
  mask(texts: readonly string[], spans: readonly GuardSpan[], style?: MaskStyle): string[]
  /** Something was replaced that can be put back. */
  readonly active: boolean
  restore(text: string): string
  /** Within JSON text. */
  restoreJson(text: string): string
  restorer(as?: 'text' | 'json'): TextRestorer
}

export interface Maskings {
  /** For one request. */
  create(): Masking
  style(rule: GuardrailRule, stage: GuardStage): MaskStyle
}

/** Something the audit is to know: a rule that ended a request or wants it looked at, or one that nobody answered. */
export interface GuardEvent {
  readonly action: 'guardrail.blocked' | 'guardrail.flagged' | 'guardrail.failed'
  readonly rule: GuardrailRule
  readonly stage: GuardStage
  readonly verdict: GuardrailVerdict['verdict']
  readonly categories: readonly string[]
  /** What the rule was asked about; empty where it was not asked. To be asked for, so that whoever writes an event down writes none of it. */
  texts(): readonly GuardText[]
  readonly principal: Principal
  readonly requestId: string
  /** Of the request's row in the log. */
  readonly logId: string
  /** When the request arrived. */
  readonly arrivedMs: number
  readonly model: string
}

export interface GuardPorts {
  /** Absent where nothing can be masked: then a rule that would mask blocks. */
  readonly maskings?: Maskings
  /** Asks models for the check of a rule, in the name of whoever sent this request. */
  guardCaller?(inbound: Arrival, rule: GuardrailRule): GuardModelCaller
  /** Returns at once and never throws; how many events become entries is decided there. */
  guardEvent?(event: GuardEvent): void
}
