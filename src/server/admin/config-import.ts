// Carries out an import: what was planned is done in turn by the same ways that single changes go, each in its own transaction with its entry
// in the audit. Where one fails, those before it are taken back, each again by a change of its own, so that all of it is in force or none.

import type { Actor } from '../../core/audit.ts'
import type { Model, Provider } from '../../core/catalog.ts'
import { GatewayError, toGatewayError } from '../../core/error.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Principal } from '../../core/principal.ts'
import type { ServerDeps } from '../context.ts'
import type { RouteRule } from '../route-actions.ts'
import { budgetRuleOf, type BudgetAsked } from './budget-input.ts'
import { limitRuleOf, type LimitAsked } from './limit-input.ts'
import { GuardrailImport } from './config-import-guardrails.ts'
import type { PlanStep } from './config-plan.ts'
import { ModelDesk } from './model-desk.ts'
import { ProviderBook } from './provider-book.ts'
import { guardProvider } from './provider-guard.ts'
import type { WholeProvider } from './provider-schemas.ts'
import type { ImportedThing, ImportProblem } from './settings-deps.ts'

export interface ImportAsking {
  readonly principal: Principal
  readonly tenantId: string
  readonly rule: RouteRule
  readonly actor: Actor
}

type Undo = () => Promise<unknown>

const DONE: ReadonlySet<string> = new Set(['create', 'update', 'delete'])

/** Whether a step changes something. */
export function isChange({ action }: PlanStep): boolean {
  return DONE.has(action)
}

export class ConfigImport {
  private readonly asking: ImportAsking
  private readonly deps: ServerDeps
  private readonly desk: ModelDesk
  private readonly book: ProviderBook
  private readonly guardrails: GuardrailImport
  private readonly undone: Undo[] = []

  constructor(asking: ImportAsking, deps: ServerDeps) {
    this.asking = asking
    this.deps = deps
    this.desk = new ModelDesk(deps)
    this.book = new ProviderBook(deps)
    this.guardrails = new GuardrailImport(asking, deps)
  }

  /** What would be refused of it: addresses, certificates, rules that lead nowhere. Nothing is changed. */
  async problems(steps: readonly PlanStep[]): Promise<ImportProblem[]> {
    const found: ImportProblem[] = []
    for (const step of steps.filter(isChange)) {
      const { line, path, thing } = step
      if (thing === undefined || path === null) continue
      try {
        await this.look(step, thing)
      } catch (thrown) {
        const { message, param, status } = toGatewayError(thrown)
        if (status >= 500) throw thrown
        const at = param === null || step.kind === 'settings' ? path : `${path}.${param}`
        found.push({ path: at, message, ...(line === null ? {} : { line }) })
      }
    }
    return found
  }

  /**
   * All of it or none.
   * @throws GatewayError of the step that failed, when those before it are taken back; `internal` where even that failed
   */
  async apply(steps: readonly PlanStep[]): Promise<void> {
    try {
      for (const step of inTurn(steps.filter(isChange))) await this.run(step)
    } catch (thrown) {
      await this.takeBack()
      throw thrown
    }
  }

  private async takeBack(): Promise<void> {
    const causes: unknown[] = []
    for (const undo of this.undone.toReversed()) {
      try {
        await undo()
      } catch (cause) {
        // The others are taken back all the same.
        causes.push(cause)
        this.deps.logger.error('an import was broken off and could not be taken back whole', {
          error: String(cause),
        })
      }
    }
    if (causes.length > 0) throw new GatewayError('internal', { cause: causes[0] })
  }

  private async look(step: PlanStep, thing: ImportedThing<unknown>): Promise<void> {
    if (step.kind === 'settings') {
      this.deps.configuration.check({ [step.name]: thing.value as JsonValue })
    }
    if (step.kind === 'providers') await this.guard(thing.value as Provider, step.id)
    if (step.kind === 'limits') this.limitOf(thing, '')
    if (step.kind === 'budgets') this.budgetOf(thing, '')
    if (step.kind === 'guardrails') await this.guardrails.look(step)
  }

  private run(step: PlanStep): Promise<void> {
    switch (step.kind) {
      case 'guardrails':
        return this.guardrail(step)
      case 'settings':
        return this.setting(step)
      case 'providers':
        return this.provider(step)
      case 'models':
        return this.model(step)
      case 'limits':
        return this.rule(step, this.deps.money.limits, (thing, id) => this.limitOf(thing, id))
      case 'budgets':
        return this.rule(step, this.deps.money.budgets, (thing, id) => this.budgetOf(thing, id))
    }
  }

  private async guardrail(step: PlanStep): Promise<void> {
    this.undone.push(await this.guardrails.run(step))
  }

  private async setting({ name, thing }: PlanStep): Promise<void> {
    const { configuration } = this.deps
    const { actor } = this.asking
    const now = (await configuration.list()).find(({ path }) => path === name)
    const before = now?.['origin'] === 'store' ? (now['value'] as JsonValue) : null
    await configuration.change({ [name]: thing?.value as JsonValue }, actor)
    this.undone.push(() => configuration.change({ [name]: before }, actor))
  }

  private async guard(after: Provider, id: string | undefined): Promise<void> {
    const { tenantId } = this.asking
    const before = id === undefined ? undefined : await this.book.find(tenantId, id)
    const hadKeys = (before?.keys.length ?? 0) > 0
    // An import says every secret anew, or that there is none: nothing that is stored goes to a new place.
    const given = {
      ...(after.keys.length > 0 || hadKeys ? { keys: [] } : {}),
      ...(after.entra?.clientSecret === undefined ? {} : { entra: { client_secret: '' } }),
    } as unknown as WholeProvider
    const change = {
      before: before && { ...before, keys: [] },
      after: { ...withUnwritten(after, before), tenantId },
      given,
    }
    await guardProvider(change, this.asking, this.book, this.deps)
  }

  private async provider({ action, id, name, thing }: PlanStep): Promise<void> {
    const { actor, tenantId } = this.asking
    const { store } = this.deps.providers
    const before = id === undefined ? undefined : await store.find(tenantId, id)
    const restore = () =>
      before === undefined
        ? store.remove(tenantId, name, actor)
        : store.save(tenantId, before, actor)
    if (action === 'delete') await store.remove(tenantId, name, actor)
    else {
      const after = { ...withUnwritten(thing?.value as Provider, before), tenantId }
      await this.guard(after, id)
      // A key that somebody adds at this moment is not to be lost.
      const precondition = async () => {
        if (Bun.deepEquals(before, await store.find(tenantId, name))) return
        const message = `The provider ${name} was changed at this moment. Nothing is taken in; try again.`
        throw new GatewayError('invalid_request', {
          status: 409,
          code: 'changed_meanwhile',
          message,
        })
      }
      await store.save(tenantId, after, { ...actor, precondition })
    }
    this.undone.push(restore)
  }

  private async model({ action, name, thing }: PlanStep): Promise<void> {
    const { actor, tenantId } = this.asking
    const { models } = this.deps.models
    const before: Model | undefined = await models.find(tenantId, name)
    const isGone = action === 'delete'
    await this.desk.change(this.asking, actor, name, isGone ? 'model.delete' : 'model.write', () =>
      isGone ? undefined : thing?.declared,
    )
    this.undone.push(() => models.change(tenantId, name, actor, () => before))
  }

  private async rule<R extends { readonly id: string; readonly tenantId?: string }>(
    { action, id, thing }: PlanStep,
    store: {
      list(tenantId: string): Promise<R[]>
      save(rule: R & { readonly tenantId: string }, by: Actor): Promise<void>
      remove(tenantId: string, id: string, by: Actor): Promise<boolean>
    },
    make: (thing: ImportedThing<unknown>, id: string) => R & { readonly tenantId: string },
  ): Promise<void> {
    const { actor, tenantId } = this.asking
    const before = (await store.list(tenantId)).find((one) => one.id === id)
    const ruleId = id ?? this.deps.ids.uuid()
    if (action === 'delete' || thing === undefined) await store.remove(tenantId, ruleId, actor)
    else await store.save(make(thing, ruleId), actor)
    this.undone.push(() =>
      before === undefined
        ? store.remove(tenantId, ruleId, actor)
        : store.save({ ...before, tenantId }, actor),
    )
  }

  private limitOf({ declared }: ImportedThing<unknown>, id: string) {
    return limitRuleOf(declared as unknown as LimitAsked, { id, tenantId: this.asking.tenantId })
  }

  private budgetOf({ declared }: ImportedThing<unknown>, id: string) {
    const { tenantId } = this.asking
    return budgetRuleOf(declared as unknown as BudgetAsked, { id, tenantId }, (url) =>
      this.deps.money.mayReachInner(url),
    )
  }
}

/** What a file has no word for stays as it is: certificates as text, and what keys are called. */
function withUnwritten(after: Provider, before: Provider | undefined): Provider {
  if (before === undefined) return after
  const { ca, cert, key, keyPassphrase } = before.network
  const pair = { cert, key, keyPassphrase }
  const kept = Object.entries({ ca, ...(key === undefined ? {} : pair) })
  const named = after.keys.map((one) => {
    const known = before.keys.find(({ secret }) => secret === one.secret)
    return known === undefined ? one : { ...one, id: known.id }
  })
  return {
    ...after,
    keys: named,
    network: {
      ...Object.fromEntries(kept.filter(([, text]) => text !== undefined)),
      ...after.network,
    },
  }
}

const RANKS = ['settings', 'providers', 'models', 'limits', 'budgets', 'guardrails'] as const

/** What others need comes first: providers before models, models before those that fall back to them; what is needed goes last. */
function inTurn(steps: readonly PlanStep[]): PlanStep[] {
  const made = steps
    .filter(({ action }) => action !== 'delete')
    .toSorted((one, other) => RANKS.indexOf(one.kind) - RANKS.indexOf(other.kind))
  const gone = steps
    .filter(({ action }) => action === 'delete')
    .toSorted((one, other) => RANKS.indexOf(other.kind) - RANKS.indexOf(one.kind))
  return [...byNeed(made), ...gone]
}

function byNeed(steps: readonly PlanStep[]): PlanStep[] {
  const models = new Map(
    steps.filter(({ kind }) => kind === 'models').map((step) => [step.name, step]),
  )
  const done = new Set<PlanStep>()
  const visit = (step: PlanStep) => {
    if (done.has(step)) return
    done.add(step)
    for (const name of fallbacksOf(step)) {
      const needed = models.get(name)
      if (needed !== undefined) visit(needed)
    }
    ordered.push(step)
  }
  const ordered: PlanStep[] = []
  for (const step of steps) visit(step)
  return ordered
}

function fallbacksOf({ kind, thing }: PlanStep): readonly string[] {
  if (kind !== 'models') return []
  return Object.values((thing?.value as Model | undefined)?.routing?.fallbacks ?? {}).flat()
}

/** A step as it is shown. */
export function stepJson({
  action,
  kind,
  line,
  members,
  name,
  path,
  reason,
}: PlanStep): JsonObject {
  return { kind, name, action, path, line, members: [...members], reason }
}
