// What the management API is given, without a server: for commands that change things by the same code. Nothing listens, nobody outside is
// asked, and nothing runs behind it; a server that runs on the same store sees the changes as it sees those of any other.

import { createParts } from './app-parts.ts'
import { serverDeps } from './app-server.ts'
import { gatewaySettings, serverSettings } from './app-settings.ts'
import type { Config } from './config/config.ts'
import { withStoredSettings } from './config/stored.ts'
import { Flags } from './core/flags.ts'
import type { Logger } from './core/ports.ts'
import { buildSnapshot } from './gateway/snapshot.ts'
import type { ServerDeps } from './server/context.ts'
import type { Store } from './storage/store.ts'

/**
 * Runs `use` with everything that routes of the management API want.
 * @param declared as file, environment and flags say it
 */
export async function withServerDeps<T>(
  declared: Config,
  store: Store,
  logger: Logger,
  use: (deps: ServerDeps) => Promise<T>,
): Promise<T> {
  const config = withStoredSettings(declared, await store.storedSettings.all())
  const read = async () => {
    const [providers, models, keys, directory] = await Promise.all([
      store.providers.all(),
      store.models.all(),
      store.keys.all(),
      store.directory.all(),
    ])
    return buildSnapshot(1, [config, { providers, models, keys }], config.network, directory)
  }
  let snapshot = await read()
  const flags = new Flags()
  const parts = createParts(config, store, logger, {
    config: () => config,
    snapshot: () => snapshot,
    gatewaySettings: () => gatewaySettings(config),
    flags: () => flags,
    rebuild: () => undefined,
  })
  await parts.guards.use(config.guardrails, await store.guardrailRules.all())
  const settings = serverSettings(config)
  // A model that names a provider of a moment ago finds it.
  store.watcher.start(async () => {
    snapshot = await read()
  })
  try {
    return await use(
      serverDeps({ ...parts, store, config: () => config, settings: () => settings }),
    )
  } finally {
    parts.guards.stop()
    await Promise.all([
      parts.login.stop(),
      parts.content.stop(),
      parts.telemetry.stop(),
      parts.limits.stop(),
      parts.budgets.stop(),
      parts.cache.stop(),
    ])
  }
}
