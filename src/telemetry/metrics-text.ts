// Metrics as text, made when somebody asks: Prometheus' format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/) and
// OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md). It reads numbers and changes none.

import { LIMITS } from '../core/limits.ts'
import { metricUnit, type MetricDefinition, type MetricFamily } from '../core/metric-catalog.ts'
import { safeLabel, type Count, type Distribution, type Series } from './metrics-series.ts'

export type MetricsFormat = 'prometheus' | 'openmetrics'

export const METRICS_CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format that an `Accept` header prefers (RFC 9110 §12.5.1); whoever has no wish gets the older one, which everybody reads. */
export function preferredFormat(accept: string | undefined): MetricsFormat {
  let open = 0
  let plain = 0
  for (const part of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = part.split(';').map((word) => word.trim())
    const values = new Map(parameters.map((text) => text.split('=', 2) as [string, string]))
    const told = Number(values.get('q') ?? 1)
    const weight = told >= 0 && told <= 1 ? told : 0
    const version = values.get('version')
    if (type === 'application/openmetrics-text') {
      if (version === undefined || version === '1.0.0') open = Math.max(open, weight)
    } else if (type === 'text/plain') {
      if (version === undefined || version === '0.0.4') plain = Math.max(plain, weight)
    }
  }
  return open > 0 && open >= plain ? 'openmetrics' : 'prometheus'
}

/** Gathers the lines of one scrape. */
export class MetricsText {
  private readonly lines: string[] = []
  private readonly format: MetricsFormat

  constructor(format: MetricsFormat) {
    this.format = format
  }

  counts({ all, definition }: Series<Count>): void {
    this.head(definition)
    const { divisor = 1, labels: names, name } = definition
    for (const { labels, value } of all) {
      this.lines.push(`${name}${labelText(names, labels)} ${value / divisor}`)
    }
  }

  distributions({ all, definition }: Series<Distribution>): void {
    this.head(definition)
    const { buckets = [], labels: names, name } = definition
    for (const { counts, labels, sum } of all) {
      const pairs = labelPairs(names, labels)
      const before = pairs === '' ? '' : `${pairs},`
      let below = 0
      counts.forEach((count, at) => {
        below += count
        this.lines.push(`${name}_bucket{${before}le="${boundText(buckets[at])}"} ${below}`)
      })
      const text = pairs === '' ? '' : `{${pairs}}`
      this.lines.push(`${name}_sum${text} ${sum}`, `${name}_count${text} ${below}`)
    }
  }

  /** What holds now; a combination of labels that comes again, or beyond the bound, is left out. */
  family({ definition, samples }: MetricFamily): void {
    this.head(definition)
    const { labels: names, name } = definition
    const seen = new Set<string>()
    for (const { labels, value } of samples) {
      const text = labelText(names, labels.map(safeLabel))
      if (seen.has(text) || seen.size >= LIMITS.metricSeriesMax) continue
      seen.add(text)
      this.lines.push(`${name}${text} ${value}`)
    }
  }

  end(): string {
    if (this.format === 'openmetrics') this.lines.push('# EOF')
    return `${this.lines.join('\n')}\n`
  }

  private head(definition: MetricDefinition): void {
    const { help, name, type } = definition
    const isOpen = this.format === 'openmetrics'
    // There the family of a counter is named without the ending of its samples.
    const family = isOpen && type === 'counter' ? name.replace(/_total$/, '') : name
    this.lines.push(`# HELP ${family} ${help}`, `# TYPE ${family} ${type}`)
    const unit = isOpen ? metricUnit(definition) : undefined
    if (unit !== undefined) this.lines.push(`# UNIT ${family} ${unit}`)
  }
}

function labelText(names: readonly string[], values: readonly string[]): string {
  const pairs = labelPairs(names, values)
  return pairs === '' ? '' : `{${pairs}}`
}

function labelPairs(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${values[index] ?? ''}"`).join(',')
}

/** The same in both formats, so that a series is the same whichever was agreed on; OpenMetrics wants a point in it. */
function boundText(bound: number | undefined): string {
  if (bound === undefined) return '+Inf'
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}
