// Where a client's credential may stand, all places equal. It reads header fields only and decides nothing.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'

/** What SDKs that insist on a key may send to say "none": it is no secret and names nobody. */
export const PLACEHOLDER_KEY = 'anonymous'

const KEY_HEADERS = ['x-api-key', 'api-key', 'x-goog-api-key'] as const

/**
 * The one credential of a request, or undefined when there is none.
 * @param fromPath the key of a `/k/{key}/…` path
 * @throws GatewayError `invalid_request` for two different credentials, `authentication` for one that cannot be a key
 */
export function credentialOf(headers: Headers, fromPath?: string): string | undefined {
  let found = fromPath === '' ? undefined : fromPath
  const bearer = bearerOf(headers.get('authorization'))
  for (const value of [bearer, ...KEY_HEADERS.map((name) => headers.get(name)?.trim())]) {
    if (value === undefined || value === '') continue
    // A client with its key in the path may have to send something here as well.
    if (value === PLACEHOLDER_KEY && found !== undefined) continue
    if (found !== undefined && found !== value) {
      throw new GatewayError('invalid_request', {
        code: 'ambiguous_credentials',
        message: 'The request carries two different credentials.',
      })
    }
    found = value
  }
  if (found !== undefined && found.length > LIMITS.credentialCharsMax) {
    throw new GatewayError('authentication')
  }
  return found
}

/** The token of a Bearer header; another scheme is a wrong credential, not an absent one. */
function bearerOf(header: string | null): string | undefined {
  if (header === null || header.trim() === '') return undefined
  const match = /^bearer(?:\s+(.*))?$/i.exec(header.trim())
  if (match === null) throw new GatewayError('authentication')
  return match[1]?.trim()
}
