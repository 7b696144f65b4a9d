import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { BudgetRule } from '../core/money.ts'
import type { Transport, UpstreamRequest, UpstreamResponse } from '../core/ports.ts'
import { systemClock, systemIds } from '../system.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { BudgetAlerts, type PassedThreshold } from './budget-alerts.ts'

const URL_TEXT = 'https://hooks.example.com/T0/secret-token'

function passed(over: Partial<BudgetRule> = {}): PassedThreshold {
  return {
    account: {
      rule: {
        id: 'r',
        origin: 'store',
        per: 'key',
        nanoUsd: 2e9,
        window: 'total',
        action: 'block',
        alertAt: [0.5],
        unknownPrice: 'block',
        webhookUrl: URL_TEXT,
        ...over,
      },
      tenantId: 'default',
      subject: 'k1',
      window: { startMs: 0, endMs: Infinity },
    },
    threshold: 500,
    spentNanoUsd: 1e9,
  }
}

function alerting(send: (request: UpstreamRequest) => Promise<Partial<UpstreamResponse>>) {
  const lines: string[] = []
  const told: string[] = []
  const sent: UpstreamRequest[] = []
  const note = (message: string, fields?: Record<string, unknown>) =>
    void lines.push(`${message} ${JSON.stringify(fields)}`)
  const transport: Transport = {
    async send(request) {
      sent.push(request)
      return { cancel: () => undefined, ...(await send(request)) } as UpstreamResponse
    },
  }
  const alerts = new BudgetAlerts({
    transport,
    clock: systemClock,
    ids: systemIds,
    logger: { debug: note, info: note, warn: note, error: note },
    network: () => ({ allowPrivate: false }),
    pause: () => Promise.resolve(),
    told: (per, way) => told.push(`${per} ${way}`),
  })
  return { alerts, lines, sent, told, idle: () => Bun.sleep(5) }
}

describe('alerts', () => {
  test('are logged, and posted once where that succeeds; the address is in no line', async () => {
    const { alerts, idle, lines, sent, told } = alerting(() => Promise.resolve({ status: 204 }))
    alerts.tell(passed())
    alerts.tell(passed({ webhookUrl: undefined } as never))
    await idle()
    expect(told).toEqual(['key log', 'key log', 'key webhook'])
    expect(sent.length).toBe(1)
    expect(sent[0]?.url).toBe(URL_TEXT)
    expect(JSON.parse(String(sent[0]?.body))).toMatchObject({
      event: 'budget.threshold',
      tenant: 'default',
      subject: 'k1',
      threshold: 0.5,
      spent_usd: 1,
      budget_usd: 2,
      window_end: null,
    })
    expect(lines.join()).not.toContain('secret-token')
  })

  test('a webhook that fails is tried a few times and then given up', async () => {
    const { alerts, idle, lines, sent, told } = alerting((request) =>
      request.url === URL_TEXT
        ? Promise.reject(new GatewayError('upstream_error'))
        : Promise.resolve({ status: 500 }),
    )
    alerts.tell(passed())
    alerts.tell(passed({ webhookUrl: 'https://other.example.com/' }))
    await idle()
    expect(sent.length).toBe(2 * LIMITS.alertTriesMax)
    expect(told.filter((one) => one === 'key failed').length).toBe(2)
    expect(lines.join()).not.toContain('secret-token')
  })

  test('what waits is bounded, and an end gives it up', async () => {
    let release: () => void = () => undefined
    const held = new Promise<Partial<UpstreamResponse>>((resolve) => {
      release = () => resolve({ status: 200 })
    })
    const { alerts, told } = alerting(() => held)
    for (let at = 0; at < LIMITS.alertQueueMax + 50; at += 1) alerts.tell(passed())
    expect(told.filter((one) => one === 'key dropped').length).toBe(49)
    const closing = alerts.close()
    release()
    await closing
    expect(told.filter((one) => one === 'key webhook').length).toBe(1)
    expect(told.filter((one) => one === 'key failed').length).toBe(LIMITS.alertQueueMax)
    alerts.tell(passed())
    // What comes after the end is lost too, and counted as well.
    expect(told.at(-1)).toBe('key dropped')
  })

  test('one webhook that is slow delays no other, and each gets its own in order', async () => {
    const slow = Promise.withResolvers<Partial<UpstreamResponse>>()
    const quick = Promise.withResolvers<void>()
    const got: string[] = []
    const { alerts, told } = alerting((request) => {
      if (request.url === URL_TEXT) return slow.promise
      const { spent_usd: spent } = JSON.parse(String(request.body)) as { spent_usd: number }
      got.push(`${request.url} ${spent}`)
      if (got.length === 6) quick.resolve()
      return Promise.resolve({ status: 200 })
    })
    for (const spent of [1, 2, 3]) {
      alerts.tell({ ...passed(), spentNanoUsd: spent * 1e9 })
      for (const name of ['a', 'b']) {
        const webhookUrl = `https://${name}.example.com/`
        alerts.tell({ ...passed({ webhookUrl }), spentNanoUsd: spent * 1e9 })
      }
    }
    await quick.promise
    for (const name of ['a', 'b']) {
      const own = got.filter((one) => one.startsWith(`https://${name}.`))
      expect(own).toEqual([1, 2, 3].map((spent) => `https://${name}.example.com/ ${spent}`))
    }
    // The end gives up what waits: of the three one was on its way.
    const closing = alerts.close()
    slow.resolve({ status: 200 })
    await closing
    expect(told.filter((one) => one === 'key webhook').length).toBe(7)
    expect(told.filter((one) => one === 'key failed').length).toBe(2)
  })

  test('nor do those of operator and tenants at one address wait for each other', async () => {
    const seen: string[] = []
    const own = Promise.withResolvers<void>()
    const { alerts } = alerting(() => {
      seen.push('sent')
      if (seen.length === 3) own.resolve()
      return new Promise(() => undefined)
    })
    alerts.tell(passed({ tenantId: 'a' }))
    alerts.tell(passed({ tenantId: 'a' }))
    alerts.tell(passed({ tenantId: 'b' }))
    alerts.tell(passed({ origin: 'file' }))
    await own.promise
    expect(seen.length).toBe(3)
  })

  test('a tenant whose webhooks are all slow leaves room for others', async () => {
    const { alerts, sent, told } = alerting(() => new Promise(() => undefined))
    const tell = (tenantId: string, at: number) =>
      alerts.tell(passed({ tenantId, webhookUrl: `https://${tenantId}.example.com/${at}` }))
    for (let at = 0; at < LIMITS.alertDestinationsMax; at += 1) tell('greedy', at)
    expect(sent.length).toBe(LIMITS.alertTenantDestinationsMax)
    tell('other', 1)
    expect(sent.length).toBe(LIMITS.alertTenantDestinationsMax + 1)
    const dropped = LIMITS.alertDestinationsMax - LIMITS.alertTenantDestinationsMax
    expect(told.filter((one) => one === 'key dropped').length).toBe(dropped)
  })

  test('how many webhooks are waited for at once is bounded; what is dropped is logged, once in a while', async () => {
    const held = Promise.withResolvers<Partial<UpstreamResponse>>()
    const { alerts, lines, sent, told } = alerting(() => held.promise)
    const to = (at: number) => passed({ webhookUrl: `https://hooks.example.com/secret-${at}` })
    for (let at = 0; at < LIMITS.alertDestinationsMax + 20; at += 1) alerts.tell(to(at))
    expect(sent.length).toBe(LIMITS.alertDestinationsMax)
    expect(told.filter((one) => one === 'key dropped').length).toBe(20)
    // One that is waited for already takes more.
    alerts.tell(to(0))
    expect(told.filter((one) => one === 'key dropped').length).toBe(20)
    const dropped = lines.filter((line) => line.includes('are not sent'))
    expect(dropped.length).toBe(1)
    expect(lines.join()).not.toContain('secret-')
    held.resolve({ status: 200 })
    const first = to(0)
    const done = () => told.filter((one) => one === 'key webhook').length
    for (let turns = 0; turns < 200 && done() <= LIMITS.alertDestinationsMax; turns += 1) {
      await Bun.sleep(1)
    }
    // All are forgotten: there is room again.
    alerts.tell(to(LIMITS.alertDestinationsMax + 5))
    alerts.tell(first)
    await alerts.close()
    expect(told.filter((one) => one === 'key dropped').length).toBe(20)
  })

  test('what has no price is told once for each budget of a tenant and model', async () => {
    const { alerts, idle, sent } = alerting(() => Promise.resolve({ status: 200 }))
    const { rule } = passed().account
    for (let at = 0; at < 5; at += 1) alerts.unpriced(rule, 'm')
    alerts.unpriced(rule, 'n')
    // Another tenant may call its budget the same.
    alerts.unpriced({ ...rule, tenantId: 'another' }, 'n')
    await idle()
    expect(sent.length).toBe(3)
  })

  test('an address inside is not posted to: the guard of the transport holds here too', async () => {
    let hits = 0
    using server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => {
        hits += 1
        return new Response()
      },
    })
    const http = createTransport(systemClock, new SharedDeadlines(systemClock))
    const { alerts, idle, told } = alerting((request) => http.send(request))
    alerts.tell(passed({ webhookUrl: `http://127.0.0.1:${server.port}/` }))
    await idle()
    expect(hits).toBe(0)
    expect(told).toEqual(['key log', 'key failed'])
  })
})
