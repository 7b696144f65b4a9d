// The catalogue the data plane reads: providers, models and keys of file, environment and store merged into one immutable
// value. A change anywhere makes a new snapshot; a request keeps the one it began with. It never touches the store.

import type { ApiKey, Model, Provider } from '../core/catalog.ts'
import { EMPTY_DIRECTORY, type Directory } from '../core/identity.ts'
import { NO_NETWORK_DEFAULTS, withNetworkDefaults, type NetworkDefaults } from '../core/network.ts'
import type { Principal } from '../core/principal.ts'
import { Rights } from '../core/rights.ts'

export interface Snapshot {
  readonly version: number
  readonly providers: ReadonlyMap<string, Provider>
  readonly models: ReadonlyMap<string, Model>
  readonly keysByHash: ReadonlyMap<string, ApiKey>
  readonly rights: Rights
  /** Who asks with a key of this snapshot; made once for each. */
  principalOf(key: ApiKey): Principal | undefined
}

export interface CatalogSource {
  readonly providers: readonly Provider[]
  readonly models: readonly Model[]
  readonly keys: readonly ApiKey[]
}

/**
 * Merges sources; of two entries with one id the earlier source's wins (file before environment before store).
 * @param network what holds for every provider that says nothing else
 * @param directory what the rights of people, services and keys follow from
 */
export function buildSnapshot(
  version: number,
  sources: readonly CatalogSource[],
  network: NetworkDefaults = NO_NETWORK_DEFAULTS,
  directory: Directory = EMPTY_DIRECTORY,
): Snapshot {
  const providers = new Map<string, Provider>()
  const models = new Map<string, Model>()
  const keysByHash = new Map<string, ApiKey>()
  for (const source of sources) {
    for (const provider of source.providers) {
      setOnce(providers, provider.id, withNetworkDefaults(provider, network))
    }
    for (const model of source.models) setOnce(models, model.id, model)
    for (const key of source.keys) setOnce(keysByHash, key.hash, key)
  }
  const rights = new Rights(directory)
  const principals = new Map<ApiKey, Principal | undefined>()
  const principalOf = (key: ApiKey) => {
    if (!principals.has(key)) principals.set(key, rights.ofKey(key))
    return principals.get(key)
  }
  return { version, providers, models, keysByHash, rights, principalOf }
}

function setOnce<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value)
}

export const EMPTY_SNAPSHOT: Snapshot = buildSnapshot(0, [])
