// How many requests run at once, of all providers and of each one that has a bound of its own, and who waits for a turn. Clients
// take turns in a queue, so that one that sends much cannot push others out.

import type { Provider } from '../core/catalog.ts'

/** A place among those that run. */
export interface Slot {
  /** Gives it back; the second time does nothing. */
  release(): void
}

export interface Gate {
  readonly running: number
  readonly waiting: number
  /** A place at once; undefined when none is free or others wait for one. */
  tryEnter(): Slot | undefined
  /**
   * Waits for a place.
   * @param client whose turn it is: the id of the API key, or one name for all without one
   * @throws GatewayError `overloaded` (503) or, where the client's own requests fill the queue, `concurrency_limit` (429), both with
   * `retryAfterMs`; `client_closed` when the signal fires; `shutting_down`
   */
  enter(client: string, signal: AbortSignal): Promise<Slot>
}

export class Gates {
  /** The bound of one provider; undefined where it has none. */
  of(_provider: Provider): Gate | undefined {
    return undefined
  }
}
