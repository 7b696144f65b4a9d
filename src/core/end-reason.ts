// Why a request is broken off before its end: its client left, or this server stops. One signal per request tells both, and
// whoever listens to it asks here which it was.

import { GatewayError } from './error.ts'

/** The error that a request's signal fired with; `client_closed` where it carries none of ours. */
export function endReason(signal: AbortSignal): GatewayError {
  const { reason } = signal
  return reason instanceof GatewayError ? reason : new GatewayError('client_closed')
}
