// The part of the schema table that describes limits and budgets, for all and for one key. Apart from `schema.ts` only because of its
// length; the rules are the same.

import { LIMITS } from '../core/limits.ts'
import type { SectionNode } from './node.ts'

const AMOUNT = { kind: 'integer', min: 0, max: 1_000_000_000_000 } as const

const AMOUNTS = {
  requests_per_minute: { ...AMOUNT, doc: 'Requests in any 60 seconds.', absent: 'no limit' },
  requests_per_hour: { ...AMOUNT, doc: 'Requests in any hour.', absent: 'no limit' },
  requests_per_day: { ...AMOUNT, doc: 'Requests in any 24 hours.', absent: 'no limit' },
  tokens_per_minute: {
    ...AMOUNT,
    doc: 'Tokens of prompts and answers in any 60 seconds; an estimate is taken before and corrected after.',
    absent: 'no limit',
  },
  tokens_per_hour: { ...AMOUNT, doc: 'The same in any hour.', absent: 'no limit' },
  tokens_per_day: { ...AMOUNT, doc: 'The same in any 24 hours.', absent: 'no limit' },
  concurrent: { ...AMOUNT, doc: 'Requests that run at once.', absent: 'no limit' },
} as const

const LIMIT_SYNONYMS = {
  rpm: 'requests_per_minute',
  tpm: 'tokens_per_minute',
  parallel: 'concurrent',
  max_parallel_requests: 'concurrent',
} as const

const WHEN_UNAVAILABLE = {
  kind: 'choice',
  doc: 'While the shared counters (Redis, else Postgres) cannot be reached: count in this process alone, let everything through, or refuse.',
  values: ['local', 'open', 'closed'],
  default: 'local',
} as const

export const LIMIT = {
  kind: 'section',
  doc: 'One rule; all rules that concern a request must let it through.',
  synonyms: LIMIT_SYNONYMS,
  keys: {
    per: {
      kind: 'choice',
      doc: 'Whom a counter is kept for.',
      values: ['global', 'tenant', 'team', 'user', 'key', 'ip', 'model', 'provider'],
      required: true,
    },
    only: {
      kind: 'text',
      format: 'model-id',
      doc: 'Holds only for the one of this id or name; `*` stands for any text.',
      absent: 'each of them',
      maxChars: 300,
    },
    ...AMOUNTS,
    when_unavailable: WHEN_UNAVAILABLE,
  },
} as const satisfies SectionNode

const USD = { kind: 'number', unit: 'US dollars', min: 0, max: 1_000_000_000 } as const

const WINDOW = {
  kind: 'choice',
  doc: 'Calendar window in UTC after which it begins anew; weeks begin on Monday.',
  values: ['day', 'week', 'month', 'total'],
  default: 'month',
} as const

const ACTION = {
  kind: 'choice',
  doc: '`block` refuses what would pass it, `alert` only tells.',
  values: ['block', 'alert'],
  default: 'block',
} as const

export const BUDGET = {
  kind: 'section',
  doc: 'One budget; every budget that concerns a request must have room for it.',
  synonyms: { amount: 'usd', max: 'usd', period: 'window', reset: 'window' },
  keys: {
    per: {
      kind: 'choice',
      doc: 'Whom an account is kept for.',
      values: ['tenant', 'team', 'user', 'key', 'model'],
      required: true,
    },
    only: {
      kind: 'text',
      format: 'model-id',
      doc: 'Holds only for the one of this id or name; `*` stands for any text.',
      absent: 'each of them',
      maxChars: 300,
    },
    usd: { ...USD, doc: 'How much may be spent in a window.', required: true },
    window: WINDOW,
    action: ACTION,
    alert_at: {
      kind: 'list',
      doc: 'Shares of it that are told once in a window when they are passed.',
      optional: true,
      absent: '0.8 and 1',
      item: { kind: 'number', doc: 'Between 0 and 1.', min: 0, max: 1 },
    },
    webhook: {
      kind: 'text',
      format: 'hook-url',
      doc: 'Where alerts are posted as JSON, besides the log.',
      absent: 'nowhere else',
      secret: true,
    },
    unknown_price: {
      kind: 'choice',
      doc: 'A request whose price is not known: refuse it, or let it through and tell.',
      values: ['block', 'allow'],
      absent: '`block` where the action is `block`, else `allow`',
    },
  },
} as const satisfies SectionNode

/** Limits of one key. */
export const KEY_LIMITS = {
  kind: 'section',
  doc: 'Limits of this key alone, beside those of `limits`.',
  optional: true,
  synonyms: LIMIT_SYNONYMS,
  keys: AMOUNTS,
} as const satisfies SectionNode

/** Budget of one key. */
export const KEY_BUDGET = {
  kind: 'section',
  doc: 'Budget of this key alone, beside those of `budgets`.',
  optional: true,
  keys: {
    usd: { ...USD, doc: 'How much it may spend in a window.', required: true },
    window: WINDOW,
    action: ACTION,
  },
} as const satisfies SectionNode

/** Where budgets lie and how much of them a process holds at once. */
export const BUDGET_LEASES = {
  kind: 'section',
  doc: 'How replicas share budgets: each leases a part and takes requests from it without asking the store.',
  keys: {
    share: {
      kind: 'number',
      doc: 'Share of what is left that is leased at once; the smaller, the nearer replicas come to the end of a budget together.',
      default: 0.05,
      min: 0,
      max: 1,
    },
    expires: {
      kind: 'duration',
      doc: 'A replica that has not been heard of for so long has ended: what it held for requests under way counts as spent, the rest is given back.',
      default: LIMITS.budgetLeaseMs,
      min: 1_000,
      max: 3_600_000,
    },
  },
} as const satisfies SectionNode
