// The composition root: configuration → store, transport, gateway → server. It holds no logic of its own but the order of starting and
// stopping, and when the catalogue is made anew.

import { flagsInOrder } from './core/flag-order.ts'
import { Flags } from './core/flags.ts'
import type { Logger, SettingValues } from './core/ports.ts'
import type { StoredFlag } from './core/ports-guard.ts'
import { LIMITS } from './core/limits.ts'
import { DEFAULT_TENANT_ID } from './core/principal.ts'
import type { Config } from './config/config.ts'
import { withStoredSettings } from './config/stored.ts'
import { createParts, type Parts } from './app-parts.ts'
import { recordUnlocking, serverDeps } from './app-server.ts'
import { boundOfAll, gatewaySettings, redisSettings, serverSettings } from './app-settings.ts'
import type { GatewaySettings } from './gateway/deps.ts'
import { buildSnapshot, EMPTY_SNAPSHOT, type Snapshot } from './gateway/snapshot.ts'
import { migrationsFolder } from './assets.ts'
import type { ServerSettings } from './server/context.ts'
import { startServer, type RunningServer } from './server/server.ts'
import { refuseOpenBind } from './start-check.ts'
import { systemClock } from './system.ts'
import { openStore, type Store } from './storage/store.ts'

export interface App {
  readonly server: RunningServer
  readonly store: Store
  snapshot(): Snapshot
  /** As in force: it can be changed while the program runs. */
  logLevel(): Config['log']['level']
  /** Resolves when local servers have been asked once. */
  readonly localServersAsked: Promise<void>
  /** A link that makes the first administrator; undefined where there is one, or where none is needed. */
  setupLink(): Promise<string | undefined>
  /** Takes over a changed configuration: everything but the address and the store. */
  reload(config: Config): Promise<void>
  /** The configuration file is broken, and the running configuration stays: for whoever watches. */
  configurationRefused(): void
  /** Says that it is not ready at once; after the delay stops accepting, lets requests end within the limit, writes the log to its end. */
  stop(): Promise<void>
}

/**
 * Opens the store and listens.
 * @throws StartError, StorageError or the system's error when that cannot be done
 */
export async function startApp(initial: Config, logger: Logger): Promise<App> {
  const store = await openStore({
    dataFolder: initial.dataFolder,
    location: initial.storage,
    migrationsFolder,
    secrets: initial.secrets,
    logger,
    clock: systemClock,
  })
  try {
    return await new Composition(initial, store, logger).start()
  } catch (error) {
    await store.close()
    throw error
  }
}

class Composition {
  /** As file, environment and flags say it; and what is in force, changes of the running program included. */
  private declared: Config
  private config: Config
  private stored: SettingValues = {}
  private storedFlags: readonly StoredFlag[] = []
  private readonly listensShared: boolean
  private snapshot: Snapshot = EMPTY_SNAPSHOT
  private flags = new Flags()
  // Asked for on every request, made anew only when the configuration changes.
  private settings: ServerSettings
  private gatewaySettings: GatewaySettings
  private rebuilding: Promise<void> = Promise.resolve()
  private warming: ReturnType<typeof setTimeout> | undefined
  private readonly store: Store
  private readonly logger: Logger
  private readonly parts: Parts

  constructor(config: Config, store: Store, logger: Logger) {
    this.config = this.declared = config
    this.listensShared = config.network.isShared
    this.settings = serverSettings(config)
    this.gatewaySettings = gatewaySettings(config)
    this.store = store
    this.logger = logger
    this.parts = createParts(config, store, logger, {
      config: () => this.config,
      snapshot: () => this.snapshot,
      gatewaySettings: () => this.gatewaySettings,
      flags: () => this.flags,
      rebuild: () => {
        this.rebuild().catch((error: unknown) => {
          this.logger.error('the catalogue could not be read anew', { error: String(error) })
        })
      },
    })
  }

  async start(): Promise<App> {
    const {
      cache,
      checks,
      content,
      directory,
      limits,
      localServers,
      login,
      metricsDesk,
      replicas,
    } = this.parts
    await this.parts.telemetry.use(this.config)
    void cache.use(this.config.cache, redisSettings(this.config))
    await this.rebuild()
    await this.recallModels()
    refuseOpenBind(this.config, [...this.snapshot.keysByHash.values()])
    await limits.use(redisSettings(this.config))
    const server = startServer(
      serverDeps({
        ...this.parts,
        store: this.store,
        config: () => this.config,
        settings: () => this.settings,
      }),
    )
    login.start(server.port)
    this.store.watcher.start(() => this.takeOver())
    this.store.upkeep.start(() => this.config.log)
    const localServersAsked = localServers.start()
    checks.start()
    content.start()
    await replicas.use(redisSettings(this.config))
    // After the first answers are possible, what they do not need.
    setTimeout(() => {
      recordUnlocking(this.store, this.logger)
      void directory.refreshAll(this.snapshot)
      directory.start(() => this.snapshot)
    }, 0).unref()
    this.warming = setTimeout(() => void this.warm(server), LIMITS.startRestMs)
    this.warming.unref()
    return {
      server,
      store: this.store,
      snapshot: () => this.snapshot,
      logLevel: () => this.config.log.level,
      localServersAsked,
      setupLink: () => login.firstLink(),
      reload: (config) => metricsDesk.follow(this.reload(config)),
      configurationRefused: () => metricsDesk.configured('refused'),
      stop: () => this.stop(server),
    }
  }

  /** The price data and the router, which cost a start as much as all the rest: one after the other, so that requests get their turn. */
  private async warm(server: RunningServer): Promise<void> {
    try {
      await this.parts.prices.warm()
    } catch (error) {
      this.logger.error('prices could not be read', { error: String(error) })
    }
    try {
      await Bun.sleep(0)
      await server.warm()
    } catch (error) {
      this.logger.error('the router could not be made', { error: String(error) })
    }
    // What runs from here on runs often: the executable begins with a compiler that holds back.
    Bun.unsafe.setJITPolicy(1)
  }

  /** Names that providers listed when the program last ran are known before they have answered. */
  private async recallModels(): Promise<void> {
    try {
      const owners = [...this.snapshot.allProviders.values()].flatMap(
        ({ tenantId }) => tenantId ?? [],
      )
      for (const tenantId of new Set([DEFAULT_TENANT_ID, ...owners])) {
        this.parts.directory.load(tenantId, await this.store.modelStatuses.all(tenantId))
      }
    } catch (error) {
      this.logger.warn('what providers listed before could not be read', { error: String(error) })
    }
  }

  /** Something changed: who is new is asked for models, and nobody waits for it. */
  private async takeOver(): Promise<void> {
    await this.rebuild()
    void this.parts.directory.refreshAll(this.snapshot)
  }

  /** One after the other: an older reading must never replace a newer one. */
  private rebuild(): Promise<void> {
    const before = this.rebuilding
    this.rebuilding = this.readCatalogueAfter(before)
    return this.rebuilding
  }

  private async readCatalogueAfter(before: Promise<void>): Promise<void> {
    // A reading that failed has told its own caller; this one only waits for its turn.
    await Promise.allSettled([before])
    const [
      stored,
      providers,
      models,
      keys,
      directory,
      limits,
      budgets,
      flags,
      guardrails,
      content,
      resets,
    ] = await Promise.all([
      this.store.storedSettings.all(),
      this.store.providers.all(),
      this.store.models.all(),
      this.store.keys.all(),
      this.store.directory.all(),
      this.store.limitRules.all(),
      this.store.budgetRules.all(),
      this.store.flagRules.all(),
      this.store.guardrailRules.all(),
      this.store.contentRules.all(),
      this.store.providerResets.all(),
    ])
    // After the directory: whoever is missing in it because they were removed must not come back by a token of before.
    await this.parts.learnRecalls()
    this.stored = stored
    this.storedFlags = flags
    await this.settle()
    const { config } = this
    await this.parts.guards.use(config.guardrails, guardrails)
    await this.parts.content.useRules(content)
    this.snapshot = buildSnapshot(
      this.snapshot.version + 1,
      [
        config,
        { providers: this.parts.localServers.providers(), models: [], keys: [] },
        { providers, models, keys },
      ],
      config.network,
      directory,
    )
    this.parts.limits.useRules(
      [...config.limits, ...limits],
      [...this.snapshot.keysByHash.values()],
    )
    this.parts.budgets.useRules([...config.budgets, ...budgets], config.budgetLeases)
    const { allProviders } = this.snapshot
    this.parts.gates.keep(allProviders)
    this.parts.health.keep(allProviders)
    this.parts.resets.hear(resets)
    this.parts.networkWarnings.tell(allProviders.values())
  }

  private async reload(changed: Config): Promise<void> {
    const { network } = changed
    // The address is listened on until the next start, whatever the file says by now.
    const isShared = network.isShared || this.listensShared
    const config = { ...changed, network: { ...network, isShared } }
    this.declared = config
    await this.settle()
    this.parts.localServers.setCandidates(config.localCandidates)
    this.parts.networkWarnings.forget()
    await this.takeOver()
    await Promise.all([
      this.parts.replicas.use(redisSettings(config)),
      this.parts.limits.use(redisSettings(config)),
    ])
  }

  /** What is in force follows from what is declared and what is stored; neither is ever in force without the other. */
  private async settle(): Promise<void> {
    this.flags = new Flags(flagsInOrder(this.declared.flags, this.storedFlags))
    const config = withStoredSettings(this.declared, this.stored)
    if (config === this.config) return
    this.config = config
    this.settings = serverSettings(config)
    this.gatewaySettings = gatewaySettings(config)
    this.parts.gates.configure(boundOfAll(config))
    void this.parts.cache.use(config.cache, redisSettings(config))
    await this.parts.telemetry.use(config)
  }

  private async stop(server: RunningServer): Promise<void> {
    // Before anything else: whoever sends traffic here is to look elsewhere.
    this.parts.shutdown.announce()
    clearTimeout(this.warming)
    const { drainTimeoutMs, stopDelayMs } = this.config.server
    await Bun.sleep(stopDelayMs)
    this.parts.localServers.stop()
    this.parts.checks.stop()
    this.parts.directory.stop()
    await server.stop(drainTimeoutMs)
    await this.parts.login.stop()
    this.parts.guards.stop()
    this.parts.metricsDesk.stop()
    // Before whom it tells: what it still has goes on to them and to the store.
    await this.parts.content.stop()
    await this.parts.telemetry.stop()
    await Promise.all([
      this.parts.replicas.stop(),
      this.parts.limits.stop(),
      this.parts.budgets.stop(),
      this.parts.cache.stop(),
    ])
    await this.store.close()
  }
}
