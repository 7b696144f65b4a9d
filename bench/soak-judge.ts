// What a soak proves: memory at its quiet points, times of the first part beside the last, and the bounds that make a verdict; memory
// under load as a slope with its confidence, to be looked at. Pure numbers in, words out; it must know nothing of how they were come by.

import type { Outcome, Told } from './soak-client.ts'
import { quantile } from './driver.ts'

/** Resident memory at a moment. */
export interface Sample {
  readonly atMs: number
  readonly mib: number
}

export interface Slope {
  readonly mibPerMinute: number
  /** Half the width of the 95 % interval. */
  readonly plusMinus: number
}

/** What memory was at a quiet point: nothing under way, and settled. */
export interface Floor {
  /** Of load: quiet does not count. */
  readonly loadMs: number
  readonly mib: number
  /** JavaScript heap after its last collection. */
  readonly heapMib: number
  /** That had ended by then. */
  readonly requests: number
  /** It moved no more. */
  readonly isSettled: boolean
}

export interface Growth {
  readonly mib: number
  readonly mibPerMinute: number
  readonly kibPerRequest: number
}

/** From the first floor, which is behind the warm-up, to the last. Undefined for fewer than two that were measured. */
export function growthOf(floors: readonly Floor[]): Growth | undefined {
  const known = floors.filter(({ mib }) => !Number.isNaN(mib))
  const [first] = known
  const last = known.at(-1)
  if (first === undefined || last === undefined || first === last) return undefined
  const mib = last.mib - first.mib
  return {
    mib,
    mibPerMinute: (mib * 60_000) / (last.loadMs - first.loadMs),
    kibPerRequest: (mib * 1_024) / Math.max(1, last.requests - first.requests),
  }
}

/**
 * The least of each of so many stretches counts: what is left after the collections of most of a minute. What comes and goes (large
 * answers held back for slow readers, garbage) lies above it and hides a leak in a mean; shorter stretches hang together, and what
 * hangs together makes a slope look certain that is none.
 */
const STRETCHES = 8

/** Two-sided 95 % of Student's t, by degrees of freedom from one on. */
const T95 = [
  12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13,
]

function t95(degrees: number): number {
  return T95[degrees - 1] ?? 1.96 + 2.4 / degrees
}

/** Least squares over what came after the first third. Undefined for fewer than four stretches with samples. */
export function slopeOf(samples: readonly Sample[]): Slope | undefined {
  const first = samples[0]?.atMs ?? 0
  const last = samples.at(-1)?.atMs ?? 0
  const from = first + (last - first) / 3
  const stretches: (Sample | undefined)[] = Array.from({ length: STRETCHES }, () => undefined)
  for (const sample of samples) {
    if (sample.atMs < from) continue
    const share = (sample.atMs - from) / (last - from)
    const index = Math.min(STRETCHES - 1, Math.floor(share * STRETCHES))
    const least = stretches[index]
    if (least === undefined || sample.mib < least.mib) stretches[index] = sample
  }
  const points = stretches
    .filter((least) => least !== undefined)
    .map(({ atMs, mib }) => ({ x: atMs / 60_000, y: mib }))
  if (points.length < 4) return undefined
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanX, meanY] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))]
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  const mibPerMinute = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread
  const degrees = points.length - 2
  const rest = points.reduce(
    (sum, { x, y }) => sum + (y - meanY - mibPerMinute * (x - meanX)) ** 2,
    0,
  )
  return {
    mibPerMinute,
    plusMinus: t95(degrees) * Math.sqrt(rest / degrees / spread),
  }
}

/** Times of some answers, milliseconds. */
export interface Times {
  readonly p50: number
  readonly p99: number
  readonly count: number
}

export function timesOf(values: readonly number[]): Times {
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort()
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), count: sorted.length }
}

/** How a first token was waited for: of answers with no fault on their way, read at once. */
export function firstTimes(told: readonly Told[]): Times {
  return timesOf(told.filter(isPlain).map(({ firstMs }) => firstMs))
}

export function totalTimes(told: readonly Told[]): Times {
  return timesOf(told.filter(isPlain).map(({ totalMs }) => totalMs))
}

function isPlain({ errand, outcome }: Told): boolean {
  return outcome === 'right' && errand.habit === 'reads' && errand.plan.fault === 'none'
}

/** Bounds of the verdict, all stated in the output. */
export interface Bounds {
  /** MiB that the last floor may be above the first, whatever the time, and for each minute of load between them. */
  readonly growthMaxMib: number
  readonly growthMax: number
  /** The last part's p99 of the first token may be so many times the first part's, and a little more. */
  readonly slowerTimesMax: number
  readonly slowerMsMax: number
}

export const BOUNDS: Bounds = {
  growthMaxMib: 16,
  growthMax: 1,
  slowerTimesMax: 2,
  slowerMsMax: 150,
}

const NEVER: readonly Outcome[] = ['cut', 'wrong', 'hung', 'gone']

/** What the streams say against the gateway. @param startedMs, endedMs monotonic, of the run */
export function againstStreams(
  told: readonly Told[],
  refusalsDue: (each: Told) => boolean,
): string[] {
  const problems: string[] = []
  for (const outcome of NEVER) {
    const found = told.filter((each) => each.outcome === outcome)
    if (found.length > 0)
      problems.push(`${found.length} ${outcome}: ${found[0]!.requestId}, ${found[0]!.detail}`)
  }
  const refused = told.filter((each) => each.outcome === 'refused' && !refusalsDue(each))
  if (refused.length > 0) {
    problems.push(`${refused.length} refused that need not be: ${refused[0]!.detail}`)
  }
  if (!told.some(({ outcome }) => outcome === 'right')) problems.push('nothing was answered')
  return problems
}

/** How much the last floor may be above the first. */
export function growthMaxMib(minutes: number, { growthMaxMib: once, growthMax }: Bounds): number {
  return once + growthMax * minutes
}

/** What memory says: floors alone; under load it comes and goes by more than a leak leaves. */
export function againstMemory(floors: readonly Floor[], bounds: Bounds): string[] {
  const growth = growthOf(floors)
  if (growth === undefined) return []
  const minutes = growth.mib / growth.mibPerMinute || 0
  const most = growthMaxMib(minutes, bounds)
  if (!(growth.mib > most)) return []
  return [`memory grows: ${growthText(growth)} between quiet points (bound ${most.toFixed(1)} MiB)`]
}

export function growthText({ kibPerRequest, mib, mibPerMinute }: Growth): string {
  return `${mib.toFixed(1)} MiB, ${mibPerMinute.toFixed(2)} MiB a minute, ${kibPerRequest.toFixed(2)} KiB a request`
}

/** What time says: the last part beside the first. @param heldUpMs p99 of what the clients' own side was late by then */
export function againstTime(first: Times, last: Times, heldUpMs: number, bounds: Bounds): string[] {
  if (first.count === 0 || last.count === 0) return []
  const most = first.p99 * bounds.slowerTimesMax + bounds.slowerMsMax + (heldUpMs || 0)
  if (last.p99 <= most) return []
  return [
    `first tokens get slower: p99 ${last.p99.toFixed(0)} ms in the last part, ${first.p99.toFixed(0)} ms in the first (bound ${most.toFixed(0)} ms)`,
  ]
}
