// Which of a provider's keys a request uses: each in turn, but those a provider has just refused or limited.
// It holds no secrets, only ids, and no more of them than the provider has keys. Time is an argument.

import type { ProviderKey } from '../catalog.ts'

export type KeyChoice =
  | { readonly key: ProviderKey }
  /** Nothing to use now. `freeInMs` is when the first set-aside key may be used again; undefined when all were tried. */
  | { readonly key: undefined; readonly freeInMs?: number }

/** The turn-taking state of one provider. */
export class KeyRing {
  private next = 0
  private readonly setAsideUntilMs = new Map<string, number>()

  /**
   * The next key that this request has not tried and that is not set aside.
   * @param tried ids of keys this request has already used
   */
  choose(keys: readonly ProviderKey[], nowMs: number, tried: ReadonlySet<string>): KeyChoice {
    let soonestMs: number | undefined
    for (let step = 0; step < keys.length; step += 1) {
      const index = (this.next + step) % keys.length
      const key = keys[index]
      if (key === undefined || tried.has(key.id)) continue
      const untilMs = this.setAsideUntilMs.get(key.id)
      if (untilMs !== undefined && untilMs > nowMs) {
        soonestMs = Math.min(soonestMs ?? untilMs, untilMs)
        continue
      }
      this.next = (index + 1) % keys.length
      return { key }
    }
    return soonestMs === undefined
      ? { key: undefined }
      : { key: undefined, freeInMs: soonestMs - nowMs }
  }

  /** Leaves a key out until a moment; a later moment already known stays. Ids that `keys` no longer has are forgotten. */
  setAside(keys: readonly ProviderKey[], keyId: string, untilMs: number): void {
    const known = new Set(keys.map((key) => key.id))
    for (const id of this.setAsideUntilMs.keys())
      if (!known.has(id)) this.setAsideUntilMs.delete(id)
    if (!known.has(keyId)) return
    const earlierMs = this.setAsideUntilMs.get(keyId) ?? 0
    this.setAsideUntilMs.set(keyId, Math.max(earlierMs, untilMs))
  }

  /** A key worked: it is not left out any more. */
  restore(keyId: string): void {
    this.setAsideUntilMs.delete(keyId)
  }
}
