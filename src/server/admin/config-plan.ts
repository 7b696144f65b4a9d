// What an import would change, found without changing anything: each thing is held against what is there, against what the file has the last
// word of, and against what whoever asks may do. Secrets are compared and never shown.

import type { Model, Provider } from '../../core/catalog.ts'
import { PLATFORM_TENANT_ID } from '../../core/identity.ts'
import type { JsonObject } from '../../core/json.ts'
import { can, modelScopes, scopes, type Action } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import type { ServerDeps } from '../context.ts'
import type { ConfigPart, ImportedThing, ReadConfig } from './settings-deps.ts'

export type PlanAction = 'create' | 'update' | 'unchanged' | 'delete' | 'conflict' | 'forbidden'

/** One line of the plan, and how it is carried out. */
export interface PlanStep {
  readonly kind: ConfigPart
  readonly name: string
  readonly path: string | null
  readonly line: number | null
  readonly action: PlanAction
  /** Names of members that change, of an update. */
  readonly members: readonly string[]
  /** Why it cannot be done. */
  readonly reason: string | null
  /** Of the thing that is there. */
  readonly id?: string
  readonly thing?: ImportedThing<unknown>
}

export interface PlanAsking {
  readonly principal: Principal
  readonly tenantId: string
  readonly isReplacing: boolean
  /** Whether settings may be changed by whoever asks. */
  readonly maySet: boolean
}

interface There<T> {
  readonly id: string
  readonly value: T
  readonly form: string
  /** A rule is known by whom it holds for. */
  readonly key: string
}

/** @returns rejects with GatewayError where the store cannot be read */
export async function planImport(
  read: ReadConfig,
  asking: PlanAsking,
  deps: ServerDeps,
): Promise<PlanStep[]> {
  const { tenantId } = asking
  const { configuration, guard, models, money, providers } = deps
  const { forms } = configuration
  const [hasProviders, hasModels, hasLimits, hasBudgets, hasGuardrails, above] = await Promise.all([
    providers.store.ofTenant(tenantId),
    models.models.list(tenantId),
    money.limits.list(tenantId),
    money.budgets.list(tenantId),
    guard.guardrails.rules.list(tenantId),
    guard.guardrails.rules.list(PLATFORM_TENANT_ID),
  ])
  const named = <T extends Provider | Model>(list: readonly T[], form: (one: T) => string) =>
    list.map((value): There<T> => ({ id: value.id, value, form: form(value), key: value.id }))
  const ruled = <T extends { readonly id: string }>(
    list: readonly T[],
    form: (one: T) => string,
    key: (one: T) => string,
  ) => list.map((value): There<T> => ({ id: value.id, value, form: form(value), key: key(value) }))
  const guardrails = hasGuardrails.map(({ rule }) => rule)
  const planner = new Planner(asking, deps, new Set(above.map(({ rule }) => rule.id)))
  return [
    ...(await planner.settings(read)),
    ...planner.things('providers', read, named(hasProviders, forms.providers), idOf),
    ...planner.things('models', read, named(hasModels, forms.models), idOf),
    ...planner.things('limits', read, ruled(hasLimits, forms.limits, limitKey), limitKey),
    ...planner.things('budgets', read, ruled(hasBudgets, forms.budgets, budgetKey), budgetKey),
    ...planner.things('guardrails', read, ruled(guardrails, forms.guardrails, idOf), idOf),
  ]
}

function idOf({ id }: { readonly id: string }): string {
  return id
}

function limitKey({ only, per }: { readonly per: string; readonly only?: string }): string {
  return only === undefined ? per : `${per} ${only}`
}

function budgetKey(rule: {
  readonly per: string
  readonly only?: string
  readonly window: string
}): string {
  return `${limitKey(rule)} by ${rule.window}`
}

const WRITES: Readonly<Record<Exclude<ConfigPart, 'settings'>, Action>> = {
  providers: 'provider.write',
  models: 'model.write',
  limits: 'limit.write',
  budgets: 'budget.write',
  guardrails: 'guardrail.write',
}

const DELETES: Readonly<Record<Exclude<ConfigPart, 'settings'>, Action>> = {
  providers: 'provider.delete',
  models: 'model.delete',
  limits: 'limit.delete',
  budgets: 'budget.delete',
  guardrails: 'guardrail.delete',
}

type Kind = keyof typeof WRITES

class Planner {
  private readonly asking: PlanAsking
  private readonly deps: ServerDeps
  /** Ids of guardrails that hold for every tenant. */
  private readonly above: ReadonlySet<string>

  constructor(asking: PlanAsking, deps: ServerDeps, above: ReadonlySet<string>) {
    this.asking = asking
    this.deps = deps
    this.above = above
  }

  async settings(read: ReadConfig): Promise<PlanStep[]> {
    if (read.settings.length === 0) return []
    const inForce = new Map((await this.deps.configuration.list()).map((one) => [one.path, one]))
    return read.settings.map(({ line, path, value }) => {
      const now = inForce.get(path)
      const isSame = JSON.stringify(now?.['value']) === JSON.stringify(value)
      const reason = now?.['read_only']
      const step = { kind: 'settings', name: path, path, line, members: [], reason: null } as const
      if (isSame) return { ...step, action: 'unchanged' }
      if (!this.asking.maySet) {
        return { ...step, action: 'forbidden', reason: needs('settings.write') }
      }
      if (typeof reason === 'string') return { ...step, action: 'conflict', reason }
      if (locksOut(path, value, this.asking.principal)) {
        return { ...step, action: 'conflict', reason: LOCKS_OUT }
      }
      const thing = { path, line, value, form: '', declared: {} }
      return { ...step, action: now?.['origin'] === 'store' ? 'update' : 'create', thing }
    })
  }

  /** Equal ones are taken first, so that of two of one name each finds its own. */
  things<T>(
    kind: Kind,
    read: ReadConfig,
    there: readonly There<unknown>[],
    keyOf: (value: T) => string,
  ): PlanStep[] {
    const wanted = read[kind] as unknown as readonly ImportedThing<T>[]
    const left = [...there]
    const take = (fits: (one: There<unknown>) => boolean) => {
      const at = left.findIndex(fits)
      return at < 0 ? undefined : left.splice(at, 1)[0]
    }
    const equal = new Map(
      wanted.map((thing) => {
        const key = keyOf(thing.value)
        return [thing, take((one) => one.key === key && one.form === thing.form)] as const
      }),
    )
    const steps = wanted.map((thing) => {
      const name = keyOf(thing.value)
      const same = equal.get(thing)
      const before = same ?? take((one) => one.key === name)
      return this.step(kind, name, thing, before)
    })
    if (!this.asking.isReplacing || !read.parts.has(kind)) return steps
    return [...steps, ...left.map((one) => this.deletion(kind, one))]
  }

  private step(
    kind: Kind,
    name: string,
    thing: ImportedThing<unknown>,
    before: There<unknown> | undefined,
  ): PlanStep {
    const { line, path } = thing
    const step = { kind, name, path, line, members: [], reason: null, thing } as const
    const declared = this.declared(kind, name)
    if (declared !== undefined) {
      const isSame = this.deps.configuration.declaredForm(kind as 'guardrails', name) === thing.form
      return isSame
        ? { ...step, action: 'unchanged' }
        : { ...step, action: 'conflict', reason: declared }
    }
    if (before?.form === thing.form) return { ...step, action: 'unchanged', id: before.id }
    if (!this.may(kind, WRITES[kind], name)) {
      return { ...step, action: 'forbidden', reason: needs(WRITES[kind]) }
    }
    if (before === undefined) return { ...step, action: 'create' }
    return { ...step, action: 'update', id: before.id, members: changed(before.form, thing.form) }
  }

  private deletion(kind: Kind, { id, key }: There<unknown>): PlanStep {
    const step = { kind, name: key, path: null, line: null, members: [], reason: null, id } as const
    return this.may(kind, DELETES[kind], key)
      ? { ...step, action: 'delete' }
      : { ...step, action: 'forbidden', reason: needs(DELETES[kind]) }
  }

  /** Why somebody else has the last word of a name; undefined where nobody has. */
  private declared(kind: Kind, name: string): string | undefined {
    if (kind === 'guardrails') {
      const isThere = this.deps.guard.guardrails.declared().some(({ id }) => id === name)
      if (isThere) return 'The configuration file declares it; change it there.'
      return this.above.has(name) ? 'One that holds for every tenant has that id.' : undefined
    }
    if (kind !== 'providers' && kind !== 'models') return undefined
    const catalog = this.deps.gateway.snapshot().of(this.asking.tenantId)
    const origin = catalog[kind].get(name)?.origin
    if (origin === undefined || origin === 'store') return undefined
    return origin === 'file'
      ? 'The configuration file declares it; change it there.'
      : 'It was found in the environment; declare it in the configuration file to change it.'
  }

  private may(kind: Kind, action: Action, name: string): boolean {
    const { principal, tenantId } = this.asking
    if (kind === 'providers') return can(principal, action, scopes.provider(tenantId, name))
    if (kind === 'models') return can(principal, action, modelScopes(tenantId, name))
    return can(principal, action, scopes.tenant(tenantId))
  }
}

/** Whether a change would be the last that whoever makes it can make. */
export function locksOut(path: string, value: unknown, { kind }: Principal): boolean {
  return path === 'auth.anonymous' && value === 'never' && kind === 'anonymous'
}

export const LOCKS_OUT =
  'You are not logged in: this would lock you out. Make a key or log in first.'

function needs(action: Action): string {
  return `It takes the right ${action}.`
}

/** Members that are not the same. */
function changed(before: string, after: string): string[] {
  const [one, other] = [before, after].map((text) => JSON.parse(text) as JsonObject)
  const names = new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])
  return [...names].filter((name) => JSON.stringify(one?.[name]) !== JSON.stringify(other?.[name]))
}
