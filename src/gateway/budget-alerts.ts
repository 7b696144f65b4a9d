// Tells of budgets whose thresholds were passed: in the log, as a metric, and to the webhook of the budget. Each address has a queue of its
// own, in order, so that one that is slow or away delays no other and costs alerts in the end, never a request: what waits is bounded and
// tried a few times, and what is given up is counted and logged.

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

/** What waits for one address, in order; it is there for as long as something does. */
interface Destination {
  /** Of a budget of the store; undefined for those of the file. */
  readonly tenantId: string | undefined
  readonly queue: Post[]
  posting: Promise<void>
}

const NANO = 1e9

export class BudgetAlerts {
  private readonly ports: AlertPorts
  private readonly destinations = new Map<string, Destination>()
  private dropped = 0
  private lastToldMs = -Infinity
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
    await Promise.all([...this.destinations.values()].map(({ posting }) => posting))
  }

  private post(rule: BudgetRule, fields: Record<string, unknown>): void {
    const { webhookUrl } = rule
    if (webhookUrl === undefined) return
    const isOperators = rule.origin === 'file'
    const tenantId = isOperators ? undefined : rule.tenantId
    // Nobody waits behind another tenant, even at one address; and what the operator wrote may reach more than what a tenant did.
    const to = JSON.stringify([isOperators, tenantId, webhookUrl])
    const known = this.destinations.get(to)
    const problem = this.noRoom(known, tenantId)
    if (problem !== undefined) return this.drop(rule, problem)
    const id = this.ports.ids.uuid()
    const body = JSON.stringify({
      id,
      time: new Date(this.ports.clock.nowMs()).toISOString(),
      ...fields,
    })
    const post: Post = { url: webhookUrl, isOperators, rule, id, body }
    if (known !== undefined) {
      known.queue.push(post)
      return
    }
    const made: Destination = { tenantId, queue: [post], posting: Promise.resolve() }
    this.destinations.set(to, made)
    made.posting = this.postAll(to, made.queue)
  }

  /** Why one more cannot wait; undefined where it can. */
  private noRoom(known: Destination | undefined, tenantId: string | undefined): string | undefined {
    if (this.ending.signal.aborted) return 'it is ending'
    if (known !== undefined) {
      return known.queue.length < LIMITS.alertQueueMax ? undefined : 'too many wait for its webhook'
    }
    const all = [...this.destinations.values()]
    const ofTenant = all.filter((each) => each.tenantId === tenantId).length
    const isTenantFull = tenantId !== undefined && ofTenant >= LIMITS.alertTenantDestinationsMax
    if (!isTenantFull && all.length < LIMITS.alertDestinationsMax) return undefined
    return isTenantFull ? 'too many webhooks of its tenant' : 'too many webhooks'
  }

  /** Counted each time, and logged once in a while: whoever floods a webhook must not flood the log. */
  private drop(rule: BudgetRule, why: string): void {
    this.ports.told(rule.per, 'dropped')
    this.dropped += 1
    const nowMs = this.ports.clock.monotonicMs()
    if (nowMs - this.lastToldMs < LIMITS.logProblemReportIntervalMs) return
    this.lastToldMs = nowMs
    const fields = { budget: rule.id, why, dropped: this.dropped }
    this.ports.logger.error('Alerts of budgets are not sent to their webhook.', fields)
  }

  /** One after the other. The address is forgotten in the same turn in which nothing waits for it any more. */
  private async postAll(to: string, queue: Post[]): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const isDelivered = await this.tryAll(next)
      this.ports.told(next.rule.per, isDelivered ? 'webhook' : 'failed')
      if (isDelivered) continue
      this.ports.logger.error('An alert of a budget did not reach its webhook.', {
        budget: next.rule.id,
        alert: next.id,
      })
    }
    this.destinations.delete(to)
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
