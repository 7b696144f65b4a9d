// How often LiteLLM takes each entry of one name, as weights of targets. Its shuffle draws by the first of `weight`, `rpm` and `tpm` that the
// first entry says, and counts an entry that does not say it as zero; entries of another `order` are drawn among themselves.

import type { Cursor } from './ledger.ts'

/** Where weights end. */
const WEIGHT_MAX = 1_000_000
const SHARES = ['weight', 'rpm', 'tpm'] as const

export type ShareName = (typeof SHARES)[number]

/** By which member an entry is drawn, and its weight; undefined where each is drawn as often as the others. */
export type Share = { readonly by: ShareName; readonly weight: number } | undefined

/** @param group `litellm_params` of the entries of one name, in their order */
export function sharesOf(group: readonly Cursor[]): readonly Share[] {
  const shares: Share[] = group.map(() => undefined)
  const order = (params: Cursor) => params.get('order').number
  for (const one of new Set(group.map(order))) {
    const places = group.flatMap((params, at) => (order(params) === one ? [at] : []))
    const first = group[places[0]!]!
    const by = SHARES.find((name) => (first.get(name).number ?? -1) >= 0)
    if (by === undefined) continue
    const given = places.map((at) => Math.max(0, group[at]!.get(by).number ?? 0))
    const weights = by === 'weight' ? given : simplest(given)
    // All alike need no weight; all of them zero is no choice at all.
    const isEven = by !== 'weight' && given.every((value) => value === given[0])
    if (isEven || given.every((value) => value === 0)) continue
    for (const [turn, at] of places.entries()) shares[at] = { by, weight: weights[turn]! }
  }
  return shares
}

/** The same shares in small numbers. */
function simplest(numbers: readonly number[]): readonly number[] {
  const most = Math.max(...numbers)
  const common = numbers.every(Number.isInteger) ? numbers.reduce(divisor) : 1
  const small = numbers.map((value) => value / common)
  if (most / common <= WEIGHT_MAX) return small
  // What has a share at all keeps one.
  return numbers.map((value) => (value === 0 ? 0 : Math.max(1, Math.round((value / most) * 1_000))))
}

function divisor(one: number, other: number): number {
  return other === 0 ? one : divisor(other, one % other)
}
