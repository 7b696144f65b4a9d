// Draws a chart with uPlot: the colours of the theme, as wide as its place, with what is under the pointer in words. A chunk of its own, so that
// pages without charts don't load it.

import uPlot from 'uplot'
import { formatClock, formatDay, formatTime } from '../format.ts'
import type { ChartSeries } from './chart.tsx'

interface ChartData {
  readonly times: readonly number[]
  readonly series: readonly ChartSeries[]
  readonly kind: 'line' | 'area' | 'bars' | 'stacked'
  readonly format: (value: number | null) => string
  readonly height: number
}

export interface Drawn {
  update(times: readonly number[], series: readonly ChartSeries[]): void
  destroy(): void
}

const COLOURS = 8

export function drawChart(
  box: HTMLElement,
  data: ChartData,
  onZoom: (sinceMs: number, untilMs: number) => void,
): Drawn {
  const { format, height, kind } = data
  const colourOf = readColours(box)
  const ink = colourOf('--ink-soft')
  const grid = { stroke: colourOf('--line-soft'), width: 1 }
  let shown = data.series
  const tip = document.createElement('div')
  tip.className = 'chart-tip'
  tip.hidden = true
  const plot = new uPlot(
    {
      width: Math.max(120, box.clientWidth),
      height,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
      scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
      axes: [
        {
          stroke: ink,
          grid: { show: false },
          ticks: { show: false },
          font: '11px system-ui',
          values: (_plot, splits, _axis, _space, step) => timeWords(splits, step),
          size: 38,
        },
        {
          stroke: ink,
          grid,
          ticks: { show: false },
          font: '11px system-ui',
          size: (_plot, values) =>
            14 + 6.5 * Math.max(3, ...(values ?? []).map((text) => text.length)),
          values: (_plot, splits) => splits.map((value) => format(value)),
        },
      ],
      series: [
        {},
        ...data.series.map(({ label, tone }, index) => {
          const colour = colourOf(
            tone === undefined ? `--chart-${index % COLOURS}` : `--chart-${tone}`,
          )
          return {
            label,
            stroke: colour,
            width: kind === 'bars' ? 0 : 1.75,
            points: { show: data.times.length < 2 },
            ...(kind === 'line' ? {} : { fill: kind === 'area' ? faded(colour) : colour }),
            ...(kind === 'bars' || kind === 'stacked' ? { paths: bars() } : {}),
          }
        }),
      ],
      hooks: {
        setCursor: [(own) => showTip(own, tip, () => shown, format)],
        setSelect: [
          (own) => {
            const { left, width } = own.select
            if (width < 4) return
            onZoom(own.posToVal(left, 'x') * 1_000, own.posToVal(left + width, 'x') * 1_000)
            own.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          },
        ],
      },
    },
    valuesOf(data.times, data.series, kind),
    box,
  )
  plot.over.append(tip)
  const observer = new ResizeObserver(() => {
    if (box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height })
  })
  observer.observe(box)
  return {
    update(times, series) {
      shown = series
      plot.setData(valuesOf(times, series, kind))
    },
    destroy() {
      observer.disconnect()
      plot.destroy()
    },
  }
}

/** Times of an axis in this machine's zone: a day's name where it begins, hours within it. */
function timeWords(splits: readonly number[], stepSeconds: number): string[] {
  const dayOf = (at: number) => formatDay(at * 1_000)
  return splits.map((at, index) => {
    if (stepSeconds >= DAY_SECONDS) return dayOf(at)
    const before = splits[index - 1]
    const isNewDay = before === undefined || dayOf(before) !== dayOf(at)
    return isNewDay ? `${formatClock(at * 1_000)}\n${dayOf(at)}` : formatClock(at * 1_000)
  })
}

const DAY_SECONDS = 86_400

function bars() {
  const make = uPlot.paths.bars
  if (make === undefined) throw new RangeError('this uPlot draws no bars')
  return make({ size: [0.7, 40], radius: 0.1 })
}

/** Stacked ones are drawn from the whole down: each on top of those behind it. */
function valuesOf(
  times: readonly number[],
  series: readonly ChartSeries[],
  kind: ChartData['kind'],
): uPlot.AlignedData {
  const seconds = times.map((at) => at / 1_000)
  if (kind !== 'stacked') return [seconds, ...series.map(({ values }) => [...values])]
  const above = times.map(() => 0)
  const stacked = series.toReversed().map(({ values }) =>
    values.map((value, index) => {
      above[index] = (above[index] ?? 0) + (value ?? 0)
      return above[index] ?? 0
    }),
  )
  return [seconds, ...stacked.toReversed()]
}

function showTip(
  plot: uPlot,
  tip: HTMLElement,
  seriesNow: () => readonly ChartSeries[],
  format: ChartData['format'],
): void {
  const { idx, left = -1 } = plot.cursor
  const at = idx === null || idx === undefined ? undefined : plot.data[0][idx]
  tip.hidden = at === undefined || left < 0
  if (at === undefined || idx === null || idx === undefined) return
  const head = document.createElement('strong')
  head.textContent = formatTime(at * 1_000)
  const lines = seriesNow().map(({ label, values }) => {
    const line = document.createElement('div')
    line.textContent = `${label}: ${format(values[idx] ?? null)}`
    return line
  })
  tip.replaceChildren(head, ...lines)
  const isRight = left > plot.over.clientWidth / 2
  tip.style.left = isRight ? 'auto' : `${left + 12}px`
  tip.style.right = isRight ? `${plot.over.clientWidth - left + 12}px` : 'auto'
}

/** Colours as the theme has them now: a canvas knows no custom properties. */
function readColours(box: HTMLElement): (name: string) => string {
  const probe = document.createElement('span')
  box.append(probe)
  const known = new Map<string, string>()
  queueMicrotask(() => probe.remove())
  return (name) => {
    const found = known.get(name)
    if (found !== undefined) return found
    probe.style.color = `var(${name})`
    const colour = getComputedStyle(probe).color
    known.set(name, colour)
    return colour
  }
}

function faded(colour: string): string {
  return colour.replace(/^rgb\((.+)\)$/, 'rgba($1, 0.14)')
}
