// What the gateway is given: the parts of the program as its ports want them. It puts together and decides nothing; `app.ts` says when.

import type { Telemetry } from './app-telemetry.ts'
import type { BudgetService } from './budget-service.ts'
import type { CacheService } from './cache-service.ts'
import type { Config } from './config/config.ts'
import type { ContentService } from './content-service.ts'
import type { Provider } from './core/catalog.ts'
import type { FlagSource } from './core/flags.ts'
import type { OutcomeSink } from './core/outcome.ts'
import type { Logger, TokenSource, Transport } from './core/ports.ts'
import type { ModelDirectory } from './gateway/catalog.ts'
import type { GatewayDeps, GatewaySettings, PriceBook as PricePort } from './gateway/deps.ts'
import type { Gates } from './gateway/gates.ts'
import type { Health } from './gateway/health.ts'
import { GuardAudit } from './gateway/guard/audit.ts'
import { guardModelCaller } from './gateway/guard/model-caller.ts'
import { ReasoningMemory } from './gateway/reasoning-memory.ts'
import { RouteTurns } from './gateway/route-state.ts'
import type { Shutdown } from './gateway/shutdown.ts'
import type { Snapshot } from './gateway/snapshot.ts'
import type { StreamWatch } from './gateway/stream-watch.ts'
import type { GuardService } from './guard-service.ts'
import type { LimitService } from './limit-service.ts'
import type { PriceBook } from './providers/prices.ts'
import type { Store } from './storage/store.ts'
import { Masking, maskStyle } from './guardrails/mask.ts'
import { systemClock, systemIds } from './system.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { SharedDeadlines } from './transport/deadlines.ts'

/** What of the composition the gateway needs. What is a function is asked each time. */
export interface GatewayParts {
  config(): Config
  snapshot(): Snapshot
  settings(): GatewaySettings
  flags(): FlagSource
  transport(provider: Provider): Transport
  readonly budgets: BudgetService
  readonly cache: CacheService
  readonly content: ContentService
  readonly deadlines: SharedDeadlines
  readonly directory: ModelDirectory
  readonly gates: Gates
  readonly health: Health
  readonly guards: GuardService
  readonly limits: LimitService
  readonly logger: Logger
  readonly metrics: Metrics
  readonly prices: PriceBook
  readonly shutdown: Shutdown
  readonly store: Store
  readonly telemetry: Telemetry
  readonly tokens: TokenSource
  readonly watch: StreamWatch
}

export function gatewayDeps(parts: GatewayParts): GatewayDeps {
  const { budgets, limits, logger, store } = parts
  const guardAudit = new GuardAudit({
    clock: systemClock,
    logger,
    record: (event, by, excerpt) =>
      excerpt === undefined
        ? store.audit.record(event, by)
        : store.auditContent.record(event, by, excerpt),
    excerpt: (told) => parts.content.excerpt(told),
  })
  const deps: GatewayDeps = {
    snapshot: parts.snapshot,
    content: (asker, model) => parts.content.policyFor(asker, model),
    settings: parts.settings,
    transport: parts.transport,
    tokens: parts.tokens,
    directory: parts.directory,
    health: parts.health,
    gates: parts.gates,
    tolls: [limits.limiting, budgets.spending],
    providerLimits: limits.limiting,
    shutdown: parts.shutdown,
    turns: new RouteTurns(),
    prices: pricePort(parts.prices),
    sink: sinkOf(parts),
    kept: store.kept,
    reasoning: new ReasoningMemory({ kept: store.kept, clock: systemClock, logger }),
    clock: systemClock,
    deadlines: parts.deadlines,
    ids: systemIds,
    logger,
    watch: parts.watch,
    guards: (principal, model) => parts.guards.guards(principal, model),
    maskings: { create: () => new Masking(), style: maskStyle },
    guardEvent: (event) => guardAudit.note(event),
    guardCaller: (inbound, rule) => guardModelCaller(rule, inbound, deps),
    cache: () => parts.cache.current(),
    flags: { value: (...asked) => parts.flags().value(...asked) },
    tracing: () => parts.config().tracing,
  }
  return deps
}

function sinkOf({ content, metrics }: GatewayParts): OutcomeSink {
  return {
    record(outcome) {
      metrics.record(outcome)
      content.record(outcome)
    },
  }
}

/** The prices as the gateway asks for them. */
export function pricePort(prices: PriceBook): PricePort {
  return {
    // Prices that cannot be read make costs unknown, which the start has logged; they stop no request.
    ready: () => {
      if (!prices.isWarm) return Promise.allSettled([prices.warm()]).then(() => {})
    },
    find: (provider, model, atMs) => prices.lookup(provider, model, atMs ?? systemClock.nowMs()),
  }
}
