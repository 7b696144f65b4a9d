// A bound on guessing: credentials that were refused are counted for the address they came from, and beyond the bound none from there is
// looked at for a while. A credential that was good from there since it began to fail is still let in: whoever shares an address with
// somebody who guesses goes on working. Memory is bounded, and costs nothing while nobody fails.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { SlidingWindow } from '../core/policy/rate.ts'
import type { Clock } from '../core/ports.ts'
import { addressSubject } from '../gateway/limit-subjects.ts'

interface Failing {
  readonly window: SlidingWindow
  /** Hashes of credentials that were good from here meanwhile. */
  readonly good: Set<string>
}

function isRefusal(error: unknown): boolean {
  return error instanceof GatewayError && error.kind === 'authentication'
}

function hashOf(credential: string): string {
  return Bun.SHA256.hash(credential, 'hex')
}

export class RefusedCredentials {
  private readonly clock: Pick<Clock, 'monotonicMs'>
  private readonly addresses = new Map<string, Failing>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.clock = clock
  }

  /** Whether nobody fails: then nothing has to be known of who asks. */
  get isQuiet(): boolean {
    return this.addresses.size === 0
  }

  /**
   * Finds out who asks, within the bound.
   * @param from the client's address; asked for where it decides something
   * @param read the credential of the request
   * @throws GatewayError what `read` and `ask` throw, or `rate_limit`
   */
  guard<T>(
    from: () => string | undefined,
    read: () => string | undefined,
    ask: (credential: string | undefined) => T | Promise<T>,
  ): T | Promise<T> {
    const credential = this.read(from, read)
    if (credential === undefined) return ask(undefined)
    if (!this.isQuiet) this.check(from(), () => hashOf(credential))
    let asking: T | Promise<T>
    try {
      asking = ask(credential)
    } catch (error) {
      if (isRefusal(error)) this.failed(from())
      throw error
    }
    if (asking instanceof Promise) return this.guardLater(asking, from, credential)
    if (!this.isQuiet) this.succeeded(from(), () => hashOf(credential))
    return asking
  }

  private async guardLater<T>(
    asking: Promise<T>,
    from: () => string | undefined,
    credential: string,
  ): Promise<T> {
    try {
      const found = await asking
      if (!this.isQuiet) this.succeeded(from(), () => hashOf(credential))
      return found
    } catch (error) {
      if (isRefusal(error)) this.failed(from())
      throw error
    }
  }

  /** What cannot be a credential is one that is refused. */
  private read(from: () => string | undefined, read: () => string | undefined): string | undefined {
    try {
      return read()
    } catch (error) {
      if (isRefusal(error)) {
        this.check(from(), () => '')
        this.failed(from())
      }
      throw error
    }
  }

  /**
   * Before a credential is looked at.
   * @param hash of the credential; asked for where it decides something
   * @throws GatewayError `rate_limit` where too many from this address were refused
   */
  check(address: string | undefined, hash: () => string): void {
    const failing = this.addresses.get(addressSubject(address))
    if (failing === undefined) return
    const nowMs = this.clock.monotonicMs()
    const retryAfterMs = failing.window.waitMs(nowMs, LIMITS.authFailuresMax - 1)
    if (retryAfterMs === 0 || failing.good.has(hash())) return
    throw new GatewayError('rate_limit', {
      code: 'too_many_failures',
      message: 'Too many credentials from this address were refused. Wait, then use a valid one.',
      retryAfterMs,
    })
  }

  /** One was refused. */
  failed(address: string | undefined): void {
    const subject = addressSubject(address)
    const nowMs = this.clock.monotonicMs()
    const known = this.addresses.get(subject)
    const failing = known ?? {
      window: new SlidingWindow(LIMITS.authFailureWindowMs),
      good: new Set<string>(),
    }
    failing.window.add(nowMs, 1)
    // Behind all others: who failed longest ago is forgotten first.
    this.addresses.delete(subject)
    this.addresses.set(subject, failing)
    for (const [oldest, { window }] of this.addresses) {
      if (this.addresses.size <= LIMITS.authFailureAddressesMax && !window.isIdle(nowMs)) break
      this.addresses.delete(oldest)
    }
  }

  /** One was good. */
  succeeded(address: string | undefined, hash: () => string): void {
    const subject = addressSubject(address)
    const failing = this.addresses.get(subject)
    if (failing === undefined) return
    if (failing.window.isIdle(this.clock.monotonicMs())) this.addresses.delete(subject)
    else if (failing.good.size < LIMITS.authFailureKeysMax) failing.good.add(hash())
  }
}
