// What `/metrics` says: what was counted, and of every part of the program what holds now. It asks when somebody asks, knows which names may
// be told, and changes nothing; that a part cannot be asked now costs its own figures and no others.

import type { GatewayParts } from './app-gateway.ts'
import { readiness } from './app-server.ts'
import type { Telemetry } from './app-telemetry.ts'
import { BudgetGauges } from './budget-gauges.ts'
import type { Provider } from './core/catalog.ts'
import type { ContentService } from './content-service.ts'
import { LIMITS } from './core/limits.ts'
import { METRICS, type MetricDefinition, type MetricFamily } from './core/metric-catalog.ts'
import type { SinkCounters } from './core/outcome.ts'
import type { Clock } from './core/ports.ts'
import type { ModelDirectory } from './gateway/catalog.ts'
import type { Checks } from './gateway/checks.ts'
import type { GatewayDeps } from './gateway/deps.ts'
import type { Gates } from './gateway/gates.ts'
import type { Health } from './gateway/health.ts'
import { healthGauges } from './gateway/health-metrics.ts'
import { reportProviders, wholeView } from './gateway/health-report.ts'
import type { Snapshot } from './gateway/snapshot.ts'
import type { StreamWatch } from './gateway/stream-watch.ts'
import type { ServerState } from './guardrails/external/servers.ts'
import type { Store } from './storage/store.ts'
import { systemClock } from './system.ts'
import { LoopLag, processFamilies, single } from './telemetry/metrics-process.ts'
import { METRICS_CONTENT_TYPES, preferredFormat } from './telemetry/metrics-text.ts'
import { Metrics } from './telemetry/metrics.ts'

export interface MetricsParts {
  readonly metrics: Metrics
  readonly store: Pick<Store, 'files' | 'log' | 'problems'>
  readonly telemetry: Telemetry
  readonly gates: Gates
  readonly health: Health
  readonly checks: Checks
  readonly watch: StreamWatch
  readonly clock: Clock
  readonly budgets: Pick<BudgetGauges, 'families'>
  content(): ContentService['counters']
  snapshot(): Snapshot
  isReady(): boolean
  /** Services that guardrails ask; of tenants that name the same one, each has its own. */
  guardServices(): readonly ServerState[]
}

/** Configuration as it was taken over, for who watches over it. */
export interface ConfigurationState {
  readonly isLastGood: boolean
  /** Wall clock. */
  readonly takenOverMs: number
}

export class MetricsDesk {
  private readonly parts: MetricsParts
  private readonly lag: LoopLag
  private configuration: ConfigurationState

  constructor(parts: MetricsParts) {
    this.parts = parts
    this.lag = new LoopLag(parts.clock)
    this.configuration = { isLastGood: true, takenOverMs: parts.clock.nowMs() }
  }

  /** The configuration file has changed, and this came of it. */
  configured(result: 'success' | 'refused' | 'failed'): void {
    const isLastGood = result === 'success'
    const { clock, metrics } = this.parts
    metrics.configReloaded(result)
    this.configuration = {
      isLastGood,
      takenOverMs: isLastGood ? clock.nowMs() : this.configuration.takenOverMs,
    }
  }

  /** The same of a change that is being taken over. */
  async follow(taking: Promise<void>): Promise<void> {
    try {
      await taking
      this.configured('success')
    } catch (error) {
      this.configured('failed')
      throw error
    }
  }

  /** @param accept of the request; decides between Prometheus' text and OpenMetrics */
  async text(accept: string | undefined): Promise<{ contentType: string; text: string }> {
    const { budgets, metrics } = this.parts
    this.lag.asked()
    const left = await budgets.families()
    const format = preferredFormat(accept)
    const families = [...this.gatewayFamilies(), ...left, ...this.ownFamilies()]
    return {
      contentType: METRICS_CONTENT_TYPES[format],
      text: metrics.render(families, format, [this.lag.series]),
    }
  }

  stop(): void {
    this.lag.stop()
  }

  private gatewayFamilies(): MetricFamily[] {
    const { gates, health, checks, clock, metrics, snapshot, watch } = this.parts
    const reports = reportProviders({ gates, health, clock }, checks, wholeView(snapshot()))
    return [
      ...healthGauges(reports, gates.all, (model) => metrics.mayName(model)),
      single(METRICS.activeStreams, watch.streamsNow),
    ]
  }

  private ownFamilies(): MetricFamily[] {
    const { isReady, store, telemetry } = this.parts
    const { isLastGood, takenOverMs } = this.configuration
    return [
      ...this.logFamilies(),
      ...contentFamilies(this.parts.content()),
      ...guardFamilies(this.parts.guardServices()),
      ...sinkFamilies(telemetry.counters()),
      single(METRICS.storeProblems, store.problems().length),
      single(METRICS.ready, isReady() ? 1 : 0),
      single(METRICS.configReloadGood, isLastGood ? 1 : 0),
      single(METRICS.configReloadTime, takenOverMs / 1_000),
      ...processFamilies(store.files === undefined ? 'postgres' : 'sqlite'),
    ]
  }

  private logFamilies(): MetricFamily[] {
    const { clock, store } = this.parts
    const { oldestMs } = store.log
    const { dropped, failed, queued, spooled, uncounted, withoutBodies, written } =
      store.log.counters
    const rows = { written, dropped, failed, without_bodies: withoutBodies, uncounted }
    const lagMs = oldestMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestMs)
    return [
      {
        definition: METRICS.logRows,
        samples: Object.entries(rows).map(([result, value]) => ({ labels: [result], value })),
      },
      single(METRICS.logQueued, queued),
      single(METRICS.logSpooled, spooled),
      single(METRICS.logLag, lagMs / 1_000),
    ]
  }
}

/** The desk over the parts of the program as they are put together. */
export function metricsDesk(
  { budgets, content, guards, health, metrics, store, telemetry, watch }: GatewayParts,
  gateway: GatewayDeps,
  checks: Checks,
): MetricsDesk {
  const { clock, gates, logger, snapshot } = gateway
  return new MetricsDesk({
    metrics,
    store,
    telemetry,
    gates,
    health,
    checks,
    watch,
    clock,
    snapshot,
    content: () => content.counters,
    guardServices: () => guards.servicesAsked(),
    isReady: () => readiness({ gateway, store }).ready,
    budgets: new BudgetGauges({
      clock,
      logger,
      rules: () => budgets.allRules(),
      tenants: () =>
        snapshot()
          .rights.allTenants()
          .map(({ id }) => id),
      standings: (tenantId) => store.budgets.standings(tenantId),
    }),
  })
}

/** One sample for each host: it is down where it is for somebody. */
function guardFamilies(services: readonly ServerState[]): MetricFamily[] {
  const hosts = [...Map.groupBy(services, ({ host }) => host)].slice(0, LIMITS.guardServersMax)
  const family = (definition: MetricDefinition, value: (of: readonly ServerState[]) => number) => ({
    definition,
    samples: hosts.map(([host, states]) => ({ labels: [host], value: value(states) })),
  })
  const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0)
  return [
    family(METRICS.guardrailServiceDown, (of) =>
      of.some(({ state }) => state !== 'closed') ? 1 : 0,
    ),
    family(METRICS.guardrailServiceRunning, (of) => sum(of.map(({ running }) => running))),
    family(METRICS.guardrailServiceWaiting, (of) => sum(of.map(({ waiting }) => waiting))),
  ]
}

function contentFamilies({ objects, stage }: ContentService['counters']): MetricFamily[] {
  const lost = { full: stage.withoutBodies, failed: stage.failed }
  const { deleted, failed, moved } = objects
  const samples = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([label, value]) => ({ labels: [label], value }))
  return [
    single(METRICS.contentWaiting, stage.waiting),
    { definition: METRICS.contentLost, samples: samples(lost) },
    { definition: METRICS.contentObjects, samples: samples({ moved, deleted, failed }) },
  ]
}

/** Sinks of one name are one: there may be any number of them. */
function sinkFamilies(all: readonly SinkCounters[]): MetricFamily[] {
  const sinks = [...Map.groupBy(all, ({ name }) => name).values()].map((same) => same.reduce(added))
  const family = (definition: MetricDefinition, value: (sink: SinkCounters) => number) => ({
    definition,
    samples: sinks.map((sink) => ({ labels: [sink.name], value: value(sink) })),
  })
  return [
    family(METRICS.sinkQueued, ({ queued }) => queued),
    family(METRICS.sinkSent, ({ sent }) => sent),
    family(METRICS.sinkDropped, ({ dropped }) => dropped),
    family(METRICS.sinkFailed, ({ failed }) => failed),
  ]
}

function added(one: SinkCounters, other: SinkCounters): SinkCounters {
  return {
    name: one.name,
    queued: one.queued + other.queued,
    sent: one.sent + other.sent,
    dropped: one.dropped + other.dropped,
    failed: one.failed + other.failed,
  }
}

/** Metrics that tell models by the names of this catalogue. */
export function namedMetrics(ports: Omit<ModelNamesPorts, 'clock'>): Metrics {
  const names = new ModelNames({ ...ports, clock: systemClock })
  return new Metrics({ naming: (asked) => names.label(asked) })
}

export interface ModelNamesPorts {
  snapshot(): Snapshot
  directory(): Pick<ModelDirectory, 'listed'>
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/**
 * Names of models that may be told: aliases, the targets of aliases and what providers list. Whatever else a client asks for, a provider
 * that answers it included, may be a client's own words.
 */
export class ModelNames {
  private readonly ports: ModelNamesPorts
  private seen: Snapshot | undefined
  private providers: ReadonlySet<string> = new Set()
  private configured: ReadonlySet<string> = new Set()
  private listed: ReadonlySet<string> = new Set()
  private listedMs = Number.NEGATIVE_INFINITY

  constructor(ports: ModelNamesPorts) {
    this.ports = ports
  }

  /** The name as it may be told, without a provider in front; undefined where it may not. */
  label(asked: string): string | undefined {
    this.refresh()
    if (this.knows(asked)) return asked
    const at = asked.indexOf('/')
    if (at < 0 || !this.providers.has(asked.slice(0, at))) return undefined
    const rest = asked.slice(at + 1)
    return this.knows(rest) ? rest : undefined
  }

  private knows(name: string): boolean {
    return this.configured.has(name) || this.listed.has(name)
  }

  private refresh(): void {
    const snapshot = this.ports.snapshot()
    if (snapshot !== this.seen) {
      this.seen = snapshot
      this.providers = new Set([...snapshot.allProviders.values()].map(({ id }) => id))
      this.configured = new Set(
        snapshot.allModels.flatMap(({ id, targets }) => [id, ...targets.map(({ model }) => model)]),
      )
    }
    const nowMs = this.ports.clock.monotonicMs()
    if (nowMs - this.listedMs < LIMITS.metricModelNamesMs) return
    this.listedMs = nowMs
    this.listed = new Set(
      [...snapshot.allProviders.values()].flatMap((provider) => this.listedBy(provider)),
    )
  }

  private listedBy(provider: Provider): readonly string[] {
    return (
      this.ports
        .directory()
        .listed(provider)
        ?.map(({ id }) => id) ?? []
    )
  }
}
