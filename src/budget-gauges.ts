// What is left of each configured budget, as gauges. The store is asked for it when somebody scrapes, not oftener than its bound, and a
// store that is slow or away costs these figures and nothing else. A budget of many subjects is one gauge: that of the one with least left.

import type { BudgetRule } from './core/money.ts'
import { LIMITS } from './core/limits.ts'
import { METRICS, type MetricFamily } from './core/metric-catalog.ts'
import { NANO_PER_USD } from './core/nano-usd.ts'
import type { BudgetStanding } from './core/ports-money.ts'
import type { Clock, Logger } from './core/ports.ts'

export interface BudgetGaugesPorts {
  /** Those of file and store; not those that keys have of themselves, which may be any number. */
  rules(): readonly BudgetRule[]
  /** Ids of all tenants. */
  tenants(): readonly string[]
  standings(tenantId: string): Promise<readonly BudgetStanding[]>
  readonly clock: Clock
  readonly logger: Logger
}

export class BudgetGauges {
  private readonly ports: BudgetGaugesPorts
  /** What was spent most of a rule in one of its windows, by `ruleName`. */
  private spent: ReadonlyMap<string, number> | undefined
  private readMs = Number.NEGATIVE_INFINITY
  private reading: Promise<void> | undefined

  constructor(ports: BudgetGaugesPorts) {
    this.ports = ports
  }

  /** Waits for the store within a bound; then what was known before is told, and nothing where nothing was. */
  async families(): Promise<MetricFamily[]> {
    const rules = this.ports.rules().slice(0, LIMITS.metricBudgetsMax)
    if (rules.length > 0 && this.isOld()) {
      this.reading ??= this.read(rules).finally(() => (this.reading = undefined))
      await within(this.reading, LIMITS.metricBudgetsWaitMs)
    }
    const { spent } = this
    const left = spent === undefined ? [] : rules.map((rule) => leftOf(rule, spent))
    return [
      {
        definition: METRICS.budgetLeft,
        samples: left.map(({ labels, nanoUsd }) => ({ labels, value: nanoUsd / NANO_PER_USD })),
      },
      {
        definition: METRICS.budgetLeftRatio,
        samples: left.map(({ amount, labels, nanoUsd }) => ({
          labels,
          value: amount === 0 ? 0 : nanoUsd / amount,
        })),
      },
    ]
  }

  private isOld(): boolean {
    return this.ports.clock.monotonicMs() - this.readMs >= LIMITS.metricBudgetsFreshMs
  }

  private async read(rules: readonly BudgetRule[]): Promise<void> {
    const { clock, logger, standings, tenants } = this.ports
    const holdsForAll = rules.some(({ tenantId }) => tenantId === undefined)
    const own = rules.flatMap(({ tenantId }) => tenantId ?? [])
    const asked = [...new Set([...own, ...(holdsForAll ? tenants() : [])])]
    const shared = new Set(rules.flatMap((rule) => (rule.tenantId === undefined ? rule.id : [])))
    const spent = new Map<string, number>()
    try {
      for (const tenantId of asked.slice(0, LIMITS.metricBudgetTenantsMax)) {
        for (const { account, spentNanoUsd } of await standings(tenantId)) {
          const name = ruleName(shared.has(account.ruleId) ? undefined : tenantId, account.ruleId)
          spent.set(name, Math.max(spent.get(name) ?? 0, spentNanoUsd))
        }
      }
      this.spent = spent
    } catch (error) {
      logger.warn('what is left of budgets could not be read for metrics', {
        error: String(error),
      })
    }
    // After a failure as well: a store that is away is not asked at each scrape.
    this.readMs = clock.monotonicMs()
  }
}

function leftOf(rule: BudgetRule, spent: ReadonlyMap<string, number>) {
  const { id, nanoUsd: amount, per, tenantId, window } = rule
  return {
    labels: [id, tenantId ?? '', per, window],
    amount,
    nanoUsd: amount - (spent.get(ruleName(tenantId, id)) ?? 0),
  }
}

/** Tenants may call their budgets the same. */
function ruleName(tenantId: string | undefined, id: string): string {
  return JSON.stringify([tenantId ?? null, id])
}

/** Resolves when it has, or when the time is over. */
async function within(done: Promise<void>, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  await Promise.race([done, limit])
  clearTimeout(timer)
}
