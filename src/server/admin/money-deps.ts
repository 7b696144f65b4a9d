// What the routes of limits and budgets need of the outside: the rules of the store, those in force, what the counters and accounts say. Words
// alone; who fills them is `app-server.ts`.

import type { Actor } from '../../core/audit.ts'
import type { BudgetRule, LimitRule } from '../../core/money.ts'
import type {
  BudgetAccount,
  BudgetRuleRepository,
  BudgetStanding,
  LimitRuleRepository,
  LimitState,
  LimitTake,
} from '../../core/ports-money.ts'
import type { Principal } from '../../core/principal.ts'

export interface MoneyDeps {
  readonly limits: Pick<LimitRuleRepository, 'list' | 'save' | 'remove'>
  readonly budgets: Pick<BudgetRuleRepository, 'list' | 'save' | 'remove'>
  /** In force for a tenant: of file, environment and store. */
  limitRules(tenantId: string): readonly LimitRule[]
  /** In force for a tenant, those of its keys included. */
  budgetRules(tenantId: string): readonly BudgetRule[]
  /** Counters as they stand, in the order asked for. */
  peek(takes: readonly LimitTake[]): Promise<readonly LimitState[]>
  standings(tenantId: string): Promise<BudgetStanding[]>
  /** Begins an account anew; false where there is none. */
  reset(tenantId: string, ruleId: string, subject: string, by: Actor): Promise<boolean>
  /** What every request of a principal is charged to. */
  accountsOf(principal: Principal): readonly BudgetAccount[]
  /** Whether what people declare may lead to this machine or into a private network. */
  mayReachInner(url: string): boolean
}
