// The repository of legal holds. A hold is one transaction with its entry in the audit; a released one is deleted, and the audit says what
// it was and why it went.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor } from '../core/audit.ts'
import type { Hold } from '../core/content.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { HoldRepository } from '../core/ports-content.ts'
import type { ControlDatabase } from './control-database.ts'
import type { holds } from './schema.sqlite.ts'

type Row = typeof holds.$inferSelect

function toHold({ createdMs, hold, id, tenantId }: Row): Hold {
  return { ...hold, tenantId, id, createdMs }
}

function shown({ hold }: Row): Record<string, unknown> {
  return { ...hold }
}

/** Holds of one store; see the port for the contract. */
export class HoldStore implements HoldRepository {
  private readonly database: ControlDatabase
  private readonly settled: (() => Promise<void>) | undefined

  /** @param settled resolves when nothing is deleted any more by the holds of before; absent where the database sees to that */
  constructor(database: ControlDatabase, settled?: () => Promise<void>) {
    this.database = database
    this.settled = settled
  }

  async all(): Promise<Hold[]> {
    const { holds } = this.database.tables
    const rows = await this.database.read((db) => db.select().from(holds))
    return rows.map(toHold)
  }

  async list(tenantId: string): Promise<Hold[]> {
    const { holds } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(holds).where(eq(holds.tenantId, tenantId)).orderBy(asc(holds.createdMs)),
    )
    return rows.map(toHold)
  }

  async create(hold: Hold, by: Actor): Promise<void> {
    const { holds } = this.database.tables
    const { createdMs, id, tenantId, ...values } = hold
    const row: Row = { tenantId, id, hold: values, createdMs }
    await this.database.change(by, async () => {
      const there = await this.list(tenantId)
      if (there.some((each) => each.id === id))
        throw refused('already_exists', 'There is a hold of this id.')
      if (there.length >= LIMITS.holdsMax) {
        throw refused(
          'too_many_holds',
          `The tenant has ${LIMITS.holdsMax} holds. Release one first.`,
        )
      }
      return {
        events: [
          { tenantId, action: 'hold.create', target: { kind: 'hold', id }, after: shown(row) },
        ],
        build: (tx) => [tx.insert(holds).values(row)],
      }
    })
    await this.settled?.()
  }

  async release(tenantId: string, id: string, reason: string, by: Actor): Promise<boolean> {
    const { holds } = this.database.tables
    const one = and(eq(holds.tenantId, tenantId), eq(holds.id, id))
    const done = await this.database.change(by, async () => {
      const [before] = await this.database.read((db) => db.select().from(holds).where(one))
      if (before === undefined) return undefined
      return {
        events: [
          {
            tenantId,
            action: 'hold.release',
            target: { kind: 'hold', id },
            before: shown(before),
            after: { released: true, reason },
          },
        ],
        build: (tx) => [tx.delete(holds).where(one)],
      }
    })
    return done !== undefined
  }
}

function refused(code: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { status: 409, code, message })
}
