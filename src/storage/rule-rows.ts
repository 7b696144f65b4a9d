// The rows of rules that people declare at run time: limits, budgets and rules of content, each kind in a table of the same shape. Each
// change is one transaction with its entry in the audit. What a rule means, and what of it is sealed, its own repository knows.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditAction, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { ControlDatabase, ControlTables } from './control-database.ts'

type RuleTables = Pick<ControlTables, 'budgetRules' | 'contentRules' | 'limitRules'>

export type RuleTableName = keyof RuleTables
export type RuleRow<Name extends RuleTableName> = RuleTables[Name]['$inferSelect']
export type RuleValues<Name extends RuleTableName> = Omit<RuleRow<Name>, 'createdMs' | 'updatedMs'>

/** Where a kind of rule lies, and how it is spoken of. */
export interface RuleKind<Name extends RuleTableName> {
  readonly table: Name
  /** What it is to the audit. */
  readonly target: 'budget' | 'content_rule' | 'limit'
  /** Several of them, as a refusal says it. */
  readonly plural: string
  /** As the audit shows it: nothing that is sealed. */
  shown(row: RuleRow<Name>): Record<string, unknown>
}

/** Rows of one kind of rule. */
export class RuleRows<Name extends RuleTableName> {
  private readonly database: ControlDatabase
  private readonly kind: RuleKind<Name>
  private readonly table: RuleTables[RuleTableName]

  constructor(database: ControlDatabase, kind: RuleKind<Name>) {
    this.database = database
    this.kind = kind
    this.table = database.tables[kind.table]
  }

  /** Of every tenant. */
  async all(): Promise<RuleRow<Name>[]> {
    const { table } = this
    return await this.database.read((db) =>
      db.select().from(table).orderBy(asc(table.tenantId), asc(table.id)),
    )
  }

  async list(tenantId: string): Promise<RuleRow<Name>[]> {
    const { table } = this
    return await this.database.read((db) =>
      db.select().from(table).where(eq(table.tenantId, tenantId)).orderBy(asc(table.id)),
    )
  }

  /** Creates or replaces. Throws GatewayError 409 `too_many_rules` where the tenant has no room for one more. */
  async save(values: RuleValues<Name>, by: Actor): Promise<void> {
    const { table } = this
    const { id, tenantId, ...content } = values
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) await this.refuseTooMany(tenantId)
      const nowMs = this.database.nowMs()
      const changed = { ...content, updatedMs: nowMs }
      const createdMs = before?.createdMs ?? nowMs
      // TypeScript does not see that a row of this table is whole again.
      const after = { tenantId, id, createdMs, ...changed } as RuleRow<Name>
      return {
        events: [this.event('save', before, after)],
        build: (tx) => [
          tx
            .insert(table)
            .values(after)
            .onConflictDoUpdate({ target: [table.tenantId, table.id], set: changed }),
        ],
      }
    })
  }

  /** False when there is none of that id in the tenant. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const results = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      return {
        events: [this.event('delete', before, undefined)],
        build: (tx) => [tx.delete(this.table).where(this.one(tenantId, id))],
      }
    })
    return results !== undefined
  }

  private event(
    verb: 'save' | 'delete',
    before: RuleRow<Name> | undefined,
    after: RuleRow<Name> | undefined,
  ): AuditEvent {
    const { shown, target } = this.kind
    const row = (after ?? before)!
    return {
      tenantId: row.tenantId,
      action: `${target}.${verb}` satisfies AuditAction,
      target: { kind: target, id: row.id },
      ...(before === undefined ? {} : { before: shown(before) }),
      ...(after === undefined ? {} : { after: shown(after) }),
    }
  }

  private async refuseTooMany(tenantId: string): Promise<void> {
    const { table } = this
    const there = await this.database.read((db) =>
      db.select({ id: table.id }).from(table).where(eq(table.tenantId, tenantId)),
    )
    if (there.length < LIMITS.tenantRulesMax) return
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'too_many_rules',
      message: `The tenant has ${LIMITS.tenantRulesMax} ${this.kind.plural}. Delete one first.`,
    })
  }

  private one(tenantId: string, id: string) {
    return and(eq(this.table.tenantId, tenantId), eq(this.table.id, id))
  }

  private async row(tenantId: string, id: string): Promise<RuleRow<Name> | undefined> {
    const { table } = this
    const rows = await this.database.read((db) =>
      db.select().from(table).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
