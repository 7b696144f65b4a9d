// Drawing by lot, with weights. Pure: chance is an argument.

import type { Target } from '../catalog.ts'

/**
 * All targets in the order to try them: by `order`, lowest first, and within one order by lot, where a target's chance to
 * come first is its share of the weights (weighted sampling without replacement). A target of weight 0 comes after the
 * others of its order: it takes no traffic of its own but stays a fallback.
 * @param random a source of numbers in [0, 1); asked once per draw between two or more
 */
export function orderTargets(targets: readonly Target[], random: () => number): Target[] {
  if (targets.length < 2) return [...targets]
  const groups = Map.groupBy(targets, (target) => target.order)
  const orders = [...groups.keys()].toSorted((a, b) => a - b)
  return orders.flatMap((order) => drawAll(groups.get(order) ?? [], weightOf, random))
}

/** Weighted sampling without replacement; what has no weight comes last, as it is listed. */
export function drawAll<T>(
  group: readonly T[],
  weigh: (one: T) => number,
  random: () => number,
): T[] {
  const left = group.filter((one) => weigh(one) > 0)
  const unweighted = group.filter((one) => weigh(one) === 0)
  const drawn: T[] = []
  while (left.length > 1) {
    const [one] = left.splice(drawIndex(left, weigh, random()), 1)
    if (one !== undefined) drawn.push(one)
  }
  return [...drawn, ...left, ...unweighted]
}

/** Index of the one whose stretch of the summed weights holds `share` of the whole. */
export function drawIndex<T>(
  group: readonly T[],
  weigh: (one: T) => number,
  share: number,
): number {
  const total = group.reduce((sum, one) => sum + weigh(one), 0)
  let at = share * total
  for (const [index, one] of group.entries()) {
    at -= weigh(one)
    if (at < 0) return index
  }
  return group.length - 1
}

/** A weight that is not a positive finite number counts as 0. */
export function weightOf(target: Target): number {
  return Number.isFinite(target.weight) && target.weight > 0 ? target.weight : 0
}
