// The few forms of queries and panels that the dashboards are made of.

import type { PanelSpec, Query } from './dashboard-json.ts'

/** The instances that are chosen above a dashboard. */
export const SELECTED = 'instance=~"$instance"'

/** How fast a counter grows, in a second. */
export function rate(metric: string, matching = ''): string {
  return `rate(${metric}{${SELECTED}${matching === '' ? '' : `,${matching}`}}[$__rate_interval])`
}

export function increase(metric: string): string {
  return `increase(${metric}{${SELECTED}}[$__rate_interval])`
}

/** The sum by these labels; by none: of all. */
export function by(labels: string, expression: string): string {
  return labels === '' ? `sum(${expression})` : `sum by (${labels}) (${expression})`
}

/** A quantile of a histogram, by these labels. */
export function quantile(share: number, metric: string, labels = ''): string {
  const kept = labels === '' ? 'le' : `le, ${labels}`
  return `histogram_quantile(${share}, ${by(kept, rate(`${metric}_bucket`))})`
}

export function lines(title: string, unit: string, ...queries: Query[]): PanelSpec {
  return { title, kind: 'lines', unit, queries }
}

export function stacked(title: string, unit: string, ...queries: Query[]): PanelSpec {
  return { title, kind: 'stacked', unit, queries }
}

export function number(
  title: string,
  unit: string,
  expression: string,
  more: Pick<PanelSpec, 'alarm' | 'words'> = {},
): PanelSpec {
  return { title, kind: 'number', unit, queries: [[expression, title]], ...more }
}
