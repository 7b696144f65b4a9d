// From a few words to what Grafana reads: a dashboard as JSON of its schema version 39 (Grafana 10 and later). It lays panels out in rows and
// knows how each kind is drawn; what is drawn is `dashboards.ts`'.

import type { JsonObject } from '../core/json.ts'

/** One line of a panel: an expression, and what the legend calls it. */
export type Query = readonly [expression: string, legend: string]

export interface PanelSpec {
  readonly title: string
  /** What to think of it, where the title does not say it. */
  readonly description?: string
  readonly kind: 'lines' | 'stacked' | 'number' | 'table' | 'heatmap'
  /** Grafana's name of the unit: `s`, `reqps`, `percentunit`, `currencyUSD`, `bytes`, `short`. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** Of 24; absent: 8, and 4 for a number. */
  readonly width?: number
  /** From these values on it is yellow and red. */
  readonly alarm?: readonly [yellow: number, red: number]
  /** Values may lie below 0. */
  readonly isSigned?: true
  /** Words for values, by value. */
  readonly words?: Readonly<Record<string, string>>
}

export interface DashboardSpec {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly rows: readonly { readonly title: string; readonly panels: readonly PanelSpec[] }[]
}

const SOURCE = { type: 'prometheus', uid: '${datasource}' }
const TYPES = {
  lines: 'timeseries',
  stacked: 'timeseries',
  number: 'stat',
  table: 'table',
  heatmap: 'heatmap',
} as const
const WIDTH = 24
const HEIGHTS = { lines: 8, stacked: 8, number: 4, table: 8, heatmap: 8 } as const

/** The whole dashboard, with a choice of data source and instances above it. */
export function dashboardJson({ description, rows, title, uid }: DashboardSpec): JsonObject {
  return {
    uid,
    title,
    description,
    tags: ['weir'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    links: [
      {
        title: 'Weir',
        type: 'dashboards',
        tags: ['weir'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'instance',
          label: 'Instance',
          type: 'query',
          datasource: SOURCE,
          query: { query: 'label_values(weir_build_info, instance)', refId: 'instances' },
          definition: 'label_values(weir_build_info, instance)',
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { selected: true, text: 'All', value: '$__all' },
        },
      ],
    },
    panels: panelsOf(rows),
  }
}

function panelsOf(rows: DashboardSpec['rows']): JsonObject[] {
  const all: JsonObject[] = []
  let y = 0
  for (const { panels, title } of rows) {
    all.push({ id: all.length + 1, type: 'row', title, gridPos: { x: 0, y, w: WIDTH, h: 1 } })
    y += 1
    let x = 0
    let height = 0
    for (const panel of panels) {
      const w = panel.width ?? (panel.kind === 'number' ? 4 : 8)
      const h = HEIGHTS[panel.kind]
      if (x + w > WIDTH) {
        y += height
        x = height = 0
      }
      all.push(panelJson(panel, all.length + 1, { x, y, w, h }))
      x += w
      height = Math.max(height, h)
    }
    y += height
  }
  return all
}

function panelJson(panel: PanelSpec, id: number, gridPos: JsonObject): JsonObject {
  const { description, kind, queries, title } = panel
  return {
    id,
    type: TYPES[kind],
    title,
    ...(description === undefined ? {} : { description }),
    gridPos,
    datasource: SOURCE,
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCodePoint('A'.codePointAt(0)! + index),
      datasource: SOURCE,
      expr,
      legendFormat,
      ...(kind === 'table' ? { format: 'table', instant: true } : {}),
      ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
      ...(kind === 'number' ? { instant: true } : {}),
    })),
    fieldConfig: { defaults: fieldDefaults(panel), overrides: [] },
    options: optionsOf(panel),
  }
}

function fieldDefaults({ alarm, isSigned, kind, unit, words }: PanelSpec): JsonObject {
  const steps: JsonObject[] = [{ color: 'green', value: null }]
  if (alarm !== undefined) {
    steps.push({ color: 'yellow', value: alarm[0] }, { color: 'red', value: alarm[1] })
  }
  const options = Object.fromEntries(
    Object.entries(words ?? {}).map(([value, text], index) => [value, { text, index }]),
  )
  return {
    unit,
    ...(isSigned === true ? {} : { min: 0 }),
    thresholds: { mode: 'absolute', steps },
    ...(words === undefined ? {} : { mappings: [{ type: 'value', options }] }),
    ...(kind === 'lines' || kind === 'stacked'
      ? {
          custom: {
            drawStyle: 'line',
            lineWidth: 1,
            fillOpacity: kind === 'stacked' ? 30 : 8,
            showPoints: 'never',
            stacking: { mode: kind === 'stacked' ? 'normal' : 'none', group: 'A' },
          },
        }
      : {}),
  }
}

function optionsOf({ kind }: PanelSpec): JsonObject {
  if (kind === 'number') {
    return {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'value',
      graphMode: 'none',
    }
  }
  if (kind === 'table') return { showHeader: true, cellHeight: 'sm' }
  if (kind === 'heatmap') return { calculate: false, yAxis: { unit: 's' } }
  return {
    legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  }
}
