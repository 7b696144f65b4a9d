// How commands reach the store: opened for one piece of work and closed after it. Commands that only read must not make a
// data folder, a database or a master key, so for them a store that is not there is an answer of its own.

import { existsSync } from 'node:fs'
import { migrationsFolder } from '../assets.ts'
import { type ConfigFlags, loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import type { ApiKey } from '../core/catalog.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { buildSnapshot, type Catalog, type Snapshot } from '../gateway/snapshot.ts'
import { openStore, type Store } from '../storage/store.ts'
import { createLogger } from '../telemetry/log.ts'
import { systemClock } from '../system.ts'
import { textOption } from './arguments.ts'
import type { CommandInput, OptionDoc, Output } from './command.ts'

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
    secrets: config.secrets,
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

/** Of commands that show what a tenant sees. */
export const TENANT_OPTION: OptionDoc = {
  flag: '--tenant',
  value: 'ID',
  doc: `as this tenant sees it (else ${DEFAULT_TENANT_ID})`,
}

/** What `--tenant` says. */
export function tenantOf(input: CommandInput): string {
  return textOption(input, 'tenant') ?? DEFAULT_TENANT_ID
}

/** The providers, models and keys a server would have now, but for local servers that answer; `catalog` is what one tenant sees. */
export async function readCatalog(
  flags: ConfigFlags,
  output: Output,
  tenantId: string = DEFAULT_TENANT_ID,
): Promise<{ readonly config: Config; readonly snapshot: Snapshot; readonly catalog: Catalog }> {
  const { config } = loadConfig({ flags })
  const stored = await withExistingStore(config, output, async (store) => ({
    providers: await store.providers.all(),
    models: await store.models.all(),
    keys: [],
    directory: await store.directory.all(),
  }))
  const sources = stored === undefined ? [config] : [config, stored]
  const snapshot = buildSnapshot(1, sources, config.network, stored?.directory)
  return { config, snapshot, catalog: snapshot.of(tenantId) }
}

/** A tenant's keys: of the file, then of the store. */
export async function allKeys(
  config: Config,
  output: Output,
  tenantId: string = DEFAULT_TENANT_ID,
): Promise<readonly ApiKey[]> {
  const stored = await withExistingStore(config, output, (store) => store.keys.list(tenantId))
  return [...config.keys.filter((key) => key.tenantId === tenantId), ...(stored ?? [])]
}
