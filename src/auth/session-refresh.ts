// Whether an issuer still stands behind a session (S55): asked with the refresh token while the session is used, seldom, and by one
// replica at a time. Refused there, the session ends here; an issuer that does not answer ends nothing.

import type { IssuerSettings } from '../core/issuer.ts'
import { asString, isObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import type { LoginRepository, Session } from '../core/ports-people.ts'
import { GatewayError } from '../core/error.ts'
import type { Accounts } from './accounts.ts'
import { isSameClaims } from './claims.ts'
import { describeLoginFailure, isGrantRefused } from './oidc-failure.ts'
import type { OidcLogin } from './oidc-login.ts'
import type { Sessions } from './sessions.ts'

export interface RefreshPorts {
  readonly sessions: Sessions
  readonly logins: Pick<LoginRepository, 'firstUse'>
  readonly oidc: Pick<OidcLogin, 'refresh'>
  readonly accounts: Pick<Accounts, 'claims' | 'renewed'>
  readonly clock: Clock
  readonly logger: Logger
  issuer(id: string): IssuerSettings | undefined
}

export class SessionRefresh {
  private readonly ports: RefreshPorts
  /** The interval in which this process last looked, by session: no second question is asked in it. */
  private readonly looked = new Map<string, number>()
  private readonly running = new Map<string, Promise<void>>()

  constructor(ports: RefreshPorts) {
    this.ports = ports
  }

  /**
   * Looks at a session that is used, in the background. The session ends at most `sessionRefreshIntervalMs` and one answer of the
   * issuer after its next use.
   */
  used(session: Session): void {
    const issuer = this.ports.issuer(session.issuer)
    if (issuer === undefined) return
    const interval = this.interval(session)
    const name = nameOf(session)
    // A session is asked for the first time when it is one interval old: it was just begun.
    if (interval === 0 || this.looked.get(name) === interval || this.running.has(name)) return
    this.remember(name, interval)
    const work = this.look(session, issuer, interval)
      .catch((error: unknown) => this.tell(session, error))
      .finally(() => this.running.delete(name))
    this.running.set(name, work)
  }

  /** Resolves when a session is not asked for any more: whoever takes its secrets elsewhere takes the newest. */
  async finished(session: Session): Promise<void> {
    await this.running.get(nameOf(session))
  }

  /** Resolves when nothing is under way: for a stop, and for tests. */
  async settled(): Promise<void> {
    await Promise.all(this.running.values())
  }

  private async look(session: Session, issuer: IssuerSettings, interval: number): Promise<void> {
    const { logins, oidc, sessions } = this.ports
    const untilMs = this.ports.clock.nowMs() + LIMITS.sessionRefreshIntervalMs * 2
    const turn = `${nameOf(session)}:${interval}`
    if (!(await logins.firstUse('session-refresh', turn, untilMs))) return
    const held = await sessions.secrets(session.idHash)
    const { idToken, refreshToken } = held
    if (refreshToken === undefined || idToken === undefined) return
    const subject = subjectOf(idToken)
    if (subject === undefined) return
    try {
      const { payload, ...secrets } = await oidc.refresh(issuer, { refreshToken, subject })
      const claims = payload && (await this.ports.accounts.claims(payload, issuer))
      if (claims?.isTenantStated === true && claims.tenantId !== session.tenantId) {
        // Their roles are those of the other one.
        throw new GatewayError('permission', { cause: 'the issuer names another tenant now' })
      }
      await sessions.renew(session.idHash, claims?.claimed ?? session.claimed, {
        ...held,
        ...secrets,
      })
      if (claims === undefined || isSameClaims(session.claimed, claims.claimed)) return
      await this.ports.accounts.renewed(session.tenantId, session.userId, claims)
    } catch (thrown) {
      if (!isEnd(thrown)) throw thrown
      await sessions.end(session.idHash)
      this.ports.logger.info('a session ended: its issuer refused to refresh it', {
        issuer: issuer.id,
        user: session.userId,
      })
    }
  }

  private interval(session: Session): number {
    const ageMs = this.ports.clock.nowMs() - session.createdMs
    return Math.max(0, Math.floor(ageMs / LIMITS.sessionRefreshIntervalMs))
  }

  private remember(name: string, interval: number): void {
    this.looked.delete(name)
    this.looked.set(name, interval)
    if (this.looked.size <= LIMITS.sessionCacheMax) return
    const oldest = this.looked.keys().next()
    if (oldest.done !== true) this.looked.delete(oldest.value)
  }

  private tell(session: Session, error: unknown): void {
    this.ports.logger.warn('a session could not be refreshed; it goes on', {
      issuer: session.issuer,
      user: session.userId,
      error: describeLoginFailure(error),
    })
  }
}

/** A session by its beginning and not by its id, which changes: a refresh token may be used once only. */
function nameOf({ createdMs, issuerSessionId = '', userId }: Session): string {
  return `${userId}:${createdMs}:${issuerSessionId}`
}

/** The issuer refuses, or says of the person what lets nobody in. */
function isEnd(thrown: unknown): boolean {
  if (isGrantRefused(thrown)) return true
  return (
    thrown instanceof GatewayError &&
    ['permission', 'authentication', 'invalid_request'].includes(thrown.kind)
  )
}

function subjectOf(idToken: string): string | undefined {
  const payload = parseJson(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString())
  return isObject(payload) ? asString(payload['sub']) : undefined
}
