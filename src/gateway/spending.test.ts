import { afterAll, describe, expect, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { join } from 'node:path'
import type { Model, Provider } from '../core/catalog.ts'
import type { BudgetRule } from '../core/money.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import type { Principal } from '../core/principal.ts'
import { BudgetLeases } from '../storage/budget-ledger.ts'
import { LogWriter } from '../storage/log-writer.ts'
import * as tables from '../storage/schema-log.sqlite.ts'
import { migratedDatabase, removeFolders, temporaryFolder } from '../storage/test-store.ts'
import { Usage } from '../storage/usage.ts'
import { UsageCompanion } from '../storage/usage-companion.ts'
import { systemClock } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTestGateway, testProvider, type TestGateway } from '../testing/gateway.ts'
import { memberGrants } from '../testing/principals.ts'
import type { GatewayDeps } from './deps.ts'
import type { Reply } from './inbound.ts'
import { proxy } from './passthrough/proxy.ts'
import { Spending } from './spending.ts'
import { SpendingRules } from './spending-rules.ts'

afterAll(removeFolders)

const USD = 1_000_000_000

/** Wall time stands still: no day or month ends in the middle of a test. */
const nowMs = systemClock.nowMs()
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => systemClock.monotonicMs() }

const MOCK = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] })

/** Costs $1 for each thousand tokens, either way. */
function priced(target: string, fields: Partial<Model> = {}): Model {
  return {
    id: target,
    origin: 'file',
    targets: [{ providerId: 'mock', model: target, order: 0, weight: 1 }],
    defaults: {},
    losses: 'report',
    price: { input: 1_000_000, output: 1_000_000, cacheRead: 0 },
    ...fields,
  }
}

const MODELS = ['echo', 'long-2000', 'status-500', 'cut', 'hang', 'truncated', 'tools'].map(
  (name) => priced(name),
)

interface World {
  readonly gateway: TestGateway
  readonly ledger: BudgetLeases
  readonly usage: Usage
  readonly unpriced: string[]
  readonly refused: string[]
  sum(sql: string): number
  settled(): Promise<void>
  end(): Promise<void>
}

/** The real pipeline with the real ledger, log and totals behind it. */
function world(
  rules: readonly BudgetRule[],
  models: readonly Model[] = MODELS,
  others: readonly Provider[] = [],
): World {
  const database = migratedDatabase(join(temporaryFolder(), 'log.db'), 'log')
  const db = drizzle(database)
  const ledger = new BudgetLeases({
    store: { database: { engine: 'sqlite', db }, queries: db, tables },
    clock,
    logger: SILENT_LOGGER,
    record: () => Promise.resolve(),
  })
  const log = new LogWriter(database, {
    logger: SILENT_LOGGER,
    clock,
    companions: [new UsageCompanion(), ledger.companion],
  })
  const gateway = createTestGateway({ providers: [MOCK, ...others], models })
  const unpriced: string[] = []
  const refused: string[] = []
  const compiled = new SpendingRules(rules)
  const { deps } = gateway
  const toll = new Spending({
    rules: () => compiled,
    catalog: (tenantId) => deps.snapshot().of(tenantId),
    ledger,
    prices: deps.prices,
    clock,
    watch: deps.watch,
    refused: (per, cause) => refused.push(`${per} ${cause}`),
    unpriced: (rule, model) => unpriced.push(`${rule.id} ${model}`),
  })
  const { sink } = deps
  const writable = deps as { -readonly [K in keyof GatewayDeps]: GatewayDeps[K] }
  writable.clock = clock
  writable.tolls = [toll]
  writable.sink = {
    record(outcome: Outcome) {
      sink.record(outcome)
      log.record(outcome)
    },
  }
  const sum = (sql: string) => database.query<{ n: number | null }, []>(sql).get()?.n ?? 0
  return {
    gateway,
    ledger,
    usage: new Usage({ engine: 'sqlite', db }, db, tables),
    unpriced,
    refused,
    sum,
    async settled() {
      await log.flush()
      await ledger.settled()
    },
    async end() {
      await log.close()
      await ledger.close()
      expect(ledger.heldNanoUsd).toBe(0)
      expect(sum('SELECT COUNT(*) n FROM budget_leases')).toBe(0)
      expect(sum('SELECT SUM(leased_nano_usd) n FROM budget_windows')).toBe(0)
      database.close()
    },
  }
}

const CALLER: Principal = {
  kind: 'key',
  tenantId: 'default',
  keyId: 'k1',
  keyName: 'ci',
  grants: memberGrants('default'),
}

function budget(fields: Partial<BudgetRule> = {}): BudgetRule {
  return {
    id: 'b',
    origin: 'file',
    per: 'key',
    nanoUsd: USD,
    window: 'total',
    action: 'block',
    alertAt: [],
    unknownPrice: 'block',
    ...fields,
  }
}

function chat(model: string, more: object = {}) {
  return {
    principal: CALLER,
    body: { model, messages: [{ role: 'user', content: 'one two' }], ...more },
  }
}

/** Resolves once the next request is on its way to its provider. */
function nextSent({ deps }: TestGateway): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { transport } = deps
  const telling: GatewayDeps['transport'] = (provider) => ({
    send(request) {
      resolve()
      return transport(provider).send(request)
    },
  })
  Object.assign(deps, { transport: telling })
  return promise
}

async function text({ body }: Reply): Promise<string> {
  return body instanceof ReadableStream ? await new Response(body).text() : String(body)
}

const SPENT = 'SELECT SUM(spent_nano_usd) n FROM budget_windows'
const ROWS = 'SELECT SUM(cost_nano_usd) n FROM requests'

describe('what is refused', () => {
  test('of 200 at once where there is money for one, one passes; the others get 429 with the reset', async () => {
    const { end, gateway, refused, settled, sum } = world([budget({ nanoUsd: 5, window: 'month' })])
    const replies = await Promise.all(
      Array.from({ length: 200 }, () => gateway.ask(chat('echo', { max_tokens: 10 }))),
    )
    expect(replies.filter(({ status }) => status === 200).length).toBe(1)
    const no = replies.find(({ status }) => status !== 200)!
    expect(no.status).toBe(429)
    expect(no.headers['x-should-retry']).toBe('false')
    expect(Number(no.headers['retry-after'])).toBeGreaterThan(0)
    const { error } = JSON.parse(await text(no)) as { error: Record<string, string> }
    expect(error).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' })
    expect(error['message']).toMatch(/^The monthly budget of this key has no room left .* UTC\.$/)
    expect(refused.length).toBe(199)
    await settled()
    expect(sum(SPENT)).toBe(sum(ROWS))
    expect(sum(SPENT)).toBeGreaterThan(0)
    await end()
  })

  test('in the words of every dialect', async () => {
    const { end, gateway } = world([budget({ nanoUsd: 0 })])
    const anthropic = await gateway.ask({
      dialect: 'anthropic',
      ...chat('echo', { max_tokens: 10 }),
    })
    expect(anthropic.status).toBe(402)
    expect(JSON.parse(await text(anthropic))).toMatchObject({ error: { type: 'billing_error' } })
    for (const dialect of ['ollama', 'openai-responses', 'cohere'] as const) {
      const body =
        dialect === 'openai-responses' ? { model: 'echo', input: 'x' } : chat('echo').body
      const reply = await gateway.ask({ dialect, principal: CALLER, body })
      expect(reply.status).toBe(429)
      expect(reply.headers['retry-after']).toBeUndefined()
    }
    await end()
  })

  test('what has no known price, where the budget says so; else it is told', async () => {
    const models = [priced('echo', { price: undefined } as never)]
    const strict = world([budget()], models)
    const reply = await strict.gateway.ask(chat('echo'))
    expect(reply.status).toBe(429)
    expect(await text(reply)).toContain('price_unknown')
    expect(strict.refused).toEqual(['key unknown_price'])
    await strict.end()
    const lax = world([budget({ unknownPrice: 'allow' })], models)
    expect((await lax.gateway.ask(chat('echo'))).status).toBe(200)
    expect(lax.unpriced).toEqual(['b echo'])
    await lax.settled()
    const [total] = await lax.usage.report({
      sinceMs: 0,
      untilMs: nowMs + 1,
      limit: 1,
      groupBy: [],
    })
    expect(total).toMatchObject({ requests: 1, unpricedRequests: 1, costNanoUsd: 0 })
    await lax.end()
  })

  test('a target without a price does not open a budget for those that have one', async () => {
    const [echo] = priced('echo').targets
    const unknown = { ...echo!, providerId: 'other', order: 1 }
    const other = testProvider({ ...MOCK, id: 'other' })
    const model = priced('echo', { targets: [echo!, unknown], price: undefined } as never)
    const { end, gateway } = world(
      [budget({ nanoUsd: 5, unknownPrice: 'allow' })],
      [model],
      [other],
    )
    gateway.deps.prices.find = ({ id }) =>
      id === 'mock' ? { price: { input: 1_000_000, output: 1_000_000 } } : undefined
    const replies = await Promise.all(Array.from({ length: 20 }, () => gateway.ask(chat('echo'))))
    expect(replies.filter(({ status }) => status === 200).length).toBe(1)
    await end()
  })

  test('by any of its accounts: tenant, team, user, key, model, and by pattern and name', async () => {
    const principal: Principal = { ...CALLER, userId: 'u1', teamId: 't1' }
    for (const fields of [
      { per: 'tenant' },
      { per: 'team', only: 't*' },
      { per: 'user', only: 'u1' },
      { per: 'key', only: 'ci' },
      { per: 'model', only: 'ec*' },
    ] as const) {
      const { end, gateway } = world([budget({ nanoUsd: 0, ...fields })])
      expect((await gateway.ask({ ...chat('echo'), principal })).status).toBe(429)
      await end()
    }
    const { end, gateway } = world([
      budget({ nanoUsd: 0, tenantId: 'other' }),
      budget({ id: 'b2', nanoUsd: 0, per: 'model', only: 'x*' }),
    ])
    expect((await gateway.ask({ ...chat('echo'), principal })).status).toBe(200)
    await end()
  })

  test("by the key's own budget, once for all its requests at once", async () => {
    const principal: Principal = {
      ...CALLER,
      own: { budget: { nanoUsd: 5, window: 'day', action: 'block' } },
    }
    const { end, gateway } = world([])
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => gateway.ask({ ...chat('echo'), principal })),
    )
    expect(replies.filter(({ status }) => status === 200).length).toBe(1)
    await end()
  })

  test('nothing where there are no budgets, and counting tokens is free', async () => {
    const none = world([])
    expect((await none.gateway.ask(chat('echo'))).status).toBe(200)
    expect(none.gateway.outcomes[0]?.charges).toBeUndefined()
    await none.end()
    const { end, gateway } = world([budget({ nanoUsd: 0 })])
    const count = await gateway.count({ dialect: 'anthropic', ...chat('echo') })
    expect(count.status).toBe(200)
    await end()
  })
})

describe('what is settled', () => {
  test('answered: the real cost, in row, totals and budget alike', async () => {
    const { end, gateway, settled, sum, usage } = world([budget({ nanoUsd: USD * 100 })])
    const reply = await gateway.ask(chat('echo'))
    await settled()
    const cost = gateway.outcomes[0]!.costNanoUsd!
    expect(reply.headers['x-weir-cost-usd']).toBe((cost / 1e9).toFixed(9))
    expect(sum(SPENT)).toBe(cost)
    expect(sum(ROWS)).toBe(cost)
    const [total] = await usage.report({
      sinceMs: 0,
      untilMs: nowMs + 1,
      limit: 1,
      groupBy: [],
    })
    expect(total?.costNanoUsd).toBe(cost)
    await end()
  })

  test('never sent: nothing', async () => {
    const { end, gateway, settled, sum } = world([budget({ nanoUsd: USD * 100 })])
    const left = AbortSignal.abort()
    await gateway.ask({ ...chat('echo'), signal: left })
    await gateway.ask({ principal: CALLER, body: { model: 'echo', messages: [] } })
    await settled()
    expect(sum(SPENT)).toBe(0)
    expect(sum(ROWS)).toBe(0)
    await end()
  })

  test('a client that leaves at any moment of a stream, or before its whole answer: something, and the same everywhere', async () => {
    const { end, gateway, settled, sum } = world([budget({ nanoUsd: USD * 10_000 })])
    for (const chunks of [0, 1, 5, 50]) {
      const reply = await gateway.ask(chat('long-2000', { stream: true }))
      const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
      for (let at = 0; at < chunks; at += 1) await reader.read()
      await reader.cancel()
    }
    const leaving = new AbortController()
    const sent = nextSent(gateway)
    const whole = gateway.ask({ ...chat('hang'), signal: leaving.signal })
    await sent
    leaving.abort()
    await whole
    await settled()
    expect(gateway.outcomes.map(({ status }) => status)).toEqual([499, 499, 499, 499, 499])
    for (const outcome of gateway.outcomes) expect(outcome.costNanoUsd).toBeGreaterThan(0)
    expect(sum(SPENT)).toBe(sum(ROWS))
    await end()
  })

  test('failed after the provider had begun: the prompt at least; refused by it: nothing', async () => {
    const { end, gateway, settled, sum } = world([budget({ nanoUsd: USD * 10_000 })])
    expect((await gateway.ask(chat('cut'))).status).toBe(502)
    expect(gateway.outcomes[0]?.costNanoUsd).toBeGreaterThan(0)
    expect(gateway.outcomes[0]?.usage?.estimated).toBe(true)
    expect((await gateway.ask(chat('status-500'))).status).toBe(502)
    expect(gateway.outcomes[1]?.costNanoUsd).toBeUndefined()
    await settled()
    expect(sum(SPENT)).toBe(sum(ROWS))
    await end()
  })

  test('retries and fallbacks: one row and one bill, of what the answer used', async () => {
    const target = (model: string, order: number) => ({
      providerId: 'mock',
      model,
      order,
      weight: 1,
    })
    const model = priced('echo', {
      id: 'm',
      targets: [target('status-500', 0), target('status-429', 1), target('echo', 2)],
    })
    const { end, gateway, settled, sum } = world(
      [budget({ nanoUsd: USD * 100 })],
      [model, ...MODELS],
    )
    expect((await gateway.ask(chat('m'))).status).toBe(200)
    await gateway.ask(chat('echo'))
    await settled()
    expect(gateway.outcomes.length).toBe(2)
    expect(gateway.outcomes[0]!.attempts.length).toBeGreaterThan(2)
    expect(gateway.outcomes[0]!.costNanoUsd).toBe(gateway.outcomes[1]!.costNanoUsd!)
    expect(sum(SPENT)).toBe(gateway.outcomes[0]!.costNanoUsd! * 2)
    await end()
  })

  test('the turns that a request refers to are paid as well: they are held before it is sent', async () => {
    const model = priced('echo', { price: { input: 1_000_000, output: 0 } })
    const { end, gateway, settled } = world([budget({ nanoUsd: USD * 10 })], [model])
    const dialect = 'openai-responses'
    const first = await gateway.ask({
      dialect,
      principal: CALLER,
      body: { model: 'echo', input: 'word '.repeat(5_000), max_output_tokens: 1 },
    })
    expect(first.status).toBe(200)
    const { id } = JSON.parse(await text(first)) as { id: string }
    await settled()
    const body = { model: 'echo', previous_response_id: id, input: 'on', max_output_tokens: 1 }
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => gateway.ask({ dialect, principal: CALLER, body })),
    )
    expect(replies.filter(({ status }) => status === 200).length).toBe(1)
    await end()
  })

  test('raw requests: as long an answer as they ask for is held, and what nobody tells is estimated', async () => {
    const { end, gateway, settled, sum } = world([budget({ nanoUsd: USD })])
    gateway.deps.prices.find = () => ({ price: { input: 1, output: 1_000 } })
    const raw = async (body: object, leaving?: AbortSignal) => {
      const reply = await proxy(
        {
          dialect: 'openai-chat',
          operation: 'proxy',
          endpoint: '/test',
          bytes: new TextEncoder().encode(JSON.stringify({ messages: [], ...body })),
          headers: new Headers({ 'content-type': 'application/json' }),
          principal: CALLER,
          requestId: 'r',
          signal: leaving ?? new AbortController().signal,
          arrivedMs: nowMs,
          arrivedMonotonicMs: performance.now(),
          method: 'POST',
          provider: 'mock',
          rest: 'chat/completions',
          query: '',
        },
        gateway.deps,
      )
      return { reply, told: await text(reply) }
    }
    const message = { messages: [{ role: 'user', content: 'one two' }] }
    const long = { model: 'echo', max_tokens: 900_000, ...message }
    const both = await Promise.all([raw(long), raw(long)])
    expect(both.map(({ reply }) => reply.status).toSorted()).toEqual([200, 429])
    // A stream whose client did not ask for usage.
    const { reply, told } = await raw({ model: 'echo', stream: true, ...message })
    expect(reply.status).toBe(200)
    expect(told).toContain('data: [DONE]')
    expect(told).not.toContain('"usage":{')
    const { outcomes } = gateway
    expect(outcomes.at(-1)?.usage?.estimated).toBe(true)
    expect(outcomes.at(-1)?.costNanoUsd).toBeGreaterThan(0)
    const leaving = new AbortController()
    const sent = nextSent(gateway)
    const left = raw({ model: 'hang', ...message }, leaving.signal)
    await sent
    leaving.abort()
    expect((await left).reply.status).toBe(499)
    expect(outcomes.at(-1)?.costNanoUsd).toBeGreaterThan(0)
    await settled()
    expect(sum(SPENT)).toBe(sum(ROWS))
    await end()
  })

  test('the price is that of the moment the request arrived', async () => {
    const changed = priced('echo', {
      priceChanges: [
        { fromMs: 1, price: { input: 7, output: 0 } },
        { fromMs: nowMs + 3_600_000, price: { input: 9_000_000, output: 9_000_000 } },
      ],
    })
    const { end, gateway } = world([budget({ nanoUsd: USD })], [changed])
    await gateway.ask(chat('echo'))
    const outcome = gateway.outcomes[0]!
    expect(outcome.costNanoUsd).toBe(outcome.usage!.inputTokens! * 7)
    await end()
  })

  test('hostile usage: an estimate that is marked as one, never nothing and never NaN', async () => {
    for (const count of ['"many"', '-5', '1e308', 'null', '"NaN"', '1.5']) {
      const { end, gateway, settled, sum } = world([budget({ nanoUsd: USD * 10_000 })])
      const body = `{"id":"x","object":"chat.completion","created":1,"model":"echo","choices":[{"index":0,"message":{"role":"assistant","content":"some words"},"finish_reason":"stop"}],"usage":{"prompt_tokens":${count},"completion_tokens":${count},"total_tokens":1}}`
      const writable = gateway.deps as { -readonly [K in keyof GatewayDeps]: GatewayDeps[K] }
      writable.transport = () => ({
        send: () =>
          Promise.resolve({
            status: 200,
            headers: new Headers({ 'content-type': 'application/json' }),
            body: new Response(body).body,
            bytes: () => Promise.resolve(new TextEncoder().encode(body)),
            cancel: () => undefined,
          }),
      })
      expect((await gateway.ask(chat('echo'))).status).toBe(200)
      await settled()
      expect(gateway.outcomes[0]?.usage).toMatchObject({ estimated: true })
      expect(sum(SPENT)).toBe(gateway.outcomes[0]!.costNanoUsd!)
      expect(sum(SPENT)).toBeGreaterThan(0)
      await end()
    }
  })

  test('a mix of everything at once: row, totals and budgets agree to the nano-dollar', async () => {
    const { end, gateway, settled, sum, usage } = world([
      budget({ nanoUsd: USD * 50 }),
      budget({ id: 't', per: 'tenant', nanoUsd: USD * 10_000 }),
      budget({ id: 'm', per: 'model', action: 'alert', nanoUsd: USD }),
    ])
    const names = ['echo', 'long-2000', 'status-500', 'cut', 'tools', 'truncated']
    const asks = Array.from({ length: 300 }, async (_, at) => {
      const stream = at % 3 === 0
      const reply = await gateway.ask(chat(names[at % names.length]!, { stream, max_tokens: 300 }))
      if (!(reply.body instanceof ReadableStream)) return
      const reader = reply.body.getReader()
      for (let reads = 0; reads < at % 40; reads += 1) await reader.read().catch(() => undefined)
      await reader.cancel().catch(() => undefined)
    })
    await Promise.all(asks)
    await settled()
    expect(gateway.outcomes.length).toBe(300)
    const rows = sum(ROWS)
    expect(rows).toBeGreaterThan(0)
    expect(sum(`${SPENT} WHERE rule_id = 'b'`)).toBe(rows)
    expect(sum(`${SPENT} WHERE rule_id = 't'`)).toBe(rows)
    expect(sum(`${SPENT} WHERE rule_id = 'm'`)).toBe(rows)
    expect(sum('SELECT SUM(cost_nano_usd) n FROM usage_hourly')).toBe(rows)
    expect(rows).toBeLessThanOrEqual(USD * 50 + 3 * USD)
    expect((await usage.reconcile({ startMs: 0, endMs: Infinity }, false)).differences).toEqual([])
    await end()
  }, 60_000)
})
