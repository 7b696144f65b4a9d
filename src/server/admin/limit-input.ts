// What a limit is said to be, by a client of the management API or on the command line, in the words of the core. Pure; whether somebody may
// set it is not decided here.

import type { Static } from '@sinclair/typebox'
import { parseAddressRange } from '../../core/address.ts'
import type { LimitRule } from '../../core/money.ts'
import type { JsonObject } from '../../core/json.ts'
import { invalidMember } from './body.ts'
import { oneOf, strict, t } from './contract.ts'
import { amountsJson, amountsOf, GIVEN_AMOUNTS, ONLY, RULE_ID } from './money-schemas.ts'
import { declaredReason } from './read-only.ts'

export const LIMIT_SUBJECTS = [
  'global',
  'tenant',
  'team',
  'user',
  'key',
  'ip',
  'model',
  'provider',
] as const

export const WHEN_UNAVAILABLE = ['local', 'open', 'closed'] as const

const LIMIT = {
  per: oneOf(LIMIT_SUBJECTS, {
    description: 'Whom a counter is kept for; `global` is the whole tenant in one.',
  }),
  only: ONLY,
  ...GIVEN_AMOUNTS,
  when_unavailable: t.Optional(
    oneOf(WHEN_UNAVAILABLE, {
      description:
        'While the shared counters cannot be reached: count in each process alone (`local`, unless given), let everything through, or refuse.',
    }),
  ),
}

export const LimitBody = strict(LIMIT, { $id: 'LimitChange' })
export const NewLimitBody = strict({ id: RULE_ID, ...LIMIT }, { $id: 'NewLimit' })

export type LimitAsked = Static<typeof LimitBody>

/** @throws GatewayError `invalid_request` naming the member */
export function limitRuleOf(
  body: LimitAsked,
  { id, tenantId }: { readonly id: string; readonly tenantId: string },
): LimitRule & { readonly tenantId: string } {
  const { per, when_unavailable: whenUnavailable = 'local' } = body
  const only = body.only ?? undefined
  const amounts = amountsOf(body)
  if (Object.keys(amounts).length === 0) {
    throw invalidMember('requests_per_minute', 'Give at least one amount.')
  }
  if (only !== undefined && per === 'global') {
    throw invalidMember('only', 'A limit of everything has no single ones.')
  }
  if (only !== undefined && per === 'ip' && !isAddresses(only)) {
    throw invalidMember('only', 'Must be an address, or a block such as 10.0.0.0/8.')
  }
  return {
    id,
    tenantId,
    origin: 'store',
    per,
    amounts,
    whenUnavailable,
    ...(only === undefined ? {} : { only }),
  }
}

function isAddresses(only: string): boolean {
  return only.includes('*') || parseAddressRange(only) !== undefined
}

/** @param tenantId whose counters are meant */
export function limitJson(rule: LimitRule, tenantId: string): JsonObject {
  return {
    id: rule.id,
    tenant: tenantId,
    origin: rule.origin,
    read_only: declaredReason(rule.origin, 'limit'),
    per: rule.per,
    only: rule.only ?? null,
    ...amountsJson(rule.amounts),
    when_unavailable: rule.whenUnavailable,
  }
}
