// The composition root: configuration → store, transport, gateway → server. It holds no logic of its own but the order of starting and
// stopping, and when the catalogue is made anew.

import { SharedDeadlines } from './transport/deadlines.ts'
import { createTransport } from './transport/http-transport.ts'
import { NetworkWarnings } from './transport/network-warnings.ts'
import type { Provider } from './core/catalog.ts'
import type { OutcomeSink } from './core/outcome.ts'
import type { Logger, SettingValues, Transport } from './core/ports.ts'
import { DEFAULT_TENANT_ID } from './core/principal.ts'
import type { Config } from './config/config.ts'
import { withStoredSettings } from './config/stored.ts'
import { createIdentity } from './app-identity.ts'
import type { AppLogin } from './app-login.ts'
import { recordUnlocking, serverDeps } from './app-server.ts'
import { BudgetService } from './budget-service.ts'
import { boundOfAll, gatewaySettings, redisSettings, serverSettings } from './app-settings.ts'
import type { BearerTokens } from './auth/bearer.ts'
import type { EntraTokens } from './auth/entra-tokens.ts'
import { AzureDeployments } from './gateway/azure-deployments.ts'
import { ModelDirectory } from './gateway/catalog.ts'
import { Gates } from './gateway/gates.ts'
import { Checks } from './gateway/checks.ts'
import { Health } from './gateway/health.ts'
import type { GatewayDeps, GatewaySettings, PriceBook as PricePort } from './gateway/deps.ts'
import { ReasoningMemory } from './gateway/reasoning-memory.ts'
import { RouteTurns } from './gateway/route-state.ts'
import { Shutdown } from './gateway/shutdown.ts'
import { buildSnapshot, EMPTY_SNAPSHOT, type Snapshot } from './gateway/snapshot.ts'
import { StreamWatch } from './gateway/stream-watch.ts'
import { LimitService } from './limit-service.ts'
import { LocalServers } from './local-servers.ts'
import { migrationsFolder } from './assets.ts'
import { MockTransport } from './providers/mock-transport.ts'
import { PriceBook } from './providers/prices.ts'
import { Replicas } from './replicas.ts'
import type { ServerSettings } from './server/context.ts'
import { startServer, type RunningServer } from './server/server.ts'
import { refuseOpenBind } from './start-check.ts'
import { systemClock, systemIds } from './system.ts'
import { openStore, type Store } from './storage/store.ts'
import { Metrics } from './telemetry/metrics.ts'

export interface App {
  readonly server: RunningServer
  readonly store: Store
  snapshot(): Snapshot
  /** Resolves when local servers have been asked once. */
  readonly localServersAsked: Promise<void>
  /** A link that makes the first administrator; undefined where there is one, or where none is needed. */
  setupLink(): Promise<string | undefined>
  /** Takes over a changed configuration: everything but the address and the store. */
  reload(config: Config): Promise<void>
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
  private readonly listensShared: boolean
  private snapshot: Snapshot = EMPTY_SNAPSHOT
  private readonly store: Store
  private readonly logger: Logger
  private readonly networkWarnings: NetworkWarnings
  private readonly prices = new PriceBook()
  private readonly deadlines = new SharedDeadlines(systemClock)
  private readonly http = createTransport(systemClock, this.deadlines)
  private readonly mock = new MockTransport()
  private readonly tokens: EntraTokens
  private readonly bearer: BearerTokens
  private readonly metrics = new Metrics()
  private readonly directory: ModelDirectory
  private readonly localServers: LocalServers
  // Asked for on every request, made anew only when the configuration changes.
  private settings: ServerSettings
  private gatewaySettings: GatewaySettings
  private rebuilding: Promise<void> = Promise.resolve()
  private readonly gates: Gates
  private readonly shutdown = new Shutdown()
  private readonly health = new Health({ clock: systemClock, random: () => systemIds.random() })
  private readonly replicas: Replicas
  private readonly gateway: GatewayDeps
  private readonly checks: Checks
  private readonly limits: LimitService
  private readonly watch = new StreamWatch(systemClock)
  private readonly budgets: BudgetService
  private readonly login: AppLogin
  private readonly learnRecalls: () => Promise<void>

  constructor(config: Config, store: Store, logger: Logger) {
    this.config = this.declared = config
    this.listensShared = config.network.isShared
    this.settings = serverSettings(config)
    this.gatewaySettings = gatewaySettings(config)
    this.gates = new Gates({
      all: boundOfAll(config),
      deadlines: this.deadlines,
      random: () => systemIds.random(),
    })
    this.store = store
    this.logger = logger
    this.networkWarnings = new NetworkWarnings(logger)
    const transport = this.transport.bind(this)
    const identity = createIdentity({
      store,
      transport: this.http,
      logger,
      config: () => this.config,
      snapshot: () => this.snapshot,
    })
    this.tokens = identity.tokens
    this.bearer = identity.bearer
    this.login = identity.login
    this.learnRecalls = identity.learnRecalls
    const deployments = new AzureDeployments({
      clock: systemClock,
      tokens: this.tokens,
      transport,
    })
    this.directory = new ModelDirectory({
      clock: systemClock,
      logger,
      prices: this.pricePort(),
      tokens: this.tokens,
      transport,
      deployments: (provider) => deployments.of(provider),
      statuses: store.modelStatuses,
      random: () => systemIds.random(),
    })
    this.localServers = new LocalServers(config.localCandidates, this.directory, () => {
      this.rebuild().catch((error: unknown) => this.tellRebuildFailure(error))
    })
    this.replicas = new Replicas({
      health: this.health,
      clock: systemClock,
      ids: systemIds,
      logger,
      provider: (uid) => this.snapshot.allProviders.get(uid),
    })
    this.budgets = new BudgetService({
      store,
      transport: this.http,
      logger,
      metrics: this.metrics,
      prices: this.pricePort(),
      watch: this.watch,
      config: () => this.config,
      catalog: (tenantId) => this.snapshot.of(tenantId),
    })
    this.limits = new LimitService({
      clock: systemClock,
      ids: systemIds,
      logger,
      refused: (per, counts) => this.metrics.limitRefused(per, counts),
      fallback: () => store.limitBackend?.(),
    })
    this.gateway = this.gatewayDeps()
    this.checks = new Checks(this.gateway)
  }

  async start(): Promise<App> {
    await this.rebuild()
    await this.recallModels()
    refuseOpenBind(this.config, [...this.snapshot.keysByHash.values()])
    await this.limits.use(redisSettings(this.config))
    const { bearer, budgets, checks, gateway, limits, login, metrics, replicas, store } = this
    const server = startServer(
      serverDeps({
        bearer,
        budgets,
        checks,
        gateway,
        limits,
        login,
        metrics,
        replicas,
        store,
        config: () => this.config,
        settings: () => this.settings,
      }),
    )
    this.login.start(server.port)
    this.store.watcher.start(() => this.takeOver())
    this.store.upkeep.start(() => this.config.log)
    const localServersAsked = this.localServers.start()
    this.checks.start()
    await this.replicas.use(redisSettings(this.config))
    // After the first answers are possible: reading the price data would cost the start more than all the rest.
    setTimeout(() => {
      this.prices.warm().catch((error: unknown) => {
        this.logger.error('prices could not be read', { error: String(error) })
      })
      recordUnlocking(this.store, this.logger)
      void this.directory.refreshAll(this.snapshot)
      this.directory.start(() => this.snapshot)
    }, 0).unref()
    return {
      server,
      store: this.store,
      snapshot: () => this.snapshot,
      localServersAsked,
      setupLink: () => this.login.firstLink(),
      reload: (config) => this.reload(config),
      stop: () => this.stop(server),
    }
  }

  /** Names that providers listed when the program last ran are known before they have answered. */
  private async recallModels(): Promise<void> {
    try {
      const owners = [...this.snapshot.allProviders.values()].flatMap(
        ({ tenantId }) => tenantId ?? [],
      )
      for (const tenantId of new Set([DEFAULT_TENANT_ID, ...owners])) {
        this.directory.load(tenantId, await this.store.modelStatuses.all(tenantId))
      }
    } catch (error) {
      this.logger.warn('what providers listed before could not be read', { error: String(error) })
    }
  }

  /** Something changed: who is new is asked for models, and nobody waits for it. */
  private async takeOver(): Promise<void> {
    await this.rebuild()
    void this.directory.refreshAll(this.snapshot)
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
    const [stored, providers, models, keys, directory, limits, budgets] = await Promise.all([
      this.store.storedSettings.all(),
      this.store.providers.all(),
      this.store.models.all(),
      this.store.keys.all(),
      this.store.directory.all(),
      this.store.limitRules.all(),
      this.store.budgetRules.all(),
    ])
    // After the directory: whoever is missing in it because they were removed must not come back by a token of before.
    await this.learnRecalls()
    this.stored = stored
    this.settle()
    const { config } = this
    this.snapshot = buildSnapshot(
      this.snapshot.version + 1,
      [
        config,
        { providers: this.localServers.providers(), models: [], keys: [] },
        { providers, models, keys },
      ],
      config.network,
      directory,
    )
    this.limits.useRules([...config.limits, ...limits], [...this.snapshot.keysByHash.values()])
    this.budgets.useRules([...config.budgets, ...budgets], config.budgetLeases)
    const { allProviders } = this.snapshot
    this.gates.keep(allProviders)
    this.health.keep(allProviders)
    this.networkWarnings.tell(allProviders.values())
  }

  private async reload(changed: Config): Promise<void> {
    const { network } = changed
    // The address is listened on until the next start, whatever the file says by now.
    const isShared = network.isShared || this.listensShared
    const config = { ...changed, network: { ...network, isShared } }
    this.declared = config
    this.settle()
    this.localServers.setCandidates(config.localCandidates)
    this.networkWarnings.forget()
    await this.takeOver()
    await Promise.all([
      this.replicas.use(redisSettings(config)),
      this.limits.use(redisSettings(config)),
    ])
  }

  /** What is in force follows from what is declared and what is stored; neither is ever in force without the other. */
  private settle(): void {
    const config = withStoredSettings(this.declared, this.stored)
    if (config === this.config) return
    this.config = config
    this.settings = serverSettings(config)
    this.gatewaySettings = gatewaySettings(config)
    this.gates.configure(boundOfAll(config))
  }

  private tellRebuildFailure(error: unknown): void {
    this.logger.error('the catalogue could not be read anew', { error: String(error) })
  }

  private async stop(server: RunningServer): Promise<void> {
    // Before anything else: whoever sends traffic here is to look elsewhere.
    this.shutdown.announce()
    const { drainTimeoutMs, stopDelayMs } = this.config.server
    await Bun.sleep(stopDelayMs)
    this.localServers.stop()
    this.checks.stop()
    this.directory.stop()
    await server.stop(drainTimeoutMs)
    await this.login.stop()
    await Promise.all([this.replicas.stop(), this.limits.stop(), this.budgets.stop()])
    await this.store.close()
  }

  private transport(provider: Provider): Transport {
    return provider.type === 'mock' ? this.mock : this.http
  }

  private pricePort(): PricePort {
    const { prices } = this
    return {
      // Prices that cannot be read make costs unknown, which the start has logged; they stop no request.
      ready: () => {
        if (!prices.isWarm) return Promise.allSettled([prices.warm()]).then(() => {})
      },
      find: (provider, model, atMs) => prices.lookup(provider, model, atMs ?? systemClock.nowMs()),
    }
  }

  private gatewayDeps(): GatewayDeps {
    const sink: OutcomeSink = {
      record: (outcome) => {
        this.metrics.record(outcome)
        const { requests } = this.config.log
        this.store.log.record(requests === 'none' ? { ...outcome, withoutRow: true } : outcome)
      },
    }
    return {
      snapshot: () => this.snapshot,
      settings: () => this.gatewaySettings,
      transport: (provider) => this.transport(provider),
      tokens: this.tokens,
      directory: this.directory,
      health: this.health,
      gates: this.gates,
      tolls: [this.limits.limiting, this.budgets.spending],
      providerLimits: this.limits.limiting,
      shutdown: this.shutdown,
      turns: new RouteTurns(),
      prices: this.pricePort(),
      sink,
      kept: this.store.kept,
      reasoning: new ReasoningMemory({
        kept: this.store.kept,
        clock: systemClock,
        logger: this.logger,
      }),
      clock: systemClock,
      deadlines: this.deadlines,
      ids: systemIds,
      logger: this.logger,
      watch: this.watch,
    }
  }
}
