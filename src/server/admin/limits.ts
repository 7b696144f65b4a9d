// What the routes of limits do: rules of the store are made, changed and deleted, those of the file are shown, counters are looked at. What
// was counted goes on under the same id.

import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { LimitRule } from '../../core/money.ts'
import { can, scopes } from '../../core/permission.ts'
import type { LimitState } from '../../core/ports-money.ts'
import { countersAt, isCommon, tenantPlaces, type Place } from '../../gateway/limit-places.ts'
import type { Counter } from '../../gateway/limit-rules.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { notFound, taken } from './body.ts'
import type { Ask, RouteContract } from './contract.ts'
import { limitJson, limitRuleOf, type LimitAsked } from './limit-input.ts'
import { isNamed, Names } from './names.ts'
import { pageOf, type ListQuery } from './paging.ts'
import { refuseDeclared } from './read-only.ts'
import { concernsTenant } from './rule-places.ts'

type Asked<Q, B> = Omit<Ask<RouteContract>, 'query' | 'body'> & {
  readonly query: Q
  readonly body: B
}

/** What the counters of one subject say. */
interface Counted {
  readonly place: Place
  readonly name: string | undefined
  readonly counters: readonly Counter[]
  readonly states: readonly LimitState[]
  /** Of the fullest: 1 is all of it. */
  readonly share: number
}

export class Limits {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  readonly list = async ({
    query,
    reply,
    tenantId,
  }: Asked<ListQuery & { readonly per?: string }, unknown>) => {
    const rules = (await this.rules(tenantId)).filter(
      ({ per }) => query.per === undefined || query.per === per,
    )
    const page = pageOf(rules, query, {
      id: ({ id }) => id,
      sorts: { id: ({ id }) => id, per: ({ per }) => per },
      text: ({ id, only, per }) => [id, only, per],
    })
    return reply({
      data: page.rows.map((rule) => limitJson(rule, tenantId)),
      next_cursor: page.next_cursor,
      total: page.total,
    })
  }

  readonly show = async ({ params, show, tenantId }: Asked<unknown, unknown>) =>
    show(limitJson(await this.found(tenantId, params['id']), tenantId))

  readonly create = async ({
    actor,
    body,
    show,
    tenantId,
  }: Asked<unknown, LimitAsked & { readonly id?: string }>) => {
    const id = body.id ?? this.deps.ids.uuid()
    const rule = limitRuleOf(body, { id, tenantId })
    const precondition = async () => {
      if ((await this.stored(tenantId, id)) !== undefined) throw taken('limit')
    }
    await this.deps.money.limits.save(rule, { ...actor, precondition })
    return show(limitJson(rule, tenantId), { status: 201 })
  }

  readonly replace = async ({
    actor,
    body,
    changing,
    params,
    show,
    tenantId,
  }: Asked<unknown, LimitAsked>) => {
    const { id = '' } = params
    refuseDeclared((await this.found(tenantId, id)).origin, 'limit')
    const rule = limitRuleOf(body, { id, tenantId })
    const { precondition } = changing(() => this.version(tenantId, id))
    const asked = async () => {
      await precondition?.()
      if ((await this.stored(tenantId, id)) === undefined) throw notFound('limit')
    }
    await this.deps.money.limits.save(rule, { ...actor, precondition: asked })
    return show(limitJson(rule, tenantId))
  }

  readonly remove = async ({ changing, params, reply, tenantId }: Asked<unknown, unknown>) => {
    const { id = '' } = params
    refuseDeclared((await this.found(tenantId, id)).origin, 'limit')
    const by = changing(() => this.version(tenantId, id))
    if (!(await this.deps.money.limits.remove(tenantId, id, by))) throw notFound('limit')
    return reply({ id, deleted: true })
  }

  /** The counters of every subject that the rule counts, or of the one that is named, which is how one looks at an address. */
  readonly state = async ({
    params,
    principal,
    query,
    reply,
    rule: route,
    tenantId,
  }: Asked<ListQuery & { readonly subject?: string }, unknown>) => {
    const rule = await this.found(tenantId, params['id'])
    const snapshot = this.deps.gateway.snapshot()
    const all = tenantPlaces(rule.per, tenantId, snapshot, query.subject ?? rule.only)
    const isAllSeen = !isShared(this.deps) || can(principal, route.action, scopes.platform)
    const seen = all.filter((place) => isAllSeen || !isCommon(rule, tenantId, place))
    const places = seen
      .filter(({ id }) => query.subject === undefined || query.subject === id)
      .map((place) => ({ place, counters: countersAt(rule, tenantId, place) }))
      .filter(({ counters }) => counters.length > 0)
    const looked = places.slice(0, LIMITS.limitLookSubjectsMax)
    const rows = await this.counted(rule, tenantId, looked)
    const page = pageOf(rows, query, {
      id: ({ place }) => place.id,
      order: 'desc',
      sorts: { used: ({ share }) => share, subject: ({ name, place }) => name ?? place.id },
      text: ({ name, place }) => [place.id, name],
    })
    const { connected, counted } = this.deps.health.limits()
    return reply({
      data: page.rows.map(countedJson),
      next_cursor: page.next_cursor,
      total: page.total,
      is_cut: places.length > looked.length,
      is_hidden: seen.length < all.length,
      counted,
      connected,
    })
  }

  private async counted(
    { per }: LimitRule,
    tenantId: string,
    looked: readonly { readonly place: Place; readonly counters: readonly Counter[] }[],
  ): Promise<Counted[]> {
    const takes = looked.flatMap(({ counters }) => counters.map(({ take }) => take))
    const states = await this.deps.money.peek(takes)
    const names = new Names(this.deps.gateway.snapshot(), tenantId)
    let at = 0
    return looked.map(({ counters, place }) => {
      const own = states.slice(at, (at += counters.length))
      const name = isNamed(per) ? names.of(per, place.id) : undefined
      return { place, name, counters, states: own, share: Math.max(...own.map(shareOf)) }
    })
  }

  private async rules(tenantId: string): Promise<readonly LimitRule[]> {
    const declared = this.deps.money
      .limitRules(tenantId)
      .filter((rule) => rule.origin !== 'store')
      .filter((rule) => concernsTenant(rule, tenantId, this.deps.gateway.snapshot()))
    return [...declared, ...(await this.deps.money.limits.list(tenantId))]
  }

  private async found(tenantId: string, id = ''): Promise<LimitRule> {
    const rule = (await this.rules(tenantId)).find((each) => each.id === id)
    if (rule === undefined) throw notFound('limit')
    return rule
  }

  private async stored(tenantId: string, id: string): Promise<LimitRule | undefined> {
    return (await this.deps.money.limits.list(tenantId)).find((each) => each.id === id)
  }

  private async version(tenantId: string, id: string): Promise<JsonObject | undefined> {
    const rule = await this.stored(tenantId, id)
    return rule === undefined ? undefined : limitJson(rule, tenantId)
  }
}

function shareOf({ max, remaining }: LimitState): number {
  return max === 0 ? 1 : (max - remaining) / max
}

function countedJson({ counters, name, place, states }: Counted): JsonObject {
  return {
    subject: place.id,
    name: name ?? null,
    counters: counters.map((counter, at) => counterJson(counter, states[at]!)),
  }
}

/** One counter as it stands. */
export function counterJson({ counts, take }: Counter, state: LimitState): JsonObject {
  const { max, resetMs } = state
  // Sliding windows count parts of what was taken.
  const remaining = Math.floor(state.remaining)
  return {
    counts,
    window_seconds: take.windowMs === 0 ? null : take.windowMs / 1_000,
    max,
    used: max - remaining,
    remaining,
    reset_seconds: Number.isFinite(resetMs) ? Math.max(0, Math.ceil(resetMs) / 1_000) : 0,
  }
}
