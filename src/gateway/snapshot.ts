// The catalogue the data plane reads: providers, models and keys of file, environment and store merged into one immutable
// value. A change anywhere makes a new snapshot; a request keeps the one it began with. It never touches the store.

import type { ApiKey, Model, Provider } from '../core/catalog.ts'
import { NO_NETWORK_DEFAULTS, withNetworkDefaults, type NetworkDefaults } from '../core/network.ts'

export interface Snapshot {
  readonly version: number
  readonly providers: ReadonlyMap<string, Provider>
  readonly models: ReadonlyMap<string, Model>
  readonly keysByHash: ReadonlyMap<string, ApiKey>
}

export interface CatalogSource {
  readonly providers: readonly Provider[]
  readonly models: readonly Model[]
  readonly keys: readonly ApiKey[]
}

/**
 * Merges sources; of two entries with one id the earlier source's wins (file before environment before store).
 * @param network what holds for every provider that says nothing else
 */
export function buildSnapshot(
  version: number,
  sources: readonly CatalogSource[],
  network: NetworkDefaults = NO_NETWORK_DEFAULTS,
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
  return { version, providers, models, keysByHash }
}

function setOnce<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value)
}

export const EMPTY_SNAPSHOT: Snapshot = buildSnapshot(0, [])
