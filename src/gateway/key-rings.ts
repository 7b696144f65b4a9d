// The turn-taking of each provider's keys, for as long as the program runs. Holds ids, no secrets.

import { KeyRing } from '../core/policy/key-choice.ts'

export class KeyRings {
  private readonly rings = new Map<string, KeyRing>()

  /** The ring of a provider; bounded by the number of providers ever configured. */
  of(providerId: string): KeyRing {
    let ring = this.rings.get(providerId)
    if (ring === undefined) this.rings.set(providerId, (ring = new KeyRing()))
    return ring
  }
}
