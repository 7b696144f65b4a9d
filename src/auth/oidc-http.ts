// How openid-client reaches an OpenID provider: through the transport, so that its proxy, authorities, address guard and refusal of
// redirects hold here too, and with bounds on time and size. It judges no answer.

import type { CustomFetch, CustomFetchOptions } from 'openid-client'
import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { Transport, UpstreamMethod } from '../core/ports.ts'

/** A fetch for one issuer. It rejects with the transport's GatewayError, which openid-client hands on as a cause. */
export function issuerFetch({ network }: IssuerSettings, transport: Transport): CustomFetch {
  return async (url, options) => {
    const limit = AbortSignal.timeout(LIMITS.oidcTimeoutMs)
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
    try {
      const response = await transport.send({
        url,
        method: options.method as UpstreamMethod,
        headers: options.headers,
        ...bodyOf(options.body),
        timeouts: {
          connectMs: LIMITS.oidcTimeoutMs,
          firstByteMs: LIMITS.oidcTimeoutMs,
          idleMs: LIMITS.oidcTimeoutMs,
          totalMs: LIMITS.oidcTimeoutMs,
        },
        network,
        signal,
      })
      const bytes = await response.bytes(LIMITS.oidcBodyBytesMax)
      const isEmpty = response.status === 204 || response.status === 304
      const { headers, status } = response
      return new Response(isEmpty ? null : (bytes as Uint8Array<ArrayBuffer>), { status, headers })
    } catch (error) {
      if (limit.aborted) throw new GatewayError('upstream_timeout', { cause: error })
      throw error
    }
  }
}

/** Everything that is sent to an issuer is a form or nothing. */
function bodyOf(body: CustomFetchOptions['body']): { readonly body?: string } {
  if (body === undefined || body === null) return {}
  if (typeof body === 'string') return { body }
  if (body instanceof URLSearchParams) return { body: body.toString() }
  throw new GatewayError('internal', { cause: 'an issuer is sent forms only' })
}
