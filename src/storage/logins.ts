// The repository of logins that have begun, and of what may be shown once. Each is given out by the statement that takes it away, so that
// of two who ask at the same time, on whatever replica, one gets it.

import { and, asc, desc, eq, gte, inArray, lte } from 'drizzle-orm'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { LoginAttempt, LoginRepository, OnceKind } from '../core/ports-people.ts'
import type { CalledBack } from '../core/recall.ts'
import type { AtomicQuery, QueryBuilder } from './atomically.ts'
import type { ControlDatabase, ControlTables } from './control-database.ts'
import { toRepositoryError } from './errors.ts'
import type { Keyring } from './keyring.ts'
import type { SealPlace } from './seal.ts'

/** What ends a login, beside what the browser brings. */
type Proof = Pick<LoginAttempt, 'nonce' | 'codeVerifier'>

/** Nobody is known yet, so it is no tenant's. */
function placeOf(stateHash: string): SealPlace {
  return {
    tenantId: PLATFORM_TENANT_ID,
    table: 'login_attempts',
    row: [stateHash],
    column: 'sealed_proof',
  }
}

/** What takes tokens back, within whatever transaction is the reason for it. */
export function recallQueries(
  tx: QueryBuilder,
  { usedOnce }: Pick<ControlTables, 'usedOnce'>,
  names: readonly string[],
  atMs: number,
): AtomicQuery[] {
  const expiresMs = atMs + LIMITS.bearerForgottenMs
  return names.map((id) =>
    tx
      .insert(usedOnce)
      .values({ kind: RECALL, id, expiresMs })
      .onConflictDoUpdate({ target: [usedOnce.kind, usedOnce.id], set: { expiresMs } }),
  )
}

const RECALL: OnceKind = 'recall'

/** Logins of one store; see the port for the contract. */
export class Logins implements LoginRepository {
  private readonly database: ControlDatabase
  private readonly keyring: Keyring

  constructor(database: ControlDatabase, keyring: Keyring) {
    this.database = database
    this.keyring = keyring
  }

  async begin(attempt: LoginAttempt): Promise<void> {
    const { loginAttempts } = this.database.tables
    const { browserHash, codeVerifier, expiresMs, issuer, nonce, returnTo, stateHash } = attempt
    const proof: Proof = { nonce, codeVerifier }
    const sealedProof = this.keyring.sealer.seal(JSON.stringify(proof), placeOf(stateHash))
    await this.database.writeUnheard((tx) => [
      tx.delete(loginAttempts).where(lte(loginAttempts.expiresMs, this.database.nowMs())),
      tx
        .insert(loginAttempts)
        .values({ stateHash, issuer, browserHash, sealedProof, returnTo, expiresMs }),
      tx.delete(loginAttempts).where(
        inArray(
          loginAttempts.stateHash,
          tx
            .select({ stateHash: loginAttempts.stateHash })
            .from(loginAttempts)
            // Each kind by itself: links for passwords live long, and must leave room for logins.
            .where(eq(loginAttempts.issuer, issuer))
            .orderBy(desc(loginAttempts.expiresMs), desc(loginAttempts.stateHash))
            .limit(Number.MAX_SAFE_INTEGER)
            .offset(LIMITS.loginAttemptsMax),
        ),
      ),
    ])
  }

  async take(stateHash: string, nowMs: number): Promise<LoginAttempt | undefined> {
    const { loginAttempts } = this.database.tables
    const [taken] = await this.database.writeUnheard((tx) => [
      tx.delete(loginAttempts).where(eq(loginAttempts.stateHash, stateHash)).returning(),
    ])
    const row = taken[0]
    if (row === undefined || row.expiresMs <= nowMs) return undefined
    const { browserHash, expiresMs, issuer, returnTo, sealedProof } = row
    const proof = await this.opened(stateHash, sealedProof)
    return { stateHash, issuer, browserHash, returnTo, expiresMs, ...proof }
  }

  async firstUse(kind: OnceKind, id: string, expiresMs: number): Promise<boolean> {
    const { usedOnce } = this.database.tables
    const nowMs = this.database.nowMs()
    const [, first] = await this.database.writeUnheard((tx) => [
      tx.delete(usedOnce).where(lte(usedOnce.expiresMs, nowMs)),
      tx
        .insert(usedOnce)
        .values({ kind, id, expiresMs })
        .onConflictDoNothing()
        .returning({ id: usedOnce.id }),
    ])
    return first.length > 0
  }

  async callBack(names: readonly string[], atMs: number): Promise<void> {
    if (names.length === 0) return
    const { tables } = this.database
    await this.database.write((tx) => [
      tx.delete(tables.usedOnce).where(lte(tables.usedOnce.expiresMs, this.database.nowMs())),
      ...recallQueries(tx, tables, names, atMs),
    ])
  }

  async calledBack(sinceMs: number): Promise<CalledBack[]> {
    const { usedOnce } = this.database.tables
    const forgottenMs = LIMITS.bearerForgottenMs
    const rows = await this.database.read((db) =>
      db
        .select({ name: usedOnce.id, expiresMs: usedOnce.expiresMs })
        .from(usedOnce)
        .where(and(eq(usedOnce.kind, RECALL), gte(usedOnce.expiresMs, sinceMs + forgottenMs)))
        .orderBy(desc(usedOnce.expiresMs), asc(usedOnce.id))
        .limit(LIMITS.bearerForgottenMax),
    )
    return rows.map(({ expiresMs, name }) => ({ name, atMs: expiresMs - forgottenMs })).toReversed()
  }

  private async opened(stateHash: string, sealedProof: string): Promise<Proof> {
    const { sealer } = this.keyring
    try {
      if (sealer.isStrange(sealedProof)) await this.keyring.refresh()
      return JSON.parse(sealer.open(sealedProof, placeOf(stateHash))) as Proof
    } catch (error) {
      throw toRepositoryError(error)
    }
  }
}
