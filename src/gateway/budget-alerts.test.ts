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
    alerts.tell(passed())
    expect(told.at(-1)).toBe('key log')
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
