// The numbers behind a metric: one series for each combination of labels, bounded, found by its labels when it is first needed and held on
// to by whoever counts often. Nothing here makes text for a scrape, and no label value gets in that was not looked at.

import { LIMITS } from '../core/limits.ts'
import type { MetricDefinition } from '../core/metric-catalog.ts'

/** Stands for a value that may not be told, or that came after the bound of its metric. */
export const OTHER = 'other'

/** Label values are words of the program and names of the configuration, never free text. */
const SAFE_VALUE = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$/

/** A label value as it may be told: nothing is told as an empty one. */
export function safeLabel(value: string | undefined): string {
  if (value === undefined || value === '') return ''
  return SAFE_VALUE.test(value) ? value : OTHER
}

/** One series of a counter. Whoever counts adds to it. */
export class Count {
  readonly labels: readonly string[]
  value = 0

  constructor(labels: readonly string[]) {
    this.labels = labels
  }
}

/** One series of a histogram. */
export class Distribution {
  readonly labels: readonly string[]
  /** Values that fell between a bound and the one before it; the last place is of those above all bounds. */
  readonly counts: number[]
  sum = 0
  private readonly bounds: readonly number[]

  constructor(labels: readonly string[], bounds: readonly number[]) {
    this.labels = labels
    this.bounds = bounds
    this.counts = Array.from(bounds, () => 0)
    this.counts.push(0)
  }

  /** @param value in the unit of the metric; what is no number is left out */
  observe(value: number): void {
    // NaN fails this too.
    if (!(value >= 0) || value === Infinity) return
    const { bounds, counts } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at += 1
    counts[at]! += 1
    this.sum += value
  }
}

/** A place on the way through the labels of a series, each of them as it came. */
class Place<T> {
  series: T | undefined
  readonly next = new Map<string | undefined, Place<T>>()
}

/** All series of one metric. */
export class Series<T extends Count | Distribution> {
  readonly definition: MetricDefinition
  private readonly known = new Map<string, T>()
  /** The same by their labels as they came: what was asked for before is found without making a text or looking at its letters. */
  private readonly start = new Place<T>()
  private remembered = 0
  private readonly make: (labels: readonly string[]) => T
  private readonly max: number

  constructor(definition: MetricDefinition, max: number, make: (labels: readonly string[]) => T) {
    this.definition = definition
    this.max = max
    this.make = make
  }

  get all(): Iterable<T> {
    return this.known.values()
  }

  /** The series of these labels, made where there is none; beyond the bound the one that stands for the rest. */
  at(values: readonly (string | undefined)[]): T {
    let place: Place<T> | undefined = this.start
    for (const value of values) {
      place = place.next.get(value)
      if (place === undefined) break
    }
    return place?.series ?? this.remember(values, this.find(values))
  }

  /** As many combinations as there may be series; any others are looked up each time. */
  private remember(values: readonly (string | undefined)[], series: T): T {
    if (this.remembered >= this.max) return series
    this.remembered += 1
    let place = this.start
    for (const value of values) {
      const next = place.next.get(value) ?? new Place<T>()
      place.next.set(value, next)
      place = next
    }
    place.series = series
    return series
  }

  private find(values: readonly (string | undefined)[]): T {
    const labels = values.map(safeLabel)
    const name = labels.join('\n')
    const known = this.known.get(name)
    if (known !== undefined) return known
    if (this.known.size < this.max - 1) return this.open(name, labels)
    const others = this.definition.labels.map(() => OTHER)
    const rest = others.join('\n')
    return this.known.get(rest) ?? this.open(rest, others)
  }

  private open(name: string, labels: readonly string[]): T {
    const made = this.make(labels)
    this.known.set(name, made)
    return made
  }
}

export type Counts = Series<Count>
export type Distributions = Series<Distribution>

export function counter(definition: MetricDefinition): Counts {
  return new Series(definition, LIMITS.metricSeriesMax, (labels) => new Count(labels))
}

export function histogram(definition: MetricDefinition): Distributions {
  const { buckets = [] } = definition
  return new Series(
    definition,
    LIMITS.metricHistogramSeriesMax,
    (labels) => new Distribution(labels, buckets),
  )
}
