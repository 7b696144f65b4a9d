// The repository of erasures: what was asked, how far it is, and what was done. Asking and ending are in the audit; the steps between are
// not. It deletes nothing itself.

import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Erasure } from '../core/content.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { ErasureRepository } from '../core/ports-content.ts'
import type { ControlDatabase } from './control-database.ts'
import type { erasures } from './schema.sqlite.ts'

type Row = typeof erasures.$inferSelect

function toErasure({ createdMs, erasure, id, tenantId }: Row): Erasure {
  return { ...erasure, tenantId, id, createdMs }
}

function event(action: 'erasure.create' | 'erasure.end', erasure: Erasure): AuditEvent {
  const { counts, id, kind, mode, reason, state, subject, tenantId } = erasure
  return {
    tenantId,
    action,
    target: { kind: 'erasure', id },
    after: { kind, subject, mode, reason, state, ...(action === 'erasure.end' ? { counts } : {}) },
  }
}

/** Erasures of one store; see the port for the contract. */
export class ErasureStore implements ErasureRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async list(tenantId: string): Promise<Erasure[]> {
    const { erasures } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(erasures)
        .where(eq(erasures.tenantId, tenantId))
        .orderBy(desc(erasures.createdMs), desc(erasures.id))
        .limit(LIMITS.erasuresMax),
    )
    return rows.map(toErasure)
  }

  async find(tenantId: string, id: string): Promise<Erasure | undefined> {
    const { erasures } = this.database.tables
    const [row] = await this.database.read((db) =>
      db
        .select()
        .from(erasures)
        .where(and(eq(erasures.tenantId, tenantId), eq(erasures.id, id))),
    )
    return row === undefined ? undefined : toErasure(row)
  }

  async create(erasure: Erasure, by: Actor): Promise<void> {
    const { erasures } = this.database.tables
    const { createdMs, id, tenantId, ...values } = erasure
    await this.database.change(by, async () => {
      const there = await this.database.read((db) =>
        // Records of those that are done are kept for ever, and keep nobody from the next.
        db.$count(erasures, and(eq(erasures.tenantId, tenantId), isNull(erasures.finishedMs))),
      )
      if (there >= LIMITS.erasuresMax) {
        throw new GatewayError('invalid_request', {
          status: 409,
          code: 'too_many_erasures',
          message: `The tenant has ${LIMITS.erasuresMax} erasures that are not done.`,
        })
      }
      const times = { createdMs, updatedMs: createdMs, finishedMs: null }
      const row: Row = { tenantId, id, erasure: values, changes: 0, ...times }
      return {
        events: [event('erasure.create', erasure)],
        build: (tx) => [tx.insert(erasures).values(row)],
      }
    })
  }

  async unfinished(): Promise<{ readonly erasure: Erasure; readonly changes: number }[]> {
    const { erasures } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(erasures)
        .where(isNull(erasures.finishedMs))
        // Those that wait for a hold come last and take turns, or many of one tenant would hold up all others for ever.
        .orderBy(sql`${erasures.erasure} ->> 'state' = 'waiting'`, asc(erasures.updatedMs))
        .limit(LIMITS.objectBatchRows),
    )
    return rows.map((row) => ({ erasure: toErasure(row), changes: row.changes }))
  }

  async advance(erasure: Erasure, changes: number, by?: Actor): Promise<boolean> {
    const { erasures } = this.database.tables
    const { createdMs: _createdMs, id, tenantId, ...values } = erasure
    const set = {
      erasure: values,
      changes: changes + 1,
      updatedMs: this.database.nowMs(),
      finishedMs: erasure.finishedMs ?? null,
    }
    const one = and(
      eq(erasures.tenantId, tenantId),
      eq(erasures.id, id),
      eq(erasures.changes, changes),
    )
    if (by === undefined) {
      const [rows] = await this.database.writeUnheard((tx) => [
        tx.update(erasures).set(set).where(one).returning({ id: erasures.id }),
      ])
      return (rows as unknown[]).length > 0
    }
    const done = await this.database.change(by, async () => {
      const there = await this.database.read((db) => db.select().from(erasures).where(one))
      if (there.length === 0) return undefined
      return {
        events: [event('erasure.end', erasure)],
        build: (tx) => [tx.update(erasures).set(set).where(one)],
      }
    })
    return done !== undefined
  }
}
