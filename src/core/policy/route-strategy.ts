// How targets of one `order` are arranged for one request, by the model's strategy or by who asks. Pure: chance, turn and
// measures are arguments. Each place comes with the reason for it in a few words. A target of weight 0 comes last in every way.

import type { RoutingStrategy } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import { NANO_PER_USD } from '../nano-usd.ts'
import { costNanoUsd } from '../price.ts'
import type { RouteQuestion, RouteTarget } from './route-candidate.ts'
import { drawAll, drawIndex, weightOf } from './route-lot.ts'
import { rendezvousScore } from './route-sticky.ts'

export interface Arranged {
  readonly candidate: RouteTarget
  readonly reason: string
}

type Arrange = (live: readonly RouteTarget[], question: RouteQuestion) => Arranged[]

const STRATEGIES: Readonly<Record<RoutingStrategy, Arrange>> = {
  weighted: (live, question) =>
    byLot(live, question).map((candidate) => ({
      candidate,
      reason: `by lot, weight ${candidate.target.weight}`,
    })),
  order: (live) => live.map((candidate) => ({ candidate, reason: 'as listed' })),
  round_robin: byTurn,
  least_busy: leastBusy,
  latency: fastest,
  cost: cheapest,
}

/** One order's targets, best first. */
export function arrange(group: readonly RouteTarget[], question: RouteQuestion): Arranged[] {
  const live = group.filter((one) => weight(one) > 0)
  const weightless = group.filter((one) => weight(one) === 0)
  const { routing, stickyValue } = question
  const arranged =
    stickyValue === undefined
      ? STRATEGIES[routing.strategy](live, question)
      : byValue(live, stickyValue, routing.sticky ?? 'session')
  const last = weightless.map((candidate) => ({ candidate, reason: 'weight 0' }))
  return last.length === 0 ? arranged : [...arranged, ...last]
}

function weight({ target }: RouteTarget): number {
  return weightOf(target)
}

function byLot(live: readonly RouteTarget[], { random }: RouteQuestion): RouteTarget[] {
  return drawAll(live, weight, random)
}

/** The rest follows by the same numbers, so that a caller whose target fails goes on to the same second one. */
function byValue(live: readonly RouteTarget[], value: string, what: string): Arranged[] {
  const scored = live.map((candidate) => {
    const { model, providerId } = candidate.target
    return { candidate, score: rendezvousScore(value, `${providerId}/${model}`, weight(candidate)) }
  })
  const reason = `sticky by ${what}`
  return scored
    .toSorted((a, b) => b.score - a.score)
    .map(({ candidate }) => ({ candidate, reason }))
}

/** Each in turn, as often as its weight says; after it the others as they are listed. */
function byTurn(live: readonly RouteTarget[], { turn }: RouteQuestion): Arranged[] {
  if (live.length === 0) return []
  const first = turnIndex(live.map(weight), turn)
  return [...live.slice(first), ...live.slice(0, first)].map((candidate, index) => ({
    candidate,
    reason: index === 0 ? 'its turn' : 'after the one whose turn it is',
  }))
}

/**
 * Whose turn it is. Equal weights take turns as they are listed; other whole ones are spread as evenly as they can be, and each
 * has exactly its share once all turns are over.
 * @param weights positive
 * @param turn counts from 0
 */
export function turnIndex(weights: readonly number[], turn: number): number {
  const first = weights[0] ?? 0
  if (weights.every((one) => one === first)) return turn % Math.max(1, weights.length)
  const divisor = weights.reduce(greatestDivisor)
  const total = Math.round(weights.reduce((sum, one) => sum + one, 0) / divisor)
  // Fractions and great numbers: the golden ratio spreads any shares evenly, if not in whole rounds.
  if (!weights.every(Number.isInteger) || total > LIMITS.routeTurnsMax) {
    return drawIndex(weights, (one) => one, ((turn + 1) * GOLDEN) % 1)
  }
  // Smooth weighted round robin: everyone gains its weight each turn, the richest is taken and pays for the whole round.
  const gained = weights.map(() => 0)
  let taken = 0
  for (let step = turn % total; step >= 0; step--) {
    for (const [index, one] of weights.entries()) gained[index]! += one / divisor
    taken = gained.indexOf(Math.max(...gained))
    gained[taken]! -= total
  }
  return taken
}

const GOLDEN = (Math.sqrt(5) - 1) / 2

function greatestDivisor(a: number, b: number): number {
  let [greater, less] = [a, b]
  while (less > 0) [greater, less] = [less, greater % less]
  return greater
}

/** The one with the fewest requests for its weight. */
function leastBusy(live: readonly RouteTarget[], question: RouteQuestion): Arranged[] {
  const load = (one: RouteTarget) => one.health.running / weight(one)
  return byLot(live, question)
    .toSorted((a, b) => load(a) - load(b))
    .map((candidate) => ({ candidate, reason: `${candidate.health.running} running` }))
}

/**
 * The fastest of late: by the time to the first byte, then to the end. Now and then another one is asked first, one that is not
 * measured before one that was slow, or it would stay unknown or slow for ever.
 */
function fastest(live: readonly RouteTarget[], question: RouteQuestion): Arranged[] {
  const drawn = byLot(live, question)
  const measured = drawn
    .filter(({ health }) => health.firstByteMs !== undefined)
    .toSorted((a, b) => compareSpeed(a, b))
  const unmeasured = drawn.filter(({ health }) => health.firstByteMs === undefined)
  const arranged = [...measured, ...unmeasured].map((candidate) => ({
    candidate,
    reason: speedText(candidate),
  }))
  if (measured.length === 0 || live.length < 2) return arranged
  if (question.random() >= LIMITS.routeExploreShareMax) return arranged
  // Both lists are in an order drawn by lot, or the second of the measured would be the only one to be tried again.
  const tried = unmeasured[0] ?? drawn.find((one) => one !== measured[0])
  if (tried === undefined) return arranged
  const rest = arranged.filter(({ candidate }) => candidate !== tried)
  return [{ candidate: tried, reason: `${speedText(tried)}; asked first to measure it` }, ...rest]
}

function compareSpeed({ health: a }: RouteTarget, { health: b }: RouteTarget): number {
  const byFirstByte = (a.firstByteMs ?? 0) - (b.firstByteMs ?? 0)
  if (byFirstByte !== 0) return byFirstByte
  if (a.totalMs === undefined || b.totalMs === undefined) return 0
  return a.totalMs - b.totalMs
}

function speedText({ health }: RouteTarget): string {
  return health.firstByteMs === undefined
    ? 'not measured yet'
    : `first byte after ${Math.round(health.firstByteMs)} ms`
}

/** The one with the lowest price for this request; those of unknown price after the others. */
function cheapest(live: readonly RouteTarget[], question: RouteQuestion): Arranged[] {
  const { inputTokens, outputTokens } = question.needs
  const priced = byLot(live, question).map((candidate) => ({
    candidate,
    nanoUsd: costNanoUsd({ inputTokens, outputTokens }, candidate.price),
  }))
  return priced
    .toSorted((a, b) => compareCost(a.nanoUsd, b.nanoUsd))
    .map(({ candidate, nanoUsd }) => ({ candidate, reason: costText(nanoUsd) }))
}

function compareCost(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  return a - b
}

function costText(nanoUsd: number | undefined): string {
  if (nanoUsd === undefined) return 'price unknown'
  const dollars = (nanoUsd / NANO_PER_USD).toFixed(9).replace(/\.?0+$/, '')
  return `about $${dollars}`
}
