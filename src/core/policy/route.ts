// The order in which a model's targets are tried by one request, with the reason for each place and for each target that is
// passed over. Pure: what is known of targets and request, chance and turns are arguments. It sends nothing and counts nothing.

import type { RouteCandidate } from '../outcome.ts'
import type { PassedOver, RouteDecision, RouteQuestion, RouteTarget } from './route-candidate.ts'
import { judge } from './route-conditions.ts'
import { arrange } from './route-strategy.ts'

/** A target that may be asked, and what is to be said of it. */
interface Fit {
  readonly candidate: RouteTarget
  readonly note: string | undefined
}

/**
 * Puts the targets into an order: those that nothing speaks against first, by `order` and within one order by the strategy; then,
 * likewise, those that others than the operator say cannot serve the request.
 */
export function decideRoute(question: RouteQuestion): RouteDecision {
  const among: Fit[] = []
  const behind: Fit[] = []
  const passedOver: PassedOver[] = []
  const left: RouteCandidate[] = []
  let opensInMs: number | undefined
  for (const candidate of question.candidates) {
    const verdict = judge(candidate, question)
    if (verdict.place !== 'passed over') {
      const list = verdict.place === 'among' ? among : behind
      list.push({ candidate, note: verdict.note })
      continue
    }
    const { reason, why } = verdict
    passedOver.push(why)
    left.push({ ...named(candidate), reason })
    if (why === 'open') opensInMs = Math.min(opensInMs ?? Infinity, candidate.health.opensInMs)
  }
  const before = among.length === 0 ? 'nobody else is left: ' : 'behind the others: '
  const taken = [...placed(among, question, ''), ...placed(behind, question, before)]
  return {
    targets: taken.map(({ candidate }) => candidate.target),
    record: {
      model: question.model,
      by: strategyWord(question),
      candidates: [
        ...taken.map(({ candidate, reason }, rank) => ({ ...named(candidate), rank, reason })),
        ...left,
      ],
    },
    passedOver,
    ...(opensInMs === undefined ? {} : { opensInMs }),
  }
}

function named({ target }: RouteTarget): { providerId: string; model: string } {
  return { providerId: target.providerId, model: target.model }
}

function strategyWord({ pin, routing, stickyValue }: RouteQuestion): string {
  if (pin !== undefined) return 'pinned'
  return stickyValue === undefined ? routing.strategy : 'sticky'
}

/** Orders ascending, each arranged by itself. */
function placed(
  fits: readonly Fit[],
  question: RouteQuestion,
  before: string,
): { readonly candidate: RouteTarget; readonly reason: string }[] {
  if (fits.length === 0) return []
  const notes = new Map(fits.map(({ candidate, note }) => [candidate, note]))
  const groups = Map.groupBy(notes.keys(), ({ target }) => target.order)
  const orders = [...groups.keys()].toSorted((a, b) => a - b)
  const hasOrders = orders.length > 1 || orders[0] !== 0
  return orders.flatMap((order) =>
    arrange(groups.get(order) ?? [], question).map(({ candidate, reason }) => {
      const note = notes.get(candidate)
      if (before !== '') return { candidate, reason: `${before}${note}` }
      const place = placeText(hasOrders ? `order ${order}, ${reason}` : reason, question)
      return { candidate, reason: note === undefined ? place : `${place}; ${note}` }
    }),
  )
}

function placeText(place: string, { candidates, pin }: RouteQuestion): string {
  if (pin !== undefined) return 'named by x-weir-target'
  return candidates.length === 1 ? 'the only target' : place
}
