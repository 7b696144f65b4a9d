// The repository of browsers that are logged in. The store knows the hash of what a browser holds, so whoever reads the table is not
// logged in by it; what the issuer must be shown later is sealed. Nothing here is audited: logins and logouts are, by whoever ends them.

import { and, desc, eq, gt, inArray, lte, or } from 'drizzle-orm'
import type { Claimed } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { Session, SessionRepository } from '../core/ports-people.ts'
import type { ControlDatabase } from './control-database.ts'
import { toRepositoryError } from './errors.ts'
import type { sessions } from './schema.sqlite.ts'
import type { Keyring } from './keyring.ts'
import type { SealPlace } from './seal.ts'

type Row = typeof sessions.$inferSelect

/** What an issuer must be shown later. */
export interface SessionSecrets {
  readonly idToken?: string
  readonly refreshToken?: string
}

const USER_AGENT_CHARS_MAX = 300

function toSession(row: Row): Session {
  return {
    idHash: row.idHash,
    tenantId: row.tenantId,
    userId: row.userId,
    issuer: row.issuer,
    claimed: row.claimed,
    createdMs: row.createdMs,
    lastSeenMs: row.lastSeenMs,
    expiresMs: row.expiresMs,
    ...(row.issuerSessionId === null ? {} : { issuerSessionId: row.issuerSessionId }),
    ...(row.userAgent === null ? {} : { userAgent: row.userAgent }),
    ...(row.fromAddress === null ? {} : { from: row.fromAddress }),
  }
}

function placeOf({ idHash, tenantId }: Pick<Row, 'idHash' | 'tenantId'>): SealPlace {
  return { tenantId, table: 'sessions', row: [idHash], column: 'sealed_tokens' }
}

/** Sessions of one store; see the port for the contract. */
export class Sessions implements SessionRepository {
  private readonly database: ControlDatabase
  private readonly keyring: Keyring

  constructor(database: ControlDatabase, keyring: Keyring) {
    this.database = database
    this.keyring = keyring
  }

  /** Of one user's sessions beyond `sessionsPerUserMax` the oldest end. */
  async create(session: Session, secrets: SessionSecrets): Promise<void> {
    const { sessions } = this.database.tables
    const { tenantId, userId } = session
    const row: Row = {
      idHash: session.idHash,
      tenantId,
      userId,
      issuer: session.issuer,
      issuerSessionId: session.issuerSessionId ?? null,
      claimed: session.claimed,
      sealedTokens: this.sealed(session, secrets),
      userAgent: session.userAgent?.slice(0, USER_AGENT_CHARS_MAX).toWellFormed() ?? null,
      fromAddress: session.from ?? null,
      createdMs: session.createdMs,
      lastSeenMs: session.lastSeenMs,
      expiresMs: session.expiresMs,
    }
    const ofUser = and(eq(sessions.tenantId, tenantId), eq(sessions.userId, userId))
    await this.database.writeUnheard((tx) => [
      tx.insert(sessions).values(row),
      tx
        .delete(sessions)
        .where(
          and(
            ofUser,
            inArray(
              sessions.idHash,
              tx
                .select({ idHash: sessions.idHash })
                .from(sessions)
                .where(ofUser)
                .orderBy(desc(sessions.createdMs), desc(sessions.idHash))
                .limit(Number.MAX_SAFE_INTEGER)
                .offset(LIMITS.sessionsPerUserMax),
            ),
          ),
        ),
    ])
  }

  async find(idHash: string, nowMs: number, idleMs: number): Promise<Session | undefined> {
    const { sessions } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(sessions)
        .where(
          and(
            eq(sessions.idHash, idHash),
            gt(sessions.expiresMs, nowMs),
            gt(sessions.lastSeenMs, nowMs - idleMs),
          ),
        ),
    )
    return rows[0] === undefined ? undefined : toSession(rows[0])
  }

  async secrets(idHash: string): Promise<SessionSecrets> {
    const row = await this.row(idHash)
    if (row === undefined || row.sealedTokens === null) return {}
    const { sealer } = this.keyring
    try {
      if (sealer.isStrange(row.sealedTokens)) await this.keyring.refresh()
      return JSON.parse(sealer.open(row.sealedTokens, placeOf(row))) as SessionSecrets
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /** Reads first: on SQLite even a statement that changes nothing waits for the lock. */
  async touch(idHash: string, nowMs: number): Promise<void> {
    const { sessions } = this.database.tables
    const staleMs = nowMs - LIMITS.sessionTouchLeastMs
    const row = await this.row(idHash)
    if (row === undefined || row.lastSeenMs > staleMs) return
    await this.database.writeUnheard((tx) => [
      tx
        .update(sessions)
        .set({ lastSeenMs: nowMs })
        .where(and(eq(sessions.idHash, idHash), lte(sessions.lastSeenMs, staleMs))),
    ])
  }

  async renew(idHash: string, claimed: Claimed, secrets: SessionSecrets): Promise<boolean> {
    const { sessions } = this.database.tables
    const row = await this.row(idHash)
    if (row === undefined) return false
    const sealedTokens = this.sealed(row, secrets)
    const [renewed] = await this.database.writeUnheard((tx) => [
      tx
        .update(sessions)
        .set({ claimed, sealedTokens })
        .where(eq(sessions.idHash, idHash))
        .returning({ idHash: sessions.idHash }),
    ])
    return renewed.length > 0
  }

  /** Newest first, without those whose time is over. */
  async list(tenantId: string, userId?: string): Promise<Session[]> {
    const { sessions } = this.database.tables
    const nowMs = this.database.nowMs()
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(sessions)
        .where(
          and(
            eq(sessions.tenantId, tenantId),
            gt(sessions.expiresMs, nowMs),
            ...(userId === undefined ? [] : [eq(sessions.userId, userId)]),
          ),
        )
        .orderBy(desc(sessions.createdMs), desc(sessions.idHash)),
    )
    return rows.map(toSession)
  }

  async end(idHash: string): Promise<boolean> {
    const { sessions } = this.database.tables
    const [ended] = await this.database.writeUnheard((tx) => [
      tx.delete(sessions).where(eq(sessions.idHash, idHash)).returning({ idHash: sessions.idHash }),
    ])
    return ended.length > 0
  }

  /** Both told: only where both hold. Neither told: none, as nobody was named. */
  async endOf(
    issuer: string,
    of: { readonly issuerSessionId?: string; readonly subject?: string },
  ): Promise<number> {
    const { sessions, users } = this.database.tables
    const { issuerSessionId, subject } = of
    if (issuerSessionId === undefined && subject === undefined) return 0
    const [ended] = await this.database.writeUnheard((tx) => [
      tx
        .delete(sessions)
        .where(
          and(
            eq(sessions.issuer, issuer),
            ...(issuerSessionId === undefined
              ? []
              : [eq(sessions.issuerSessionId, issuerSessionId)]),
            // The id of a user is nobody else's, in no tenant.
            ...(subject === undefined
              ? []
              : [
                  inArray(
                    sessions.userId,
                    tx
                      .select({ id: users.id })
                      .from(users)
                      .where(
                        and(
                          eq(users.tenantId, sessions.tenantId),
                          eq(users.issuer, issuer),
                          eq(users.subject, subject),
                        ),
                      ),
                  ),
                ]),
          ),
        )
        .returning({ idHash: sessions.idHash }),
    ])
    return ended.length
  }

  async endOfUser(tenantId: string, userId: string): Promise<number> {
    const { sessions } = this.database.tables
    const [ended] = await this.database.writeUnheard((tx) => [
      tx
        .delete(sessions)
        .where(and(eq(sessions.tenantId, tenantId), eq(sessions.userId, userId)))
        .returning({ idHash: sessions.idHash }),
    ])
    return ended.length
  }

  async prune(nowMs: number, idleMs: number): Promise<number> {
    const { sessions } = this.database.tables
    const isOver = or(lte(sessions.expiresMs, nowMs), lte(sessions.lastSeenMs, nowMs - idleMs))
    const over = await this.database.read((db) => db.$count(sessions, isOver))
    if (over === 0) return 0
    const [ended] = await this.database.writeUnheard((tx) => [
      tx.delete(sessions).where(isOver).returning({ idHash: sessions.idHash }),
    ])
    return ended.length
  }

  private sealed(row: Pick<Row, 'idHash' | 'tenantId'>, secrets: SessionSecrets): string | null {
    const { idToken, refreshToken } = secrets
    if (idToken === undefined && refreshToken === undefined) return null
    return this.keyring.sealer.seal(JSON.stringify({ idToken, refreshToken }), placeOf(row))
  }

  private async row(idHash: string): Promise<Row | undefined> {
    const { sessions } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(sessions).where(eq(sessions.idHash, idHash)),
    )
    return rows[0]
  }
}
