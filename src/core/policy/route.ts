// The order in which a model's targets are tried. Pure: chance is an argument.

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
  return orders.flatMap((order) => drawAll(groups.get(order) ?? [], random))
}

function drawAll(group: readonly Target[], random: () => number): Target[] {
  const left = group.filter((target) => weightOf(target) > 0)
  const unweighted = group.filter((target) => weightOf(target) === 0)
  const drawn: Target[] = []
  while (left.length > 1) {
    const [target] = left.splice(drawIndex(left, random()), 1)
    if (target !== undefined) drawn.push(target)
  }
  return [...drawn, ...left, ...unweighted]
}

/** Index of the target whose stretch of the summed weights holds `share` of the whole. */
function drawIndex(targets: readonly Target[], share: number): number {
  const total = targets.reduce((sum, target) => sum + weightOf(target), 0)
  let at = share * total
  for (const [index, target] of targets.entries()) {
    at -= weightOf(target)
    if (at < 0) return index
  }
  return targets.length - 1
}

/** A weight that is not a positive finite number counts as 0. */
function weightOf(target: Target): number {
  return Number.isFinite(target.weight) && target.weight > 0 ? target.weight : 0
}
