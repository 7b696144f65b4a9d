// Every part of the running program, made once and given what it needs. Nothing is started here, and nothing decided: which configuration is
// in force, and when parts begin and end, is `app.ts`'s.

import { gatewayDeps, pricePort, type GatewayParts } from './app-gateway.ts'
import { createIdentity } from './app-identity.ts'
import { metricsDesk, namedMetrics, type MetricsDesk } from './app-metrics.ts'
import { boundOfAll } from './app-settings.ts'
import { sinkFactories } from './app-sinks.ts'
import { Telemetry } from './app-telemetry.ts'
import { BudgetService } from './budget-service.ts'
import { CacheService } from './cache-service.ts'
import { ClickHouseService } from './clickhouse-service.ts'
import type { Config } from './config/config.ts'
import { ContentService } from './content-service.ts'
import type { Provider } from './core/catalog.ts'
import type { FlagSource } from './core/flags.ts'
import type { Logger, Transport } from './core/ports.ts'
import { AzureDeployments } from './gateway/azure-deployments.ts'
import { ModelDirectory } from './gateway/catalog.ts'
import { Checks } from './gateway/checks.ts'
import type { GatewayDeps, GatewaySettings } from './gateway/deps.ts'
import { Gates } from './gateway/gates.ts'
import { concernedNames } from './gateway/guard/model-names.ts'
import { Health } from './gateway/health.ts'
import { Shutdown } from './gateway/shutdown.ts'
import type { Snapshot } from './gateway/snapshot.ts'
import { StreamWatch } from './gateway/stream-watch.ts'
import { GuardService } from './guard-service.ts'
import { LimitService } from './limit-service.ts'
import { LocalServers } from './local-servers.ts'
import { MockTransport } from './providers/mock-transport.ts'
import { PriceBook } from './providers/prices.ts'
import { ProviderResetDesk } from './provider-resets.ts'
import { Replicas } from './replicas.ts'
import type { Store } from './storage/store.ts'
import { systemClock, systemIds } from './system.ts'
import { SharedDeadlines } from './transport/deadlines.ts'
import { createTransport } from './transport/http-transport.ts'
import { NetworkWarnings } from './transport/network-warnings.ts'

/** What is in force at the moment it is asked for. */
export interface InForce {
  config(): Config
  snapshot(): Snapshot
  gatewaySettings(): GatewaySettings
  flags(): FlagSource
  /** Reads the catalogue anew: a local server has answered. */
  rebuild(): void
}

export type Parts = ReturnType<typeof createParts>

/** @param initial as the program was started with: what can't change while it runs comes from it */
export function createParts(initial: Config, store: Store, logger: Logger, now: InForce) {
  const ground = createGround(initial, logger)
  const { deadlines, health, http, prices, transport } = ground
  const { config, snapshot } = now
  const identity = createIdentity({ store, transport: http, logger, config, snapshot })
  const directory = createDirectory(ground, identity.tokens, store, logger)
  const metrics = namedMetrics({ snapshot, directory: () => directory })
  const outward = createOutward(initial, ground, store, logger, now)
  const cache = new CacheService({
    store,
    clock: systemClock,
    deadlines,
    ids: systemIds,
    logger,
    gateway: () => gateway,
  })
  const keeping = { ...outward, cache }
  const services = createServices(ground, keeping, directory, metrics, store, logger, now)
  const parts: GatewayParts = {
    ...ground,
    ...outward,
    ...services,
    cache,
    directory,
    logger,
    metrics,
    store,
    tokens: identity.tokens,
    transport,
    config,
    snapshot,
    settings: now.gatewaySettings,
    flags: now.flags,
  }
  const gateway: GatewayDeps = gatewayDeps(parts)
  const checks = new Checks(gateway)
  const desk: MetricsDesk = metricsDesk(parts, gateway, checks)
  const localServers = new LocalServers(initial.localCandidates, directory, now.rebuild)
  const replicas = new Replicas({
    health,
    clock: systemClock,
    ids: systemIds,
    logger,
    provider: (uid) => snapshot().allProviders.get(uid),
  })
  const resets = new ProviderResetDesk({
    health,
    ids: systemIds,
    logger,
    store: store.providerResets,
    provider: (uid) => snapshot().allProviders.get(uid),
  })
  return {
    ...ground,
    ...outward,
    ...services,
    ...identity,
    cache,
    checks,
    directory,
    gateway,
    localServers,
    metricsDesk: desk,
    prices,
    replicas,
    resets,
  }
}

type Ground = ReturnType<typeof createGround>

/** What needs nothing but itself. */
function createGround(initial: Config, logger: Logger) {
  const deadlines = new SharedDeadlines(systemClock)
  const http = createTransport(systemClock, deadlines)
  const mock = new MockTransport()
  const random = () => systemIds.random()
  return {
    deadlines,
    http,
    prices: new PriceBook(),
    shutdown: new Shutdown(),
    watch: new StreamWatch(systemClock),
    health: new Health({ clock: systemClock, random }),
    gates: new Gates({ all: boundOfAll(initial), deadlines, random }),
    networkWarnings: new NetworkWarnings(logger),
    transport: (provider: Provider): Transport => (provider.type === 'mock' ? mock : http),
  }
}

function createDirectory(
  { prices, transport }: Ground,
  tokens: GatewayParts['tokens'],
  store: Store,
  logger: Logger,
): ModelDirectory {
  const deployments = new AzureDeployments({ clock: systemClock, tokens, transport })
  return new ModelDirectory({
    clock: systemClock,
    logger,
    prices: pricePort(prices),
    tokens,
    transport,
    deployments: (provider) => deployments.of(provider),
    statuses: store.modelStatuses,
    random: () => systemIds.random(),
  })
}

/** Where outcomes go besides the store. */
function createOutward(
  { dataFolder }: Config,
  { http }: Ground,
  store: Store,
  logger: Logger,
  { snapshot }: InForce,
) {
  const clickhouse = new ClickHouseService({
    transport: http,
    logger,
    dataFolder,
    search: store.search,
    usage: store.usage,
    isHeld: async () => (await store.holds.all()).length > 0,
  })
  const factories = sinkFactories({ transport: http, logger, snapshot })
  return { clickhouse, telemetry: new Telemetry([...factories, clickhouse.sink]) }
}

/** What judges, counts and keeps by rules that change. */
function createServices(
  { http, prices, watch }: Ground,
  { cache, clickhouse, telemetry }: ReturnType<typeof createOutward> & { cache: CacheService },
  directory: ModelDirectory,
  metrics: GatewayParts['metrics'],
  store: Store,
  logger: Logger,
  { config, snapshot }: InForce,
) {
  const common = { clock: systemClock, logger }
  return {
    budgets: new BudgetService({
      store,
      transport: http,
      logger,
      metrics,
      prices: pricePort(prices),
      watch,
      config,
      catalog: (tenantId) => snapshot().of(tenantId),
    }),
    limits: new LimitService({
      ...common,
      ids: systemIds,
      refused: (per, counts) => metrics.limitRefused(per, counts),
      fallback: () => store.limitBackend?.(),
    }),
    guards: new GuardService({
      ...common,
      transport: http,
      config,
      names: (tenant, name) => concernedNames(name, snapshot().of(tenant), directory),
    }),
    content: new ContentService({
      ...common,
      store,
      transport: http,
      random: () => systemIds.random(),
      others: telemetry,
      elsewhere: (erasure, holds) => clickhouse.erase(erasure, holds),
      forgetAnswers: (tenantId, callers) => cache.forget(tenantId, callers),
      config,
    }),
  }
}
