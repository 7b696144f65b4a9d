// Which providers an administrative answer may speak of: those of the tenant of whoever asks and those that every tenant sees, and all of
// all tenants for those with rights over the whole installation. It reads and decides; it answers nothing.

import { providerUid, type Provider } from '../core/catalog.ts'
import { can, scopes, type Action } from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import type { Snapshot } from '../gateway/snapshot.ts'
import type { RouteRule } from './route-actions.ts'

/** Whether somebody may do this to everything there is. */
export function overAll(principal: Principal, action: Action): boolean {
  return can(principal, action, scopes.platform)
}

/** The providers to which somebody may do this, in the order of the catalogue. */
export function visibleProviders(
  principal: Principal,
  action: Action,
  snapshot: Snapshot,
): readonly Provider[] {
  const own = snapshot.of(principal.tenantId).providers.values()
  // One's own first: for them an id means what it means in a request.
  const all = overAll(principal, action) ? [...own, ...snapshot.allProviders.values()] : [...own]
  const byName = new Map(all.map((provider) => [providerUid(provider), provider]))
  return [...byName.values()].filter(({ id, tenantId = principal.tenantId }) =>
    can(principal, action, scopes.provider(tenantId, id)),
  )
}

/** Who looks, at which tenant. */
export interface Looking {
  readonly request: Request
  readonly principal: Principal
  readonly rule: Pick<RouteRule, 'action'>
  readonly tenantId: string
}

/** Whether a request is about one tenant that it names, though whoever asks may see them all. */
export function namesTenant(request: Request): boolean {
  return new URL(request.url).searchParams.has('tenant')
}

/** The same providers, of one tenant alone where the request names one. */
export function providersInView(
  { principal, request, rule, tenantId }: Looking,
  snapshot: Snapshot,
): readonly Provider[] {
  const { action } = rule
  if (!namesTenant(request)) return visibleProviders(principal, action, snapshot)
  return [...snapshot.of(tenantId).providers.values()].filter(({ id }) =>
    can(principal, action, scopes.provider(tenantId, id)),
  )
}
