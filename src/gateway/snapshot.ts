// What the data plane reads: providers, models, keys and rights of file, environment and store merged into one immutable value, and of
// it what each tenant sees. A change anywhere makes a new snapshot; a request keeps the one it began with. It never touches the store.

import { providerUid, type ApiKey, type Model, type Provider } from '../core/catalog.ts'
import { EMPTY_DIRECTORY, type Directory } from '../core/identity.ts'
import { NO_NETWORK_DEFAULTS, withNetworkDefaults, type NetworkDefaults } from '../core/network.ts'
import type { Principal } from '../core/principal.ts'
import { Rights } from '../core/rights.ts'

/** What one tenant sees: there is no way from here to anything of another. */
export interface Catalog {
  readonly tenantId: string
  readonly version: number
  readonly providers: ReadonlyMap<string, Provider>
  readonly models: ReadonlyMap<string, Model>
}

/** The whole. Requests see it only through `of`. */
export interface Snapshot {
  readonly version: number
  readonly keysByHash: ReadonlyMap<string, ApiKey>
  readonly rights: Rights
  /** Every provider that some tenant sees, by `providerUid`; for background work and those with rights over all. */
  readonly allProviders: ReadonlyMap<string, Provider>
  /** Every alias that some tenant sees. */
  readonly allModels: readonly Model[]
  /** What a tenant sees; made once for each. */
  of(tenantId: string): Catalog
  /** Who asks with a key of this snapshot; made once for each. */
  principalOf(key: ApiKey): Principal | undefined
}

export interface CatalogSource {
  readonly providers: readonly Provider[]
  readonly models: readonly Model[]
  readonly keys: readonly ApiKey[]
}

/**
 * Merges sources. Of two entries with one id that a tenant would see the earlier source's wins (file before environment before
 * store), and within one source the tenant's own.
 * @param network what holds for every provider that says nothing else
 * @param directory what the rights of people, services and keys follow from
 */
export function buildSnapshot(
  version: number,
  sources: readonly CatalogSource[],
  network: NetworkDefaults = NO_NETWORK_DEFAULTS,
  directory: Directory = EMPTY_DIRECTORY,
): Snapshot {
  const providers = sources.map((source) =>
    source.providers.map((provider) => withNetworkDefaults(provider, network)),
  )
  const models = sources.map((source) => source.models)
  const keysByHash = new Map<string, ApiKey>()
  for (const { keys } of sources) {
    for (const key of keys) if (!keysByHash.has(key.hash)) keysByHash.set(key.hash, key)
  }
  const rights = new Rights(directory)
  const principals = new Map<ApiKey, Principal | undefined>()
  const views = new Map<string, Catalog>()
  const sharedView = {
    version,
    providers: seenBy(undefined, providers),
    models: seenBy(undefined, models),
  }
  const owning = tenantsOf(providers, models)
  const of = (tenantId: string): Catalog => {
    let view = views.get(tenantId)
    if (view !== undefined) return view
    view = owning.has(tenantId)
      ? {
          tenantId,
          version,
          providers: seenBy(tenantId, providers),
          models: seenBy(tenantId, models),
        }
      : { tenantId, ...sharedView }
    // What is no tenant's name at all is not remembered: there could be any number of them.
    if (owning.has(tenantId) || rights.tenant(tenantId) !== undefined) views.set(tenantId, view)
    return view
  }
  const seen = [sharedView, ...[...owning].map(of)]
  const allProviders = new Map<string, Provider>()
  const allModels = new Set<Model>()
  for (const view of seen) {
    for (const provider of view.providers.values()) {
      allProviders.set(providerUid(provider), provider)
    }
    for (const model of view.models.values()) allModels.add(model)
  }
  return {
    version,
    keysByHash,
    rights,
    allProviders,
    allModels: [...allModels],
    of,
    principalOf(key) {
      if (!principals.has(key)) principals.set(key, rights.ofKey(key))
      return principals.get(key)
    },
  }
}

interface Entry {
  readonly id: string
  readonly tenantId?: string
}

/** The entries of a tenant and those of nobody's, by id, in their order. @param tenantId undefined: only those of nobody's */
function seenBy<T extends Entry>(
  tenantId: string | undefined,
  sources: readonly (readonly T[])[],
): ReadonlyMap<string, T> {
  const seen = new Map<string, T>()
  for (const source of sources) {
    const earlier = new Set(seen.keys())
    for (const entry of source) {
      if (earlier.has(entry.id)) continue
      const known = seen.get(entry.id)
      const isOwn = entry.tenantId !== undefined
      if (isOwn && entry.tenantId !== tenantId) continue
      if (known === undefined || (isOwn && known.tenantId === undefined)) seen.set(entry.id, entry)
    }
  }
  return seen
}

/** Tenants that have anything of their own. */
function tenantsOf(...lists: readonly (readonly (readonly Entry[])[])[]): ReadonlySet<string> {
  return new Set(lists.flat(2).flatMap(({ tenantId }) => tenantId ?? []))
}

export const EMPTY_SNAPSHOT: Snapshot = buildSnapshot(0, [])
