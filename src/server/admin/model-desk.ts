// What may be done to models, by whom: the ones somebody sees, and changes of those in the store, held to the configuration's rules, to what
// there is, and to what whoever asks may do themselves. Routes of models and of mappings both come here, so that there is one way to write.

import type { Actor } from '../../core/audit.ts'
import { DEFAULT_ROUTING, type FallbackCause, type Model, type Target } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import type { JsonObject } from '../../core/json.ts'
import {
  can,
  isTargetDenied,
  modelScopes,
  mayUseModel,
  type Action,
} from '../../core/permission.ts'
import type { ModelRepository } from '../../core/ports.ts'
import type { Principal } from '../../core/principal.ts'
import { fallbackModel } from '../../gateway/model-access.ts'
import { resolve } from '../../gateway/resolve.ts'
import type { Catalog } from '../../gateway/snapshot.ts'
import type { ServerDeps } from '../context.ts'
import type { RouteRule } from '../route-actions.ts'
import { notFound } from './body.ts'
import { modelDocument, readOnlyReason } from './model-json.ts'

/** What is wrong with a declared model; paths are those of what was declared. */
export interface DeclaredProblem {
  readonly path: string
  readonly message: string
  readonly suggestion?: string
}

/** What the routes of models need of the outside. */
export interface ModelsDeps {
  readonly models: Pick<ModelRepository, 'list' | 'find' | 'change'>
  /** Where people reach this server, as it is configured. */
  publicUrl(): string | undefined
  /** Reads one entry of `models` of `weir.yaml` by the configuration's rules. */
  read(
    declared: JsonObject,
  ):
    | { readonly model: Model; readonly problems?: never }
    | { readonly model?: never; readonly problems: readonly DeclaredProblem[] }
}

/** Who asks, for what. */
export interface Asking {
  readonly principal: Principal
  readonly tenantId: string
  readonly rule: RouteRule
  readonly actor: Actor
}

/** Names that stand for something else in a path. */
const KEPT_NAMES: ReadonlySet<string> = new Set(['status', '.', '..'])

export class ModelDesk {
  private readonly deps: ServerDeps

  constructor(deps: ServerDeps) {
    this.deps = deps
  }

  /** The aliases of a tenant that they may read: what is declared elsewhere hides what is stored under the same name. */
  async visible({ principal, tenantId }: Asking): Promise<Model[]> {
    const declared = this.declared(tenantId)
    const names = new Set(declared.map(({ id }) => id))
    const stored = await this.deps.models.models.list(tenantId)
    return [...declared, ...stored.filter(({ id }) => !names.has(id))].filter(({ id }) =>
      can(principal, 'model.read', modelScopes(tenantId, id)),
    )
  }

  /** @returns undefined for one that is not there, or not theirs to see */
  async find({ principal, tenantId }: Asking, id: string): Promise<Model | undefined> {
    if (!can(principal, 'model.read', modelScopes(tenantId, id))) return undefined
    const declared = this.declared(tenantId).find((model) => model.id === id)
    return declared ?? (await this.deps.models.models.find(tenantId, id))
  }

  /** What the `ETag` of a stored model is made of. */
  readonly version = async (tenantId: string, id: string): Promise<JsonObject | undefined> => {
    const model = await this.deps.models.models.find(tenantId, id)
    return model === undefined ? undefined : modelDocument(model)
  }

  /**
   * Makes of a model what `plan` says, within one change.
   * @param by with the precondition of the request, where it has one
   * @param plan given what is there, says how it is to be declared; undefined: deleted
   * @throws GatewayError 400 naming the member, 403, 404, 409
   */
  async change(
    asking: Asking,
    by: Actor,
    id: string,
    action: Action,
    plan: (before: Model | undefined) => JsonObject | undefined,
  ): Promise<Model | undefined> {
    this.require(asking, action, id)
    const { tenantId } = asking
    const declared = this.declared(tenantId).find((model) => model.id === id)
    if (declared !== undefined) throw declaredElsewhere(declared)
    return await this.deps.models.models.change(tenantId, id, by, (before) => {
      const wanted = plan(before)
      return wanted === undefined ? undefined : this.checked(asking, { ...wanted, id }, before)
    })
  }

  /** @throws GatewayError 404 for what they may not even see, else 403 */
  require({ actor, principal, rule, tenantId }: Asking, action: Action, id: string): void {
    const where = modelScopes(tenantId, id)
    if (can(principal, action, where)) return
    this.deps.denials.note(actor, rule)
    // Of a name for something new nothing is given away.
    const isNew = rule.method === 'POST'
    if (!isNew && !can(principal, 'model.read', where)) throw notFound('model')
    throw new GatewayError('permission')
  }

  private declared(tenantId: string): Model[] {
    const { models } = this.catalog(tenantId)
    return [...models.values()].filter(({ origin }) => origin !== 'store')
  }

  private catalog(tenantId: string): Catalog {
    return this.deps.gateway.snapshot().of(tenantId)
  }

  private checked(asking: Asking, declared: JsonObject, before: Model | undefined): Model {
    const { model, problems } = this.deps.models.read(declared)
    if (model === undefined) throw toError(problems[0])
    if (before === undefined && KEPT_NAMES.has(model.id)) {
      throw invalid('id', 'Is kept for something else; take another name.')
    }
    this.checkTargets(asking, model, before)
    this.checkFallbacks(asking, model, before)
    return model
  }

  /** Targets that are new: whose provider there is, and that they may ask themselves. */
  private checkTargets(asking: Asking, { targets }: Model, before: Model | undefined): void {
    const { principal, tenantId } = asking
    const catalog = this.catalog(tenantId)
    const there: Principal = { ...principal, tenantId }
    for (const [at, target] of targets.entries()) {
      if (before?.targets.some((other) => isSame(other, target)) === true) continue
      const { model, providerId } = target
      if (!catalog.providers.has(providerId)) {
        throw invalid(`targets[${at}].provider`, 'There is no provider with this id.')
      }
      const name = `${providerId}/${model}`
      // Whoever makes an alias cannot reach by it what is closed to them.
      const isNarrowed = principal.models !== undefined && !mayUseModel(there, name)
      const isTheirs = can(principal, 'model.write', modelScopes(tenantId, name))
      const isOpen = isTheirs || mayUseModel(there, name)
      if (isNarrowed || !isOpen || isTargetDenied(there, target)) {
        this.refuse(asking, `targets[${at}]`, 'You may not use this model yourself.')
      }
    }
  }

  /** Models that are newly named to fall back to: whoever may ask for this one may be answered by them. */
  private checkFallbacks(asking: Asking, model: Model, before: Model | undefined): void {
    const { principal, tenantId } = asking
    const { directory } = this.deps.gateway
    const catalog = this.catalog(tenantId)
    const there: Principal = { ...principal, tenantId }
    const known = fallbacksOf(before)
    for (const [cause, names] of Object.entries((model.routing ?? DEFAULT_ROUTING).fallbacks)) {
      for (const [at, name] of names.entries()) {
        const param = `routing.fallbacks.${cause}[${at}]`
        if (name === model.id) throw invalid(param, 'Is the model itself.')
        if (names.indexOf(name) !== at) throw invalid(param, 'Stands there already.')
        if (known.has(name)) continue
        if (resolve(name, catalog, directory) === undefined) {
          throw invalid(param, 'There is no such model.')
        }
        const isNarrowed = principal.models !== undefined && !mayUseModel(there, name)
        const isTheirs = can(principal, 'model.write', modelScopes(tenantId, name))
        const isOpen = fallbackModel(name, there, catalog, directory) !== undefined
        if (isNarrowed || !(isTheirs || isOpen)) {
          this.refuse(asking, param, 'You may not use this model yourself.')
        }
      }
    }
  }

  private refuse({ actor, rule }: Asking, param: string, message: string): never {
    this.deps.denials.note(actor, rule)
    throw new GatewayError('permission', { param, message })
  }
}

function isSame(one: Target, other: Target): boolean {
  return one.providerId === other.providerId && one.model === other.model
}

function fallbacksOf(model: Model | undefined): ReadonlySet<string> {
  const { fallbacks } = model?.routing ?? DEFAULT_ROUTING
  const causes = Object.keys(fallbacks) as FallbackCause[]
  return new Set(causes.flatMap((cause) => fallbacks[cause] ?? []))
}

/** The first problem of the configuration's rules, at the member it is about. */
function toError(problem: DeclaredProblem | undefined): GatewayError {
  if (problem === undefined) return new GatewayError('invalid_request')
  const { message, path, suggestion } = problem
  const meant = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`
  const words = `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.${meant}`
  return invalid(path.slice(0, 100), words)
}

/** The error for changing a model that a file, the environment or the program declares. */
export function declaredElsewhere({ origin }: Model): GatewayError {
  return new GatewayError('invalid_request', {
    status: 409,
    code: 'declared_in_file',
    message: readOnlyReason(origin) ?? '',
  })
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}
