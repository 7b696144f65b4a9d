// What tests of the way out begin with: a transport with a resolver of the test's own, a request, and the error that it ends with.

import { GatewayError } from '../core/error.ts'
import type { UpstreamRequest } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { HttpTransport } from '../transport/http-transport.ts'
import { AddressGuard, type Lookup } from '../transport/resolve.ts'

export function transport(lookup?: Lookup): HttpTransport {
  return new HttpTransport(
    new AddressGuard(() => performance.now(), lookup),
    new SharedDeadlines(systemClock),
    () => performance.now(),
  )
}

export function request(url: string, over: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer canary' },
    body: '{}',
    timeouts: { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 5_000 },
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
