// What fetch throws, in the gateway's words. The cause is for the log; a message names neither host nor file, for it goes to the
// client. Codes are those of Bun, Node and BoringSSL; `core/policy/classify.ts` decides by them.

import { GatewayError } from '../core/error.ts'
import { proxyRefused } from './proxy.ts'

/** Errors of a connection that was never made: the next address may be better. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL'])

export function isNotConnected(error: unknown): boolean {
  return NOT_CONNECTED.has(causeCode(error))
}

/** TLS that ended before there was a certificate to judge: no version or cipher in common, or no TLS at all. */
class HandshakeFailure extends Error {
  readonly code = 'ERR_TLS_HANDSHAKE'

  constructor() {
    super('the TLS handshake failed: no version or cipher in common, or that port speaks no TLS')
    this.name = 'HandshakeFailure'
  }
}

/** Whether a request went through a proxy, and whether TLS may have failed there. */
export type Way = 'direct' | 'proxy' | 'tls-proxy'

/** What fetch threw, in our words: our own abort reasons come through as they are. */
export function asGatewayError(
  error: unknown,
  signal?: AbortSignal,
  way: Way = 'direct',
): GatewayError {
  if (error instanceof GatewayError) return error
  if (signal?.aborted && signal.reason instanceof GatewayError) return signal.reason
  const code = errorCode(error)
  if (code === 'ERR_PROXY_TUNNEL') {
    const { status } = error as { status?: unknown }
    return proxyRefused(typeof status === 'number' ? status : 502)
  }
  if (
    /^Z_|^ERR_ZLIB|^ZSTD_|BROTLI|Decompress/i.test(
      `${code} ${(error as Error | undefined)?.message ?? ''}`,
    )
  ) {
    return new GatewayError('upstream_bad_response', { cause: error })
  }
  if (code === 'EPROTO') {
    return new GatewayError('upstream_error', {
      message: `No TLS connection to ${placeOf(way)} could be made.`,
      cause: new HandshakeFailure(),
    })
  }
  if (/CERT|VERIFY|SELF_SIGNED|ALTNAME|TLS|SSL/.test(code)) {
    const message =
      way === 'tls-proxy'
        ? 'The TLS certificate of the provider or of the forward proxy could not be verified.'
        : "The provider's TLS certificate could not be verified."
    return new GatewayError('upstream_error', { message, cause: error })
  }
  if (way !== 'direct' && NOT_CONNECTED.has(code)) {
    return new GatewayError('upstream_error', {
      message: 'The forward proxy could not be reached.',
      cause: error,
    })
  }
  return new GatewayError('upstream_error', {
    message: 'The connection to the provider failed.',
    cause: error,
  })
}

function placeOf(way: Way): string {
  return way === 'tls-proxy' ? 'the provider or the forward proxy' : 'the provider'
}

export function timeoutError(what: string): GatewayError {
  return new GatewayError('upstream_timeout', { cause: `no ${what} within its limit` })
}

/** The system's code behind a thrown value (`ECONNREFUSED`), or ''. */
function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** The system's code behind a GatewayError's cause. */
export function causeCode(error: unknown): string {
  return error instanceof GatewayError ? errorCode(error.cause) : errorCode(error)
}
