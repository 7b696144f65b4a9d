// A pump with somebody who reads along: what the provider sends goes to both, and the client gets what the pump itself makes of it. The
// follower never changes, delays or fails a stream.

import type { GatewayError } from '../../core/error.ts'
import type { Later, Pump, Rest } from '../pump.ts'

export interface Follower {
  push(chunk: Uint8Array): void
  giveUp(): void
  end(proper: boolean): void
}

export class FollowingPump implements Pump {
  readonly later: Later | undefined
  private readonly pump: Pump
  private readonly follower: Follower

  constructor(pump: Pump, follower: Follower) {
    this.pump = pump
    this.follower = follower
    const { later } = pump
    if (later === undefined) return
    this.later = {
      push: (chunk) => {
        this.follower.push(chunk)
        return later.push(chunk)
      },
      end: () => later.end(),
    }
  }

  get cutShort(): boolean {
    return this.pump.cutShort === true
  }

  get complete(): boolean {
    return this.pump.complete
  }

  get failed(): GatewayError | undefined {
    return this.pump.failed
  }

  get broken(): GatewayError | undefined {
    return this.pump.broken
  }

  get breaksOnFailure(): boolean {
    return this.pump.breaksOnFailure === true
  }

  push(chunk: Uint8Array): Uint8Array | undefined {
    this.follower.push(chunk)
    return this.pump.push(chunk)
  }

  end(): { bytes?: Uint8Array; error?: GatewayError } {
    return this.pump.end()
  }

  goOn(error: GatewayError): Promise<Rest | undefined> | undefined {
    // Another target's words come from here on, in a protocol of its own.
    this.follower.giveUp()
    return this.pump.goOn?.(error)
  }

  fail(error: GatewayError): Uint8Array | undefined {
    return this.pump.fail(error)
  }

  keepalive(): Uint8Array | undefined {
    return this.pump.keepalive()
  }

  finished(): boolean {
    return this.pump.finished()
  }

  conclude(aborted: boolean): void {
    this.pump.conclude(aborted)
    this.follower.end(!aborted && !this.cutShort && this.pump.failed === undefined)
  }
}
