// A bearer token taken apart before anything in it is believed (RFC 7515, RFC 8725): three canonical parts, a header without anything
// that has to be understood and is not, a payload that is an object. It checks no signature.

import { GatewayError } from '../core/error.ts'
import { asString, isObject, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'

export interface TokenParts {
  readonly algorithm: string
  readonly kid?: string
  /** `typ`, lower case, without `application/`; absent where the header has none. */
  readonly type?: string
  /** Not verified: for finding out whose keys to try, and for nothing else. */
  readonly payload: JsonObject
}

/**
 * Whether a credential could be a signed token: three parts, none of them empty. A key of Weir's own making never could. Only looked over
 * here, as this is asked of every request; what the parts are made of is checked when they are read.
 */
export function isTokenShaped(credential: string): boolean {
  if (credential.length > LIMITS.tokenCharsMax) return false
  const first = credential.indexOf('.')
  const second = credential.indexOf('.', first + 1)
  const isParted = first > 0 && second > first + 1 && second < credential.length - 1
  return isParted && !credential.includes('.', second + 1)
}

/**
 * Header members that change what a token means. Of `jku`, `jwk`, `x5u`, `x5c` and the like none is read: keys come from the issuer
 * alone, so they may stand there in vain. `crit` demands understanding and nothing is understood; the others make it something else
 * than a plainly signed text.
 */
const FOREIGN_MEMBERS = ['crit', 'b64', 'enc', 'zip', 'epk', 'p2s']

/** @throws GatewayError `authentication` for whatever is no token that could be taken */
export function partsOf(token: string): TokenParts {
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  if (more.length > 0) throw refused('it has more than three parts')
  const header = jsonPart(head, 'header')
  const payload = jsonPart(body, 'payload')
  if (!isCanonical(signature)) throw refused('its signature is no canonical base64url')
  if (FOREIGN_MEMBERS.some((name) => Object.hasOwn(header, name))) {
    throw refused('its header demands what is not supported')
  }
  const algorithm = asString(header['alg'])
  if (algorithm === undefined) throw refused('its header names no algorithm')
  const { kid, typ } = header
  const isUsableKid = kid === undefined || (typeof kid === 'string' && kid.length <= KID_CHARS_MAX)
  if (!isUsableKid) throw refused('its header names no usable key')
  if (typ !== undefined && typeof typ !== 'string') throw refused('its type is no text')
  const type = typ?.toLowerCase().replace(/^application\//, '')
  return {
    algorithm,
    payload,
    ...(kid === undefined ? {} : { kid }),
    ...(type === undefined ? {} : { type }),
  }
}

const KID_CHARS_MAX = LIMITS.claimCharsMax

/** Decoders pass over bits at the end that belong to no byte: then one token would have many spellings. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part
}

function jsonPart(part: string, name: string): JsonObject {
  if (!isCanonical(part)) throw refused(`its ${name} is no canonical base64url`)
  const value = parsed(Buffer.from(part, 'base64url'))
  if (!isObject(value)) throw refused(`its ${name} is no JSON object`)
  return value
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

/** One wording for clients; the reason is for the log alone. */
export function refused(reason: string): GatewayError {
  return new GatewayError('authentication', { cause: `the token was refused: ${reason}` })
}
