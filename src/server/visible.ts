// Which providers an administrative answer may speak of: those of the tenant of whoever asks and those that every tenant sees, and all of
// all tenants for those with rights over the whole installation. It reads and decides; it answers nothing.

import { providerUid, type Provider } from '../core/catalog.ts'
import { can, scopes, type Action } from '../core/permission.ts'
import type { Principal } from '../core/principal.ts'
import type { Snapshot } from '../gateway/snapshot.ts'

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
