// `/admin/budgets`: the budgets that hold for a tenant, of the file, of the store and of keys, with what is left of them. What the routes do
// is in `budgets.ts`; here is what they take and give.

import { Elysia } from 'elysia'
import type { ServerDeps } from '../context.ts'
import { BUDGET_SUBJECTS, BudgetBody, NewBudgetBody } from './budget-input.ts'
import { Budgets } from './budgets.ts'
import { adminRoutes, nullable, oneOf, strict, t, words, type RouteContract } from './contract.ts'
import { AccountSchema, BUDGET_ACTIONS, WINDOWS } from './money-schemas.ts'
import { listOf, listQuery } from './paging.ts'

const tag = 'Limits and budgets'

const BudgetSchema = t.Object(
  {
    id: t.String(),
    tenant: t.String({
      description: 'Whose accounts are shown; a budget of the file holds in every one.',
    }),
    origin: oneOf(['file', 'environment', 'store']),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
    per: oneOf(BUDGET_SUBJECTS),
    only: nullable(t.String(), { description: 'Null: each of them.' }),
    usd: t.Number(),
    window: oneOf(WINDOWS),
    action: oneOf(BUDGET_ACTIONS),
    alert_at: t.Array(t.Number()),
    unknown_price: oneOf(['block', 'allow']),
    webhook: nullable(t.String(), { description: 'Masked.' }),
    accounts: t.Array(AccountSchema, {
      description: 'Those of which the most is spent; all are under `/accounts`.',
    }),
    accounts_total: t.Integer(),
  },
  { $id: 'Budget' },
)

const LIST = {
  summary: 'Budgets',
  description: 'All that hold for the tenant: of the configuration file, of the store and of keys.',
  tag,
  query: strict({ ...listQuery(['id', 'usd', 'used']), per: t.Optional(oneOf(BUDGET_SUBJECTS)) }),
  answers: { 200: listOf(BudgetSchema) },
} as const satisfies RouteContract

const CREATE = {
  summary: 'Make a budget',
  description: 'It holds on every replica within a second, for what is spent from then on.',
  tag,
  body: NewBudgetBody,
  answers: { 201: BudgetSchema },
  errors: [409],
  once: true,
  examples: {
    users: { id: 'each-user', per: 'user', usd: 50, window: 'month' },
    told: {
      per: 'tenant',
      usd: 1_000,
      action: 'alert',
      alert_at: [0.5, 0.9, 1],
      webhook: 'https://hooks.example.com/weir',
    },
  },
} as const satisfies RouteContract

const SHOW = {
  summary: 'One budget',
  tag,
  answers: { 200: BudgetSchema },
  errors: [404],
  versioned: true,
} as const satisfies RouteContract

const REPLACE = {
  summary: 'Change a budget',
  description: 'The whole of it but its webhook, which stays where it is not named.',
  tag,
  body: BudgetBody,
  answers: { 200: BudgetSchema },
  errors: [404, 409],
  versioned: true,
  examples: { more: { per: 'user', usd: 80 } },
} as const satisfies RouteContract

const REMOVE = {
  summary: 'Delete a budget',
  tag,
  answers: { 200: t.Object({ id: t.String(), deleted: t.Boolean() }) },
  errors: [404, 409],
  versioned: true,
} as const satisfies RouteContract

const ACCOUNTS = {
  summary: 'Accounts of a budget',
  description: 'Of every subject that has spent anything in the window of now.',
  tag,
  query: strict(listQuery(['spent', 'subject'])),
  answers: { 200: listOf(AccountSchema) },
  errors: [404],
} as const satisfies RouteContract

const RESET = {
  summary: 'Begin an account anew',
  description: 'Within its window. What requests under way hold stays held.',
  tag,
  body: strict({ subject: words(300, { description: 'As `accounts` names it.' }) }),
  answers: { 200: t.Object({ id: t.String(), subject: t.String(), reset: t.Boolean() }) },
  errors: [404],
  examples: { key: { subject: 'file:ci' } },
} as const satisfies RouteContract

export function budgetsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  const budgets = new Budgets(deps)
  const all = '/admin/budgets'
  const one = '/admin/budgets/:id'
  return new Elysia({ name: 'budgets-routes' })
    .get(all, ...on('GET', all, LIST, budgets.list))
    .post(all, ...on('POST', all, CREATE, budgets.create))
    .get(one, ...on('GET', one, SHOW, budgets.show))
    .put(one, ...on('PUT', one, REPLACE, budgets.replace))
    .delete(one, ...on('DELETE', one, REMOVE, budgets.remove))
    .get(`${one}/accounts`, ...on('GET', `${one}/accounts`, ACCOUNTS, budgets.accounts))
    .post(`${one}/reset`, ...on('POST', `${one}/reset`, RESET, budgets.reset))
}
