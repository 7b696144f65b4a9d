// `/admin/me/limits`: what holds for whoever asks, and what is left of it: limits with their counters, and budgets. Of money that others
// spend as well only the share that is left is told, unless they may see budgets anyway.

import { Elysia } from 'elysia'
import type { JsonObject } from '../../core/json.ts'
import type { BudgetSubject, LimitRule } from '../../core/money.ts'
import { can } from '../../core/permission.ts'
import type { BudgetAccount, BudgetStanding } from '../../core/ports-money.ts'
import type { Principal } from '../../core/principal.ts'
import {
  countersAt,
  isCommon,
  ownCountersOf,
  principalPlaces,
  type Place,
} from '../../gateway/limit-places.ts'
import type { Counter } from '../../gateway/limit-rules.ts'
import { admissionOf, isShared, type ServerDeps } from '../context.ts'
import { accountJson } from './budget-json.ts'
import { BUDGET_SUBJECTS } from './budget-input.ts'
import { adminRoutes, moment, nullable, oneOf, t, type RouteContract } from './contract.ts'
import { LIMIT_SUBJECTS } from './limit-input.ts'
import { counterJson } from './limits.ts'
import { BUDGET_ACTIONS, CounterSchema, usdOf, WINDOWS } from './money-schemas.ts'
import { isNamed, Names } from './names.ts'

const PATH = '/admin/me/limits'

const OwnBudgetSchema = t.Object(
  {
    per: oneOf(BUDGET_SUBJECTS),
    subject: t.String(),
    name: nullable(t.String()),
    window: oneOf(WINDOWS),
    window_end: nullable(moment(), { description: 'When it begins anew; null: never.' }),
    action: oneOf(BUDGET_ACTIONS),
    used_share: nullable(t.Number()),
    usd: nullable(t.Number(), { description: 'Null: not theirs to see.' }),
    spent_usd: nullable(t.Number()),
    held_usd: nullable(t.Number()),
    left_usd: nullable(t.Number()),
  },
  { $id: 'OwnBudget' },
)

const CONTRACT = {
  summary: 'One’s own limits and budgets',
  description:
    'What every request of whoever asks counts for. Limits of models and providers, which depend on the request, are not among them.',
  tag: 'Me',
  answers: {
    200: t.Object({
      limits: t.Array(
        t.Object({
          per: oneOf(LIMIT_SUBJECTS),
          subject: t.String(),
          name: nullable(t.String()),
          counters: t.Array(CounterSchema),
        }),
      ),
      budgets: t.Array(OwnBudgetSchema),
    }),
  },
} as const satisfies RouteContract

export function meLimitsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'me-limits-routes' }).get(
    PATH,
    ...on('GET', PATH, CONTRACT, async ({ principal, reply, request }) => {
      const [limits, budgets] = await Promise.all([
        limitsOf(principal, admissionOf(request).from(), deps),
        budgetsOf(principal, deps),
      ])
      return reply({ limits, budgets })
    }),
  )
}

async function limitsOf(
  principal: Principal,
  from: string | undefined,
  deps: ServerDeps,
): Promise<JsonObject[]> {
  const { keyId = '', own, tenantId } = principal
  const found: {
    per: (typeof LIMIT_SUBJECTS)[number]
    id: string
    counters: readonly Counter[]
  }[] = deps.money.limitRules(tenantId).flatMap((rule) =>
    placesOf(rule, principal, from, isShared(deps)).map((place) => ({
      per: rule.per,
      id: place.id,
      counters: countersAt(rule, tenantId, place),
    })),
  )
  if (own?.limits !== undefined) {
    found.push({ per: 'key', id: keyId, counters: ownCountersOf(tenantId, keyId, own.limits) })
  }
  const counted = found.filter(({ counters }) => counters.length > 0)
  const states = await deps.money.peek(
    counted.flatMap(({ counters }) => counters.map(({ take }) => take)),
  )
  const names = new Names(deps.gateway.snapshot(), tenantId)
  let at = 0
  return counted.map(({ counters, id, per }) => ({
    per,
    subject: id,
    name: (isNamed(per) ? names.of(per, id) : undefined) ?? null,
    counters: counters.map((counter) => counterJson(counter, states[at++]!)),
  }))
}

/** What all tenants do together is none of one's own business; one's own address is. */
function placesOf(
  rule: LimitRule,
  principal: Principal,
  from: string | undefined,
  hasManyTenants: boolean,
): readonly Place[] {
  const places = principalPlaces(rule.per, principal, from)
  if (!hasManyTenants || rule.per === 'ip') return places
  return places.filter((place) => !isCommon(rule, principal.tenantId, place))
}

async function budgetsOf(principal: Principal, deps: ServerDeps): Promise<JsonObject[]> {
  const accounts = deps.money.accountsOf(principal)
  if (accounts.length === 0) return []
  const standings = await deps.money.standings(principal.tenantId)
  const names = new Names(deps.gateway.snapshot(), principal.tenantId)
  const maySeeAll = can(principal, 'budget.read')
  return accounts.map((account) => {
    const { rule, subject } = account
    const { held_usd, left_usd, name, spent_usd, used_share, window_end } = accountJson(
      rule,
      standingOf(account, standings),
      names,
    )
    const isSeen = maySeeAll || isOnesOwn(rule.per)
    const amounts = isSeen
      ? { usd: usdOf(rule.nanoUsd), spent_usd, held_usd, left_usd }
      : { usd: null, spent_usd: null, held_usd: null, left_usd: null }
    const { action, per, window } = rule
    return { per, subject, name, window, window_end, action, used_share, ...amounts }
  })
}

function isOnesOwn(per: BudgetSubject): boolean {
  return per === 'user' || per === 'key'
}

/** What was spent from an account; of one that nothing was spent from yet, nothing. */
function standingOf(account: BudgetAccount, standings: readonly BudgetStanding[]): BudgetStanding {
  const { rule, subject, tenantId, window } = account
  return (
    standings.find(
      (standing) =>
        standing.account.ruleId === rule.id &&
        standing.account.subject === subject &&
        standing.account.window.startMs === window.startMs,
    ) ?? {
      account: { tenantId, subject, window, ruleId: rule.id },
      spentNanoUsd: 0,
      heldNanoUsd: 0,
    }
  )
}
