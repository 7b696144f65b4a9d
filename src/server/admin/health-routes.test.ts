import { afterEach, describe, expect, test } from 'bun:test'
import type { Model, Provider } from '../../core/catalog.ts'
import { healthGauges } from '../../gateway/health-metrics.ts'
import { anyProviderFit, reportProviders, wholeView } from '../../gateway/health-report.ts'
import { createTestGateway, testProvider } from '../../testing/gateway.ts'
import { startTestServer, testKey, type TestServer } from '../../testing/server.ts'

const SECRET = 'sk-health-canary-0123456789abcdef'
const CIRCUIT = { enabled: true, failures: 1, errorRate: 1, windowMs: 60_000, openMs: 60_000 }
const NO_CHECKS = { report: () => undefined }

const servers: TestServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(0)))
})

function providerOf(id: string, over: Partial<Provider> = {}): Provider {
  return testProvider({
    id,
    type: 'openai',
    baseUrl: 'http://127.0.0.1:9/v1',
    keys: [
      { id: `${id}-1`, secret: SECRET },
      { id: `${id}-2`, secret: 'short', draining: true },
    ],
    circuit: CIRCUIT,
    ...over,
  })
}

function aliasOf(id: string, ...targets: readonly (readonly [string, string])[]): Model {
  return {
    id,
    origin: 'file',
    targets: targets.map(([providerId, model]) => ({ providerId, model, order: 0, weight: 1 })),
    defaults: {},
    losses: 'report',
  }
}

function world(providers: readonly Provider[], models: readonly Model[] = []) {
  const gateway = createTestGateway({ providers, models })
  return { ...gateway, gateway, health: gateway.deps.health }
}

describe('GET /admin/health', () => {
  test('is for administrators', async () => {
    const { gateway } = world([providerOf('p')])
    const user = 'weir_user_0123456789'
    const admin = 'weir_admin_0123456789'
    const server = startTestServer(gateway, {
      anonymous: 'never',
      keys: [testKey(user), testKey(admin, { roles: ['admin'] })],
    })
    servers.push(server)
    const statusOf = async (key?: string) => {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
      const response = await fetch(`${server.url}/admin/health`, { headers })
      await response.text()
      return response.status
    }
    expect(await statusOf()).toBe(401)
    expect(await statusOf(user)).toBe(403)
    expect(await statusOf(admin)).toBe(200)
  })

  test('tells how providers fare, without a secret', async () => {
    const p = providerOf('p', {
      network: { verify: false, allowPrivate: true, proxy: `http://u:${SECRET}@127.0.0.1:1` },
      concurrency: { max: 3, queue: 1, queueTimeoutMs: 1_000 },
      check: { intervalMs: 60_000 },
    })
    const { deps, gateway, health } = world(
      [p],
      [aliasOf('a', ['p', 'm']), aliasOf('b', ['p', 'm'])],
    )
    health.begin(p, 'm')?.failed()
    const good = health.begin(p, 'asked')
    good?.answered()
    health.keys(p).refused(p.keys, 'p-1', 401, deps.clock.monotonicMs())
    const last = { reachable: false, ok: false, checkedMs: 0, durationMs: 1.6, error: 'no answer' }
    const server = startTestServer(gateway, {
      deps: {
        readiness: () => ({ ready: false, checks: { provider: false } }),
        health: {
          checks: { report: () => last },
          redis: () => ({ configured: true, connected: false }),
          limits: () => ({ counted: 'process' as const, connected: true }),
          sinks: () => [],
        },
      },
    })
    servers.push(server)
    const response = await fetch(`${server.url}/admin/health`)
    const text = await response.text()
    expect(text).not.toContain('canary')
    const body = JSON.parse(text) as { providers: { keys: { free_in_ms: number }[] }[] }
    const key = body.providers[0]?.keys[0]
    expect(key?.free_in_ms).toBeGreaterThan(50_000)
    expect(body).toMatchObject({
      ready: false,
      checks: { provider: false },
      redis: { configured: true, connected: false },
      providers: [
        {
          id: 'p',
          type: 'openai',
          origin: 'file',
          usable: true,
          warnings: ['certificates are not verified'],
          keys: [
            { id: 'p-1', hint: 'cdef', state: 'refused', failed: 1 },
            { id: 'p-2', hint: null, state: 'draining', free_in_ms: 0, remaining: null },
          ],
          queue: { running: 0, waiting: 0, max: 3 },
          check: {
            interval_ms: 60_000,
            last: {
              reachable: false,
              ok: false,
              checked_at: '1970-01-01T00:00:00.000Z',
              duration_ms: 2,
              error: 'no answer',
            },
          },
          targets: [
            { model: 'm', circuit: 'open', error_rate: 1, running: 0, used_by_models: ['a', 'b'] },
            { model: 'asked', circuit: 'closed', running: 1, total_ms: null, used_by_models: [] },
          ],
        },
      ],
    })
    good?.ended(true)
  })
})

describe('whether anybody can be asked', () => {
  test('one provider with a key and a target that may be tried is enough', () => {
    const p = providerOf('p', { keys: [{ id: 'k', secret: SECRET }] })
    const q = providerOf('q', { keys: [{ id: 'k', secret: SECRET }] })
    const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1' })
    const { deps, health } = world([p, q, mock], [aliasOf('a', ['p', 'm'], ['p', 'other'])])
    expect(anyProviderFit(deps)).toBe(true)
    health.keys(q).refused(q.keys, 'k', 401, deps.clock.monotonicMs())
    health.begin(p, 'm')?.failed()
    expect(anyProviderFit(deps)).toBe(true)
    health.begin(p, 'other')?.failed()
    expect(anyProviderFit(deps)).toBe(false)
    health.keys(q).answered('k', new Headers(), deps.clock.monotonicMs() + 1)
    expect(anyProviderFit(deps)).toBe(true)
  })

  test('the mock counts where it is alone, and a provider without a key does not', () => {
    const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1' })
    expect(anyProviderFit(world([mock]).deps)).toBe(true)
    expect(anyProviderFit(world([]).deps)).toBe(false)
    expect(anyProviderFit(world([providerOf('p', { keys: [] })]).deps)).toBe(false)
  })
})

describe('gauges', () => {
  const valueOf = (gauges: ReturnType<typeof healthGauges>, name: string, ...labels: string[]) =>
    gauges
      .find(({ definition }) => definition.name === name)
      ?.samples.find((sample) => sample.labels.join() === labels.join())?.value

  test('name targets of the configuration and those that are listed and answered; what clients made up is one', () => {
    const p = providerOf('p', { circuit: { ...CIRCUIT, openMs: 60_000 } })
    const { deps, health } = world([p], [aliasOf('a', ['p', 'm'])])
    health.begin(p, 'm')?.failed()
    health.begin(p, 'answered')?.answered()
    // Some providers answer to whatever they are asked for.
    health.begin(p, 'weir_secret-that-was-answered')?.answered()
    health.begin(p, 'weir_secret-of-a-client')
    health.begin(p, 'weir_other-secret')
    health.begin(p, 'weir_third-secret')?.failed()
    const reports = reportProviders(deps, NO_CHECKS, wholeView(deps.snapshot()))
    const isListed = (model: string) => model === 'answered'
    const gauges = healthGauges(reports, { running: 7, waiting: 2 }, isListed)
    expect(JSON.stringify(gauges)).not.toContain('secret')
    expect(valueOf(gauges, 'weir_target_circuit', 'p', 'm')).toBe(2)
    expect(valueOf(gauges, 'weir_target_circuit', 'p', 'answered')).toBe(0)
    expect(valueOf(gauges, 'weir_target_circuit', 'p', 'other')).toBe(2)
    expect(valueOf(gauges, 'weir_target_running', 'p', 'other')).toBe(3)
    expect(valueOf(gauges, 'weir_target_first_byte_seconds', 'p', 'answered')).toBeLessThan(5)
    expect(valueOf(gauges, 'weir_provider_key_state', 'p', 'fit')).toBe(1)
    expect(valueOf(gauges, 'weir_provider_key_state', 'p', 'draining')).toBe(1)
    expect(valueOf(gauges, 'weir_queue_running')).toBe(7)
    expect(valueOf(gauges, 'weir_queue_waiting')).toBe(2)
  })
})
