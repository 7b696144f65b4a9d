// How commands reach the store: opened for one piece of work and closed after it. Commands that only read must not make a
// data folder, a database or a master key, so for them a store that is not there is an answer of its own.

import { existsSync } from 'node:fs'
import { migrationsFolder } from '../assets.ts'
import { type ConfigFlags, loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import type { ApiKey } from '../core/catalog.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { buildSnapshot, type Snapshot } from '../gateway/snapshot.ts'
import { openStore, type Store } from '../storage/store.ts'
import { createLogger } from '../telemetry/log.ts'
import { systemClock } from '../system.ts'
import type { Output } from './command.ts'

/** Whether a store was ever made where the configuration says. */
export function hasStore(config: Config): boolean {
  const { storage } = config
  // A server is there or it is not: asking it tells.
  return storage.engine === 'postgres' || existsSync(storage.file)
}

/**
 * Opens the store, made where there is none, for as long as `use` runs. What the store has to say goes to standard error.
 * @throws StorageError when it cannot be used
 */
export async function withStore<T>(
  config: Config,
  output: Output,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const logger = createLogger({
    level: () => 'warn',
    format: 'pretty',
    nowMs: systemClock.nowMs,
    write: (line) => output.error(line),
  })
  const store = await openStore({
    dataFolder: config.dataFolder,
    location: config.storage,
    migrationsFolder,
    ...(config.secrets.masterKey === undefined ? {} : { masterKey: config.secrets.masterKey }),
    logger,
    clock: systemClock,
  })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

/** The same for reading: undefined, and nothing made, when there is no store yet. */
export async function withExistingStore<T>(
  config: Config,
  output: Output,
  use: (store: Store) => Promise<T>,
): Promise<T | undefined> {
  return hasStore(config) ? await withStore(config, output, use) : undefined
}

/** The providers, models and keys a server would have now, but for local servers that answer. */
export async function readCatalog(
  flags: ConfigFlags,
  output: Output,
): Promise<{ readonly config: Config; readonly snapshot: Snapshot }> {
  const { config } = loadConfig({ flags })
  const stored = await withExistingStore(config, output, async (store) => ({
    providers: await store.providers.all(),
    models: await store.models.all(),
    keys: [],
  }))
  const sources = stored === undefined ? [config] : [config, stored]
  return { config, snapshot: buildSnapshot(1, sources, config.network) }
}

/** Keys of the file, then of the store. */
export async function allKeys(config: Config, output: Output): Promise<readonly ApiKey[]> {
  const stored = await withExistingStore(config, output, (store) =>
    store.keys.list(DEFAULT_TENANT_ID),
  )
  return [...config.keys, ...(stored ?? [])]
}
