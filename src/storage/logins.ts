// The repository of logins that have begun, and of what may be shown once. Each is given out by the statement that takes it away, so that
// of two who ask at the same time, on whatever replica, one gets it.

import { desc, eq, inArray, lte } from 'drizzle-orm'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { LoginAttempt, LoginRepository, OnceKind } from '../core/ports-people.ts'
import type { ControlDatabase } from './control-database.ts'
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
      tx
        .delete(loginAttempts)
        .where(
          inArray(
            loginAttempts.stateHash,
            tx
              .select({ stateHash: loginAttempts.stateHash })
              .from(loginAttempts)
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
