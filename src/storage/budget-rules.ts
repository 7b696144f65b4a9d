// The repository of budgets that people declare at run time. The address of a webhook may hold a token: it is sealed at rest, and masked in
// the audit.

import type { Actor } from '../core/audit.ts'
import type { BudgetRule } from '../core/money.ts'
import type { Logger } from '../core/ports.ts'
import type { BudgetRuleRepository } from '../core/ports-money.ts'
import type { ControlDatabase } from './control-database.ts'
import { StorageError } from './errors.ts'
import { refreshKeys, type Keyring } from './keyring.ts'
import { MASKED } from './provider-audit.ts'
import { RuleRows, type RuleRow } from './rule-rows.ts'
import type { SealPlace } from './seal.ts'

function placeOf(tenantId: string, id: string): SealPlace {
  return { tenantId, table: 'budget_rules', row: [id], column: 'sealed_webhook_url' }
}

/** Budgets of one store; see the port for the contract. */
export class BudgetRuleStore implements BudgetRuleRepository {
  private readonly rows: RuleRows<'budgetRules'>
  private readonly keyring: Keyring
  private readonly logger: Logger

  constructor(database: ControlDatabase, keyring: Keyring, logger: Logger) {
    this.rows = new RuleRows(database, {
      table: 'budgetRules',
      target: 'budget',
      plural: 'budgets',
      shown: ({ rule, sealedWebhookUrl }) => ({
        ...rule,
        ...(sealedWebhookUrl === null ? {} : { webhookUrl: MASKED }),
      }),
    })
    this.keyring = keyring
    this.logger = logger
  }

  async all(): Promise<BudgetRule[]> {
    return await this.opened(await this.rows.all())
  }

  async list(tenantId: string): Promise<BudgetRule[]> {
    return await this.opened(await this.rows.list(tenantId))
  }

  /** Creates or replaces. Throws GatewayError 409 `too_many_rules` where the tenant has no room for one more. */
  async save(rule: BudgetRule & { readonly tenantId: string }, by: Actor): Promise<void> {
    const { id, origin: _origin, tenantId, webhookUrl, ...values } = rule
    const sealedWebhookUrl =
      webhookUrl === undefined ? null : this.keyring.sealer.seal(webhookUrl, placeOf(tenantId, id))
    await this.rows.save({ tenantId, id, rule: values, sealedWebhookUrl }, by)
  }

  /** False when there is none of that id in the tenant. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    return await this.rows.remove(tenantId, id, by)
  }

  /** A budget whose webhook does not open holds all the same: only its alerts stay in the log. */
  private async opened(rows: readonly RuleRow<'budgetRules'>[]): Promise<BudgetRule[]> {
    if (rows.some(({ sealedWebhookUrl }) => sealedWebhookUrl !== null)) {
      await refreshKeys(this.keyring, this.logger)
    }
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
}
