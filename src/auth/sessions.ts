// Browsers that are logged in: found by their cookie, for a moment from memory, ended by time, by their owner, by an administrator or
// by their issuer. A session proves who somebody is and nothing else; what they may do is asked anew each time.

import type { Claimed } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import type { Session, SessionRepository } from '../core/ports-people.ts'
import { isSessionToken, newSessionToken, sessionHash, type SessionToken } from './session-token.ts'

export interface SessionRules {
  readonly idleMs: number
  readonly lifetimeMs: number
  /** Issuers whose sessions hold; `local` is one of them where local users may log in. */
  isIssuerOpen(issuerId: string): boolean
}

export interface SessionPorts {
  readonly sessions: SessionRepository
  readonly clock: Clock
  /** As configured now. */
  rules(): SessionRules
}

export interface SessionSecrets {
  readonly idToken?: string
  readonly refreshToken?: string
}

/** Who logs in, and from where. */
export interface NewSession {
  readonly tenantId: string
  readonly userId: string
  readonly issuer: string
  readonly issuerSessionId?: string
  readonly claimed: Claimed
  readonly userAgent?: string
  readonly from?: string
}

interface Cached {
  session: Session
  readonly readAtMs: number
}

export class Sessions {
  private readonly ports: SessionPorts
  private readonly cache = new Map<string, Cached>()
  /** By the hash of the old one: requests that come together get the same new one. */
  private readonly rotating = new Map<string, Promise<SessionToken | undefined>>()

  constructor(ports: SessionPorts) {
    this.ports = ports
  }

  /** Begins one. @param mark of the rights it begins with */
  async open(
    facts: NewSession,
    secrets: SessionSecrets,
    mark: string,
  ): Promise<{ readonly token: SessionToken; readonly session: Session }> {
    const nowMs = this.ports.clock.nowMs()
    const token = newSessionToken(mark)
    const { userAgent, ...rest } = facts
    const session: Session = {
      ...rest,
      idHash: token.idHash,
      createdMs: nowMs,
      lastSeenMs: nowMs,
      expiresMs: nowMs + this.ports.rules().lifetimeMs,
      ...(userAgent === undefined
        ? {}
        : { userAgent: userAgent.slice(0, LIMITS.sessionAgentCharsMax) }),
    }
    await this.ports.sessions.create(session, secrets)
    return { token, session }
  }

  /** The session of a cookie's value; undefined when there is none or its time is over. */
  async find(value: string): Promise<Session | undefined> {
    if (!isSessionToken(value)) return undefined
    const idHash = sessionHash(value)
    const nowMs = this.ports.clock.nowMs()
    const { idleMs, isIssuerOpen } = this.ports.rules()
    const session = await this.read(idHash, nowMs, idleMs)
    if (session === undefined || isOver(session, nowMs, idleMs)) return undefined
    if (!isIssuerOpen(session.issuer)) return undefined
    await this.touch(session, nowMs, idleMs)
    return session
  }

  /**
   * Gives the browser a new id for the same session, as its rights have changed; the old one is worth nothing from then on.
   * @returns undefined when the session has ended meanwhile
   */
  async rotate(session: Session, mark: string): Promise<SessionToken | undefined> {
    const running = this.rotating.get(session.idHash)
    if (running !== undefined) return await running
    const rotation = this.rotateOnce(session, mark).finally(() =>
      this.rotating.delete(session.idHash),
    )
    this.rotating.set(session.idHash, rotation)
    return await rotation
  }

  private async rotateOnce(session: Session, mark: string): Promise<SessionToken | undefined> {
    const { clock, rules, sessions } = this.ports
    // As it is now: what the issuer said a moment ago must not be undone by what was read before.
    const current = await sessions.find(session.idHash, clock.nowMs(), rules().idleMs)
    const secrets = await sessions.secrets(session.idHash)
    const token = newSessionToken(mark)
    // Only whoever ends the old one may begin the new one: else two replicas would make two.
    if (!(await this.end(session.idHash)) || current === undefined) return undefined
    await sessions.create({ ...current, idHash: token.idHash }, secrets)
    return token
  }

  async secrets(idHash: string): Promise<SessionSecrets> {
    return await this.ports.sessions.secrets(idHash)
  }

  /** What the issuer said anew. False when the session has ended meanwhile. */
  async renew(idHash: string, claimed: Claimed, secrets: SessionSecrets): Promise<boolean> {
    this.cache.delete(idHash)
    return await this.ports.sessions.renew(idHash, claimed, secrets)
  }

  /** True when there was one. */
  async end(idHash: string): Promise<boolean> {
    this.cache.delete(idHash)
    const ended = await this.ports.sessions.end(idHash)
    // A question that was on its way meanwhile may have put it back.
    this.cache.delete(idHash)
    return ended
  }

  /** Ends those of an issuer's session or subject; the number of them. */
  async endOf(
    issuer: string,
    of: { readonly issuerSessionId?: string; readonly subject?: string },
  ): Promise<number> {
    const ended = await this.ports.sessions.endOf(issuer, of)
    if (ended > 0) this.cache.clear()
    return ended
  }

  /** Those of a tenant, or of one of its users, that are not over. */
  async list(tenantId: string, userId?: string): Promise<Session[]> {
    const nowMs = this.ports.clock.nowMs()
    const { idleMs } = this.ports.rules()
    const all = await this.ports.sessions.list(tenantId, userId)
    return all.filter((session) => !isOver(session, nowMs, idleMs))
  }

  /** Deletes what is over; the number of rows. */
  async prune(): Promise<number> {
    return await this.ports.sessions.prune(this.ports.clock.nowMs(), this.ports.rules().idleMs)
  }

  private async read(idHash: string, nowMs: number, idleMs: number): Promise<Session | undefined> {
    const monotonicMs = this.ports.clock.monotonicMs()
    const cached = this.cache.get(idHash)
    if (cached !== undefined && monotonicMs - cached.readAtMs < LIMITS.sessionCacheMs) {
      return cached.session
    }
    this.cache.delete(idHash)
    const session = await this.ports.sessions.find(idHash, nowMs, idleMs)
    if (session === undefined) return undefined
    if (this.cache.size >= LIMITS.sessionCacheMax) {
      const oldest = this.cache.keys().next()
      if (oldest.done !== true) this.cache.delete(oldest.value)
    }
    this.cache.set(idHash, { session, readAtMs: monotonicMs })
    return session
  }

  /** Written seldom: each writing is one of the store. */
  private async touch(session: Session, nowMs: number, idleMs: number): Promise<void> {
    const intervalMs = Math.min(LIMITS.sessionTouchIntervalMs, idleMs / 4)
    if (nowMs - session.lastSeenMs < intervalMs) return
    const cached = this.cache.get(session.idHash)
    if (cached !== undefined) cached.session = { ...session, lastSeenMs: nowMs }
    await this.ports.sessions.touch(session.idHash, nowMs)
  }
}

function isOver(session: Session, nowMs: number, idleMs: number): boolean {
  return session.expiresMs <= nowMs || session.lastSeenMs + idleMs <= nowMs
}
