// The repository of limits that people declare at run time. What a rule counts is kept elsewhere and goes on under the same names.

import type { Actor } from '../core/audit.ts'
import type { LimitRule } from '../core/money.ts'
import type { LimitRuleRepository } from '../core/ports-money.ts'
import type { ControlDatabase } from './control-database.ts'
import { RuleRows, type RuleRow } from './rule-rows.ts'

function toLimitRule({ id, rule, tenantId }: RuleRow<'limitRules'>): LimitRule {
  return { ...rule, id, tenantId, origin: 'store' }
}

/** Limits of one store; see the port for the contract. */
export class LimitRuleStore implements LimitRuleRepository {
  private readonly rows: RuleRows<'limitRules'>

  constructor(database: ControlDatabase) {
    this.rows = new RuleRows(database, {
      table: 'limitRules',
      target: 'limit',
      plural: 'limits',
      shown: ({ rule }) => ({ ...rule }),
    })
  }

  async all(): Promise<LimitRule[]> {
    return (await this.rows.all()).map(toLimitRule)
  }

  async list(tenantId: string): Promise<LimitRule[]> {
    return (await this.rows.list(tenantId)).map(toLimitRule)
  }

  /** Creates or replaces. Throws GatewayError 409 `too_many_rules` where the tenant has no room for one more. */
  async save(rule: LimitRule & { readonly tenantId: string }, by: Actor): Promise<void> {
    const { id, origin: _origin, tenantId, ...values } = rule
    await this.rows.save({ tenantId, id, rule: values }, by)
  }

  /** False when there is none of that id in the tenant. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    return await this.rows.remove(tenantId, id, by)
  }
}
