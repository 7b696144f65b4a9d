// The table of every metric for `docs/monitoring.md`, from the one table in the code. It stands there between two marks; what is around
// them is written by hand.

import { METRICS, type MetricArea, type MetricDefinition } from '../core/metric-catalog.ts'

const BEGIN = '<!-- metrics: written by `bun run docs` -->'
const END = '<!-- end of metrics -->'

const AREAS: Readonly<Record<MetricArea, string>> = {
  requests: 'Requests of clients',
  providers: 'Providers',
  use: 'Models, tokens and cost',
  limits: 'Limits and budgets',
  guardrails: 'Guardrails',
  cache: 'Response cache',
  log: 'Request log and store',
  telemetry: 'Exports',
  runtime: 'Process',
}

/** The page with the table of now in it. @throws Error where the marks are missing */
export function withMetricsTable(page: string): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error('docs/monitoring.md has no place for the metrics.')
  return `${page.slice(0, from + BEGIN.length)}\n\n${metricsTable()}\n\n${page.slice(to)}`
}

function metricsTable(): string {
  const all: readonly MetricDefinition[] = Object.values(METRICS)
  return (Object.keys(AREAS) as MetricArea[])
    .map((area) =>
      tableOf(
        AREAS[area],
        all.filter((metric) => metric.area === area),
      ),
    )
    .join('\n\n')
}

function tableOf(title: string, metrics: readonly MetricDefinition[]): string {
  const rows = metrics.map(
    ({ help, labels, name, type }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`,
  )
  return [
    `### ${title}`,
    '',
    '| name | type | labels | meaning |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
}
