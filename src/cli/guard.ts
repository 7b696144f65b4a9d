// What the commands of guardrails share: whose rules are meant, how one is shown, and a rule as it was typed, held against the same schema as
// the management API.

import type { Config } from '../config/config.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { JsonObject } from '../core/json.ts'
import type { StoredGuardrail } from '../core/ports-guard.ts'
import { guardrailJson } from '../server/admin/guardrail-input.ts'
import { declaredReason } from '../server/admin/read-only.ts'
import type { Store } from '../storage/store.ts'
import { isOn } from './arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from './command.ts'
import { withExistingStore, tenantOf } from './store.ts'

export const ALL_TENANTS_OPTION: OptionDoc = {
  flag: '--all-tenants',
  doc: 'a rule that holds for every tenant',
}

/** Where a rule is kept: of the tenant that is named, or of all. @throws UsageError when both are said */
export function placeOf(input: CommandInput): string {
  if (!isOn(input, 'all-tenants')) return tenantOf(input)
  if (input.options['tenant'] !== undefined) {
    throw new UsageError('--all-tenants excludes --tenant.')
  }
  return PLATFORM_TENANT_ID
}

/** The rules that a tenant is under, in the order in which they are asked. */
export async function rulesFor(
  tenantId: string,
  { config, input }: { readonly config: Config; readonly input: CommandInput },
): Promise<readonly StoredGuardrail[]> {
  const stored = await withExistingStore(config, input.output, (store) =>
    storedFor(tenantId, store),
  )
  return [...config.guardrails.map((rule) => ({ rule })), ...(stored ?? [])]
}

async function storedFor(tenantId: string, store: Store): Promise<StoredGuardrail[]> {
  const ofAll = await store.guardrailRules.list(PLATFORM_TENANT_ID)
  const own = tenantId === PLATFORM_TENANT_ID ? [] : await store.guardrailRules.list(tenantId)
  return [...ofAll, ...own]
}

/** A rule as the management API shows it. */
export function shownRule({ problem, rule }: StoredGuardrail): JsonObject {
  return guardrailJson(rule, { problem, readOnly: declaredReason(rule.origin, 'guardrail') })
}

/** Whom and what a rule holds for, in a few words. */
export function concernOf({ except, for: whose, models }: GuardrailRule): string {
  const parts = [
    ...(models === undefined ? [] : [models.join(', ')]),
    ...(whose === undefined ? [] : [`for ${whose.join(', ')}`]),
    ...(except === undefined ? [] : [`except ${except.join(', ')}`]),
  ]
  return parts.length === 0 ? 'everything' : parts.join('; ')
}
