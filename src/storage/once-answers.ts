// The repository of creations that may be sent again: a row is claimed by the statement that makes it, so that of two who come with the same
// key, on whatever replica, one does the work. What was answered is sealed: it may hold a key that nobody is shown twice but by this.

import { desc, eq, inArray, lte } from 'drizzle-orm'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import { LIMITS } from '../core/limits.ts'
import type { OnceAnswer, OnceRepository } from '../core/ports.ts'
import type { ControlDatabase } from './control-database.ts'
import type { Keyring } from './keyring.ts'
import type { SealPlace } from './seal.ts'

function placeOf(name: string): SealPlace {
  return {
    tenantId: PLATFORM_TENANT_ID,
    table: 'once_answers',
    row: [name],
    column: 'sealed_answer',
  }
}

/** Of one store; see the port for the contract. */
export class OnceAnswers implements OnceRepository {
  private readonly database: ControlDatabase
  private readonly keyring: Keyring

  constructor(database: ControlDatabase, keyring: Keyring) {
    this.database = database
    this.keyring = keyring
  }

  async begin(name: string, asked: string): Promise<'new' | 'running' | 'other' | OnceAnswer> {
    const { onceAnswers } = this.database.tables
    const nowMs = this.database.nowMs()
    const [, , claimed] = await this.database.writeUnheard((tx) => [
      tx.delete(onceAnswers).where(lte(onceAnswers.createdMs, nowMs - LIMITS.onceAnswerMs)),
      tx
        .delete(onceAnswers)
        .where(
          inArray(
            onceAnswers.name,
            tx
              .select({ name: onceAnswers.name })
              .from(onceAnswers)
              .orderBy(desc(onceAnswers.createdMs), desc(onceAnswers.name))
              .limit(Number.MAX_SAFE_INTEGER)
              .offset(LIMITS.onceAnswersMax),
          ),
        ),
      tx
        .insert(onceAnswers)
        .values({ name, asked, status: null, sealedAnswer: null, createdMs: nowMs })
        .onConflictDoNothing()
        .returning({ name: onceAnswers.name }),
    ])
    if (claimed.length > 0) return 'new'
    const rows = await this.database.read((db) =>
      db.select().from(onceAnswers).where(eq(onceAnswers.name, name)),
    )
    const row = rows[0]
    // Gone since the claim: its first one has just come to nothing.
    if (row === undefined) return 'running'
    if (row.asked !== asked) return 'other'
    if (row.sealedAnswer === null) return 'running'
    if (this.keyring.sealer.isStrange(row.sealedAnswer)) await this.keyring.refresh()
    return JSON.parse(this.keyring.sealer.open(row.sealedAnswer, placeOf(name))) as OnceAnswer
  }

  async finish(name: string, answer: OnceAnswer): Promise<void> {
    // Too long to be kept: the claim stays, so that it is not done twice, and who asks again is told to look.
    if (answer.body.length > LIMITS.onceAnswerCharsMax) return
    const { onceAnswers } = this.database.tables
    const sealedAnswer = this.keyring.sealer.seal(JSON.stringify(answer), placeOf(name))
    await this.database.writeUnheard((tx) => [
      tx
        .update(onceAnswers)
        .set({ status: answer.status, sealedAnswer })
        .where(eq(onceAnswers.name, name)),
    ])
  }

  async forget(name: string): Promise<void> {
    const { onceAnswers } = this.database.tables
    await this.database.writeUnheard((tx) => [
      tx.delete(onceAnswers).where(eq(onceAnswers.name, name)),
    ])
  }
}
