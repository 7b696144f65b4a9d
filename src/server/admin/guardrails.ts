// What the routes of guardrails do: rules of the store are made, changed, ordered and deleted, those above a tenant are shown. A tenant adds to
// what the file and the whole installation demand and never takes from it.

import { GatewayError } from '../../core/error.ts'
import type { GuardrailRule } from '../../core/guardrail.ts'
import { modelAsked } from '../../core/guardrail-model.ts'
import { PLATFORM_TENANT_ID } from '../../core/identity.ts'
import type { JsonObject } from '../../core/json.ts'
import { can, scopes } from '../../core/permission.ts'
import type { StoredGuardrail } from '../../core/ports-guard.ts'
import type { Principal } from '../../core/principal.ts'
import { resolve } from '../../gateway/resolve.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { invalidMember, notFound, taken } from './body.ts'
import { ALL_TENANTS, type Ask, type RouteContract } from './contract.ts'
import { changedMeanwhile } from './etag.ts'
import {
  guardrailJson,
  guardrailOf,
  guardrailVersion,
  refuseInner,
  type GuardrailAsked,
} from './guardrail-input.ts'
import { pageOf, type ListQuery } from './paging.ts'
import { declaredReason, refuseDeclared } from './read-only.ts'

export type GuardrailsAsk<Q, B> = Omit<Ask<RouteContract>, 'query' | 'body'> & {
  readonly query: Q
  readonly body: B
}

const OF_ALL = 'It holds for every tenant: whoever runs the installation changes it (`?tenant=*`).'

export class Guardrails {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  readonly list = async ({
    principal,
    query,
    reply,
    tenantId,
  }: GuardrailsAsk<ListQuery, unknown>) => {
    const rules = await this.seen(tenantId)
    const places = new Map(rules.map((one, index) => [one, index]))
    const page = pageOf<StoredGuardrail>(rules, query, {
      id: ({ rule: { id, tenantId: owner } }) => `${owner ?? ''}\n${id}`,
      sorts: { position: (one) => places.get(one) ?? 0, id: ({ rule }) => rule.id },
      text: ({ rule: { check, id, mode } }) => [id, check, mode],
    })
    return reply({
      data: page.rows.map((one) => this.json(one, tenantId, principal)),
      next_cursor: page.next_cursor,
      total: page.total,
    })
  }

  readonly show = async ({
    params,
    principal,
    show,
    tenantId,
  }: GuardrailsAsk<unknown, unknown>) => {
    const found = await this.found(tenantId, params['id'])
    return show(this.json(found, tenantId, principal), { version: guardrailVersion(found.rule) })
  }

  readonly create = async ({
    actor,
    body,
    principal,
    show,
    tenantId,
  }: GuardrailsAsk<unknown, GuardrailAsked & { readonly id?: string }>) => {
    const id = body.id ?? this.deps.ids.uuid()
    const rule = await this.asked(body, id, tenantId)
    const precondition = async () => {
      if ((await this.seen(tenantId)).some((one) => one.rule.id === id)) throw taken('guardrail')
    }
    await this.rules.save(placeOf(tenantId), rule, { ...actor, precondition })
    const json = this.json({ rule }, tenantId, principal)
    return show(json, { status: 201, version: guardrailVersion(rule) })
  }

  readonly replace = async ({
    body,
    changing,
    params,
    principal,
    show,
    tenantId,
  }: GuardrailsAsk<unknown, GuardrailAsked>) => {
    const { id = '' } = params
    const before = await this.found(tenantId, id)
    this.refuseFixed(before.rule, tenantId)
    const rule = await this.asked(body, id, tenantId, before.rule)
    const by = changing(() => this.version(tenantId, id))
    const shown = JSON.stringify(before.rule.options)
    const precondition = async () => {
      await by.precondition?.()
      const stored = await this.stored(tenantId)
      const now = stored.find((one) => one.rule.id === id)
      if (now === undefined) throw notFound('guardrail')
      // Secrets that were kept are those of then.
      if (JSON.stringify(now.rule.options) !== shown) throw changedMeanwhile()
    }
    await this.rules.save(placeOf(tenantId), rule, { ...by, precondition })
    const json = this.json({ rule }, tenantId, principal)
    return show(json, { version: guardrailVersion(rule) })
  }

  readonly remove = async ({
    changing,
    params,
    reply,
    tenantId,
  }: GuardrailsAsk<unknown, unknown>) => {
    const { id = '' } = params
    this.refuseFixed((await this.found(tenantId, id)).rule, tenantId)
    const by = changing(() => this.version(tenantId, id))
    if (!(await this.rules.remove(placeOf(tenantId), id, by))) throw notFound('guardrail')
    return reply({ id, deleted: true })
  }

  readonly order = async ({
    actor,
    body,
    reply,
    tenantId,
  }: GuardrailsAsk<unknown, { readonly ids: readonly string[] }>) => {
    if (await this.rules.reorder(placeOf(tenantId), body.ids, actor)) {
      return reply({ ids: [...body.ids] })
    }
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'not_all',
      param: 'ids',
      message: 'Must name every guardrail that can be changed here, each once.',
    })
  }

  private get rules() {
    return this.deps.guard.guardrails.rules
  }

  /** Those that a tenant is under, in the order in which they are asked. */
  async seen(tenantId: string): Promise<readonly StoredGuardrail[]> {
    const declared = this.deps.guard.guardrails.declared().map((rule) => ({ rule }))
    const [ofAll, own] = await Promise.all([
      this.rules.list(PLATFORM_TENANT_ID),
      tenantId === ALL_TENANTS ? [] : this.rules.list(tenantId),
    ])
    return [...declared, ...ofAll, ...own]
  }

  /** A rule as it is asked for, proven. @throws GatewayError `invalid_request` */
  async asked(
    body: GuardrailAsked,
    id: string,
    tenantId: string,
    before?: GuardrailRule,
  ): Promise<GuardrailRule> {
    const owner = tenantId === ALL_TENANTS ? {} : { tenantId }
    const rule = guardrailOf(body, { id, before, ...owner })
    this.refuseUnknownModel(rule)
    await this.prove(rule)
    return rule
  }

  /** Whether a rule can be asked, and leads nowhere it must not. @throws GatewayError `invalid_request` */
  async prove(rule: GuardrailRule): Promise<void> {
    const { guardrails } = this.deps.guard
    refuseInner(rule, (url) => guardrails.mayReachInner(url))
    await guardrails.prove(rule)
  }

  /** What a check asks is a model that its tenant sees; what another one has is as what is not there. */
  private refuseUnknownModel(rule: GuardrailRule): void {
    const { tenantId } = rule
    const model = modelAsked(rule)
    if (tenantId === undefined || model === undefined) return
    const { directory, snapshot } = this.deps.gateway
    if (resolve(model, snapshot().of(tenantId), directory) !== undefined) return
    throw invalidMember('options.model', 'There is no such model.')
  }

  private json(
    { problem, rule }: StoredGuardrail,
    tenantId: string,
    principal: Principal,
  ): JsonObject {
    return guardrailJson(rule, {
      problem: problem ?? this.problemOf(rule, tenantId),
      readOnly: this.readOnly(rule, tenantId),
      // Where the operator's services are, and what they look for, is no tenant's to know.
      isOptionsHidden:
        rule.tenantId === undefined &&
        isShared(this.deps) &&
        !can(principal, 'guardrail.read', scopes.platform),
    })
  }

  private problemOf({ id, tenantId: owner }: GuardrailRule, tenantId: string): string | undefined {
    const seeing = tenantId === ALL_TENANTS ? undefined : tenantId
    return this.deps.guard.guardrails
      .problems(seeing)
      .find((one) => one.id === id && one.tenantId === owner)?.problem
  }

  private readOnly(rule: GuardrailRule, tenantId: string): string | null {
    const isOther = rule.tenantId === undefined && tenantId !== ALL_TENANTS
    return declaredReason(rule.origin, 'guardrail') ?? (isOther ? OF_ALL : null)
  }

  private refuseFixed(rule: GuardrailRule, tenantId: string): void {
    refuseDeclared(rule.origin, 'guardrail')
    if (this.readOnly(rule, tenantId) === null) return
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'of_every_tenant',
      message: OF_ALL,
    })
  }

  private async found(tenantId: string, id = ''): Promise<StoredGuardrail> {
    const named = (await this.seen(tenantId)).filter(({ rule }) => rule.id === id)
    // One that came above it later has the same id: what can be changed is meant.
    const found = named.findLast(({ rule }) => this.readOnly(rule, tenantId) === null) ?? named[0]
    if (found === undefined) throw notFound('guardrail')
    return found
  }

  private async stored(tenantId: string): Promise<readonly StoredGuardrail[]> {
    return await this.rules.list(placeOf(tenantId))
  }

  private async version(tenantId: string, id: string): Promise<JsonObject | undefined> {
    const found = (await this.stored(tenantId)).find(({ rule }) => rule.id === id)
    return found === undefined ? undefined : guardrailVersion(found.rule)
  }
}

/** Where rules are kept. */
function placeOf(tenantId: string): string {
  return tenantId === ALL_TENANTS ? PLATFORM_TENANT_ID : tenantId
}
