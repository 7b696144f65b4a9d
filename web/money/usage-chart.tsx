// Usage as a chart over time: the groups that matter most in colours of their own, the rest together, and hours without requests as zero.

import type { ComponentChildren } from 'preact'
import { Chart, type ChartSeries } from '../components/chart.tsx'
import { formatCompact, formatUsd } from '../format.ts'
import type { Dimension, UsageRow } from './money-api.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const SERIES_MAX = 7

export const MEASURES = {
  cost: { words: 'Cost', of: (row: Amounts) => row.cost_usd, format: formatUsd },
  requests: { words: 'Requests', of: (row: Amounts) => row.requests, format: formatCompact },
  tokens: { words: 'Tokens', of: tokensOf, format: formatCompact },
  errors: { words: 'Errors', of: (row: Amounts) => row.errors, format: formatCompact },
} as const

export type Measure = keyof typeof MEASURES

export interface Amounts {
  readonly requests: number
  readonly errors: number
  readonly input_tokens: number
  readonly cache_read_tokens: number
  readonly cache_write_tokens: number
  readonly output_tokens: number
  readonly cost_usd: number
}

/** All of prompt and answer, those read from and written to a cache too. */
export function tokensOf(row: Amounts): number {
  return row.input_tokens + row.cache_read_tokens + row.cache_write_tokens + row.output_tokens
}

/** Whether hours are worth showing in a span, or days. */
export function stepOf(sinceMs: number, untilMs: number): 'hour' | 'day' {
  return untilMs - sinceMs <= 3 * DAY_MS ? 'hour' : 'day'
}

/** The value of a dimension as people know it. */
export function groupName(row: UsageRow, by: Dimension | undefined): string {
  if (by === undefined) return 'All'
  const named = (row as Readonly<Record<string, unknown>>)[`${by}_name`]
  const id = (row as Readonly<Record<string, unknown>>)[by]
  if (typeof named === 'string') return named
  return typeof id === 'string' ? id : 'none'
}

interface UsageChartProps {
  readonly label: string
  readonly rows: readonly UsageRow[]
  readonly since: string
  readonly until: string
  readonly step: 'hour' | 'day'
  /** Absent: all in one. */
  readonly by?: Dimension | undefined
  readonly measure: Measure
  readonly onZoom?: (sinceMs: number, untilMs: number) => void
  readonly height?: number
}

export function UsageChart(props: UsageChartProps): ComponentChildren {
  const { by, height = 220, label, measure, onZoom, rows, step } = props
  const { format } = MEASURES[measure]
  const times = timesOf(props)
  const series = seriesOf(props, times)
  return (
    <Chart
      key={`${step} ${measure}`}
      label={label}
      times={rows.length === 0 ? [] : times}
      series={series}
      kind={by === undefined ? 'bars' : 'stacked'}
      format={format}
      height={height}
      {...(onZoom === undefined ? {} : { onZoom })}
    />
  )
}

function timesOf({ since, step, until }: UsageChartProps): number[] {
  const sizeMs = step === 'hour' ? HOUR_MS : DAY_MS
  const first = Math.floor(Date.parse(since) / sizeMs) * sizeMs
  const count = Math.max(1, Math.ceil((Date.parse(until) - first) / sizeMs))
  return Array.from({ length: count }, (_, index) => first + index * sizeMs)
}

function seriesOf(
  { by, measure, rows, step }: UsageChartProps,
  times: readonly number[],
): ChartSeries[] {
  const { of, words } = MEASURES[measure]
  const totals = new Map<string, number>()
  for (const row of rows) {
    const name = groupName(row, by)
    totals.set(name, (totals.get(name) ?? 0) + of(row))
  }
  const largest = [...totals]
    .filter(([, total]) => total > 0 || totals.size === 1)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name]) => name)
  const shown = largest.slice(0, SERIES_MAX)
  const names = largest.length > SERIES_MAX ? [...shown, OTHERS] : shown
  const at = new Map(times.map((time, index) => [time, index]))
  const values = new Map(names.map((name) => [name, times.map(() => 0)]))
  for (const row of rows) {
    const time = Date.parse((step === 'hour' ? row.hour : row.day) ?? '')
    const index = at.get(time)
    const name = groupName(row, by)
    const line = values.get(shown.includes(name) ? name : OTHERS)
    if (index !== undefined && line !== undefined) line[index] = (line[index] ?? 0) + of(row)
  }
  return [...values].map(([name, line]) => ({
    label: by === undefined ? words : name,
    values: line,
  }))
}

const OTHERS = 'all others'
