// What tests of the way out begin with: a transport with a resolver of the test's own, a request, and the error that it ends with.

import { GatewayError } from '../core/error.ts'
import type { Deadlines, UpstreamRequest } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { HttpTransport } from '../transport/http-transport.ts'
import { AddressGuard, type Lookup } from '../transport/resolve.ts'

/** @param deadlines of the clock unless given */
export function transport(
  lookup?: Lookup,
  deadlines: Deadlines = new SharedDeadlines(systemClock),
): HttpTransport {
  return new HttpTransport(new AddressGuard(() => performance.now(), lookup), deadlines, () =>
    performance.now(),
  )
}

/** One whose limits no busy machine reaches: whoever tests one of them sets it. */
export function request(url: string, over: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer canary' },
    body: '{}',
    timeouts: { connectMs: 15_000, firstByteMs: 15_000, idleMs: 15_000, totalMs: 20_000 },
    network: { verify: true, allowPrivate: true },
    signal: new AbortController().signal,
    ...over,
  }
}

export async function failure(sending: Promise<unknown>): Promise<GatewayError> {
  try {
    await sending
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('it did not fail')
}
