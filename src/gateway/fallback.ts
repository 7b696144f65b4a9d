// The models a request goes on to when no target of the one it asked for answered: by what kept it from being answered, each at most
// once. Nobody is answered by a model that they may not ask for: those are passed over. It sends nothing.

import { DEFAULT_ROUTING, type FallbackCause, type Model } from '../core/catalog.ts'
import { type ErrorKind, GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { RouteRecord } from '../core/outcome.ts'
import type { Principal } from '../core/principal.ts'
import type { ModelDirectory } from './catalog.ts'
import type { GatewayDeps } from './deps.ts'
import { fallbackModel } from './model-access.ts'
import type { RequestRecord } from './record.ts'
import { RouteRefused } from './route-refusal.ts'
import type { Routed } from './routing.ts'
import type { Catalog } from './snapshot.ts'
import { isOver } from './target-run.ts'

/** Failures that another model may not have. What is wrong in the request itself is wrong for all of them. */
const CAUSES: Readonly<Partial<Record<ErrorKind, FallbackCause>>> = {
  upstream_rate_limited: 'rate_limited',
  rate_limit: 'rate_limited',
  concurrency_limit: 'rate_limited',
  upstream_timeout: 'timed_out',
  context_length: 'context_length',
  content_filter: 'content_filter',
  upstream_error: 'failed',
  upstream_auth: 'failed',
  upstream_bad_response: 'failed',
  upstream_redirect: 'failed',
  upstream_unavailable: 'failed',
  overloaded: 'failed',
  model_not_found: 'failed',
  unsupported: 'failed',
}

/** The lists for a cause, most particular first. A refusal by content rules must be named to be gone round. */
export function fallbacksFor(model: Model, cause: FallbackCause): readonly string[] {
  const { fallbacks } = model.routing ?? DEFAULT_ROUTING
  return fallbacks[cause] ?? (cause === 'content_filter' ? [] : (fallbacks.any ?? []))
}

/**
 * Asks one model after the other until one answers.
 * @param ask puts the request to the targets of one model; `fallbackFor` is why it is not the one that was asked for
 * @throws GatewayError of the last model that was asked in fact
 */
export async function withFallbacks<T>(
  model: Model,
  catalog: Catalog,
  record: RequestRecord,
  deps: Pick<GatewayDeps, 'directory'>,
  ask: (model: Model, fallbackFor: FallbackCause | undefined) => Promise<T>,
): Promise<T> {
  let current = model
  let fallbacks: Fallbacks | undefined
  let fallbackFor: FallbackCause | undefined
  let told: GatewayError | undefined
  let teller = model
  for (;;) {
    const attempts = record.attempts.length
    record.answering = current
    try {
      return await ask(current, fallbackFor)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      // That another model could not be asked at all says less than why this one failed.
      if (told === undefined || record.attempts.length > attempts) {
        told = error
        teller = current
      }
      fallbacks ??= new Fallbacks(model, record.inbound.principal, catalog, deps.directory)
      const mayGoOn = !isOver(record) && !record.mayNotBeRepeated
      const next = mayGoOn ? fallbacks.after(told) : undefined
      if (next === undefined) {
        record.answering = teller
        throw told
      }
      fallbackFor = next.cause
      current = next.model
    }
  }
}

/**
 * Decides on the targets of one model and keeps the decision in the log, whatever comes of it.
 * @throws GatewayError of the decision
 */
export function routeNoted(
  record: RequestRecord,
  model: Model,
  fallbackFor: FallbackCause | undefined,
  decide: () => Routed,
): Routed {
  try {
    const decision = decide()
    noteRoute(record, model, decision, fallbackFor)
    return decision
  } catch (error) {
    if (error instanceof RouteRefused)
      noteRoute(record, model, { record: error.route, targets: [] }, fallbackFor)
    throw error
  }
}

/**
 * Keeps the decision in the log: where there was one to take, and for a model that was not asked for in any case.
 * @param fallbackFor why it is not the model that was asked for
 */
function noteRoute(
  record: RequestRecord,
  model: Model,
  { record: route, targets }: Pick<Routed, 'record' | 'targets'>,
  fallbackFor: FallbackCause | undefined,
): void {
  if (fallbackFor === undefined) {
    if (route !== undefined) record.addRoute(route)
    return
  }
  const { strategy } = model.routing ?? DEFAULT_ROUTING
  const reason = 'the only target'
  const plain: RouteRecord = {
    model: model.id,
    by: strategy,
    candidates: targets.map((one, rank) => ({
      providerId: one.providerId,
      model: one.model,
      rank,
      reason,
    })),
  }
  record.addRoute({ ...(route ?? plain), fallbackFor })
}

class Fallbacks {
  private readonly model: Model
  private readonly principal: Principal
  private readonly catalog: Catalog
  private readonly directory: ModelDirectory
  private readonly asked: Set<string>

  constructor(model: Model, principal: Principal, catalog: Catalog, directory: ModelDirectory) {
    this.model = model
    this.principal = principal
    this.catalog = catalog
    this.directory = directory
    this.asked = new Set([model.id])
  }

  /** The next model to ask after this failure; undefined when there is none for it. */
  after(error: GatewayError): { readonly model: Model; readonly cause: FallbackCause } | undefined {
    const cause = CAUSES[error.kind]
    if (cause === undefined || this.asked.size > LIMITS.fallbacksMax) return undefined
    for (const id of fallbacksFor(this.model, cause)) {
      if (this.asked.has(id)) continue
      this.asked.add(id)
      const model = fallbackModel(id, this.principal, this.catalog, this.directory)
      if (model !== undefined) return { model, cause }
    }
    return undefined
  }
}
