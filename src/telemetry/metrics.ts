// Everything counted in this process, told as text when somebody asks. A sink like the log: it may not slow a request, and its memory is
// bounded whatever clients send. No label holds a key, a secret or a word of a user.

import { METRICS, type MetricFamily } from '../core/metric-catalog.ts'
import type { Outcome, OutcomeSink } from '../core/outcome.ts'
import { RequestMetrics, type ModelNaming } from './metrics-requests.ts'
import { counter, type Distributions } from './metrics-series.ts'
import { MetricsText, type MetricsFormat } from './metrics-text.ts'

export interface MetricsOptions {
  /** Which names of models may be told; absent: none. */
  readonly naming?: ModelNaming
}

export class Metrics implements OutcomeSink {
  private readonly naming: ModelNaming
  private readonly requests: RequestMetrics
  private readonly limitRefusals = counter(METRICS.limitRefusals)
  private readonly budgetRefusals = counter(METRICS.budgetRefusals)
  private readonly budgetAlerts = counter(METRICS.budgetAlerts)
  private readonly configReloads = counter(METRICS.configReloads)

  constructor({ naming = () => undefined }: MetricsOptions = {}) {
    this.naming = naming
    this.requests = new RequestMetrics(naming)
  }

  /** Whether this name of a model is one that may be told. */
  mayName(model: string): boolean {
    return this.naming(model) !== undefined
  }

  record(outcome: Outcome): void {
    this.requests.record(outcome)
  }

  /** A budget has refused a request. @param per of what kind of subject @param cause `spent` or `unknown_price` */
  budgetRefused(per: string, cause: string): void {
    this.budgetRefusals.at([per, cause]).value += 1
  }

  /** Somebody was told, or not, that a budget has passed a threshold. */
  budgetAlert(per: string, way: string): void {
    this.budgetAlerts.at([per, way]).value += 1
  }

  /** A limit has refused a request. @param per of what kind of subject @param counts requests, tokens or what runs at once */
  limitRefused(per: string, counts: string): void {
    this.limitRefusals.at([per, counts]).value += 1
  }

  /** The configuration file has changed. `refused`: it is broken; `failed`: it could not be taken over. */
  configReloaded(result: 'success' | 'refused' | 'failed'): void {
    this.configReloads.at([result]).value += 1
  }

  /**
   * Everything counted since the start, and what holds now.
   * @param families counters and gauges kept elsewhere
   * @param others distributions kept elsewhere
   */
  render(
    families: readonly MetricFamily[] = [],
    format: MetricsFormat = 'prometheus',
    others: readonly Distributions[] = [],
  ): string {
    const text = new MetricsText(format)
    const { series } = this.requests
    for (const counts of series.counters) text.counts(counts)
    for (const distributions of [...series.histograms, ...others]) text.distributions(distributions)
    for (const counts of [
      this.limitRefusals,
      this.budgetRefusals,
      this.budgetAlerts,
      this.configReloads,
    ]) {
      text.counts(counts)
    }
    for (const family of families) text.family(family)
    return text.end()
  }
}
