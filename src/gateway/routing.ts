// The way of one request among a model's targets: what it needs, what each target can do and how it fares, gathered for the pure
// decision of `core/policy/route.ts`. It sends nothing.

import type { Model, Target } from '../core/catalog.ts'
import type { RouteRecord } from '../core/outcome.ts'
import { orderTargets } from '../core/policy/route.ts'
import type { GatewayDeps } from './deps.ts'
import type { RequestForms } from './plan.ts'
import type { Snapshot } from './snapshot.ts'

export interface Routed {
  /** In the order to try them; those passed over are not among them. */
  readonly targets: readonly Target[]
  /** Absent where there was nothing to decide. */
  readonly record?: RouteRecord
  /** When the first target that is left alone may be asked again, where that is why none is left. */
  readonly retryAfterMs?: number
}

/**
 * The targets of a model for one request.
 * @param candidates the targets that come into question: the model's own, or those of them that hold what the request refers to
 * @throws GatewayError `permission` or `invalid_request` for a target that the client names and may not, `unsupported` when no
 * target can take what the request needs
 */
export function routeTargets(
  _model: Model,
  candidates: readonly Target[],
  _forms: RequestForms,
  _snapshot: Snapshot,
  deps: GatewayDeps,
): Routed {
  return { targets: orderTargets(candidates, () => deps.ids.random()) }
}
