// Budgets, prices and totals of the executable: what passes and what is refused, what is settled however a request ends, and that the
// provider's own count, the rows, the totals, the budgets, the reports and the commands all say the same sum. On SQLite, and with two
// replicas on a real Postgres.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Database } from 'bun:sqlite'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { postgresMissing, startPostgres, type TestPostgres } from '../src/testing/postgres.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { startWeir, type Weir } from './harness/weir.ts'
import { untilWithin1s } from './harness/within.ts'

setDefaultTimeout(240_000)

const KEYS = {
  one: 'secret-of-the-first-key-with-enough-characters',
  other: 'secret-of-the-other-key-with-enough-characters',
  boss: 'secret-of-the-boss-with-more-than-32-characters',
  stranger: 'secret-of-a-stranger-with-enough-characters-too',
}
const NANO = 1e9
/** A dollar for each million of prompt tokens, ten for the answer's. */
const PRICE = { input: 1, output: 10 }
const PROMPT_TOKENS = 1_000
const ANSWER_TOKENS = 200
const COST_NANO_USD = PROMPT_TOKENS * 1_000 + ANSWER_TOKENS * 10_000
const CHAT = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }], max_tokens: 200 }

/** The provider, with its own count of what it has answered whole. */
let upstream: Upstream
let sold = { requests: 0, nanoUsd: 0 }

beforeAll(() => {
  const usage = {
    prompt_tokens: PROMPT_TOKENS,
    completion_tokens: ANSWER_TOKENS,
    total_tokens: PROMPT_TOKENS + ANSWER_TOKENS,
  }
  upstream = startUpstream((request) => {
    if (request.method !== 'POST') return Response.json({ object: 'list', data: [] })
    const { stream } = JSON.parse(request.text) as { stream?: boolean }
    const head = { id: 'c', created: 1, model: 'm-1' }
    const sell = () => {
      sold = { requests: sold.requests + 1, nanoUsd: sold.nanoUsd + COST_NANO_USD }
    }
    if (stream !== true) {
      sell()
      const message = { role: 'assistant', content: 'well' }
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      return Response.json({ ...head, object: 'chat.completion', choices, usage })
    }
    const chunk = (fields: object) =>
      `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...fields })}\n\n`
    let words = 0
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await Bun.sleep(2)
          words += 1
          if (words <= 10) {
            const choices = [{ index: 0, delta: { content: `word${words} ` }, finish_reason: null }]
            controller.enqueue(new TextEncoder().encode(chunk({ choices })))
            return
          }
          sell()
          const choices = [{ index: 0, delta: {}, finish_reason: 'stop' }]
          const text = `${chunk({ choices })}${chunk({ choices: [], usage })}data: [DONE]\n\n`
          controller.enqueue(new TextEncoder().encode(text))
          controller.close()
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    )
  })
})
afterAll(() => upstream.close())

const running: Weir[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((weir) => weir.stop('SIGKILL').catch(() => undefined)))
  sold = { requests: 0, nanoUsd: 0 }
})

function configOf(budgets: readonly object[], more: object = {}) {
  return {
    auth: { anonymous: 'never' },
    keys: [
      { name: 'one', key: KEYS.one },
      { name: 'other', key: KEYS.other },
      { name: 'boss', key: KEYS.boss, roles: ['admin'] },
      { name: 'stranger', key: KEYS.stranger, tenant: 'globex', roles: ['admin'] },
    ],
    providers: [
      {
        id: 'up',
        type: 'custom',
        compatible: 'openai',
        base_url: `${upstream.url}/v1`,
        keys: ['sk-up-0123456789'],
        retries: { max: 0 },
      },
    ],
    models: [{ id: 'm', targets: [{ provider: 'up', model: 'm-1' }], price: PRICE }],
    budgets,
    ...more,
  }
}

async function start(config: object): Promise<Weir> {
  const weir = await startWeir({ config })
  running.push(weir)
  return weir
}

async function ask({ url }: Weir, body: object = CHAT, key = KEYS.one): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
}

async function json(weir: Weir, path: string, key = KEYS.boss) {
  const response = await fetch(weir.url + path, { headers: { authorization: `Bearer ${key}` } })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Waits until the log has that many rows. */
async function rows(weir: Weir, count: number) {
  const limit = performance.now() + 30_000
  for (;;) {
    const all = weir.rows()
    if (all.length >= count) return all
    if (performance.now() > limit) throw new Error(`${all.length} rows instead of ${count}`)
    await Bun.sleep(10)
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error('waited in vain')
    await Bun.sleep(20)
  }
}

function sums(weir: Weir) {
  const database = new Database(join(weir.dataFolder, 'weir-log.db'), { readonly: true })
  const one = (sql: string) => database.query<{ n: number | null }, []>(sql).get()?.n ?? 0
  const found = {
    rows: one('SELECT SUM(cost_nano_usd) n FROM requests'),
    totals: one('SELECT SUM(cost_nano_usd) n FROM usage_hourly'),
    counted: one('SELECT SUM(requests) n FROM usage_hourly'),
    spent: one('SELECT SUM(spent_nano_usd) n FROM budget_windows'),
    leased: one('SELECT SUM(leased_nano_usd) n FROM budget_windows'),
    open: one('SELECT COUNT(*) n FROM budget_leases'),
  }
  database.close()
  return found
}

/** The day of the first totals. */
function dayOf(weir: Weir): string {
  const database = new Database(join(weir.dataFolder, 'weir-log.db'), { readonly: true })
  const found = database.query<{ at: number }, []>('SELECT MIN(hour_ms) at FROM usage_hourly').get()
  database.close()
  return new Date(found?.at ?? Number.NaN).toISOString().slice(0, 10)
}

describe('one node on SQLite', () => {
  test('money for one request: one of 200 at once passes, the rest is refused for good in the words of their SDK', async () => {
    const weir = await start(configOf([{ per: 'key', usd: COST_NANO_USD / NANO, window: 'month' }]))
    const replies = await Promise.all(Array.from({ length: 200 }, () => ask(weir)))
    expect(replies.filter(({ status }) => status === 200).length).toBe(1)
    const no = replies.find(({ status }) => status !== 200)!
    expect(no.status).toBe(429)
    expect(no.headers.get('x-should-retry')).toBe('false')
    expect(Number(no.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await no.json()).toMatchObject({ error: { type: 'insufficient_quota', param: null } })
    const before = (await rows(weir, 200)).length
    const openai = new OpenAI({ apiKey: KEYS.one, baseURL: `${weir.url}/v1` })
    await expect((async () => await openai.chat.completions.create(CHAT))()).rejects.toMatchObject({
      status: 429,
      code: 'insufficient_quota',
    })
    const anthropic = new Anthropic({ apiKey: KEYS.one, baseURL: weir.url })
    await expect((async () => await anthropic.messages.create(CHAT))()).rejects.toMatchObject({
      status: 402,
    })
    // One attempt each: nobody waits for a month.
    expect((await rows(weir, before + 2)).length).toBe(before + 2)
    expect(sold.requests).toBe(1)
    expect(sums(weir)).toMatchObject({
      rows: sold.nanoUsd,
      totals: sold.nanoUsd,
      spent: sold.nanoUsd,
    })
    // Another key has a budget of its own.
    expect((await ask(weir, CHAT, KEYS.other)).status).toBe(200)
  })

  test('the provider, the rows, the totals, the budgets, the reports and the commands agree; nothing stays open', async () => {
    const weir = await start(
      configOf([
        { per: 'key', usd: 100 },
        { per: 'tenant', usd: 1_000, window: 'day' },
        { per: 'model', usd: 0.01, action: 'alert', window: 'total' },
      ]),
    )
    const asks = Array.from({ length: 120 }, async (_, at) => {
      const stream = at % 2 === 0
      const key = at % 3 === 0 ? KEYS.other : KEYS.one
      const reply = await ask(weir, { ...CHAT, stream }, key)
      await reply.text()
      expect(reply.status).toBe(200)
      if (!stream)
        expect(reply.headers.get('x-weir-cost-usd')).toBe((COST_NANO_USD / NANO).toFixed(9))
    })
    await Promise.all(asks)
    await rows(weir, 120)
    expect(sold.requests).toBe(120)
    expect(sums(weir)).toMatchObject({
      rows: sold.nanoUsd,
      totals: sold.nanoUsd,
      counted: 120,
      spent: sold.nanoUsd * 3,
    })

    const report = await json(weir, '/admin/usage?by=key,model')
    expect(report.body['data']).toMatchObject([
      { key: 'file:one', model: 'm', requests: 80, cost_usd: (80 * COST_NANO_USD) / NANO },
      { key: 'file:other', model: 'm', requests: 40, cost_usd: (40 * COST_NANO_USD) / NANO },
    ])
    const own = await json(weir, '/admin/usage/self?by=key', KEYS.other)
    expect(own.body['data']).toMatchObject([{ key: 'file:other', requests: 40 }])
    const budgets = await json(weir, '/admin/budgets')
    expect(budgets.body['data']).toMatchObject([
      { per: 'key', usd: 100, accounts: [{ subject: 'file:one' }, { subject: 'file:other' }] },
      { per: 'model', accounts: [{ subject: 'm', left_usd: 0 }] },
      { per: 'tenant', accounts: [{ subject: 'default', spent_usd: sold.nanoUsd / NANO }] },
    ])

    const usage = await weir.runCli('usage', '--by', 'model', '--json')
    expect(JSON.parse(usage.stdout)).toMatchObject([
      { model: 'm', requests: 120, cost_usd: sold.nanoUsd / NANO },
    ])
    const proof = await weir.runCli('reconcile')
    expect(proof).toMatchObject({ code: 0 })
    expect(proof.stdout).toContain('120 rows compared: the totals are what the rows say')
    const listed = await weir.runCli('budgets', 'list', '--json')
    expect(JSON.parse(listed.stdout)).toHaveLength(3)

    // A graceful stop gives every lease back.
    const pid = weir.pid
    process.kill(pid, 'SIGTERM')
    await weir.ended
    expect(sums(weir)).toMatchObject({ leased: 0, open: 0, rows: sold.nanoUsd })
  })

  test('clients that leave: something is charged each time, and the same everywhere', async () => {
    const weir = await start(configOf([{ per: 'key', usd: 100 }]))
    for (let at = 0; at < 12; at += 1) {
      const leaving = new AbortController()
      const reply = await fetch(`${weir.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${KEYS.one}` },
        body: JSON.stringify({ ...CHAT, stream: true }),
        signal: leaving.signal,
      })
      const reader = reply.body!.getReader()
      for (let reads = 0; reads < at % 4; reads += 1) await reader.read()
      leaving.abort()
      await reader.read().catch(() => undefined)
    }
    const all = await rows(weir, 12)
    for (const row of all) expect(Number(row['cost_nano_usd'])).toBeGreaterThan(0)
    const { rows: inRows, spent, totals } = sums(weir)
    expect(spent).toBe(inRows)
    expect(totals).toBe(inRows)
  })

  test('nobody sees what another tenant used, and members see their own alone', async () => {
    const weir = await start(configOf([{ per: 'tenant', usd: 1 }]))
    expect(await weir.runCli('tenants', 'create', 'globex')).toMatchObject({ code: 0 })
    await until(async () => (await json(weir, '/admin/usage', KEYS.stranger)).status === 200)
    await (await ask(weir)).text()
    await rows(weir, 1)
    const stranger = await json(weir, '/admin/usage?by=key', KEYS.stranger)
    expect(stranger.body['data']).toEqual([])
    const theirs = await json(weir, '/admin/budgets', KEYS.stranger)
    expect(JSON.stringify(theirs.body)).not.toContain('default')
    const asked = await json(weir, '/admin/usage?tenant=default', KEYS.stranger)
    expect(asked.status).toBeGreaterThanOrEqual(400)
    expect((await json(weir, '/admin/usage?tenant=*', KEYS.stranger)).status).toBe(404)
    expect((await json(weir, '/admin/usage', KEYS.one)).status).toBe(403)
    const self = await json(weir, '/admin/usage/self?by=key', KEYS.one)
    expect(self.body['data']).toMatchObject([{ key: 'file:one', requests: 1 }])
    const others = await json(weir, '/admin/usage/self?key=file:boss', KEYS.one)
    expect(others.status).toBe(404)
    for (const query of [
      'by=secret',
      'by=day,hour,key,model,user',
      'since=x',
      'limit=0',
      'format=xml',
    ]) {
      expect((await json(weir, `/admin/usage?${query}`)).status).toBe(400)
    }
  })

  test('what another process declares holds within a second, and ends as soon', async () => {
    const weir = await start(configOf([]))
    for (const [rule, save] of [
      ['limits', ['--requests-per-day', '0']],
      ['budgets', ['--usd', '0']],
    ] as const) {
      const refused = async () => (await ask(weir)).status === 429
      expect(await refused()).toBe(false)
      expect(await weir.runCli(rule, 'save', 'none', '--per', 'key', ...save)).toMatchObject({
        code: 0,
      })
      await untilWithin1s(refused)
      expect(await weir.runCli(rule, 'delete', 'none')).toMatchObject({ code: 0 })
      await untilWithin1s(async () => !(await refused()))
    }
  })

  test('a threshold is told once by webhook; a budget begins anew when told to; totals are mended', async () => {
    const posted: { threshold: number; subject: string }[] = []
    using hook = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request) {
        posted.push((await request.json()) as (typeof posted)[number])
        return new Response()
      },
    })
    const usd = (COST_NANO_USD * 2.1) / NANO
    const webhook = `http://127.0.0.1:${hook.port}/token`
    const weir = await start(
      configOf([{ per: 'key', usd, window: 'total', alert_at: [0.4, 1], webhook }]),
    )
    expect((await ask(weir)).status).toBe(200)
    expect((await ask(weir)).status).toBe(200)
    await rows(weir, 2)
    await until(() => Promise.resolve(posted.length > 0))
    expect(posted).toMatchObject([{ threshold: 0.4, subject: 'file:one' }])
    let refused = 0
    for (let at = 0; at < 3; at += 1) refused += (await ask(weir)).status === 429 ? 1 : 0
    expect(refused).toBeGreaterThanOrEqual(2)
    const shown = await weir.runCli('budgets', 'list', '--json')
    const [budget] = JSON.parse(shown.stdout) as { id: string }[]
    expect(await weir.runCli('budgets', 'reset', budget!.id, 'nobody')).toMatchObject({ code: 1 })
    expect(await weir.runCli('budgets', 'reset', budget!.id, 'file:one')).toMatchObject({ code: 0 })
    // The running program hears of the reset from the store, a moment later.
    let answered = 0
    await until(async () => {
      const { status } = await ask(weir)
      answered += 1
      return status === 200
    })
    expect(weir.stdout() + weir.stderr()).not.toContain('/token')
    const audit = await weir.runCli('audit', 'list', '--action', 'budget.reset', '--json')
    expect(audit.stdout).toContain('budget.reset')

    await rows(weir, 5 + answered)
    const database = new Database(join(weir.dataFolder, 'weir-log.db'))
    database.run('PRAGMA busy_timeout = 2000')
    database.run('UPDATE usage_hourly SET cost_nano_usd = cost_nano_usd + 1')
    database.close()
    const wrong = await weir.runCli('reconcile')
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toContain('cost_nano_usd: the total is')
    expect(await weir.runCli('reconcile', '--mend')).toMatchObject({ code: 0 })
    expect(await weir.runCli('reconcile')).toMatchObject({ code: 0 })
  })

  test('the built-in models are known to be free: a budget that blocks lets them through, spent or not, and their rows cost 0', async () => {
    const weir = await start(configOf([{ per: 'key', usd: 0, only: 'one' }]))
    for (const stream of [false, true]) {
      const answer = await ask(weir, { ...CHAT, model: 'mock/echo', stream })
      expect(answer.status).toBe(200)
      await answer.text()
    }
    expect((await ask(weir, CHAT)).status).toBe(429)
    await until(async () => weir.rows().length >= 3)
    const costs = weir.rows().map((row) => [row['status'], row['cost_nano_usd']])
    expect(costs.toSorted()).toEqual([
      [200, 0],
      [200, 0],
      [429, null],
    ])
  })

  test('a price holds from its moment on; an unknown one is refused, or told; no rows, yet totals; bills are compared', async () => {
    const target = { provider: 'up', model: 'm-1' }
    const models = [
      {
        id: '=m()',
        targets: [target],
        price: PRICE,
        price_changes: [
          { from: '2020-01-01T00:00:00Z', input: 2, output: 20 },
          { from: '2999-01-01T00:00:00Z', input: 3, output: 30 },
        ],
      },
      { id: 'unknown', targets: [target] },
    ]
    const budgets = [{ per: 'key', usd: 100, only: 'one' }]
    const weir = await start(configOf(budgets, { models, log: { requests: 'none' } }))
    const paid = await ask(weir, { ...CHAT, model: '=m()' })
    expect(paid.headers.get('x-weir-cost-usd')).toBe(((COST_NANO_USD * 2) / NANO).toFixed(9))
    const unknown = await ask(weir, { ...CHAT, model: 'unknown' })
    expect(unknown.status).toBe(429)
    expect(await unknown.json()).toMatchObject({ error: { code: 'price_unknown' } })
    const told = await ask(weir, { ...CHAT, model: 'unknown' }, KEYS.other)
    expect(told.status).toBe(200)
    expect(told.headers.get('x-weir-cost-usd')).toBeNull()
    await until(async () => sums(weir).counted >= 3)
    expect(weir.rows()).toEqual([])
    const { counted, spent, totals } = sums(weir)
    expect([counted, spent, totals]).toEqual([3, COST_NANO_USD * 2, COST_NANO_USD * 2])
    const csv = await weir.runCli('usage', '--by', 'model', '--csv')
    expect(csv.stdout).toContain("'=m(),1,")
    const table = await weir.runCli('usage')
    expect(table.stderr).toContain('1 request without a known cost')
    // The day it was counted for: it may be the next one by now.
    const day = dayOf(weir)
    const file = join(weir.dataFolder, 'bill.csv')
    writeFileSync(
      file,
      `start_time_iso,amount_value,amount_currency,line_item\n${day}T00:00:00+00:00,0.01,usd,"m-1, input"\n`,
    )
    const bill = await weir.runCli('reconcile', '--bill', file, '--json')
    expect(JSON.parse(bill.stdout)['days']).toMatchObject([
      { day, model: 'm-1', bill_usd: 0.01, ours_usd: (COST_NANO_USD * 2) / NANO },
    ])
    const none = await weir.runCli('reconcile', '--bill', join(weir.dataFolder, 'nothing.csv'))
    expect(none.code).toBe(2)
  })
})

const missing = postgresMissing()
if (missing !== undefined) process.stdout.write(`left out: budgets on two replicas (${missing})\n`)

describe.skipIf(missing !== undefined)('two replicas on Postgres', () => {
  let postgres: TestPostgres
  beforeAll(async () => {
    postgres = await startPostgres()
  }, 240_000)
  afterAll(async () => {
    await postgres?.[Symbol.asyncDispose]()
  })

  test('money for one request: one of 200 at once passes; then all sums are the same', async () => {
    const { name, url } = await postgres.createDatabase()
    const config = configOf(
      [
        { per: 'key', usd: COST_NANO_USD / NANO, window: 'total' },
        { per: 'tenant', usd: 50 },
      ],
      {
        storage: { url },
        secrets: { master_key: 'a-master-key-for-tests-of-32-characters' },
      },
    )
    const replicas = [await start(config), await start(config)]
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, at) => ask(replicas[at % 2]!)),
    )
    expect(replies.filter(({ status }) => status === 200).length).toBe(1)
    expect(replies.filter(({ status }) => status === 429).length).toBe(199)
    await Promise.all(replies.map((reply) => reply.text()))
    expect(sold.requests).toBe(1)
    const sum = async (sql: string) => Number((await postgres.sql(sql, name)).trim())
    // What a slow database has not taken when a replica stops lies on its disk, for its next start.
    await until(async () => (await sum('SELECT COUNT(*) FROM requests')) >= 200)
    const replica = replicas[1]!
    for (const weir of replicas) {
      process.kill(weir.pid, 'SIGTERM')
      await weir.ended
    }
    expect(await sum('SELECT COUNT(*) FROM requests')).toBe(200)
    expect(await sum('SELECT SUM(cost_nano_usd) FROM requests')).toBe(sold.nanoUsd)
    expect(await sum('SELECT SUM(cost_nano_usd) FROM usage_hourly')).toBe(sold.nanoUsd)
    expect(await sum('SELECT SUM(requests) FROM usage_hourly')).toBe(200)
    expect(
      await sum("SELECT SUM(spent_nano_usd) FROM budget_windows WHERE rule_id LIKE 'file:0:key:%'"),
    ).toBe(sold.nanoUsd)
    expect(
      await sum(
        "SELECT SUM(spent_nano_usd) FROM budget_windows WHERE rule_id LIKE 'file:0:tenant:%'",
      ),
    ).toBe(sold.nanoUsd)
    expect(await sum('SELECT SUM(leased_nano_usd) FROM budget_windows')).toBe(0)
    expect(await sum('SELECT COUNT(*) FROM budget_leases')).toBe(0)
    const proof = await replica.runCli('reconcile')
    expect(proof.stdout).toContain('the totals are what the rows say')
  })

  test('what one replica is told holds on the other within a second, and ends as soon', async () => {
    const { url } = await postgres.createDatabase()
    const secrets = { master_key: 'a-master-key-for-tests-of-32-characters' }
    const config = configOf([], { storage: { url }, secrets })
    const [told, other] = [await start(config), await start(config)]
    const change = async (method: string, path: string, body?: object) => {
      const answer = await fetch(`${told.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${KEYS.boss}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      expect(answer.ok).toBe(true)
    }
    for (const [path, rule] of [
      ['/admin/limits', { id: 'none', per: 'key', requests_per_day: 0 }],
      ['/admin/budgets', { id: 'none', per: 'key', usd: 0 }],
    ] as const) {
      const refused = async () => (await ask(other)).status === 429
      expect(await refused()).toBe(false)
      await change('POST', path, rule)
      await untilWithin1s(refused)
      await change('DELETE', `${path}/none`)
      await untilWithin1s(async () => !(await refused()))
    }
  })
})
