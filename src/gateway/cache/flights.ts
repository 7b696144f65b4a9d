// Equal requests at the same time: the first one asks, the others wait for its answer within a bound. Whoever waits in vain (the first one
// failed, left, or got what is not kept) goes on alone, all at once: nobody waits twice.

import type { CachedAnswer } from '../../core/answer-cache.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Deadlines } from '../../core/ports.ts'

class Flight {
  readonly landed: Promise<CachedAnswer | undefined>
  readonly land: (answer: CachedAnswer | undefined) => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<CachedAnswer | undefined>()
    this.landed = promise
    this.land = resolve
  }
}

export class Flights {
  private readonly flights = new Map<string, Flight>()
  private readonly deadlines: Deadlines

  constructor(deadlines: Deadlines) {
    this.deadlines = deadlines
  }

  get size(): number {
    return this.flights.size
  }

  /** The request of this name that is under way. */
  find(key: string): Flight | undefined {
    return this.flights.get(key)
  }

  /** Says that a request of this name is under way; undefined where there are too many, or one is already. */
  begin(key: string): Flight | undefined {
    if (this.flights.size >= LIMITS.cacheFlightsMax || this.flights.has(key)) return undefined
    const flight = new Flight()
    this.flights.set(key, flight)
    return flight
  }

  /** It is over. @param answer what was kept of it, if anything */
  end(key: string, flight: Flight, answer: CachedAnswer | undefined): void {
    if (this.flights.get(key) === flight) this.flights.delete(key)
    flight.land(answer)
  }

  /** Its answer, or undefined where there is none within the wait or before whoever waits has left. */
  wait(flight: Flight, waitMs: number, signal: AbortSignal): Promise<CachedAnswer | undefined> {
    const { promise, resolve } = Promise.withResolvers<CachedAnswer | undefined>()
    const giveUp = () => resolve(undefined)
    const deadline = this.deadlines.after(waitMs, giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    void flight.landed.then(resolve)
    return promise.finally(() => {
      deadline.cancel()
      signal.removeEventListener('abort', giveUp)
    })
  }
}
