// One bearer token from text to believed claims, in the order in which it costs least to refuse it. Keys come from the issuer that is
// configured and from nowhere else; nothing is remembered here.

import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { claimsOf, type TokenClaims } from './claims.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { partsOf, refused, type TokenParts } from './token-parts.ts'
import {
  checkAudience,
  checkIssuer,
  checkKind,
  checkTimes,
  issuedMs,
  issuerOf,
} from './token-rules.ts'

export interface VerifiedToken {
  readonly issuer: IssuerSettings
  readonly claims: TokenClaims
  /** Wall clock, without the allowance for clocks. */
  readonly expiresMs: number
  readonly issuedMs: number
}

/**
 * Verifies a token.
 * @param nowMs wall clock
 * @throws GatewayError `authentication` with the reason as its cause, in one wording for clients; `permission` when it names no tenant
 * where it must; `identity_unavailable` when its issuer's keys cannot be had
 */
export async function verifyToken(
  token: string,
  issuers: readonly IssuerSettings[],
  keys: Pick<IssuerKeys, 'key'>,
  nowMs: number,
): Promise<VerifiedToken> {
  const parts = partsOf(token)
  const issuer = issuerOf(parts.payload, issuers)
  if (!issuer.algorithms.includes(parts.algorithm)) throw refused('its algorithm is not allowed')
  // All that can be told without a key: what fails here must not make anybody ask an issuer.
  checkKind(parts, issuer)
  checkAudience(parts.payload, issuer)
  const expiresMs = checkTimes(parts.payload, issuer.clockSkewMs, nowMs)
  await checkSignature(token, parts, issuer, keys)
  return {
    issuer,
    claims: claimsOf(parts.payload, issuer),
    expiresMs,
    issuedMs: issuedMs(parts.payload),
  }
}

async function checkSignature(
  token: string,
  { algorithm, kid, payload }: TokenParts,
  issuer: IssuerSettings,
  keys: Pick<IssuerKeys, 'key'>,
): Promise<void> {
  const { description, key } = await keys.key(issuer, {
    alg: algorithm,
    ...(kid === undefined ? {} : { kid }),
  })
  checkIssuer(payload, issuer, description.issuer, key.issuer)
  // Loaded with the first token: a program without issuers never needs it, and its start would pay for it.
  const { compactVerify } = await import('jose')
  try {
    await compactVerify(token, await key.imported(algorithm), { algorithms: [algorithm] })
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw refused('its signature does not hold')
  }
}
