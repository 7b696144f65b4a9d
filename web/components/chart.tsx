// A chart over time: drawn by uPlot, which comes when the first chart is looked at; the same numbers as a table for those who can't see it.

import { useSignal } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'
import { formatCompact, formatTime } from '../format.ts'
import { shownTheme } from '../theme.ts'
import type { Drawn } from './chart-draw.ts'
import { Skeleton } from './states.tsx'

export interface ChartSeries {
  readonly label: string
  /** One for each time; null is a gap. */
  readonly values: readonly (number | null)[]
  /** By what it means; without, the next colour of the row. */
  readonly tone?: 'good' | 'warn' | 'bad' | 'neutral'
}

export interface ChartProps {
  /** What it shows, for those who hear it. */
  readonly label: string
  /** UTC milliseconds, ascending. */
  readonly times: readonly number[]
  readonly series: readonly ChartSeries[]
  readonly kind?: 'line' | 'area' | 'bars' | 'stacked'
  /** A value in words: on the axis, on hover and in the table. */
  readonly format?: (value: number | null) => string
  /** In CSS pixels. */
  readonly height?: number
  /** A span was dragged over. */
  readonly onZoom?: (sinceMs: number, untilMs: number) => void
}

export function Chart({
  format = formatCompact,
  height = 180,
  kind = 'area',
  label,
  onZoom,
  series,
  times,
}: ChartProps) {
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const drawn = useRef<Drawn | undefined>(undefined)
  const isReady = useSignal(false)
  const zoom = useRef(onZoom)
  zoom.current = onZoom
  const shape = JSON.stringify([
    kind,
    height,
    shownTheme.value,
    series.map((each) => [each.label, each.tone]),
  ])

  useEffect(() => {
    let isGone = false
    void import('./chart-draw.ts').then(({ drawChart }) => {
      if (isGone || box.current === null) return
      drawn.current = drawChart(
        box.current,
        { times, series, kind, format, height },
        (since, until) => zoom.current?.(since, until),
      )
      isReady.value = true
    })
    return () => {
      isGone = true
      drawn.current?.destroy()
      drawn.current = undefined
    }
  }, [shape])
  useEffect(() => drawn.current?.update(times, series), [times, series])

  const isEmpty = times.length === 0
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id} class="visually-hidden">
        {label}
      </figcaption>
      {!isReady.value && !isEmpty && <Skeleton rows={1} height={height} />}
      {isEmpty && (
        <p class="chart-empty soft" style={{ height: `${height}px` }}>
          Nothing in this range.
        </p>
      )}
      <div ref={box} class="chart-box" aria-hidden="true" hidden={isEmpty} />
      <ChartLegend series={series} />
      <ChartTable {...{ format, label, series, times }} />
    </figure>
  )
}

function ChartLegend({ series }: { series: readonly ChartSeries[] }) {
  if (series.length < 2) return null
  return (
    <ul class="chart-legend" aria-hidden="true">
      {series.map(({ label, tone }, index) => (
        <li key={label}>
          <span class={`chart-key chart-${tone ?? index % 8}`} />
          {label}
        </li>
      ))}
    </ul>
  )
}

const TABLE_ROWS_MAX = 60

/** At most some dozens of rows: nobody listens to a thousand. */
function ChartTable({
  format,
  label,
  series,
  times,
}: Required<Pick<ChartProps, 'format' | 'label' | 'series' | 'times'>>) {
  const step = Math.max(1, Math.ceil(times.length / TABLE_ROWS_MAX))
  const rows = times.map((at, index) => ({ at, index })).filter(({ index }) => index % step === 0)
  return (
    <div class="visually-hidden">
      <table>
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map((each) => (
              <th key={each.label} scope="col">
                {each.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, index }) => (
            <tr key={at}>
              <th scope="row">{formatTime(at)}</th>
              {series.map((each) => (
                <td key={each.label}>{format(each.values[index] ?? null)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
