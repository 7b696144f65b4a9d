// What the server is given: the parts of the program as its routes want them. It puts together and decides nothing; `app.ts` says when.

import { join } from 'node:path'
import { guardDeps } from './app-guards.ts'
import type { AppLogin } from './app-login.ts'
import type { Telemetry } from './app-telemetry.ts'
import type { ClickHouseService } from './clickhouse-service.ts'
import { configurationDeps } from './app-configuration.ts'
import type { MetricsDesk } from './app-metrics.ts'
import { webAsset } from './assets.ts'
import type { BearerTokens } from './auth/bearer.ts'
import type { BudgetService } from './budget-service.ts'
import type { CacheService } from './cache-service.ts'
import type { Config } from './config/config.ts'
import type { ContentService } from './content-service.ts'
import { readDeclaredModel } from './config/declared-model.ts'
import { systemActor, type Actor } from './core/audit.ts'
import { PLATFORM_TENANT_ID } from './core/identity.ts'
import { outboundNetwork } from './core/network.ts'
import type { Logger } from './core/ports.ts'
import {
  existingCatalog,
  onboardAzure,
  type AzureErrand,
  type AzureReport,
} from './gateway/azure-onboarding.ts'
import type { Checks } from './gateway/checks.ts'
import type { GatewayDeps } from './gateway/deps.ts'
import { anyProviderFit } from './gateway/health-report.ts'
import { SpoolRoom } from './gateway/passthrough/spool.ts'
import type { GuardService } from './guard-service.ts'
import type { LimitService } from './limit-service.ts'
import { providerDesk } from './provider-desk.ts'
import type { ProviderResetDesk } from './provider-resets.ts'
import type { Replicas } from './replicas.ts'
import type { ServerDeps, ServerSettings } from './server/context.ts'
import { Denials } from './server/denials.ts'
import { RefusedCredentials } from './server/refused-credentials.ts'
import type { Store } from './storage/store.ts'
import { systemClock, systemIds } from './system.ts'

/** The running parts; what changes with the configuration is asked for each time. */
export interface ServerParts {
  readonly gateway: GatewayDeps
  readonly store: Store
  readonly checks: Checks
  readonly replicas: Replicas
  readonly resets: ProviderResetDesk
  readonly cache: CacheService
  readonly content: ContentService
  readonly guards: GuardService
  readonly limits: LimitService
  readonly budgets: BudgetService
  readonly bearer: BearerTokens
  readonly login: AppLogin
  readonly telemetry: Pick<Telemetry, 'statuses'>
  readonly clickhouse: Pick<ClickHouseService, 'search' | 'usage'>
  readonly metricsDesk: MetricsDesk
  config(): Config
  settings(): ServerSettings
}

export function serverDeps(parts: ServerParts): ServerDeps {
  const { config, gateway, limits, login, replicas, store } = parts
  const { logger, snapshot } = gateway
  return {
    gateway,
    authentication: {
      anonymous: () => config().auth.anonymous,
      keyByHash: (hash) => snapshot().keysByHash.get(hash),
      principalOf: (key) => snapshot().principalOf(key),
      bearer: () =>
        config().auth.issuers.some((issuer) => issuer.bearer) ? parts.bearer : undefined,
      nowMs: () => systemClock.nowMs(),
    },
    refused: new RefusedCredentials(systemClock),
    clock: systemClock,
    ids: systemIds,
    logger,
    spools: new SpoolRoom({
      folder: () => join(config().dataFolder, 'uploads'),
      ids: systemIds,
    }),
    settings: () => parts.settings(),
    asset: webAsset,
    readiness: () => readiness(parts),
    metrics: (accept) => parts.metricsDesk.text(accept),
    health: healthDeps(parts),
    requests: parts.clickhouse.search,
    configuration: configurationDeps({ store, logger, replicas, limits, config }),
    audit: store.audit,
    content: contentDeps(parts),
    once: store.once,
    denials: new Denials({
      clock: systemClock,
      logger,
      record: (event, by) => store.audit.record(event, by),
    }),
    providers: providerDesk({
      gateway,
      store: store.providers,
      network: () => config().network,
      tellReset: (provider) => parts.resets.tell(provider),
    }),
    keys: { keys: store.keys, lastUsed: (...asked) => store.usage.keysLastUsed(...asked) },
    models: {
      models: store.models,
      read: readDeclaredModel,
      publicUrl: () => config().server.publicUrl,
    },
    people: {
      ...peopleOf(store),
      local: login.local,
      issuers: () =>
        config().auth.issuers.map(({ id, tenantClaim, tenantId }) => ({
          id,
          hasTenantClaim: tenantClaim !== undefined,
          ...(tenantId === undefined ? {} : { tenantId }),
        })),
      record: (event, by) => store.audit.record(event, by),
    },
    login: { desk: login.desk, publicUrl: () => login.publicUrl() },
    usage: parts.clickhouse.usage,
    money: moneyDeps(parts),
    guard: guardDeps(parts),
    cache: cacheDeps(parts),
    discovery: { azure: (tenantId, errand, by) => onboard(parts, tenantId, errand, by) },
  }
}

function contentDeps({ config, content, store }: ServerParts): ServerDeps['content'] {
  return {
    rules: store.contentRules,
    rulesOf: (tenantId) => content.rulesOf(tenantId),
    holds: store.holds,
    erasures: store.erasures,
    count: (...asked) => store.contentLog.count(...asked),
    wake: () => content.eraser.wake(),
    objects: content.objects,
    quoted: (...asked) => store.auditContent.find(...asked),
    sweep: (isDryRun) => content.objects.sweep(isDryRun),
    record: (event, by) => store.audit.record(event, by),
    standing: async () => {
      const { objects, stage } = content.counters
      const { problem } = objects
      return {
        ...objects,
        problem,
        isConfigured: config().contentStore !== undefined,
        objects: await content.objects.waiting(),
        withoutBodies: stage.withoutBodies + stage.failed,
      }
    },
  }
}

function healthDeps({ checks, limits, replicas, telemetry }: ServerParts): ServerDeps['health'] {
  return {
    checks,
    redis: () => replicas.state(),
    limits: () => limits.state(),
    sinks: () => telemetry.statuses(),
  }
}

function peopleOf(store: Store) {
  const { assignments, directory, groups, memberships, roles } = store
  const { services, teams, tenants, users } = store
  return { assignments, directory, groups, memberships, roles, services, teams, tenants, users }
}

function moneyDeps({ budgets, config, gateway, limits, store }: ServerParts): ServerDeps['money'] {
  return {
    limits: store.limitRules,
    budgets: store.budgetRules,
    limitRules: (tenantId) => limits.rulesOf(tenantId),
    budgetRules: (tenantId) => budgets.rulesOf(tenantId, gateway.snapshot().keysByHash.values()),
    peek: (takes) => limits.peek(takes),
    standings: (tenantId) => store.budgets.standings(tenantId),
    reset: (...asked) => store.budgets.reset(...asked),
    accountsOf: (principal) => budgets.accountsOf(principal),
    mayReachInner: (url) => outboundNetwork(url, false, config().network).allowPrivate === true,
  }
}

function cacheDeps({ cache, store }: ServerParts): ServerDeps['cache'] {
  return {
    state: (tenantId) => cache.state(tenantId),
    async purge(which, by) {
      const deleted = await cache.purge(which)
      const { model = '*', tenantId = PLATFORM_TENANT_ID } = which
      const target = { kind: 'cache', id: model }
      await store.audit.record({ tenantId, action: 'cache.purge', target, after: { deleted } }, by)
      return deleted
    },
  }
}

function onboard(
  { config, gateway, store }: ServerParts,
  tenantId: string,
  errand: AzureErrand,
  by: Actor,
): Promise<AzureReport> {
  return onboardAzure(tenantId, errand, {
    by,
    clock: systemClock,
    tokens: gateway.tokens,
    transport: (provider) => gateway.transport(provider),
    network: () => config().network,
    existing: () => existingCatalog(tenantId, config(), store),
    store: (use) => use(store),
  })
}

/** Whether requests should be sent to this process, and what speaks against it. */
export function readiness({ gateway, store }: Pick<ServerParts, 'gateway' | 'store'>): {
  ready: boolean
  checks: Record<string, boolean>
} {
  const checks = {
    store: store.problems().length === 0,
    provider: anyProviderFit(gateway),
    accepting: gateway.shutdown.state === 'running',
  }
  // A shared database that is away would take every replica from the load balancer at once, and all of them can serve.
  return { ready: store.isFit() && checks.provider && checks.accepting, checks }
}

/** That a process holds the keys of all secrets is worth knowing; it goes on where that cannot be recorded now. */
export function recordUnlocking({ audit, secrets }: Store, logger: Logger): void {
  const target = { kind: 'master_key', id: secrets.masterKeyId }
  const event = { tenantId: PLATFORM_TENANT_ID, action: 'secret.used', target } as const
  audit.record(event, systemActor('start')).catch((error: unknown) => {
    logger.warn('the use of the master key could not be recorded', { error: String(error) })
  })
}
