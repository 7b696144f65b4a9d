// The repository of limits that people declare at run time. Each change is one transaction with its entry in the audit; what a rule
// counts is kept elsewhere and goes on under the same names.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { LimitRule } from '../core/money.ts'
import type { LimitRuleRepository } from '../core/ports-money.ts'
import type { ControlDatabase } from './control-database.ts'
import type { limitRules } from './schema.sqlite.ts'

type Row = typeof limitRules.$inferSelect

function toLimitRule({ id, rule, tenantId }: Row): LimitRule {
  return { ...rule, id, tenantId, origin: 'store' }
}

function shown(row: Row): Record<string, unknown> {
  return { ...row.rule }
}

function event(
  action: 'limit.save' | 'limit.delete',
  before: Row | undefined,
  after: Row | undefined,
): AuditEvent {
  const row = (after ?? before)!
  return {
    tenantId: row.tenantId,
    action,
    target: { kind: 'limit', id: row.id },
    ...(before === undefined ? {} : { before: shown(before) }),
    ...(after === undefined ? {} : { after: shown(after) }),
  }
}

/** Limits of one store; see the port for the contract. */
export class LimitRuleStore implements LimitRuleRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async all(): Promise<LimitRule[]> {
    const { limitRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(limitRules).orderBy(asc(limitRules.tenantId), asc(limitRules.id)),
    )
    return rows.map(toLimitRule)
  }

  async list(tenantId: string): Promise<LimitRule[]> {
    const { limitRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(limitRules)
        .where(eq(limitRules.tenantId, tenantId))
        .orderBy(asc(limitRules.id)),
    )
    return rows.map(toLimitRule)
  }

  /** Creates or replaces. Throws GatewayError 409 `too_many_rules` where the tenant has no room for one more. */
  async save(rule: LimitRule & { readonly tenantId: string }, by: Actor): Promise<void> {
    const { limitRules } = this.database.tables
    const { id, origin: _origin, tenantId, ...values } = rule
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) await this.refuseTooMany(tenantId)
      const nowMs = this.database.nowMs()
      const createdMs = before?.createdMs ?? nowMs
      const after: Row = { tenantId, id, rule: values, createdMs, updatedMs: nowMs }
      return {
        events: [event('limit.save', before, after)],
        build: (tx) => [
          tx
            .insert(limitRules)
            .values(after)
            .onConflictDoUpdate({
              target: [limitRules.tenantId, limitRules.id],
              set: { rule: values, updatedMs: nowMs },
            }),
        ],
      }
    })
  }

  /** False when there is none of that id in the tenant. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { limitRules } = this.database.tables
    const results = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      return {
        events: [event('limit.delete', before, undefined)],
        build: (tx) => [tx.delete(limitRules).where(this.one(tenantId, id))],
      }
    })
    return results !== undefined
  }

  private async refuseTooMany(tenantId: string): Promise<void> {
    const { limitRules } = this.database.tables
    const there = await this.database.read((db) =>
      db.select({ id: limitRules.id }).from(limitRules).where(eq(limitRules.tenantId, tenantId)),
    )
    if (there.length < LIMITS.tenantRulesMax) return
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'too_many_rules',
      message: `The tenant has ${LIMITS.tenantRulesMax} limits. Delete one first.`,
    })
  }

  private one(tenantId: string, id: string) {
    const { limitRules } = this.database.tables
    return and(eq(limitRules.tenantId, tenantId), eq(limitRules.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { limitRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(limitRules).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
