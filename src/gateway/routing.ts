// The way of one request among a model's targets: what it needs, what each target can do and how it fares, gathered for the pure
// decision of `core/policy/route.ts`. It sends nothing.

import { DEFAULT_ROUTING, type Model, type Target } from '../core/catalog.ts'
import type { JsonObject } from '../core/json.ts'
import type { RouteRecord } from '../core/outcome.ts'
import { decideRoute } from '../core/policy/route.ts'
import type { RouteDecision, RouteNeeds } from '../core/policy/route-candidate.ts'
import { callerOf, type Principal } from '../core/principal.ts'
import { providerKind } from '../providers/registry.ts'
import type { Operation } from '../dialects/dialect.ts'
import type { GatewayDeps } from './deps.ts'
import type { Arrival } from './inbound.ts'
import type { RequestForms } from './plan.ts'
import { NO_NEEDS, RequestNeeds, userOf } from './request-needs.ts'
import { KnownTarget, type Offers, type RoutingDeps } from './route-facts.ts'
import { refusalOf } from './route-refusal.ts'
import { sessionOf, wishesOf, type RouteWishes } from './route-wishes.ts'
import type { Catalog } from './snapshot.ts'

export interface Routed {
  /** In the order to try them; those passed over are not among them. */
  readonly targets: readonly Target[]
  /** Absent where there was nothing to decide. */
  readonly record?: RouteRecord
  /** When the first target that is left alone may be asked again, where that is why none is left. */
  readonly retryAfterMs?: number
}

/** One decision to be made. */
export interface RouteAsking extends RouteWishes {
  readonly model: Model
  /** The targets that come into question. */
  readonly candidates: readonly Target[]
  /** What is asked for, in a word, and which providers have it. */
  readonly operation: { readonly name: string; readonly offers: Offers }
  readonly needs: RouteNeeds
  readonly stickyValue: string | undefined
  /** What was wished for must be there: not so for a model that is only fallen back to. */
  readonly isAskedFor: boolean
}

/**
 * The targets of a model for one request.
 * @param candidates the targets that come into question: the model's own, or those of them that hold what the request refers to
 * @throws GatewayError `permission` or `invalid_request` for a target that the client names and may not, or for tags that none
 * has; `RouteRefused` of the kind `unsupported` or `context_length` when no target can take what the request needs
 */
export function routeTargets(
  model: Model,
  candidates: readonly Target[],
  forms: RequestForms,
  catalog: Catalog,
  deps: GatewayDeps,
): Routed {
  const { inbound, peeked } = forms
  const wishes = wishesOf(inbound.headers, inbound.principal)
  if (isPlain(candidates) && wishes === undefined) return { targets: candidates }
  const { dialect, operation } = inbound
  const asking: RouteAsking = {
    ...wishes,
    model,
    candidates,
    operation: { name: operation, offers: offersOf(operation) },
    needs: new RequestNeeds({
      dialect,
      operation,
      bytes: peeked.bytes.length,
      body: () => forms.bodyWithDefaults(),
    }),
    stickyValue: stickyValueOf(model, inbound.headers, inbound.principal, () =>
      userOf(dialect, peeked.body),
    ),
    isAskedFor: model.id === peeked.model,
  }
  return routed(asking, route(asking, catalog, deps, takeTurn(model, catalog, deps)))
}

/** A request that is relayed as it is: pictures, speech, files, reranking. */
export interface RelayedAsking {
  readonly model: Model
  readonly candidates: readonly Target[]
  /** The name it was asked for by. */
  readonly requested: string
  readonly operation: RouteAsking['operation']
  readonly arrival: Pick<Arrival, 'headers' | 'principal'>
  /** Where it is JSON. */
  readonly body?: JsonObject | undefined
}

/**
 * The same for a request of another kind, of which nothing is known that targets could lack.
 * @throws GatewayError as `routeTargets` does
 */
export function routeRelayed(relayed: RelayedAsking, catalog: Catalog, deps: RoutingDeps): Routed {
  const { arrival, body, candidates, model, operation, requested } = relayed
  const { headers, principal } = arrival
  const wishes = wishesOf(headers, principal)
  if (candidates.length === 1 && wishes === undefined) return { targets: candidates }
  const asking: RouteAsking = {
    ...wishes,
    model,
    candidates,
    operation,
    needs: NO_NEEDS,
    stickyValue: stickyValueOf(model, headers, principal, () => userOf('openai-chat', body ?? {})),
    isAskedFor: model.id === requested,
  }
  return routed(asking, route(asking, catalog, deps, takeTurn(model, catalog, deps)))
}

/** Nothing to decide: one target of which nothing is declared. */
export function isPlain(candidates: readonly Target[]): boolean {
  return candidates.length === 1 && candidates[0]?.abilities === undefined
}

/** Which providers have an operation of a protocol. */
export function offersOf(operation: Operation): Offers {
  return (provider, name) =>
    (providerKind(provider.type)?.dialects(provider, operation, name).length ?? 0) > 0
}

/** Decides, whatever comes of it. */
export function route(
  asking: RouteAsking,
  catalog: Catalog,
  deps: RoutingDeps,
  turn: number,
): RouteDecision {
  const { candidates, model, needs, operation, pin, stickyValue, tags } = asking
  return decideRoute({
    model: model.id,
    candidates: candidates.map(
      (target) => new KnownTarget(target, model, operation, catalog, deps),
    ),
    routing: model.routing ?? DEFAULT_ROUTING,
    needs,
    stickyValue,
    pin,
    tags,
    random: () => deps.ids.random(),
    turn,
  })
}

/** The decision for whoever sends. @throws GatewayError where none is left for a reason of the request's own */
function routed(asking: RouteAsking, decision: RouteDecision): Routed {
  const { record, targets } = decision
  if (targets.length > 0) return { targets, record }
  const refusal = refusalOf(asking, decision)
  if (refusal !== undefined) throw refusal
  const { opensInMs } = decision
  return opensInMs === undefined
    ? { targets, record }
    : { targets, record, retryAfterMs: opensInMs }
}

function takeTurn(model: Model, { tenantId }: Catalog, { turns }: RoutingDeps): number {
  return model.routing?.strategy === 'round_robin' ? turns.take(tenantId, model.id) : 0
}

/**
 * What keeps going to the same target, where the model wants that and the request says it. A tenant's own: another's session of
 * the same name is another.
 */
export function stickyValueOf(
  { routing }: Model,
  headers: Headers,
  principal: Principal,
  user: () => string | undefined,
): string | undefined {
  if (routing?.sticky === undefined) return undefined
  const value = {
    // Whoever needs no key is one caller.
    key: () => callerOf(principal) ?? 'local',
    user,
    session: () => sessionOf(headers),
  }[routing.sticky]()
  return value === undefined ? undefined : tenantValue(principal.tenantId, value)
}

export function tenantValue(tenantId: string, value: string): string {
  return `${tenantId}\n${value}`
}
