// What turns an upstream's bytes into the client's bytes while they stream. Two ways exist, relay and translate; both look
// the same to the stream that drives them. A pump holds no timers and does no I/O.

import type { Timeouts } from '../core/catalog.ts'
import type { GatewayError } from '../core/error.ts'
import type { UpstreamResponse } from '../core/ports.ts'

/** Where the rest of an answer comes from. */
export interface Rest {
  readonly upstream: UpstreamResponse
  readonly timeouts: Timeouts
}

/** The same as `push` and `end` of a pump whose bytes come later: one call at a time. */
export interface Later {
  push(chunk: Uint8Array): Promise<Uint8Array | undefined>
  end(): Promise<{ bytes?: Uint8Array; error?: GatewayError }>
}

export interface Pump {
  /** Present where what goes to the client is judged first: then this is asked, and `push` and `end` never are. */
  readonly later?: Later | undefined
  /** The answer was ended here, properly, though its provider would go on: nothing more of it is wanted. */
  readonly cutShort?: boolean | undefined
  /** Bytes for the client, or undefined when this chunk yields none yet. Throws GatewayError for a frame over its bound. */
  push(chunk: Uint8Array): Uint8Array | undefined
  /** The upstream ended. Last bytes for the client, and the error when it ended before its proper end. */
  end(): { bytes?: Uint8Array; error?: GatewayError }
  /** The answer has ended and the client has its terminator, though the provider's connection may still be open. */
  readonly complete: boolean
  /** The failure told by the upstream inside its stream, already passed on to the client in `push`. */
  readonly failed: GatewayError | undefined
  /** A failure told by the upstream inside its stream that the client does not know of: it may still be made good. */
  readonly broken?: GatewayError | undefined
  /**
   * Asks somebody else to go on where this upstream broke off; undefined where that cannot be. Resolves to the upstream that the next
   * chunks come from, or to undefined when nobody goes on.
   */
  goOn?(error: GatewayError): Promise<Rest | undefined> | undefined
  /** These bytes have no form for an error (audio, a file): after a failure the client's connection breaks. */
  readonly breaksOnFailure?: boolean
  /** The error in the client's own stream form, or undefined when it has been told already. */
  fail(error: GatewayError): Uint8Array | undefined
  /** What keeps the client's connection open, or undefined in the middle of a frame. */
  keepalive(): Uint8Array | undefined
  /** The answer is whole, with its usage, though the provider's connection may still be open. Asked once, when the client leaves. */
  finished(): boolean
  /** Reads usage and finish into the record. `aborted`: the end was not reached, so what is missing is estimated. */
  conclude(aborted: boolean): void
}
