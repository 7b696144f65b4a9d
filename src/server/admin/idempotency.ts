// Creations that are sent again because the answer got lost: with the same `Idempotency-Key` the second one is answered with what the first
// one made, on every replica, for a day. Who asks, the route and the key name a creation together; the same key with another body is a
// mistake that is told.

import { GatewayError } from '../../core/error.ts'
import type { OnceAnswer } from '../../core/ports.ts'
import type { ServerDeps } from '../context.ts'
import { respond } from '../respond.ts'
import type { Ask, RouteContract } from './contract.ts'

const KEY = /^[\x21-\x7E]{1,255}$/

/** Runs a creation, once for each `Idempotency-Key` it is sent with. @throws GatewayError 400, 409 */
export async function onceOnly<C extends RouteContract>(
  { body, principal, query, request, rule, tenantId }: Ask<C>,
  { logger, once }: Pick<ServerDeps, 'logger' | 'once'>,
  create: () => Promise<Response> | Response,
): Promise<Response> {
  const key = request.headers.get('idempotency-key')
  if (key === null) return await create()
  if (!KEY.test(key)) {
    throw new GatewayError('invalid_request', {
      param: 'Idempotency-Key',
      message: 'Must be 1 to 255 visible characters.',
    })
  }
  const { keyId, kind, serviceId, userId } = principal
  // Ids of users and services are their tenant's own.
  const caller = [principal.tenantId, kind, keyId ?? userId ?? serviceId ?? '']
  const name = hashOf([tenantId, ...caller, rule.method, new URL(request.url).pathname, key])
  const begun = await once.begin(name, hashOf([body ?? null, query]))
  if (begun === 'other')
    throw conflict('idempotency_key_reused', 'This key was used for another request.')
  if (begun === 'running') {
    throw conflict(
      'idempotency_key_in_use',
      'A request with this key is under way, or its end is not known: look whether it was made.',
    )
  }
  if (begun !== 'new') return again(request, begun)
  let response: Response
  try {
    response = await create()
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.status < 500) await once.forget(name)
    throw thrown
  }
  try {
    const text = await response.clone().text()
    const etag = response.headers.get('etag')
    const { status } = response
    await once.finish(name, { status, body: text, ...(etag === null ? {} : { etag }) })
  } catch (thrown) {
    // It is made, and its key is told now or never. The claim stays: whoever asks again is told to look.
    logger.warn('an answer could not be kept for its Idempotency-Key', { error: String(thrown) })
  }
  return response
}

function again(request: Request, { body, etag, status }: OnceAnswer): Response {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'idempotency-replayed': 'true',
    ...(etag === undefined ? {} : { etag }),
  }
  return respond(request, { status, headers, body })
}

function hashOf(value: unknown): string {
  return new Bun.CryptoHasher('sha256').update(JSON.stringify(value)).digest('hex')
}

function conflict(code: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { status: 409, code, message })
}
