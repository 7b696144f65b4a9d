// Ends of sessions that an issuer or its page asks for: the address a browser is sent to after it has logged out here (RP-Initiated
// Logout 1.0), tokens by which an issuer logs somebody out (Back-Channel Logout 1.0), and Entra ID's front channel.

import { GatewayError } from '../core/error.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { LoginRepository } from '../core/ports-people.ts'
import { identifierAt, ownValue } from './claim-paths.ts'
import { issuerOfDirectory } from '../core/entra-issuer.ts'
import type { Recall } from '../core/recall.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { describeLoginFailure } from './oidc-failure.ts'
import type { OidcIssuers } from './oidc-issuers.ts'
import type { Sessions } from './sessions.ts'

export interface LogoutPorts {
  readonly issuers: OidcIssuers
  readonly keys: Pick<IssuerKeys, 'key'>
  readonly sessions: Pick<Sessions, 'endOf'>
  readonly logins: Pick<LoginRepository, 'firstUse'>
  readonly clock: Clock
  readonly logger: Logger
  /** Tokens of the same session or person are not to be taken any more either: here at once, elsewhere when this resolves or soon after. */
  recall(facts: Recall): void | Promise<void>
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

export class OidcLogout {
  private readonly ports: LogoutPorts

  constructor(ports: LogoutPorts) {
    this.ports = ports
  }

  /** Where the browser goes to log out there as well; undefined where the issuer has no such place, or does not say. */
  async endSessionUrl(
    issuer: IssuerSettings,
    facts: { readonly idToken?: string; readonly returnTo: string },
  ): Promise<string | undefined> {
    try {
      const client = await this.ports.issuers.client(issuer)
      if (client.serverMetadata().end_session_endpoint === undefined) return undefined
      const { buildEndSessionUrl } = await import('openid-client')
      const url = buildEndSessionUrl(client, {
        post_logout_redirect_uri: facts.returnTo,
        ...(facts.idToken === undefined ? {} : { id_token_hint: facts.idToken }),
      })
      return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined
    } catch (error) {
      // The session here has ended, whatever becomes of the other one.
      this.ports.logger.warn('an issuer does not say where to log out', {
        issuer: issuer.id,
        error: describeLoginFailure(error),
      })
      return undefined
    }
  }

  /**
   * Ends what a logout token names.
   * @returns how many sessions
   * @throws GatewayError 400 for a token that is not to be believed, 503 while its issuer's keys cannot be read
   */
  async byToken(issuer: IssuerSettings, token: string): Promise<number> {
    const payload = await this.verified(issuer, token)
    const subject = identifierAt(payload, 'sub')
    const issuerSessionId = identifierAt(payload, 'sid')
    const id = identifierAt(payload, 'jti')
    if (subject === undefined && issuerSessionId === undefined) throw refused('it names nobody')
    if (id === undefined) throw refused('it has no jti')
    const untilMs = this.ports.clock.nowMs() + LIMITS.logoutTokenAgeMs * 2 + issuer.clockSkewMs * 2
    const isFirst = await this.ports.logins.firstUse('logout-token', `${issuer.id}:${id}`, untilMs)
    if (!isFirst) throw refused('it was shown before')
    // A session where one is named: who has others keeps them.
    const named =
      issuerSessionId === undefined ? { subject: subject ?? '' } : { sessionId: issuerSessionId }
    const [count] = await Promise.all([
      this.ports.sessions.endOf(
        issuer.id,
        issuerSessionId === undefined ? { subject: subject ?? '' } : { issuerSessionId },
      ),
      this.ports.recall({ issuerId: issuer.id, ...named }),
    ])
    return count
  }

  /**
   * Ends an issuer's session as a page of the issuer says it (Front-Channel Logout 1.0). Entra ID leaves `iss` out: its address is the
   * issuer's own here, so it can end nobody else's.
   * @throws GatewayError 400 when it names no session or another issuer
   */
  async bySessionId(
    issuer: IssuerSettings,
    facts: { readonly sessionId: string | null; readonly issuer: string | null },
  ): Promise<number> {
    const { sessionId } = facts
    const isName = sessionId !== null && sessionId !== '' && !/\p{Cc}/u.test(sessionId)
    if (!isName || sessionId.length > LIMITS.claimCharsMax) throw refused('it names no session')
    const mayLeaveOut = issuer.kind === 'entra'
    const isNamed = facts.issuer === issuer.issuer || facts.issuer === `${issuer.issuer}/`
    if (!isNamed && !(mayLeaveOut && facts.issuer === null))
      throw refused('it names another issuer')
    const count = await this.ports.sessions.endOf(issuer.id, { issuerSessionId: sessionId })
    // Anybody can ask for this: names that no session had must not push those of real logouts out of memory.
    if (count > 0) await this.ports.recall({ issuerId: issuer.id, sessionId })
    return count
  }

  /** Back-Channel Logout 1.0 §2.6. */
  private async verified(issuer: IssuerSettings, token: string): Promise<JsonObject> {
    const header = headerOf(token)
    const { alg, kid, typ } = header
    // Keycloak leaves the type at `JWT`: the events tell what it is.
    const type = typeof typ === 'string' ? typ.toLowerCase() : undefined
    const isType = typ === undefined || type === 'jwt' || type === 'logout+jwt'
    if (!isType) throw refused('it is of another type')
    if (typeof alg !== 'string' || !issuer.algorithms.includes(alg)) {
      throw refused('its signature is of a kind that is not configured')
    }
    const name = typeof kid === 'string' ? { kid } : {}
    const found = await this.key(issuer, { alg, ...name })
    const { compactVerify } = await import('jose')
    const verified = await compactVerify(token, await found.key.imported(alg), {
      algorithms: [alg],
    }).catch((cause: unknown) => {
      throw refused(cause)
    })
    const payload = parseJson(new TextDecoder().decode(verified.payload))
    if (!isObject(payload)) throw refused('it is no JSON object')
    this.checkClaims(payload, issuer, found.description.issuer)
    return payload
  }

  private async key(
    issuer: IssuerSettings,
    header: { readonly alg: string; readonly kid?: string },
  ) {
    try {
      return await this.ports.keys.key(issuer, header)
    } catch (thrown) {
      const isTheirs = thrown instanceof GatewayError && thrown.kind === 'authentication'
      throw isTheirs ? refused(thrown) : thrown
    }
  }

  private checkClaims(payload: JsonObject, issuer: IssuerSettings, published: string): void {
    const directory = identifierAt(payload, 'tid') ?? ''
    const wanted = issuer.kind === 'entra' ? issuerOfDirectory(published, directory) : published
    if (ownValue(payload, 'iss') !== wanted) throw refused('it is from another issuer')
    const audience = ownValue(payload, 'aud')
    const isOurs = Array.isArray(audience)
      ? audience.includes(issuer.clientId)
      : audience === issuer.clientId
    if (!isOurs) throw refused('it is for another client')
    const events = ownValue(payload, 'events')
    if (!isObject(events) || !isObject(ownValue(events, EVENT))) throw refused('it is no logout')
    if (Object.hasOwn(payload, 'nonce')) throw refused('it is the answer to a login')
    const nowMs = this.ports.clock.nowMs()
    const issuedMs = timeAt(payload, 'iat')
    if (issuedMs === undefined) throw refused('it does not say when it was made')
    if (issuedMs > nowMs + issuer.clockSkewMs) throw refused('it is from the future')
    if (issuedMs + LIMITS.logoutTokenAgeMs + issuer.clockSkewMs < nowMs) throw refused('it is old')
    const endsMs = timeAt(payload, 'exp')
    if (endsMs !== undefined && endsMs + issuer.clockSkewMs < nowMs) throw refused('it has ended')
  }
}

function headerOf(token: string): JsonObject {
  const parts = token.split('.')
  const header = parseJson(Buffer.from(parts[0] ?? '', 'base64url').toString())
  if (parts.length !== 3 || !isObject(header)) throw refused('it is no token')
  if (Object.hasOwn(header, 'crit')) throw refused('it must be understood in ways it is not')
  return header
}

function timeAt(payload: JsonObject, name: string): number | undefined {
  const value = ownValue(payload, name)
  return typeof value === 'number' && Number.isFinite(value) ? value * 1_000 : undefined
}

/** One answer for all that can be wrong. */
function refused(cause: unknown): GatewayError {
  return new GatewayError('invalid_request', {
    code: 'invalid_logout',
    message: 'This is no logout that can be believed.',
    cause,
  })
}
