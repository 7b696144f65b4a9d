// One public key of an issuer's JSON Web Key Set (RFC 7517), judged when it is read: for signatures, public, and long enough. What it
// is for is decided by its own fields, never by what a token says of it.

import type { CryptoKey, JWK } from 'jose'
import { asArray, asObject, asString, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'

export interface SigningKey {
  readonly kid?: string
  /** Signatures it can check. */
  readonly algorithms: readonly string[]
  /** Entra ID: whose tokens it signs; `{tenantid}` stands for any directory. */
  readonly issuer?: string
  /** Ready for one of its algorithms. */
  imported(algorithm: string): Promise<CryptoKey>
}

/** NIST SP 800-131A: shorter ones can be factored. */
const RSA_BITS_MIN = 2_048

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const CURVES: ReadonlyMap<string, readonly string[]> = new Map([
  ['EC P-256', ['ES256']],
  ['EC P-384', ['ES384']],
  ['EC P-521', ['ES512']],
  ['OKP Ed25519', ['EdDSA']],
])

/** A key that may check signatures, or undefined for any other. */
export function signingKey(value: unknown): SigningKey | undefined {
  const jwk = asObject(value)
  if (jwk === undefined || !isForSignatures(jwk) || isSecret(jwk)) return undefined
  const stated = asString(jwk['alg'])
  const algorithms = algorithmsOf(jwk).filter((each) => stated === undefined || each === stated)
  if (algorithms.length === 0) return undefined
  const kid = asString(jwk['kid'])
  const issuer = asString(jwk['issuer'])
  if (kid !== undefined && kid.length > LIMITS.claimCharsMax) return undefined
  const imports = new Map<string, Promise<CryptoKey>>()
  return {
    algorithms,
    ...(kid === undefined ? {} : { kid }),
    ...(issuer === undefined ? {} : { issuer }),
    imported(algorithm) {
      let key = imports.get(algorithm)
      if (key === undefined) {
        key = publicKey(jwk, algorithm)
        imports.set(algorithm, key)
      }
      return key
    },
  }
}

/** Whether a key checks signatures of this kind. */
export function fits(key: SigningKey, algorithm: string): boolean {
  return key.algorithms.includes(algorithm)
}

function isForSignatures(jwk: JsonObject): boolean {
  const operations = asArray(jwk['key_ops'])
  const isForUse = jwk['use'] === undefined || jwk['use'] === 'sig'
  return isForUse && (operations === undefined || operations.includes('verify'))
}

/** A private key in public is everybody's, and a shared one is no proof: HMAC is never taken. */
function isSecret(jwk: JsonObject): boolean {
  return jwk['kty'] === 'oct' || Object.hasOwn(jwk, 'd') || Object.hasOwn(jwk, 'k')
}

function algorithmsOf(jwk: JsonObject): readonly string[] {
  if (jwk['kty'] === 'RSA') return modulusBits(jwk) >= RSA_BITS_MIN ? RSA : []
  return CURVES.get(`${asString(jwk['kty']) ?? ''} ${asString(jwk['crv']) ?? ''}`) ?? []
}

function modulusBits(jwk: JsonObject): number {
  const modulus = Buffer.from(asString(jwk['n']) ?? '', 'base64url')
  const first = modulus.findIndex((byte) => byte !== 0)
  if (first < 0) return 0
  return (modulus.length - first) * 8 - (Math.clz32(modulus[first]!) - 24)
}

async function publicKey(jwk: JsonObject, algorithm: string): Promise<CryptoKey> {
  const { crv, e, kty, n, x, y } = jwk
  // Nothing but the key itself: other members could change what the import makes of it.
  const bare = Object.fromEntries(
    Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => typeof value === 'string'),
  ) as JWK
  const { importJWK } = await import('jose')
  const key = await importJWK(bare, algorithm)
  if (key instanceof Uint8Array) throw new TypeError('a shared secret is no public key')
  return key
}
