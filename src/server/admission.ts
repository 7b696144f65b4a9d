// The door to everything that reaches a provider: behind authorisation, in front of reading the body. Who passes holds a place
// among those that run until the request is settled; who cannot is told at once, with the body unread.

import { callerOf, type Principal } from '../core/principal.ts'
import type { Slot } from '../gateway/gates.ts'
import type { RequestSignal } from '../gateway/shutdown.ts'
import type { ServerDeps } from './context.ts'

/** What a request that runs holds; given back when its record is settled. */
export class Place implements Slot {
  /** Fires when the client leaves, and when running requests are broken off at the end of this process. */
  readonly signal: AbortSignal
  readonly queuedMs?: number
  private readonly slot: Slot
  private readonly bound: RequestSignal

  constructor(slot: Slot, bound: RequestSignal, queuedMs?: number) {
    this.slot = slot
    if (queuedMs !== undefined) this.queuedMs = queuedMs
    this.bound = bound
    this.signal = bound.signal
  }

  release(): void {
    this.bound.release()
    this.slot.release()
  }
}

/**
 * Lets a request in, after its turn where there is a queue. At once, without a promise, where there is none.
 * @throws GatewayError `overloaded`, `concurrency_limit`, `shutting_down`, `client_closed`
 */
export function takePlace(
  request: Request,
  principal: Principal,
  deps: ServerDeps,
): Place | Promise<Place> {
  const { gates, shutdown } = deps.gateway
  const refusal = shutdown.refusal()
  if (refusal !== undefined) throw refusal
  const slot = gates.all.tryEnter()
  if (slot !== undefined) return new Place(slot, shutdown.follow(request.signal))
  return queued(request, principal, deps)
}

/** All without a key are one client: nothing tells them apart. */
const ANONYMOUS = ''

async function queued(request: Request, principal: Principal, deps: ServerDeps): Promise<Place> {
  const { gates, shutdown } = deps.gateway
  const fromMs = deps.clock.monotonicMs()
  const slot = await gates.all.enter(callerOf(principal) ?? ANONYMOUS, request.signal)
  const queuedMs = deps.clock.monotonicMs() - fromMs
  return new Place(slot, shutdown.follow(request.signal), queuedMs)
}
