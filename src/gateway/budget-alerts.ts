// Tells of budgets whose thresholds were passed: in the log, as a metric, and to the webhook of the budget. A webhook that is slow or away
// costs alerts in the end, never a request: what waits is bounded and tried a few times.

import type { NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { BudgetRule } from '../core/money.ts'
import type { Clock, IdSource, Logger, Transport } from '../core/ports.ts'
import type { BudgetAccount } from '../core/ports-money.ts'

/** A threshold of a budget that was passed. */
export interface PassedThreshold {
  readonly account: BudgetAccount
  /** Share of the budget in thousandths. */
  readonly threshold: number
  readonly spentNanoUsd: number
}

export interface AlertPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly ids: IdSource
  readonly logger: Logger
  /** How an address of that origin may be reached. */
  network(url: string, isOperators: boolean): NetworkSettings
  /** Waits; resolves early where there is nothing to wait for any more. */
  pause(durationMs: number): Promise<void>
  /** For the metric. */
  told(per: BudgetRule['per'], delivered: 'log' | 'webhook' | 'failed' | 'dropped'): void
}

interface Post {
  readonly url: string
  readonly isOperators: boolean
  readonly rule: BudgetRule
  readonly id: string
  readonly body: string
}

const NANO = 1e9

export class BudgetAlerts {
  private readonly ports: AlertPorts
  private readonly queue: Post[] = []
  private posting: Promise<void> | undefined
  private readonly ending = new AbortController()
  /** Rules and models of which it was told that they have no price; forgotten together when there are too many. */
  private readonly unpricedTold = new Set<string>()

  constructor(ports: AlertPorts) {
    this.ports = ports
  }

  /** Returns at once and never throws. */
  tell({ account, spentNanoUsd, threshold }: PassedThreshold): void {
    const { rule, subject, tenantId, window } = account
    const fields = {
      tenant: tenantId,
      budget: rule.id,
      per: rule.per,
      subject,
      window: rule.window,
      window_start: new Date(window.startMs).toISOString(),
      window_end: Number.isFinite(window.endMs) ? new Date(window.endMs).toISOString() : null,
      threshold: threshold / 1_000,
      spent_usd: spentNanoUsd / NANO,
      budget_usd: rule.nanoUsd / NANO,
      action: rule.action,
    }
    this.ports.logger.warn('A budget has reached a threshold.', fields)
    this.ports.told(rule.per, 'log')
    this.post(rule, { event: 'budget.threshold', ...fields })
  }

  /** A request without a known price was let through: told once for each budget and model. */
  unpriced(rule: BudgetRule, modelName: string): void {
    // Tenants may call their budgets the same.
    const key = JSON.stringify([rule.tenantId, rule.id, modelName])
    if (this.unpricedTold.has(key)) return
    if (this.unpricedTold.size >= LIMITS.budgetSubjectsMax) this.unpricedTold.clear()
    this.unpricedTold.add(key)
    const fields = { budget: rule.id, per: rule.per, model: modelName.slice(0, 200) }
    this.ports.logger.warn('A budget does not count requests whose price is not known.', fields)
    this.ports.told(rule.per, 'log')
    this.post(rule, { event: 'budget.unpriced', ...fields })
  }

  /** Gives up what waits. */
  async close(): Promise<void> {
    this.ending.abort(new GatewayError('shutting_down'))
    await this.posting
  }

  private post(rule: BudgetRule, fields: Record<string, unknown>): void {
    const { webhookUrl } = rule
    if (webhookUrl === undefined || this.ending.signal.aborted) return
    if (this.queue.length >= LIMITS.alertQueueMax) {
      this.ports.told(rule.per, 'dropped')
      return
    }
    const id = this.ports.ids.uuid()
    const body = JSON.stringify({
      id,
      time: new Date(this.ports.clock.nowMs()).toISOString(),
      ...fields,
    })
    this.queue.push({ url: webhookUrl, isOperators: rule.origin === 'file', rule, id, body })
    this.posting ??= this.postAll()
  }

  private async postAll(): Promise<void> {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      const isDelivered = await this.tryAll(next)
      this.ports.told(next.rule.per, isDelivered ? 'webhook' : 'failed')
      if (isDelivered) continue
      this.ports.logger.error('An alert of a budget did not reach its webhook.', {
        budget: next.rule.id,
        alert: next.id,
      })
    }
    this.posting = undefined
  }

  private async tryAll(post: Post): Promise<boolean> {
    let waitMs: number = LIMITS.alertRetryBaseMs
    for (let tries = 1; !this.ending.signal.aborted; tries += 1) {
      if (await this.tryOnce(post)) return true
      if (tries >= LIMITS.alertTriesMax) return false
      await this.ports.pause(waitMs)
      waitMs = Math.min(LIMITS.alertRetryCapMs, waitMs * 2)
    }
    return false
  }

  private async tryOnce({ body, id, isOperators, url }: Post): Promise<boolean> {
    const { logger, network, transport } = this.ports
    const limit = AbortSignal.timeout(LIMITS.alertTimeoutMs)
    try {
      const response = await transport.send({
        url,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-weir-alert': id },
        body,
        timeouts: {
          connectMs: LIMITS.alertTimeoutMs,
          firstByteMs: LIMITS.alertTimeoutMs,
          idleMs: LIMITS.alertTimeoutMs,
          totalMs: LIMITS.alertTimeoutMs,
        },
        network: network(url, isOperators),
        signal: AbortSignal.any([limit, this.ending.signal]),
      })
      response.cancel()
      return response.status >= 200 && response.status < 300
    } catch (error) {
      // The address may hold a token: only the kind of failure is told.
      const kind = error instanceof GatewayError ? error.kind : 'unknown'
      logger.debug('a webhook could not be reached', { alert: id, error: kind })
      return false
    }
  }
}
