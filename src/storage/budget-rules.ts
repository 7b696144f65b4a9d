// The repository of budgets that people declare at run time. Each change is one transaction with its entry in the audit. The address of
// a webhook may hold a token: it is sealed at rest, and masked in the audit.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { BudgetRule } from '../core/money.ts'
import type { Logger } from '../core/ports.ts'
import type { BudgetRuleRepository } from '../core/ports-money.ts'
import type { ControlDatabase } from './control-database.ts'
import { StorageError, toRepositoryError } from './errors.ts'
import type { Keyring } from './keyring.ts'
import { MASKED } from './provider-audit.ts'
import type { SealPlace } from './seal.ts'
import type { budgetRules } from './schema.sqlite.ts'

type Row = typeof budgetRules.$inferSelect

function placeOf(tenantId: string, id: string): SealPlace {
  return { tenantId, table: 'budget_rules', row: [id], column: 'sealed_webhook_url' }
}

function shown(row: Row): Record<string, unknown> {
  return { ...row.rule, ...(row.sealedWebhookUrl === null ? {} : { webhookUrl: MASKED }) }
}

function event(
  action: 'budget.save' | 'budget.delete',
  before: Row | undefined,
  after: Row | undefined,
): AuditEvent {
  const row = (after ?? before)!
  return {
    tenantId: row.tenantId,
    action,
    target: { kind: 'budget', id: row.id },
    ...(before === undefined ? {} : { before: shown(before) }),
    ...(after === undefined ? {} : { after: shown(after) }),
  }
}

/** Budgets of one store; see the port for the contract. */
export class BudgetRuleStore implements BudgetRuleRepository {
  private readonly database: ControlDatabase
  private readonly keyring: Keyring
  private readonly logger: Logger

  constructor(database: ControlDatabase, keyring: Keyring, logger: Logger) {
    this.database = database
    this.keyring = keyring
    this.logger = logger
  }

  async all(): Promise<BudgetRule[]> {
    const { budgetRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(budgetRules).orderBy(asc(budgetRules.tenantId), asc(budgetRules.id)),
    )
    return await this.opened(rows)
  }

  async list(tenantId: string): Promise<BudgetRule[]> {
    const { budgetRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(budgetRules)
        .where(eq(budgetRules.tenantId, tenantId))
        .orderBy(asc(budgetRules.id)),
    )
    return await this.opened(rows)
  }

  /** Creates or replaces. Throws GatewayError 409 `too_many_rules` where the tenant has no room for one more. */
  async save(rule: BudgetRule & { readonly tenantId: string }, by: Actor): Promise<void> {
    const { budgetRules } = this.database.tables
    const { id, origin: _origin, tenantId, webhookUrl, ...values } = rule
    const sealedWebhookUrl =
      webhookUrl === undefined ? null : this.keyring.sealer.seal(webhookUrl, placeOf(tenantId, id))
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) await this.refuseTooMany(tenantId)
      const nowMs = this.database.nowMs()
      const createdMs = before?.createdMs ?? nowMs
      const changed = { rule: values, sealedWebhookUrl, updatedMs: nowMs }
      const after: Row = { tenantId, id, createdMs, ...changed }
      return {
        events: [event('budget.save', before, after)],
        build: (tx) => [
          tx
            .insert(budgetRules)
            .values(after)
            .onConflictDoUpdate({ target: [budgetRules.tenantId, budgetRules.id], set: changed }),
        ],
      }
    })
  }

  /** False when there is none of that id in the tenant. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { budgetRules } = this.database.tables
    const results = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      return {
        events: [event('budget.delete', before, undefined)],
        build: (tx) => [tx.delete(budgetRules).where(this.one(tenantId, id))],
      }
    })
    return results !== undefined
  }

  /** A budget whose webhook does not open holds all the same: only its alerts stay in the log. */
  private async opened(rows: readonly Row[]): Promise<BudgetRule[]> {
    if (rows.some(({ sealedWebhookUrl }) => sealedWebhookUrl !== null)) await this.refreshKeys()
    return rows.map((row) => {
      const { id, rule, sealedWebhookUrl, tenantId } = row
      const budget: BudgetRule = { ...rule, id, tenantId, origin: 'store' }
      if (sealedWebhookUrl === null) return budget
      try {
        const webhookUrl = this.keyring.sealer.open(sealedWebhookUrl, placeOf(tenantId, id))
        return { ...budget, webhookUrl }
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        this.logger.error('The webhook of a budget does not open; its alerts are only logged.', {
          tenantId,
          budgetId: id,
          reason: error.message,
        })
        return budget
      }
    })
  }

  private async refreshKeys(): Promise<void> {
    try {
      await this.keyring.refresh()
    } catch (error) {
      if (!(error instanceof StorageError)) throw toRepositoryError(error)
      this.logger.error('Secrets cannot be read anew.', { reason: error.message })
    }
  }

  private async refuseTooMany(tenantId: string): Promise<void> {
    const { budgetRules } = this.database.tables
    const there = await this.database.read((db) =>
      db.select({ id: budgetRules.id }).from(budgetRules).where(eq(budgetRules.tenantId, tenantId)),
    )
    if (there.length < LIMITS.tenantRulesMax) return
    throw new GatewayError('invalid_request', {
      status: 409,
      code: 'too_many_rules',
      message: `The tenant has ${LIMITS.tenantRulesMax} budgets. Delete one first.`,
    })
  }

  private one(tenantId: string, id: string) {
    const { budgetRules } = this.database.tables
    return and(eq(budgetRules.tenantId, tenantId), eq(budgetRules.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { budgetRules } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(budgetRules).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
