// The interfaces behind which guardrails and feature flags are kept that people declare at run time. Apart from `ports.ts` only because of
// their number; what follows from a rule is not known here.

import type { Actor } from './audit.ts'
import type { FlagName, FlagRule } from './flags.ts'
import type { GuardrailRule } from './guardrail.ts'

/** A rule of the store, as it was read. */
export interface StoredGuardrail {
  readonly rule: GuardrailRule
  /** Its secrets do not open, in words for the operator: the rule cannot be asked, and what it concerns is refused. */
  readonly problem?: string
}

/** `tenantId` is `PLATFORM_TENANT_ID` for rules that hold for every tenant; those have none in the rule itself. */
export interface GuardrailRepository {
  /** Of every tenant, by tenant, in the order in which they are asked. */
  all(): Promise<StoredGuardrail[]>
  list(tenantId: string): Promise<StoredGuardrail[]>
  /** Creates, behind all others, or replaces in its place. @throws GatewayError 409 `too_many_rules` */
  save(tenantId: string, rule: GuardrailRule, by: Actor): Promise<void>
  /** False when there is none of that id in the tenant. */
  remove(tenantId: string, id: string, by: Actor): Promise<boolean>
  /** Puts all rules of a tenant into an order. False when these are not the ids of all of them, each once. */
  reorder(tenantId: string, ids: readonly string[], by: Actor): Promise<boolean>
}

/** A rule of the store for a flag; one for each tenant, and one for all. */
export interface StoredFlag extends Omit<FlagRule, 'flag'> {
  /** A row of another version may name one that there is not any more. */
  readonly flag: string
  readonly origin: 'store'
}

/** `tenantId` is `PLATFORM_TENANT_ID` for what holds for every tenant. */
export interface FlagRepository {
  /** Tenants' own before those of all. */
  all(): Promise<StoredFlag[]>
  save(
    tenantId: string,
    flag: FlagName,
    rule: Pick<FlagRule, 'value' | 'percent'>,
    by: Actor,
  ): Promise<void>
  /** False when there is none. */
  remove(tenantId: string, flag: string, by: Actor): Promise<boolean>
}
