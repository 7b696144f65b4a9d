// Budgets as a toll: whose money a request spends and the most it may cost, held before it is sent and settled when its record is. What it
// is settled with is what its row says, so that the two are the same sum. How money is held is the ledger's business.

import { GatewayError } from '../core/error.ts'
import type { BudgetRule, BudgetSubject, BudgetWindow } from '../core/money.ts'
import type { Clock } from '../core/ports.ts'
import type { BudgetAccount, BudgetHold, BudgetLedger, BudgetRefusal } from '../core/ports-money.ts'
import type { Asked, Toll } from './admit.ts'
import type { PriceBook } from './deps.ts'
import type { RequestRecord } from './record.ts'
import type { Catalog } from './snapshot.ts'
import type { SpendingRules } from './spending-rules.ts'
import type { Watched } from './stream-watch.ts'
import { worstCase, type WorstCase } from './worst-case.ts'

export interface SpendingPorts {
  /** Those in force. */
  rules(): SpendingRules
  catalog(tenantId: string): Catalog
  readonly ledger: BudgetLedger
  readonly prices: PriceBook
  readonly clock: Clock
  readonly watch: { add(watched: Watched): void; delete(watched: Watched): void }
  /** A request was refused. */
  refused(per: BudgetSubject, cause: 'spent' | 'unknown_price'): void
  /** A request whose price is not known was let through, or turned out to have none. */
  unpriced(rule: BudgetRule, modelName: string): void
}

/** Bytes of a stream for each token in it, at the least: those of most protocols have many times as many. */
const STREAM_BYTES_PER_TOKEN = 32

export class Spending implements Toll {
  private readonly ports: SpendingPorts

  constructor(ports: SpendingPorts) {
    this.ports = ports
  }

  take(asked: Asked, record: RequestRecord): void | Promise<void> {
    const { catalog, ledger, prices } = this.ports
    const rules = this.ports.rules()
    const { arrivedMs, principal } = asked.inbound
    if (rules.isFree(principal)) return
    const name = asked.model?.id ?? (asked.modelName === '' ? undefined : asked.modelName)
    const accounts = rules.accountsOf(principal, name, arrivedMs)
    if (accounts.length === 0) return
    const worst = worstCase(asked, catalog(principal.tenantId), prices, arrivedMs)
    if (worst.nanoUsd === undefined) {
      this.judgeUnknown(accounts, name ?? '', asked.inbound.operation)
    }
    const held = ledger.hold(accounts, worst.knownNanoUsd)
    if (held instanceof Promise) {
      return held.then((result) => this.decide(result, accounts, worst, asked, record))
    }
    this.decide(held, accounts, worst, asked, record)
  }

  /** @throws GatewayError where a budget does not allow what has no known price */
  private judgeUnknown(
    accounts: readonly BudgetAccount[],
    modelName: string,
    operation: string,
  ): void {
    const what = operation === 'batch' ? 'What a batch will cost' : 'The price of this model'
    for (const { rule } of accounts) {
      if (rule.unknownPrice === 'block') {
        this.ports.refused(rule.per, 'unknown_price')
        throw new GatewayError('insufficient_quota', {
          code: 'price_unknown',
          message: `${what} is not known, and ${budgetName(rule)} allows no such requests.`,
        })
      }
      this.ports.unpriced(rule, modelName)
    }
  }

  /** @throws GatewayError `insufficient_quota` */
  private decide(
    result: BudgetHold | BudgetRefusal,
    accounts: readonly BudgetAccount[],
    worst: WorstCase,
    asked: Asked,
    record: RequestRecord,
  ): void {
    if (!('settle' in result)) {
      this.ports.refused(result.account.rule.per, 'spent')
      throw refusal(result, this.ports.clock.nowMs())
    }
    const growing =
      asked.stream && worst.isOpenEnded ? new Growing(result, worst, record) : undefined
    if (growing !== undefined) this.ports.watch.add(growing)
    record.atSettled((error) => {
      if (growing !== undefined) this.ports.watch.delete(growing)
      const cost = record.costAtEnd(error !== undefined)
      // A price that was known and yet gives no cost: a class of tokens has none.
      if (cost === undefined && worst.nanoUsd !== undefined && record.usageSoFar !== undefined) {
        for (const { rule } of accounts) this.ports.unpriced(rule, asked.modelName)
      }
      record.charge(result.settle(cost ?? 0))
    })
  }
}

/** An answer of unknown length: while it outgrows what was held for it, more is held. */
class Growing implements Watched {
  private readonly hold: BudgetHold
  private readonly worst: WorstCase
  private readonly record: RequestRecord
  private coveredTokens: number

  constructor(hold: BudgetHold, worst: WorstCase, record: RequestRecord) {
    this.hold = hold
    this.worst = worst
    this.record = record
    this.coveredTokens = worst.outputTokens
  }

  tick(): void {
    const { outputTokens, perOutputTokenNanoUsd } = this.worst
    while (this.record.responseBytes / STREAM_BYTES_PER_TOKEN > this.coveredTokens) {
      this.coveredTokens += outputTokens
      this.hold.grow(Math.ceil(outputTokens * perOutputTokenNanoUsd))
    }
  }
}

const PERIODS: Readonly<Record<BudgetWindow, string>> = {
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
  total: 'total',
}

function budgetName({ per, window }: Pick<BudgetRule, 'per' | 'window'>): string {
  return `the ${PERIODS[window]} budget of this ${per}`
}

/** Says whose budget it is and when it begins anew, and no amount: others may spend from the same. */
function refusal({ account, resetMs }: BudgetRefusal, nowMs: number): GatewayError {
  const name = budgetName(account.rule)
  const start = `${name[0]?.toUpperCase()}${name.slice(1)} has no room left for this request`
  if (!Number.isFinite(resetMs)) {
    return new GatewayError('insufficient_quota', { message: `${start}.` })
  }
  const at = new Date(nowMs + resetMs).toISOString().slice(0, 16).replace('T', ' ')
  return new GatewayError('insufficient_quota', {
    message: `${start}; it begins anew at ${at} UTC.`,
    retryAfterMs: resetMs,
  })
}
