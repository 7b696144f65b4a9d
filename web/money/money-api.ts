// Limits, budgets and usage as these pages ask for them, and the types that follow from the server's routes.

import { api, ifMatch, unwrap } from '../api.ts'

interface Options {
  readonly signal: AbortSignal
}

const LIST_MAX = 500
const ACCOUNTS_MAX = 100

export const readBudgets = ({ signal }: Options) =>
  unwrap(
    api.budgets.get({ query: { limit: LIST_MAX, sort: 'used', order: 'desc' }, fetch: { signal } }),
  )

export const readBudget = (id: string) => unwrap(api.budgets({ id }).get())

export const readAccounts = (id: string, q: string, { signal }: Options) =>
  unwrap(
    api.budgets({ id }).accounts.get({
      query: { limit: ACCOUNTS_MAX, ...(q === '' ? {} : { q }) },
      fetch: { signal },
    }),
  )

export const createBudget = (body: NewBudget) => unwrap(api.budgets.post(body))

export const replaceBudget = (seen: Budget, body: BudgetChange) =>
  unwrap(api.budgets({ id: seen.id }).put(body, ifMatch(seen)))

export const deleteBudget = (id: string) => unwrap(api.budgets({ id }).delete())

export const resetAccount = (id: string, subject: string) =>
  unwrap(api.budgets({ id }).reset.post({ subject }))

export const readLimits = ({ signal }: Options) =>
  unwrap(api.limits.get({ query: { limit: LIST_MAX }, fetch: { signal } }))

export const readLimit = (id: string) => unwrap(api.limits({ id }).get())

/** @param subject of it alone; absent: of all, the fullest first */
export const readState = (
  id: string,
  query: { readonly q?: string; readonly subject?: string; readonly limit: number },
  { signal }: Options,
) => unwrap(api.limits({ id }).state.get({ query, fetch: { signal } }))

export const createLimit = (body: NewLimit) => unwrap(api.limits.post(body))

export const replaceLimit = (seen: Limit, body: LimitChange) =>
  unwrap(api.limits({ id: seen.id }).put(body, ifMatch(seen)))

export const deleteLimit = (id: string) => unwrap(api.limits({ id }).delete())

export const readOwnLimits = ({ signal }: Options) =>
  unwrap(api.me.limits.get({ fetch: { signal } }))

export const readUsage = (query: UsageQuery, { signal }: Options) =>
  unwrap(api.usage.get({ query, fetch: { signal } }))

export const readOwnUsage = (query: OwnUsageQuery, { signal }: Options) =>
  unwrap(api.usage.self.get({ query, fetch: { signal } }))

export type Budget = Awaited<ReturnType<typeof readBudgets>>['data'][number]
export type Account = Budget['accounts'][number]
export type Limit = Awaited<ReturnType<typeof readLimits>>['data'][number]
export type LimitState = Awaited<ReturnType<typeof readState>>['data'][number]
export type Counter = LimitState['counters'][number]
export type OwnLimits = Awaited<ReturnType<typeof readOwnLimits>>
export type Usage = Awaited<ReturnType<typeof readUsage>>
export type UsageRow = Usage['data'][number]
export type UsageQuery = NonNullable<NonNullable<Parameters<typeof api.usage.get>[0]>['query']>
export type OwnUsageQuery = NonNullable<
  NonNullable<Parameters<typeof api.usage.self.get>[0]>['query']
>
export type Dimension = Usage['group_by'][number]

type NewBudget = Parameters<typeof api.budgets.post>[0]
export type BudgetChange = Parameters<ReturnType<typeof api.budgets>['put']>[0]
type NewLimit = Parameters<typeof api.limits.post>[0]
export type LimitChange = Parameters<ReturnType<typeof api.limits>['put']>[0]
