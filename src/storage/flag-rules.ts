// The repository of what people declare of feature flags at run time: for a tenant or for all, one rule for each flag. Each change is one
// transaction with its entry in the audit. Which flags there are is not known here.

import { and, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { FlagRule } from '../core/flags.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { FlagRepository, StoredFlag } from '../core/ports-guard.ts'
import type { ControlDatabase } from './control-database.ts'
import type { flagRules } from './schema.sqlite.ts'

type Row = typeof flagRules.$inferSelect

function event(
  action: 'flag.save' | 'flag.delete',
  before: Row | undefined,
  after: Row | undefined,
): AuditEvent {
  const { flag, tenantId } = (after ?? before)!
  return {
    tenantId,
    action,
    target: { kind: 'flag', id: flag },
    ...(before === undefined ? {} : { before: { ...before.rule } }),
    ...(after === undefined ? {} : { after: { ...after.rule } }),
  }
}

/** Flags of one store; see the port for the contract. */
export class FlagRuleStore implements FlagRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async all(): Promise<StoredFlag[]> {
    const { flagRules } = this.database.tables
    const rows = await this.database.read((db) => db.select().from(flagRules))
    const named = rows.map(({ flag, rule, tenantId }): StoredFlag => ({
      ...rule,
      flag,
      ...(tenantId === PLATFORM_TENANT_ID ? {} : { tenantId }),
      origin: 'store',
    }))
    const rank = ({ flag, tenantId }: StoredFlag) =>
      `${tenantId === undefined ? 1 : 0} ${tenantId ?? ''} ${flag}`
    return named.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1))
  }

  async save(
    tenantId: string,
    flag: string,
    { percent, value }: Pick<FlagRule, 'value' | 'percent'>,
    by: Actor,
  ): Promise<void> {
    const { flagRules } = this.database.tables
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, flag)
      const nowMs = this.database.nowMs()
      const changed = { rule: { value, percent }, updatedMs: nowMs }
      const after: Row = { tenantId, flag, createdMs: before?.createdMs ?? nowMs, ...changed }
      return {
        events: [event('flag.save', before, after)],
        build: (tx) => [
          tx
            .insert(flagRules)
            .values(after)
            .onConflictDoUpdate({ target: [flagRules.tenantId, flagRules.flag], set: changed }),
        ],
      }
    })
  }

  async remove(tenantId: string, flag: string, by: Actor): Promise<boolean> {
    const { flagRules } = this.database.tables
    const results = await this.database.change(by, async () => {
      const before = await this.row(tenantId, flag)
      if (before === undefined) return undefined
      return {
        events: [event('flag.delete', before, undefined)],
        build: (tx) => [tx.delete(flagRules).where(this.one(tenantId, flag))],
      }
    })
    return results !== undefined
  }

  private one(tenantId: string, flag: string) {
    const { flagRules } = this.database.tables
    return and(eq(flagRules.tenantId, tenantId), eq(flagRules.flag, flag))
  }

  private async row(tenantId: string, flag: string): Promise<Row | undefined> {
    const { flagRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(flagRules).where(this.one(tenantId, flag)),
    )
    return rows[0]
  }
}
