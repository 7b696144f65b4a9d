// Budgets put together: the rules in force, the toll that every request passes, the ledger of the store behind it and the alerts before
// people. Apart from `app.ts` because of its length; it decides nothing.

import type { ApiKey } from './core/catalog.ts'
import type { Transport, Logger } from './core/ports.ts'
import type { BudgetRule } from './core/money.ts'
import { outboundNetwork } from './core/network.ts'
import type { BudgetAccount } from './core/ports-money.ts'
import type { Principal } from './core/principal.ts'
import type { Config } from './config/config.ts'
import { BudgetAlerts } from './gateway/budget-alerts.ts'
import type { PriceBook } from './gateway/deps.ts'
import type { Catalog } from './gateway/snapshot.ts'
import { Spending } from './gateway/spending.ts'
import { NO_SPENDING_RULES, ownRule, SpendingRules } from './gateway/spending-rules.ts'
import type { Watched } from './gateway/stream-watch.ts'
import { pause } from './storage/pause.ts'
import type { Store } from './storage/store.ts'
import { systemClock, systemIds } from './system.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface BudgetServiceOptions {
  readonly store: Pick<Store, 'budgets'>
  readonly transport: Transport
  readonly logger: Logger
  readonly metrics: Metrics
  readonly prices: PriceBook
  readonly watch: { add(watched: Watched): void; delete(watched: Watched): void }
  config(): Config
  catalog(tenantId: string): Catalog
}

export class BudgetService {
  /** Put among the tolls of the gateway, behind the limits. */
  readonly spending: Spending
  private readonly store: BudgetServiceOptions['store']
  private readonly alerts: BudgetAlerts
  private readonly ending = new AbortController()
  private rules = NO_SPENDING_RULES
  private all: readonly BudgetRule[] = []

  constructor(options: BudgetServiceOptions) {
    const { catalog, config, logger, metrics, prices, store, transport, watch } = options
    this.store = store
    this.alerts = new BudgetAlerts({
      transport,
      clock: systemClock,
      ids: systemIds,
      logger,
      network: (url, isOperators) => outboundNetwork(url, isOperators, config().network),
      pause: (durationMs) => pause(durationMs, this.ending.signal),
      told: (per, way) => metrics.budgetAlert(per, way),
    })
    store.budgets.onAlert = (alert) => this.alerts.tell(alert)
    this.spending = new Spending({
      rules: () => this.rules,
      catalog,
      ledger: store.budgets,
      prices,
      clock: systemClock,
      watch,
      refused: (per, cause) => metrics.budgetRefused(per, cause),
      unpriced: (rule, modelName) => this.alerts.unpriced(rule, modelName),
    })
  }

  /** The rules of file and store from now on; windows and what was spent in them stay. */
  useRules(rules: readonly BudgetRule[], leases: Config['budgetLeases']): void {
    this.store.budgets.configure(leases)
    // What is remembered of accounts is worth keeping while nothing has changed.
    if (JSON.stringify(rules) === JSON.stringify(this.all)) return
    this.all = rules
    this.rules = new SpendingRules(rules)
  }

  /** Those of file and store, of all tenants. */
  allRules(): readonly BudgetRule[] {
    return this.all
  }

  /** Those that hold for a tenant, for reports: of file and store, and those its keys have of themselves. */
  rulesOf(tenantId: string, keys: Iterable<ApiKey>): readonly BudgetRule[] {
    const rules = this.all.filter(
      (rule) => rule.tenantId === undefined || rule.tenantId === tenantId,
    )
    const own = [...keys].flatMap((key) => {
      if (key.tenantId !== tenantId || key.revokedMs !== undefined || key.own === undefined)
        return []
      const rule = ownRule({ keyId: key.id, own: key.own })
      return rule === undefined ? [] : { ...rule, origin: key.origin }
    })
    return [...rules, ...own]
  }

  /** The accounts that every request of a principal is charged to, whatever model it asks. */
  accountsOf(principal: Principal): readonly BudgetAccount[] {
    return this.rules.accountsOf(principal, undefined, systemClock.nowMs())
  }

  async stop(): Promise<void> {
    this.ending.abort()
    await this.alerts.close()
  }
}
