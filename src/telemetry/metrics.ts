// Counters over outcomes, told to Prometheus as text when it asks. A sink like the log: it may not slow a request, and its
// memory is bounded whatever clients send. No label holds a key, a secret or a word of a user.

import { LIMITS } from '../core/limits.ts'
import type { Outcome, OutcomeSink } from '../core/outcome.ts'
import { VERSION } from '../core/version.ts'

/** The type of `render`'s text: https://prometheus.io/docs/instrumenting/exposition_formats/. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Stands for a value that may not be told, or that came after the bound of its metric. */
const OTHER = 'other'

/** Label values are words of the program and names of the configuration, never free text. */
const SAFE_VALUE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Names of models have more signs. Who makes a gauge sees to it that none of them is a client's invention. */
const SAFE_GAUGE_VALUE = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$/

/** What holds at the moment it is asked for. */
export interface GaugeFamily {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  /** One for each combination of labels; what comes beyond the bound of a metric is left out. */
  readonly samples: readonly { readonly labels: readonly string[]; readonly value: number }[]
}

interface Series {
  readonly labels: readonly string[]
  count: number
}

/** One metric with its combinations of labels. */
class Counter {
  private readonly name: string
  private readonly help: string
  private readonly labelNames: readonly string[]
  private readonly series = new Map<string, Series>()

  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
  }

  add(values: readonly (string | undefined)[]): void {
    // A combination that is known is told by its own words; one with a line end in a value has more parts than any.
    const seen = this.series.get(values.join('\n'))
    if (seen !== undefined) {
      seen.count += 1
      return
    }
    const labels = values.map((value) => (value === undefined ? '' : safe(value)))
    const known = this.series.get(labels.join('\n'))
    if (known !== undefined) known.count += 1
    else if (this.series.size < LIMITS.metricSeriesMax - 1) this.open(labels)
    else this.addToOther()
  }

  render(lines: string[]): void {
    lines.push(`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} counter`)
    for (const { labels, count } of this.series.values()) {
      const pairs = this.labelNames.map((name, index) => `${name}="${labels[index] ?? ''}"`)
      lines.push(`${this.name}{${pairs.join(',')}} ${count}`)
    }
  }

  private addToOther(): void {
    const labels = this.labelNames.map(() => OTHER)
    const known = this.series.get(labels.join('\n'))
    if (known === undefined) this.open(labels)
    else known.count += 1
  }

  private open(labels: readonly string[]): void {
    this.series.set(labels.join('\n'), { labels, count: 1 })
  }
}

function safe(value: string): string {
  return SAFE_VALUE.test(value) ? value : OTHER
}

function renderGauge({ help, labelNames, name, samples }: GaugeFamily, lines: string[]): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`)
  const seen = new Set<string>()
  for (const { labels, value } of samples) {
    const values = labels.map((label) => (SAFE_GAUGE_VALUE.test(label) ? label : OTHER))
    const pairs = labelNames.map((label, index) => `${label}="${values[index] ?? ''}"`).join(',')
    if (seen.has(pairs) || seen.size >= LIMITS.metricSeriesMax) continue
    seen.add(pairs)
    lines.push(`${name}${pairs === '' ? '' : `{${pairs}}`} ${value}`)
  }
}

/** Counts every outcome. */
export class Metrics implements OutcomeSink {
  private readonly requests = new Counter(
    'weir_requests_total',
    'Requests that have ended, by what was asked, who was asked and how it ended.',
    ['operation', 'client', 'provider', 'mode', 'status', 'error'],
  )
  private readonly losses = new Counter(
    'weir_losses_total',
    'Parts of requests and answers that a protocol could not carry (dropped) or not as they were (adapted).',
    ['feature', 'client', 'provider_dialect', 'action'],
  )

  private readonly retries = new Counter(
    'weir_retries_total',
    'Attempts that asked the same target once more.',
    ['provider'],
  )
  private readonly hedges = new Counter(
    'weir_hedges_total',
    'Attempts made beside one that kept silent for long.',
    ['provider'],
  )
  private readonly continuations = new Counter(
    'weir_continuations_total',
    'Attempts to have the rest of an answer that broke off.',
    ['provider'],
  )
  private readonly fallbacks = new Counter(
    'weir_fallbacks_total',
    'Requests that went on to another model, by that model and the cause.',
    ['model', 'cause'],
  )

  private readonly budgetRefusals = new Counter(
    'weir_budget_refusals_total',
    'Requests that a budget refused, by whom it is kept for and why.',
    ['per', 'cause'],
  )
  private readonly budgetAlerts = new Counter(
    'weir_budget_alerts_total',
    'Alerts of budgets, by whom they are kept for and how they were told.',
    ['per', 'way'],
  )
  private readonly limitRefusals = new Counter(
    'weir_limit_refusals_total',
    'Requests that a limit refused, by what it counts and for whom.',
    ['per', 'counts'],
  )

  /** A budget has refused a request. @param per of what kind of subject @param cause `spent` or `unknown_price` */
  budgetRefused(per: string, cause: string): void {
    this.budgetRefusals.add([per, cause])
  }

  /** Somebody was told, or not, that a budget has passed a threshold. */
  budgetAlert(per: string, way: string): void {
    this.budgetAlerts.add([per, way])
  }

  /** A limit has refused a request. @param per of what kind of subject @param counts requests, tokens or what runs at once */
  limitRefused(per: string, counts: string): void {
    this.limitRefusals.add([per, counts])
  }

  record(outcome: Outcome): void {
    const { clientFormat, losses, mode, operation, providerDialect, providerId } = outcome
    this.requests.add([
      operation,
      clientFormat,
      providerId,
      mode,
      String(outcome.status),
      outcome.errorKind,
    ])
    for (const { action, feature } of losses) {
      this.losses.add([feature, clientFormat, providerDialect, action])
    }
    this.recordWay(outcome)
  }

  private recordWay({ attempts, route = [] }: Outcome): void {
    for (const { as, providerId } of attempts) {
      if (as === 'retry') this.retries.add([providerId])
      else if (as === 'hedge') this.hedges.add([providerId])
      else if (as === 'continuation') this.continuations.add([providerId])
    }
    for (const { fallbackFor, model } of route) {
      if (fallbackFor !== undefined) this.fallbacks.add([model, fallbackFor])
    }
  }

  /** Everything counted since the start and the gauges of now, in Prometheus' text format 0.0.4. */
  render(gauges: readonly GaugeFamily[] = []): string {
    const lines = [
      '# HELP weir_build_info The running version, as a label.',
      '# TYPE weir_build_info gauge',
      `weir_build_info{version="${VERSION}"} 1`,
    ]
    this.requests.render(lines)
    this.losses.render(lines)
    for (const counter of [
      this.retries,
      this.hedges,
      this.continuations,
      this.fallbacks,
      this.limitRefusals,
      this.budgetRefusals,
      this.budgetAlerts,
    ]) {
      counter.render(lines)
    }
    for (const gauge of gauges) renderGauge(gauge, lines)
    return `${lines.join('\n')}\n`
  }
}
