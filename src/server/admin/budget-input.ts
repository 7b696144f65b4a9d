// What a budget is said to be, by a client of the management API or on the command line, in the words of the core. Pure but for the rules of
// the network it is given; whether somebody may set it is not decided here.

import type { Static } from '@sinclair/typebox'
import { classifyAddress } from '../../core/address.ts'
import type { BudgetRule } from '../../core/money.ts'
import { invalidMember } from './body.ts'
import { maskedUrl } from './budget-json.ts'
import { nullable, oneOf, strict, t } from './contract.ts'
import { BUDGET_ACTIONS, nanoOf, ONLY, RULE_ID, USD, WINDOWS } from './money-schemas.ts'

export const BUDGET_SUBJECTS = ['tenant', 'team', 'user', 'key', 'model'] as const
const ALERTS_MAX = 20
const URL_CHARS_MAX = 2_000
/** As where a budget of the file says nothing. */
const ALERTS_DEFAULT = [0.8, 1]

const BUDGET = {
  per: oneOf(BUDGET_SUBJECTS, { description: 'Whom an account is kept for.' }),
  only: ONLY,
  usd: t.Number(USD),
  window: t.Optional(
    oneOf(WINDOWS, {
      description: 'Of the calendar, UTC; weeks begin on Monday. `month` unless given.',
    }),
  ),
  action: t.Optional(
    oneOf(BUDGET_ACTIONS, {
      description: '`block` (unless given) refuses what would pass it, `alert` only tells.',
    }),
  ),
  alert_at: t.Optional(
    t.Array(t.Number({ minimum: 0, maximum: 1 }), {
      maxItems: ALERTS_MAX,
      description: 'Shares of it that are told once in a window; 0.8 and 1 unless given.',
    }),
  ),
  webhook: t.Optional(
    nullable(t.String({ minLength: 1, maxLength: URL_CHARS_MAX }), {
      description:
        'Where alerts are posted as JSON. It is shown masked; absent or masked keeps what there is, null takes it away.',
    }),
  ),
  unknown_price: t.Optional(
    oneOf(['block', 'allow'], {
      description:
        'A request whose price is not known. `block` where the action is `block`, else `allow`.',
    }),
  ),
}

export const BudgetBody = strict(BUDGET, { $id: 'BudgetChange' })
export const NewBudgetBody = strict({ id: RULE_ID, ...BUDGET }, { $id: 'NewBudget' })

export type BudgetAsked = Static<typeof BudgetBody>

/** @param isInnerAllowed whether an address may lie on this machine or in a private network */
export function budgetRuleOf(
  body: BudgetAsked,
  place: {
    readonly id: string
    readonly tenantId: string
    readonly before?: BudgetRule | undefined
  },
  isInnerAllowed: (url: string) => boolean,
): BudgetRule & { readonly tenantId: string } {
  const { before, id, tenantId } = place
  const { action = 'block', alert_at: alertAt, per, usd, window = 'month' } = body
  const only = body.only ?? undefined
  const webhookUrl = webhookOf(body.webhook, before?.webhookUrl, isInnerAllowed)
  return {
    id,
    tenantId,
    origin: 'store',
    per,
    nanoUsd: nanoOf(usd),
    window,
    action,
    alertAt: [...new Set(alertAt ?? ALERTS_DEFAULT)].toSorted((one, other) => one - other),
    unknownPrice: body.unknown_price ?? (action === 'block' ? 'block' : 'allow'),
    ...(only === undefined ? {} : { only }),
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
  }
}

function webhookOf(
  asked: string | null | undefined,
  before: string | undefined,
  isInnerAllowed: (url: string) => boolean,
): string | undefined {
  if (asked === null) return undefined
  if (asked === undefined || (before !== undefined && asked === maskedUrl(before))) return before
  const url = URL.parse(asked)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw invalidMember('webhook', 'Must be an http or https URL.')
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw invalidMember('webhook', 'Must have no user name, password or fragment.')
  }
  const place = classifyAddress(url.hostname)
  const isNowhere = place === 'link-local' || place === 'reserved'
  const isInner = place === 'loopback' || place === 'private'
  if (isNowhere || (isInner && !isInnerAllowed(url.href))) {
    throw invalidMember('webhook', 'Points at an address that is not to be asked from here.')
  }
  return url.href
}
