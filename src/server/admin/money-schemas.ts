// What limits and budgets look like in the management API, of a rule and of a key alike: the schemas, and the way from them to the words
// of the core and back. Pure; whether somebody may set them is not decided here.

import type { Static } from '@sinclair/typebox'
import { LIMITS } from '../../core/limits.ts'
import type { LimitAmounts, OwnLimits } from '../../core/money.ts'
import type { JsonObject } from '../../core/json.ts'
import { NANO_PER_USD } from '../../core/nano-usd.ts'
import { moment, nullable, oneOf, strict, t, words } from './contract.ts'

const AMOUNT_MAX = 1_000_000_000_000
/** Beyond it nano-dollars would not be exact. */
const USD_MAX = 9_000_000

/** Members of a limit's amounts, by the names of the core. */
const AMOUNT_NAMES = {
  requests_per_minute: 'requestsPerMinute',
  requests_per_hour: 'requestsPerHour',
  requests_per_day: 'requestsPerDay',
  tokens_per_minute: 'tokensPerMinute',
  tokens_per_hour: 'tokensPerHour',
  tokens_per_day: 'tokensPerDay',
  concurrent: 'concurrent',
} as const satisfies Record<string, keyof LimitAmounts>

type AmountName = keyof typeof AMOUNT_NAMES

export const AMOUNT_MEMBERS = Object.keys(AMOUNT_NAMES) as readonly AmountName[]

const AMOUNT_DOCS: Readonly<Record<AmountName, string>> = {
  requests_per_minute: 'Requests in any 60 seconds.',
  requests_per_hour: 'Requests in any hour.',
  requests_per_day: 'Requests in any 24 hours.',
  tokens_per_minute: 'Tokens of prompts and answers in any 60 seconds.',
  tokens_per_hour: 'Tokens in any hour.',
  tokens_per_day: 'Tokens in any 24 hours.',
  concurrent: 'Requests that run at once.',
}

function amount(name: AmountName) {
  return t.Integer({ minimum: 0, maximum: AMOUNT_MAX, description: AMOUNT_DOCS[name] })
}

function given(name: AmountName) {
  return t.Optional(nullable(amount(name), { description: `${AMOUNT_DOCS[name]} Null: no limit.` }))
}

function told(name: AmountName) {
  return nullable(amount(name), { description: `${AMOUNT_DOCS[name]} Null: no limit.` })
}

/** Of a body: absent and null are no limit. */
export const GIVEN_AMOUNTS = {
  requests_per_minute: given('requests_per_minute'),
  requests_per_hour: given('requests_per_hour'),
  requests_per_day: given('requests_per_day'),
  tokens_per_minute: given('tokens_per_minute'),
  tokens_per_hour: given('tokens_per_hour'),
  tokens_per_day: given('tokens_per_day'),
  concurrent: given('concurrent'),
}

/** Of an answer: every member is there. */
export const TOLD_AMOUNTS = {
  requests_per_minute: told('requests_per_minute'),
  requests_per_hour: told('requests_per_hour'),
  requests_per_day: told('requests_per_day'),
  tokens_per_minute: told('tokens_per_minute'),
  tokens_per_hour: told('tokens_per_hour'),
  tokens_per_day: told('tokens_per_day'),
  concurrent: told('concurrent'),
}

export const WINDOWS = ['day', 'week', 'month', 'total'] as const
export const BUDGET_ACTIONS = ['block', 'alert'] as const

export const USD = {
  minimum: 0,
  maximum: USD_MAX,
  description: 'US dollars that may be spent in a window.',
  wanted: 'Must be an amount of US dollars, not below 0.',
}

const WINDOW_DOC = 'Of the calendar, UTC; weeks begin on Monday. `month` unless given.'
const ACTION_DOC = '`block` (unless given) refuses what would pass it, `alert` only tells.'

/** Limits of a key's own in a body. */
export const OwnLimitsBody = nullable(strict(GIVEN_AMOUNTS), {
  description: 'Limits of this key alone; null: none.',
})

/** A budget of a key's own in a body. */
export const OwnBudgetBody = nullable(
  strict({
    usd: t.Number(USD),
    window: t.Optional(oneOf(WINDOWS, { description: WINDOW_DOC })),
    action: t.Optional(oneOf(BUDGET_ACTIONS, { description: ACTION_DOC })),
  }),
  { description: 'A budget of this key alone; null: none.' },
)

/** Shared by what a limit and a budget say of whom they count. */
export const ONLY = t.Optional(
  nullable(words(300), {
    description: 'Only the one of this id or name; `*` stands for any text. Null: each of them.',
  }),
)

/** An id that is chosen: no colon, which is in the ids of the file's rules and of keys' own budgets. */
export const RULE_ID = t.Optional(
  t.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
    description: 'Letters, digits, `.`, `_` and `-`. Made up where it is not given.',
  }),
)

/** What is used and what is left of one account of a budget. */
export const AccountSchema = t.Object(
  {
    subject: t.String({ description: 'Id of the tenant, team, user or key; name of the model.' }),
    name: nullable(t.String(), { description: 'As people know it.' }),
    window_start: moment(),
    window_end: nullable(moment(), { description: 'When it begins anew; null: never.' }),
    spent_usd: t.Number(),
    held_usd: t.Number({ description: 'Held for requests under way.' }),
    left_usd: t.Number(),
    used_share: nullable(t.Number(), {
      description:
        'Spent of the budget: 1 is all of it, and it can be more. Null: the budget is 0.',
    }),
  },
  { $id: 'BudgetAccount' },
)

/** What a counter of a limit says now. */
export const CounterSchema = t.Object(
  {
    counts: oneOf(['requests', 'tokens', 'concurrent']),
    window_seconds: nullable(t.Integer(), { description: 'Null: what runs at once.' }),
    max: t.Integer(),
    used: t.Integer(),
    remaining: t.Integer(),
    reset_seconds: t.Number({ description: 'Until it is as if nothing had been taken.' }),
  },
  { $id: 'LimitCounter' },
)

type GivenAmounts = { readonly [K in AmountName]?: number | null }

/** Amounts of a body in the words of the core; null is none. */
export function amountsOf(body: GivenAmounts): LimitAmounts {
  return Object.fromEntries(
    AMOUNT_MEMBERS.flatMap((name) => {
      const value = body[name]
      return value === undefined || value === null ? [] : [[AMOUNT_NAMES[name], value]]
    }),
  )
}

/** Amounts of the core as they are shown, each member there. */
export function amountsJson(amounts: LimitAmounts): Record<AmountName, number | null> {
  return Object.fromEntries(
    AMOUNT_MEMBERS.map((name) => [name, amounts[AMOUNT_NAMES[name]] ?? null]),
  ) as Record<AmountName, number | null>
}

/** The same with those alone that are set. */
export function setAmountsJson(amounts: LimitAmounts): JsonObject {
  return Object.fromEntries(
    Object.entries(amountsJson(amounts)).filter(([, value]) => value !== null),
  )
}

/** A key's own budget in the words of the core. */
export function ownBudgetOf(
  body: NonNullable<Static<typeof OwnBudgetBody>>,
): NonNullable<OwnLimits['budget']> {
  const { action = 'block', usd, window = 'month' } = body
  return { nanoUsd: nanoOf(usd), window, action }
}

export function nanoOf(usd: number): number {
  return Math.round(usd * NANO_PER_USD)
}

export function usdOf(nanoUsd: number): number {
  return nanoUsd / NANO_PER_USD
}

/** The most items of a list in a body. */
export const ITEMS = { maxItems: LIMITS.adminListItemsMax }
