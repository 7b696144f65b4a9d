import { afterEach, describe, expect, test } from 'bun:test'
import type { Model, Provider } from '../core/catalog.ts'
import { FakeClock } from '../testing/clock.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { Checks } from './checks.ts'
import { Health } from './health.ts'

const CIRCUIT = { enabled: true, failures: 2, errorRate: 0.5, windowMs: 60_000, openMs: 1_000 }
const SECRET = 'sk-check-canary-0123456789abcdef'
const INTERVAL_MS = 10_000

const LIST: Answer = () => Response.json({ object: 'list', data: [{ id: 'm', object: 'model' }] })
const COMPLETION: Answer = () =>
  Response.json({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'O' }, finish_reason: 'length' }],
  })
const refusal =
  (status: number, message = 'no'): Answer =>
  () =>
    Response.json({ error: { message } }, { status })

const upstreams: Upstream[] = []
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((server) => server.close()))
})

function world(answer: Answer, over: Partial<Provider> = {}) {
  const server = startUpstream(answer)
  upstreams.push(server)
  const provider = testProvider({
    id: 'p',
    type: 'openai',
    baseUrl: `${server.url}/v1`,
    keys: [{ id: 'k', secret: SECRET }],
    circuit: CIRCUIT,
    check: { intervalMs: INTERVAL_MS },
    ...over,
  })
  const target = { providerId: 'p', model: 'm', order: 0, weight: 1 }
  const alias: Model = {
    id: 'alias',
    origin: 'file',
    targets: [target],
    defaults: {},
    losses: 'report',
  }
  const { deps } = createTestGateway({ providers: [provider], models: [alias] })
  const clock = new FakeClock()
  const checks = new Checks({ ...deps, clock, health: new Health({ clock }) })
  const own = checks as unknown as { deps: typeof deps }
  const { health } = own.deps
  const checked = async () => {
    await checks.look()
    clock.advance(INTERVAL_MS * 1.2)
    await checks.look()
    return checks.report(provider)
  }
  return { checks, checked, clock, health, provider, server }
}

describe('a check', () => {
  test('is not made of a provider that does not want it', async () => {
    const { checks, health, provider, server } = world(LIST)
    const { check: _, ...unwanted } = provider
    const { deps } = createTestGateway({ providers: [unwanted] })
    const clock = new FakeClock()
    const none = new Checks({ ...deps, clock, health })
    clock.advance(INTERVAL_MS * 100)
    await none.look()
    expect(server.requests).toHaveLength(0)
    expect(checks.report(unwanted)).toBeUndefined()
  })

  test('comes once in its interval', async () => {
    const { checks, clock, server } = world(LIST)
    await checks.look()
    for (let elapsedMs = 0; elapsedMs < INTERVAL_MS * 10; elapsedMs += 1_000) {
      clock.advance(1_000)
      await checks.look()
    }
    expect(server.requests.length).toBeGreaterThanOrEqual(8)
    expect(server.requests.length).toBeLessThanOrEqual(12)
    expect(server.requests[0]).toMatchObject({ method: 'GET', target: '/v1/models' })
  })

  test('of the model list that fails opens what would be asked there; an answer again is told', async () => {
    const { checked, clock, health, provider, server } = world(refusal(503, `not ${SECRET} now`))
    expect(await checked()).toMatchObject({ reachable: true, ok: false })
    expect(health.view(provider, 'm').circuit).toBe('closed')
    const report = await checked()
    expect(report?.error).toContain('answers 503')
    expect(report?.error).not.toContain(SECRET)
    expect(health.view(provider, 'm').circuit).toBe('open')
    server.play(LIST)
    expect(await checked()).toMatchObject({ reachable: true, ok: true })
    expect(health.view(provider, 'm').circuit).toBe('half_open')
    expect(clock.nowMs()).toBeGreaterThanOrEqual(report?.checkedMs ?? Infinity)
  })

  test('of a model opens and closes its circuit, and waits while it is open', async () => {
    const { checked, checks, clock, health, provider, server } = world(refusal(500), {
      check: { intervalMs: INTERVAL_MS, model: 'm' },
      circuit: { ...CIRCUIT, openMs: INTERVAL_MS * 3 },
    })
    await checked()
    await checked()
    expect(health.view(provider, 'm').circuit).toBe('open')
    await checked()
    expect(server.requests).toHaveLength(2)
    server.play(COMPLETION)
    clock.advance(INTERVAL_MS * 3)
    await checks.look()
    expect(server.requests).toHaveLength(3)
    expect(health.view(provider, 'm')).toMatchObject({ circuit: 'closed', running: 0 })
    expect(server.requests[2]).toMatchObject({ method: 'POST', target: '/v1/chat/completions' })
    expect(server.requests[2]?.json()).toMatchObject({ model: 'm' })
  })

  test('that the key is refused for sets the key aside, and the target is not to blame', async () => {
    const { checked, clock, health, provider } = world(refusal(401, `bad key ${SECRET}`))
    for (let time = 0; time < 3; time += 1) {
      const report = await checked()
      expect(report).toMatchObject({ reachable: true, ok: false })
      expect(report?.error).not.toContain(SECRET)
    }
    expect(health.view(provider, 'm').circuit).toBe('closed')
    const [key] = health.keys(provider).report(provider.keys, clock.monotonicMs())
    expect(key?.state).toBe('refused')
  })

  test.each([
    [403, 'forbidden'],
    [401, 'You have insufficient permissions for this operation. Missing scopes: api.model.read.'],
  ])(
    'of the model list that the key may not read (%d) leaves the key be',
    async (status, words) => {
      const { checked, clock, health, provider } = world(refusal(status, words))
      for (let time = 0; time < 3; time += 1) expect(await checked()).toMatchObject({ ok: false })
      const [key] = health.keys(provider).report(provider.keys, clock.monotonicMs())
      expect(key?.state).toBe('fit')
    },
  )

  test('of a model finds out that a refused key is taken again; the model list, which may be open, does not', async () => {
    for (const model of [undefined, 'm']) {
      const check = { intervalMs: INTERVAL_MS, ...(model === undefined ? {} : { model }) }
      const { checked, clock, health, provider } = world(model === undefined ? LIST : COMPLETION, {
        check,
      })
      health.keys(provider).refused(provider.keys, 'k', 401, clock.monotonicMs())
      expect(await checked()).toMatchObject({ ok: true })
      const [key] = health.keys(provider).report(provider.keys, clock.monotonicMs())
      expect(key?.state).toBe(model === undefined ? 'refused' : 'fit')
    }
  })

  test('that is limited blames nobody', async () => {
    const { checked, clock, health, provider } = world(refusal(429), {
      check: { intervalMs: INTERVAL_MS, model: 'm' },
    })
    for (let time = 0; time < 3; time += 1) await checked()
    expect(health.view(provider, 'm')).toMatchObject({ circuit: 'closed', running: 0 })
    const [key] = health.keys(provider).report(provider.keys, clock.monotonicMs())
    expect(key?.state).toBe('fit')
  })

  test('of a provider that is not there, or answers with a page, says so without its address', async () => {
    const gone = world(LIST, { baseUrl: 'http://127.0.0.1:1/v1' })
    const report = await gone.checked()
    expect(report).toMatchObject({ reachable: false, ok: false })
    expect(report?.error).not.toContain('127.0.0.1')
    const page = world(() => new Response('<html>', { headers: { 'content-type': 'text/html' } }))
    expect(await page.checked()).toMatchObject({ ok: false })
  })

  test('that hangs ends with the program', async () => {
    const { checks, clock, server } = world(() => new Promise(() => {}))
    await checks.look()
    clock.advance(INTERVAL_MS * 2)
    const looking = checks.look()
    await server.request(0)
    checks.stop()
    await looking
  })
})
