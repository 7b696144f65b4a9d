// Logins, sessions and logouts as the server asks for them: one door before the parts that know OpenID, passwords and the store. It
// records who came and went, and gives no session to whom it could not record. It makes no response and reads no header.

import type { Actor, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { PLATFORM_TENANT_ID, type Claimed, type User } from '../core/identity.ts'
import { LOCAL_ISSUER, type IssuerSettings } from '../core/issuer.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { Session, UserRepository } from '../core/ports-people.ts'
import type { Principal } from '../core/principal.ts'
import type { Rights } from '../core/rights.ts'
import type { Accounts, Origin } from './accounts.ts'
import { addressGroup, AttemptCounter } from './attempt-counter.ts'
import type { LocalUsers } from './local-users.ts'
import { originOf, personOf, sessionEvent, sessionId } from './login-events.ts'
import { asLoginError, notThere } from './login-error.ts'
import { describeLoginFailure } from './oidc-failure.ts'
import type { OidcIssuers } from './oidc-issuers.ts'
import type { OidcLogin } from './oidc-login.ts'
import type { OidcLogout } from './oidc-logout.ts'
import { returnTarget } from './return-target.ts'
import type { SessionRefresh } from './session-refresh.ts'
import { isSessionToken, markOf, rightsMark, sessionHash } from './session-token.ts'
import type { Sessions, SessionSecrets } from './sessions.ts'

export { sessionId }

/** Where logins, logouts and refusals are written down. */
export interface AuditRecorder {
  record(event: AuditEvent, by: Actor): Promise<void>
}

export interface LoginDeskParts {
  readonly issuers: OidcIssuers
  readonly oidc: OidcLogin
  readonly logout: OidcLogout
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly refresh: SessionRefresh
  readonly local: LocalUsers
  readonly users: Pick<UserRepository, 'find'>
  readonly audit: AuditRecorder
  readonly clock: Clock
  readonly logger: Logger
  rights(): Rights
  /** `auth.local` */
  isLocalOpen(): boolean
}

/** A browser that asks. */
export interface Browser extends Origin {
  readonly userAgent?: string
  /** The session it has already, which ends when another begins. */
  readonly sessionValue?: string
}

export interface LoggedIn {
  /** Goes into the cookie. */
  readonly sessionValue: string
  readonly user: User
  readonly principal: Principal
  /** A path of ours. */
  readonly returnTo: string
}

/** Who a session is. */
export interface Identified {
  readonly session: Session
  readonly user: User
  readonly principal: Principal
  /** As the browser has it, or is to have from now on. */
  readonly sessionValue: string
  /** The rights have changed: the browser is to take the new value. */
  readonly isRenewed: boolean
}

export class LoginDesk {
  private readonly parts: LoginDeskParts
  /** Logins that were begun, and those that came to nothing. */
  private readonly begun: AttemptCounter
  private readonly byAddress: AttemptCounter
  private readonly byName: AttemptCounter
  private readonly byNameAnywhere: AttemptCounter

  constructor(parts: LoginDeskParts) {
    this.parts = parts
    this.begun = new AttemptCounter(parts.clock, LIMITS.loginsBegunPerAddressMax)
    this.byAddress = new AttemptCounter(parts.clock, LIMITS.loginFailuresPerAddressMax)
    this.byName = new AttemptCounter(parts.clock, LIMITS.loginFailuresPerNameMax)
    this.byNameAnywhere = new AttemptCounter(parts.clock, LIMITS.loginFailuresPerNameAnywhereMax)
  }

  /** Ways to log in. */
  options(): { readonly issuers: readonly IssuerSettings[]; readonly isLocalOpen: boolean } {
    return { issuers: this.parts.issuers.forLogin(), isLocalOpen: this.parts.isLocalOpen() }
  }

  /** @throws GatewayError 404 for an issuer there is not, 429 for too many from one address, 503 when the issuer does not answer */
  async begin(
    issuerId: string,
    facts: {
      readonly redirectUri: string
      readonly browserId: string
      readonly returnTo: string | null
    },
    { from }: Origin,
  ): Promise<URL> {
    const issuer = this.parts.issuers.find(issuerId)
    if (issuer === undefined) throw notThere()
    this.begun.take(addressGroup(from))
    return await this.parts.oidc.begin(issuer, facts)
  }

  /** @throws GatewayError 400, 403, 429 or 503; see `OidcLogin` and `Accounts` */
  async finish(
    query: URLSearchParams,
    facts: { readonly redirectUri: string; readonly browserId: string | undefined },
    browser: Browser,
  ): Promise<LoggedIn> {
    const address = addressGroup(browser.from)
    this.byAddress.take(address)
    const { accounts, oidc } = this.parts
    const claimed = await oidc.claim(query, facts.browserId)
    const { attempt, issuer } = claimed
    try {
      const { idToken, payload, refreshToken } = await oidc.finish(claimed, facts.redirectUri)
      const { claims, user } = await accounts.of(payload, issuer, originOf(browser))
      const loggedIn = await this.admit(
        user,
        {
          issuer: issuer.id,
          claimed: claims.claimed,
          ...(claims.sessionId === undefined ? {} : { issuerSessionId: claims.sessionId }),
        },
        { idToken, ...(refreshToken === undefined ? {} : { refreshToken }) },
        browser,
      )
      this.byAddress.giveBack(address)
      return { ...loggedIn, returnTo: attempt.returnTo }
    } catch (thrown) {
      await this.failed(issuer.id, thrown, browser)
      throw asLoginError(thrown)
    }
  }

  /** @throws GatewayError 401 in one wording for any wrong pair, 404 where local users do not log in, 429 for too many tries */
  async withPassword(
    given: { readonly name: string; readonly password: string; readonly returnTo: string | null },
    browser: Browser,
  ): Promise<LoggedIn> {
    if (!this.parts.isLocalOpen()) throw notThere()
    const name = given.name.trim().normalize('NFC').toLowerCase().slice(0, 100)
    const address = addressGroup(browser.from)
    this.byAddress.take(address)
    this.byName.take(`${name}\n${address}`)
    this.byNameAnywhere.take(name)
    const user = await this.parts.local.logIn(given.name, given.password)
    if (user === undefined) {
      const refused = new GatewayError('authentication', {
        code: 'wrong_password',
        message: 'The name or the password is wrong.',
      })
      await this.failed(LOCAL_ISSUER, refused, browser)
      throw refused
    }
    this.byName.giveBack(`${name}\n${address}`)
    this.byNameAnywhere.giveBack(name)
    this.byAddress.giveBack(address)
    return await this.admitLocal(user, browser, given.returnTo)
  }

  /** Makes the administrator by a one-time link and logs them in. @throws GatewayError 400, 403, 404 or 429 */
  async setUp(
    facts: { readonly token: string; readonly name: string; readonly password: string },
    browser: Browser,
  ): Promise<LoggedIn> {
    if (!this.parts.isLocalOpen()) throw notThere()
    this.byAddress.take(addressGroup(browser.from))
    const user = await this.parts.local.setUp(facts, originOf(browser))
    return await this.admitLocal(user, browser)
  }

  /** The user of a password link chooses a password and is logged in. @throws GatewayError 400, 403, 404 or 429 */
  async choosePassword(
    facts: { readonly token: string; readonly password: string },
    browser: Browser,
  ): Promise<LoggedIn> {
    if (!this.parts.isLocalOpen()) throw notThere()
    const address = addressGroup(browser.from)
    this.byAddress.take(address)
    const user = await this.parts.local.choosePassword(facts, originOf(browser))
    this.byAddress.giveBack(address)
    return await this.admitLocal(user, browser)
  }

  /** Logs the user of a one-time link in. @throws GatewayError 403, 404 where local users do not log in, 429 for too many tries */
  async withLink(token: string, browser: Browser): Promise<LoggedIn> {
    if (!this.parts.isLocalOpen()) throw notThere()
    const address = addressGroup(browser.from)
    this.byAddress.take(address)
    try {
      const loggedIn = await this.admitLocal(await this.parts.local.logInByLink(token), browser)
      this.byAddress.giveBack(address)
      return loggedIn
    } catch (thrown) {
      await this.failed(LOCAL_ISSUER, thrown, browser)
      throw thrown
    }
  }

  /** Who a cookie is now, for a stream that goes on: nothing is renewed or ended, as no answer could take a new cookie. */
  async look(sessionValue: string): Promise<Principal | undefined> {
    const session = await this.parts.sessions.find(sessionValue)
    if (session === undefined) return undefined
    const rights = this.parts.rights()
    const user = rights.user(session.tenantId, session.userId)
    return user === undefined ? undefined : rights.ofUser(user, session.claimed)
  }

  /** Who a cookie is, or undefined when it is nobody's any more. */
  async identify(sessionValue: string): Promise<Identified | undefined> {
    const { refresh, sessions, users } = this.parts
    const session = await sessions.find(sessionValue)
    if (session === undefined) return undefined
    const rights = this.parts.rights()
    const { claimed, tenantId, userId } = session
    // Another replica may have made the user a moment ago.
    const user = rights.user(tenantId, userId) ?? (await users.find(tenantId, userId))
    const principal = user && rights.ofUser(user, claimed)
    if (user === undefined || principal === undefined) {
      await sessions.end(session.idHash)
      return undefined
    }
    const mark = rightsMark(principal)
    if (mark === markOf(sessionValue)) {
      refresh.used(session)
      return { session, user, principal, sessionValue, isRenewed: false }
    }
    await refresh.finished(session)
    const token = await sessions.rotate(session, mark)
    if (token === undefined) return undefined
    const renewed = { ...session, idHash: token.idHash }
    return { session: renewed, user, principal, sessionValue: token.value, isRenewed: true }
  }

  /**
   * Ends a browser's session.
   * @param returnTo an address of ours, registered at the issuer
   * @returns where to log out at the issuer as well, if anywhere
   */
  async logOut(
    { principal, session }: Pick<Identified, 'principal' | 'session'>,
    returnTo: string,
    origin: Origin,
  ): Promise<string | undefined> {
    const { issuers, logout, sessions } = this.parts
    const { idToken } = await sessions.secrets(session.idHash)
    await sessions.end(session.idHash)
    await this.parts.audit.record(
      sessionEvent('logout', session),
      personOf(principal, session, origin),
    )
    const issuer = issuers.find(session.issuer)
    if (issuer === undefined) return undefined
    return await logout.endSessionUrl(issuer, {
      returnTo,
      ...(idToken === undefined ? {} : { idToken }),
    })
  }

  /** @throws GatewayError 400 for a token that is not to be believed, 404 for an issuer there is not */
  async backChannel(issuerId: string, token: string, origin: Origin): Promise<void> {
    const issuer = this.parts.issuers.find(issuerId)
    if (issuer === undefined) throw notThere()
    await this.loggedOut(issuer, await this.parts.logout.byToken(issuer, token), origin)
  }

  /** @throws GatewayError 400 when it names nothing that is this issuer's, 404 for an issuer there is not, 429 for too many from one address */
  async frontChannel(
    issuerId: string,
    facts: { readonly sessionId: string | null; readonly issuer: string | null },
    origin: Origin,
  ): Promise<void> {
    const issuer = this.parts.issuers.find(issuerId)
    if (issuer === undefined) throw notThere()
    // Nobody proves anything here, and each costs a write: one that ends nothing was a try.
    const address = addressGroup(origin.from)
    this.begun.take(address)
    const count = await this.parts.logout.bySessionId(issuer, facts)
    if (count > 0) this.begun.giveBack(address)
    await this.loggedOut(issuer, count, origin)
  }

  /** Sessions of a tenant, or of one of its users. */
  async sessions(tenantId: string, userId?: string): Promise<Session[]> {
    return await this.parts.sessions.list(tenantId, userId)
  }

  /** Ends a session of a tenant by the beginning of its hash. False when there is none. */
  async revoke(tenantId: string, id: string, by: Actor, userId?: string): Promise<boolean> {
    const all = await this.sessions(tenantId, userId)
    const session = all.find((each) => sessionId(each) === id)
    if (session === undefined) return false
    await this.parts.audit.record(sessionEvent('session.revoke', session), by)
    return await this.parts.sessions.end(session.idHash)
  }

  private async admitLocal(user: User, browser: Browser, returnTo: string | null = null) {
    const facts = { issuer: LOCAL_ISSUER, claimed: { roles: [], groups: [] } }
    const loggedIn = await this.admit(user, facts, {}, browser)
    return { ...loggedIn, returnTo: returnTarget(returnTo) }
  }

  private async admit(
    user: User,
    facts: {
      readonly issuer: string
      readonly claimed: Claimed
      readonly issuerSessionId?: string
    },
    secrets: SessionSecrets,
    browser: Browser,
  ): Promise<Omit<LoggedIn, 'returnTo'>> {
    const { audit, sessions } = this.parts
    const principal = this.parts.rights().ofUser(user, facts.claimed)
    if (principal === undefined) {
      throw new GatewayError('permission', {
        code: 'user_disabled',
        message: 'Your account or your tenant is turned off. Ask an administrator.',
      })
    }
    const { from, sessionValue, userAgent } = browser
    const actor = personOf(principal, facts, originOf(browser))
    await audit.record(
      {
        tenantId: user.tenantId,
        action: 'login.succeeded',
        target: { kind: 'user', id: user.id },
        after: { issuer: facts.issuer, ...facts.claimed },
      },
      actor,
    )
    const { token } = await sessions.open(
      {
        tenantId: user.tenantId,
        userId: user.id,
        ...facts,
        ...(userAgent === undefined ? {} : { userAgent }),
        ...(from === undefined ? {} : { from }),
      },
      secrets,
      rightsMark(principal),
    )
    if (sessionValue !== undefined && isSessionToken(sessionValue)) {
      await sessions.end(sessionHash(sessionValue))
    }
    return { sessionValue: token.value, user, principal }
  }

  /** What is thrown stays thrown, whether or not its record can be written. */
  private async failed(issuerId: string, thrown: unknown, browser: Browser): Promise<void> {
    const { audit, logger } = this.parts
    const error = asLoginError(thrown)
    logger.warn('a login failed', {
      issuer: issuerId,
      code: error.code,
      requestId: browser.requestId,
      error: describeLoginFailure(thrown),
    })
    try {
      await audit.record(
        {
          tenantId: PLATFORM_TENANT_ID,
          action: 'login.failed',
          target: { kind: 'issuer', id: issuerId },
          after: { code: error.code },
        },
        { kind: 'anonymous', id: 'anonymous', ...originOf(browser) },
      )
    } catch (failure) {
      logger.error('a failed login could not be recorded', { error: String(failure) })
    }
  }

  private async loggedOut(issuer: IssuerSettings, count: number, origin: Origin): Promise<void> {
    if (count === 0) return
    await this.parts.audit.record(
      {
        tenantId: PLATFORM_TENANT_ID,
        action: 'logout',
        target: { kind: 'issuer', id: issuer.id },
        after: { sessions: count },
      },
      { kind: 'system', id: `issuer ${issuer.id}`, ...origin },
    )
  }
}
