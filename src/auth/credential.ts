// Where a client's credential may stand, all places equal. It reads header fields only and decides nothing.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { isTokenShaped } from './token-parts.ts'

/** What SDKs that insist on a key may send to say "none": it is no secret and names nobody. */
export const PLACEHOLDER_KEY = 'anonymous'

const PLACES = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const

/**
 * The one credential of a request, or undefined when there is none.
 * @param fromPath the key of a `/k/{key}/…` path
 * @throws GatewayError `invalid_request` for two different credentials, `authentication` for one that cannot be a key
 */
export function credentialOf(headers: Headers, fromPath?: string): string | undefined {
  let found = fromPath === '' ? undefined : fromPath
  for (const name of PLACES) {
    const text = headers.get(name)?.trim()
    if (text === undefined || text === '') continue
    const value = name === 'authorization' ? bearerOf(text) : text
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
  // A token with its claims is long; anything else of that length is no credential, and is not even hashed.
  if (found !== undefined && found.length > LIMITS.credentialCharsMax && !isTokenShaped(found)) {
    throw new GatewayError('authentication')
  }
  return found
}

/** The token of a Bearer header; another scheme is a wrong credential, not an absent one. */
function bearerOf(text: string): string | undefined {
  // The scheme alone is looked at: a token behind it is long, and this is done for every request.
  const scheme = text.slice(0, SCHEME.length + 1).toLowerCase()
  if (scheme === SCHEME) return undefined
  if (!/^bearer\s$/.test(scheme)) throw new GatewayError('authentication')
  return text.slice(SCHEME.length).trim()
}

const SCHEME = 'bearer'
