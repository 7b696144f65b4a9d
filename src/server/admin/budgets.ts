// What the routes of budgets do: rules of the store are made, changed and deleted, those of the file and of keys are shown, accounts begin
// anew. What was spent is counted elsewhere and goes on under the same id.

import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import type { BudgetRule } from '../../core/money.ts'
import { can, scopes } from '../../core/permission.ts'
import type { BudgetStanding } from '../../core/ports-money.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { notFound, taken } from './body.ts'
import { budgetRuleOf, type BudgetAsked } from './budget-input.ts'
import {
  accountJson,
  ACCOUNTS_SHOWN,
  budgetJson,
  budgetVersion,
  isKeys,
  shownId,
  standingsOf,
  usedShare,
} from './budget-json.ts'
import type { Ask, RouteContract } from './contract.ts'
import { changedMeanwhile } from './etag.ts'
import { isNamed, Names } from './names.ts'
import { pageOf, type ListQuery } from './paging.ts'
import { refuseDeclared } from './read-only.ts'
import { concernsTenant } from './rule-places.ts'

type Asked<Q, B> = Omit<Ask<RouteContract>, 'query' | 'body'> & {
  readonly query: Q
  readonly body: B
}

interface BudgetsAsked extends ListQuery {
  readonly per?: string
}

export class Budgets {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  readonly list = async ({ query, reply, tenantId }: Asked<BudgetsAsked, unknown>) => {
    const [rules, standings] = await Promise.all([
      this.rules(tenantId),
      this.deps.money.standings(tenantId),
    ])
    const names = this.names(tenantId)
    const fullest = (rule: BudgetRule) =>
      standingsOf(rule, standings).reduce(
        (most, { spentNanoUsd }) => Math.max(most, usedShare(rule.nanoUsd, spentNanoUsd) ?? 1),
        0,
      )
    const wanted = rules.filter(({ per }) => query.per === undefined || query.per === per)
    const page = pageOf<BudgetRule>(wanted, query, {
      id: shownId,
      sorts: {
        id: shownId,
        usd: ({ nanoUsd }) => nanoUsd,
        used: fullest,
      },
      text: ({ id, only, per, window }) => [id, only, per, window],
    })
    return reply({
      data: page.rows.map((rule) =>
        budgetJson(rule, standings, tenantId, { accountsMax: ACCOUNTS_SHOWN, names }),
      ),
      next_cursor: page.next_cursor,
      total: page.total,
    })
  }

  readonly show = async ({ params, show, tenantId }: Asked<unknown, unknown>) => {
    const rule = await this.found(tenantId, params['id'])
    return show(await this.json(rule, tenantId), { version: budgetVersion(rule) })
  }

  readonly create = async ({
    actor,
    body,
    show,
    tenantId,
  }: Asked<unknown, BudgetAsked & { readonly id?: string }>) => {
    const id = body.id ?? this.deps.ids.uuid()
    const rule = this.asked(body, id, tenantId)
    const precondition = async () => {
      if ((await this.stored(tenantId, id)) !== undefined) throw taken('budget')
    }
    await this.deps.money.budgets.save(rule, { ...actor, precondition })
    return show(await this.json(rule, tenantId), { status: 201, version: budgetVersion(rule) })
  }

  /** Whom it counts stays: accounts are kept by that. */
  readonly replace = async ({
    actor,
    body,
    changing,
    params,
    show,
    tenantId,
  }: Asked<unknown, BudgetAsked>) => {
    const { id = '' } = params
    const before = (await this.rules(tenantId)).find((each) => shownId(each) === id)
    if (before === undefined) throw notFound('budget')
    this.refuseFixed(before)
    if (before.per !== body.per) {
      throw new GatewayError('invalid_request', {
        status: 409,
        code: 'fixed_member',
        param: 'per',
        message: 'Whom a budget counts stays as it is. Delete it and make another one.',
      })
    }
    const rule = this.asked(body, id, tenantId, before)
    const { precondition } = changing(() => this.version(tenantId, id))
    const asked = async () => {
      await precondition?.()
      const now = await this.stored(tenantId, id)
      if (now === undefined) throw notFound('budget')
      const isKept = rule.webhookUrl === before.webhookUrl
      if (isKept && now.webhookUrl !== before.webhookUrl) throw changedMeanwhile()
    }
    await this.deps.money.budgets.save(rule, { ...actor, precondition: asked })
    return show(await this.json(rule, tenantId), { version: budgetVersion(rule) })
  }

  readonly remove = async ({ changing, params, reply, tenantId }: Asked<unknown, unknown>) => {
    const { id = '' } = params
    this.refuseFixed(await this.found(tenantId, id))
    const by = changing(() => this.version(tenantId, id))
    if (!(await this.deps.money.budgets.remove(tenantId, id, by))) throw notFound('budget')
    return reply({ id, deleted: true })
  }

  readonly accounts = async ({ params, query, reply, tenantId }: Asked<ListQuery, unknown>) => {
    const rule = await this.found(tenantId, params['id'])
    const names = this.names(tenantId)
    const { per } = rule
    const nameOf = ({ account }: BudgetStanding) =>
      isNamed(per) ? names.of(per, account.subject) : undefined
    const page = pageOf(standingsOf(rule, await this.deps.money.standings(tenantId)), query, {
      id: ({ account }) => `${account.subject}\n${account.window.startMs}`,
      order: 'desc',
      sorts: {
        spent: ({ spentNanoUsd }) => spentNanoUsd,
        subject: (standing) => nameOf(standing) ?? standing.account.subject,
      },
      text: (standing) => [standing.account.subject, nameOf(standing)],
    })
    return reply({
      data: page.rows.map((standing) => accountJson(rule, standing, names)),
      next_cursor: page.next_cursor,
      total: page.total,
    })
  }

  readonly reset = async ({
    actor,
    body,
    params,
    principal,
    reply,
    rule: route,
    tenantId,
  }: Asked<unknown, { readonly subject: string }>) => {
    const rule = await this.found(tenantId, params['id'])
    const { subject } = body
    const isOperators = rule.origin !== 'store'
    const mayOverrule = can(principal, route.action, scopes.platform)
    if (isOperators && isShared(this.deps) && !mayOverrule) {
      this.deps.denials.note(actor, route)
      throw new GatewayError('permission', {
        message: 'The budget is the operator’s: whoever runs the installation resets it.',
      })
    }
    if (rule.per === 'key' && principal.keyId === subject && !mayOverrule) {
      this.deps.denials.note(actor, route)
      throw new GatewayError('permission', { message: 'A key does not reset a budget of its own.' })
    }
    const isThere =
      (!isKeys(rule) || rule.only === subject) &&
      (await this.deps.money.reset(tenantId, rule.id, subject, actor))
    if (!isThere) throw notFound('account')
    return reply({ id: shownId(rule), subject, reset: true })
  }

  private names(tenantId: string): Names {
    return new Names(this.deps.gateway.snapshot(), tenantId)
  }

  private async json(rule: BudgetRule, tenantId: string): Promise<JsonObject> {
    const standings = await this.deps.money.standings(tenantId)
    const names = this.names(tenantId)
    return budgetJson(rule, standings, tenantId, { accountsMax: ACCOUNTS_SHOWN, names })
  }

  private asked(body: BudgetAsked, id: string, tenantId: string, before?: BudgetRule) {
    return budgetRuleOf(body, { id, tenantId, before }, (url) => this.deps.money.mayReachInner(url))
  }

  /** Of the file, of keys, and of the store as it is now. */
  private async rules(tenantId: string): Promise<readonly BudgetRule[]> {
    const fixed = this.deps.money
      .budgetRules(tenantId)
      .filter((rule) => rule.origin !== 'store' || isKeys(rule))
      .filter((rule) => concernsTenant(rule, tenantId, this.deps.gateway.snapshot()))
    return [...fixed, ...(await this.deps.money.budgets.list(tenantId))]
  }

  private async found(tenantId: string, id = ''): Promise<BudgetRule> {
    const rule = (await this.rules(tenantId)).find((each) => shownId(each) === id)
    if (rule === undefined) throw notFound('budget')
    return rule
  }

  private async stored(tenantId: string, id: string): Promise<BudgetRule | undefined> {
    return (await this.deps.money.budgets.list(tenantId)).find((each) => each.id === id)
  }

  private async version(tenantId: string, id: string): Promise<JsonObject | undefined> {
    const rule = await this.stored(tenantId, id)
    return rule === undefined ? undefined : budgetVersion(rule)
  }

  private refuseFixed(rule: BudgetRule): void {
    if (isKeys(rule)) {
      throw new GatewayError('invalid_request', {
        status: 409,
        code: 'of_a_key',
        message: 'The budget belongs to an API key; change the key.',
      })
    }
    refuseDeclared(rule.origin, 'budget')
  }
}
