// The repository of rules of the content policy that people declare at run time.

import type { Actor } from '../core/audit.ts'
import type { ContentRule } from '../core/content.ts'
import type { ContentRuleRepository } from '../core/ports-content.ts'
import type { ControlDatabase } from './control-database.ts'
import { RuleRows, type RuleRow } from './rule-rows.ts'

function toContentRule({ id, rule, tenantId }: RuleRow<'contentRules'>): ContentRule {
  return { ...rule, id, tenantId, origin: 'store' }
}

/** Rules of one store; see the port for the contract. */
export class ContentRuleStore implements ContentRuleRepository {
  private readonly rows: RuleRows<'contentRules'>

  constructor(database: ControlDatabase) {
    this.rows = new RuleRows(database, {
      table: 'contentRules',
      target: 'content_rule',
      plural: 'rules of content',
      shown: ({ rule }) => ({ ...rule }),
    })
  }

  async all(): Promise<ContentRule[]> {
    return (await this.rows.all()).map(toContentRule)
  }

  async list(tenantId: string): Promise<ContentRule[]> {
    return (await this.rows.list(tenantId)).map(toContentRule)
  }

  /** Creates or replaces. Throws GatewayError 409 `too_many_rules` where the tenant has no room for one more. */
  async save(rule: ContentRule & { readonly tenantId: string }, by: Actor): Promise<void> {
    const { id, origin: _origin, tenantId, ...values } = rule
    await this.rows.save({ tenantId, id, rule: values }, by)
  }

  /** False when there is none of that id in the tenant. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    return await this.rows.remove(tenantId, id, by)
  }
}
