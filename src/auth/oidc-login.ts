// A login by OpenID Connect: authorization code with PKCE (RFC 7636, S256), state bound to the browser that began it, nonce, and the
// issuer's own name in the answer (RFC 9207). It ends with what the issuer's tokens say; who that is here is decided elsewhere.

import { randomBytes } from 'node:crypto'
import type { IssuerSettings } from '../core/issuer.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import type { LoginAttempt, LoginRepository } from '../core/ports-people.ts'
import { loginFailure, loginRefused } from './oidc-failure.ts'
import type { OidcIssuers } from './oidc-issuers.ts'
import { claimsOfTokens } from './oidc-tokens.ts'
import { returnTarget } from './return-target.ts'
import { hashed, isSameSecret } from './secret-text.ts'
import { checkIssuer } from './token-rules.ts'

export interface OidcLoginPorts {
  readonly issuers: OidcIssuers
  readonly logins: LoginRepository
  readonly clock: Clock
}

/** A login that waits for this answer. */
export interface ClaimedLogin {
  readonly attempt: LoginAttempt
  readonly issuer: IssuerSettings
  readonly state: string
  readonly query: URLSearchParams
}

/** What an issuer has said of somebody. Nothing here may be logged. */
export interface IssuedLogin {
  /** Claims of the id token, completed by those that the issuer says elsewhere. */
  readonly payload: JsonObject
  readonly idToken: string
  readonly refreshToken?: string
}

/** What an issuer says of a session later; without claims where it said nothing new. */
export type RefreshedLogin = Partial<IssuedLogin>

export class OidcLogin {
  private readonly ports: OidcLoginPorts

  constructor(ports: OidcLoginPorts) {
    this.ports = ports
  }

  /**
   * Begins a login.
   * @param browserId what the browser holds in a cookie: only there can the login be ended
   * @returns where the browser is sent
   * @throws GatewayError 503 when the issuer does not say where that is
   */
  async begin(
    issuer: IssuerSettings,
    facts: {
      readonly redirectUri: string
      readonly browserId: string
      readonly returnTo: string | null | undefined
    },
  ): Promise<URL> {
    const { clock, issuers, logins } = this.ports
    const client = await issuers.client(issuer)
    const state = randomBytes(32).toString('base64url')
    const nonce = randomBytes(32).toString('base64url')
    const library = await import('openid-client')
    const codeVerifier = library.randomPKCECodeVerifier()
    const url = library.buildAuthorizationUrl(client, {
      redirect_uri: facts.redirectUri,
      scope: issuer.scopes.join(' '),
      response_type: 'code',
      state,
      nonce,
      code_challenge: await library.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    })
    if (url.protocol !== 'https:' && url.protocol !== 'http:') {
      throw loginRefused('the issuer’s authorization endpoint is no page')
    }
    await logins.begin({
      stateHash: hashed(state),
      issuer: issuer.id,
      browserHash: hashed(facts.browserId),
      nonce,
      codeVerifier,
      returnTo: returnTarget(facts.returnTo),
      expiresMs: clock.nowMs() + LIMITS.loginAttemptMs,
    })
    return url
  }

  /**
   * Which login it is that the issuer's answer belongs to. It is taken out of the store, whatever comes of it: a second answer to one
   * question is somebody else's.
   * @param query of the request to the redirect address
   * @param browserId of the browser that brought it
   * @throws GatewayError 400 when no login of this browser waits for it
   */
  async claim(query: URLSearchParams, browserId: string | undefined): Promise<ClaimedLogin> {
    const { clock, issuers, logins } = this.ports
    const [state, ...more] = query.getAll('state')
    if (state === undefined || state === '' || more.length > 0) throw loginRefused('no state')
    const attempt = await logins.take(hashed(state), clock.nowMs())
    if (attempt === undefined) throw loginRefused('unknown state')
    if (browserId === undefined || !isSameSecret(attempt.browserHash, hashed(browserId))) {
      throw loginRefused('another browser began this login')
    }
    const issuer = issuers.find(attempt.issuer)
    if (issuer === undefined) throw loginRefused('the issuer is configured no more')
    return { attempt, issuer, state, query }
  }

  /**
   * Ends a login with what the issuer gave the browser.
   * @throws GatewayError 400 for whatever does not belong together, 403 when the issuer let nobody in, 503 when it does not answer
   */
  async finish(
    { attempt, issuer, query, state }: ClaimedLogin,
    redirectUri: string,
  ): Promise<IssuedLogin> {
    const answered = new URL(redirectUri)
    answered.search = query.toString()
    try {
      const client = await this.ports.issuers.client(issuer)
      const { authorizationCodeGrant } = await import('openid-client')
      const tokens = await authorizationCodeGrant(client, answered, {
        expectedState: state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.codeVerifier,
        idTokenExpected: true,
      })
      const { access_token: accessToken, id_token: idToken, refresh_token: refreshToken } = tokens
      const idClaims = tokens.claims() as unknown as JsonObject | undefined
      if (idToken === undefined || idClaims === undefined) throw loginRefused('no id token')
      checkIdToken(idToken, idClaims, issuer, client.serverMetadata().issuer)
      const payload = await claimsOfTokens(client, issuer, { idClaims, accessToken })
      return { payload, idToken, ...(refreshToken === undefined ? {} : { refreshToken }) }
    } catch (thrown) {
      throw loginFailure(thrown)
    }
  }

  /**
   * Asks whether the issuer still knows a login, and what it says of it now.
   * @param subject `sub` of the login
   * @throws whatever openid-client throws: `isGrantRefused` tells a refusal from silence
   */
  async refresh(
    issuer: IssuerSettings,
    held: { readonly refreshToken: string; readonly subject: string },
  ): Promise<RefreshedLogin> {
    const client = await this.ports.issuers.client(issuer)
    const { refreshTokenGrant } = await import('openid-client')
    const tokens = await refreshTokenGrant(client, held.refreshToken)
    const { access_token: accessToken, id_token: idToken, refresh_token: refreshToken } = tokens
    const next = refreshToken === undefined ? {} : { refreshToken }
    const idClaims = tokens.claims() as unknown as JsonObject | undefined
    if (idToken === undefined || idClaims === undefined) return next
    checkIdToken(idToken, idClaims, issuer, client.serverMetadata().issuer)
    // OpenID Connect Core 1.0 §12.2: it must be about the same person.
    if (idClaims['sub'] !== held.subject) throw loginRefused('a refresh names somebody else')
    const payload = await claimsOfTokens(client, issuer, { idClaims, accessToken })
    return { ...next, payload, idToken }
  }
}

/** What openid-client takes as the issuer announces it: only configured signatures count, and at Entra ID only configured directories. */
function checkIdToken(
  idToken: string,
  claims: JsonObject,
  issuer: IssuerSettings,
  published: string,
): void {
  const header = parseJson(Buffer.from(idToken.split('.')[0] ?? '', 'base64url').toString())
  const algorithm = isObject(header) ? header['alg'] : undefined
  if (typeof algorithm !== 'string' || !issuer.algorithms.includes(algorithm)) {
    throw loginRefused('the id token has a signature that is not configured')
  }
  if (issuer.kind === 'entra') checkIssuer(claims, issuer, published, undefined)
}
