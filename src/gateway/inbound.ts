// What comes in and what goes out of the gateway: one client request as bytes with who asks, one answer as bytes or a stream.
// The server makes the one and sends the other; nothing here knows HTTP routing.

import type { DialectName } from '../core/ir/request.ts'
import type { Principal } from '../core/principal.ts'
import type { Operation, RequestHints } from '../dialects/dialect.ts'
import type { Slot } from './gates.ts'

/** What is known of any request when it has arrived, whatever it asks for. */
export interface Arrival {
  readonly dialect: DialectName
  readonly operation: string
  /** Path for the log, without query and without a key in it. */
  readonly endpoint: string
  /** The body; empty where there is none, or where it is not held in memory. */
  readonly bytes: Uint8Array
  /** The client's header fields; only named ones ever leave (`gateway/headers.ts`). */
  readonly headers: Headers
  readonly principal: Principal
  readonly requestId: string
  /** Address of the client, as far as it is known; see `server/client-address.ts`. Found out when it is read: most requests need none. */
  readonly from?: string | undefined
  /** Fires when the client leaves or this server stops; `endReason` tells which. */
  readonly signal: AbortSignal
  /** Its place among all that run; given back when the record is settled. */
  readonly slot?: Slot
  /** Asked by this program within another request of the same caller, which holds their places among those that run. */
  readonly isWithin?: true
  /** Wall clock and monotonic time of arrival. */
  readonly arrivedMs: number
  readonly arrivedMonotonicMs: number
}

/** A request in the words of a dialect. */
export interface Inbound extends Arrival {
  readonly operation: Operation
  readonly hints: RequestHints
  /** The protocol's default when the body does not say (Ollama: true). */
  readonly streamByDefault: boolean
}

export interface Reply {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Uint8Array | string | ReadableStream<Uint8Array>
}
