// `/metrics` of the executable, under real traffic: answers, errors, fallbacks, streams, limits, names that clients make up. A real Prometheus
// scrapes it with a key, reads every query of every dashboard and every alert, and promtool tries the alerts.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../src/core/limits.ts'
import { METRICS, type MetricDefinition } from '../src/core/metric-catalog.ts'
import { readMetrics, type ReadMetrics } from '../src/testing/metrics-reader.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import {
  labelsIn,
  metricsIn,
  prometheusMissing,
  promtool,
  startPrometheus,
  type Prometheus,
} from './harness/prometheus.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(180_000)

const KEYS = {
  client: 'secret-of-the-client-with-enough-characters-01',
  limited: 'secret-of-a-limited-key-with-enough-chars-02',
  scraper: 'secret-of-the-scraper-with-enough-characters-03',
  narrow: 'secret-of-another-narrow-key-with-enough-chars-04',
}
const PROVIDER_KEY = 'sk-canary-of-the-provider-0123456789'
const CANARY = 'the canary sings in the prompt'
const DEPLOY = join(import.meta.dir, '../deploy')
const WAIT_LIMIT_MS = 60_000

const alertsText = readFileSync(join(DEPLOY, 'prometheus/alerts.yml'), 'utf8')
const definitions: readonly MetricDefinition[] = Object.values(METRICS)

let good: Upstream
let bad: Upstream
let weir: Weir

const USAGE = {
  prompt_tokens: 21,
  completion_tokens: 7,
  total_tokens: 28,
  prompt_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 3 },
}

function startGood(): Upstream {
  return startUpstream(({ method, text }) => {
    if (method === 'GET') return Response.json({ object: 'list', data: [{ id: 'listed' }] })
    const common = { id: 'c', created: 1, model: 'listed' }
    const body = JSON.parse(text) as { stream?: boolean; stream_options?: object }
    if (body.stream !== true) {
      const message = { role: 'assistant', content: 'well' }
      return Response.json({
        ...common,
        object: 'chat.completion',
        choices: [{ index: 0, message, finish_reason: 'stop' }],
        usage: USAGE,
      })
    }
    const chunk = (more: object) =>
      `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', ...more })}\n\n`
    const delta = (content: string, finish: string | null) => ({
      choices: [{ index: 0, delta: { content }, finish_reason: finish }],
    })
    const frames = [
      chunk(delta('we', null)),
      chunk(delta('ll', 'stop')),
      chunk({ choices: [], usage: USAGE }),
      'data: [DONE]\n\n',
    ]
    return new Response(frames.join(''), { headers: { 'content-type': 'text/event-stream' } })
  })
}

function configOf() {
  const provider = (id: string, { url }: Upstream) => ({
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: `${url}/v1`,
    keys: [PROVIDER_KEY],
    retries: { max: 1, base: '1ms', cap: '2ms' },
  })
  return {
    auth: { anonymous: 'never' },
    keys: [
      { name: 'client', key: KEYS.client },
      { name: 'limited', key: KEYS.limited, limits: { requests_per_minute: 1 } },
      { name: 'scraper', key: KEYS.scraper, actions: ['metrics.read'] },
      { name: 'narrow', key: KEYS.narrow, actions: ['model.invoke'] },
    ],
    providers: [provider('good', good), provider('bad', bad)],
    models: [
      {
        id: 'fast',
        targets: [{ provider: 'good', model: 'listed' }],
        price: { input: 1, output: 2, cache_read: 0.1 },
      },
      {
        id: 'shaky',
        targets: [
          { provider: 'bad', model: 'broken', order: 0 },
          { provider: 'good', model: 'listed', order: 1 },
        ],
      },
      {
        id: 'broken',
        targets: [{ provider: 'bad', model: 'broken' }],
        routing: { fallbacks: { any: ['fast'] } },
      },
    ],
    budgets: [{ per: 'tenant', usd: 5, window: 'month', action: 'alert' }],
  }
}

async function ask(model: string, { key = KEYS.client, stream = false } = {}): Promise<number> {
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: CANARY }] }),
  })
  await response.text()
  return response.status
}

function scrape(key = KEYS.scraper, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${weir.url}/metrics`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
  })
}

async function read(): Promise<ReadMetrics> {
  return readMetrics(await (await scrape()).text(), 'prometheus')
}

function sumOf({ samples }: ReadMetrics, name: string, ...parts: string[]): number {
  return [...samples]
    .filter(([id]) => id.startsWith(`${name}{`) && parts.every((part) => id.includes(part)))
    .reduce((sum, [, value]) => sum + value, 0)
}

/** Asks until it holds. @throws naming what was waited for */
async function until(name: string, holds: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + WAIT_LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > limitMs) throw new Error(`waited in vain until ${name}`)
    await Bun.sleep(20)
  }
}

/** Every expression of every dashboard, and where it stands. */
function dashboardQueries(): { place: string; expression: string }[] {
  const folder = join(DEPLOY, 'grafana/dashboards')
  return readdirSync(folder).flatMap((file) => {
    const { panels } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[]
    }
    return panels.flatMap(({ targets = [], title }) =>
      targets.map(({ expr }) => ({
        place: `${file}: ${title}`,
        expression: expr
          .replaceAll('$instance', '.*')
          .replaceAll('$__rate_interval', '1m')
          .replaceAll('$__range', '1h'),
      })),
    )
  })
}

function alertQueries(): { place: string; expression: string }[] {
  const { groups } = Bun.YAML.parse(alertsText) as {
    groups: { rules: { alert: string; expr: string }[] }[]
  }
  return groups.flatMap(({ rules }) =>
    rules.map(({ alert, expr }) => ({ place: alert, expression: expr })),
  )
}

beforeAll(async () => {
  good = startGood()
  bad = startUpstream(({ method }) =>
    method === 'GET'
      ? Response.json({ object: 'list', data: [{ id: 'broken' }] })
      : Response.json({ error: { message: 'out of order' } }, { status: 500 }),
  )
  weir = await startWeir({ config: configOf() })
})
afterAll(async () => {
  await weir.stop()
  await Promise.all([good.close(), bad.close()])
})

describe('/metrics of the executable', () => {
  test('is told to a key that may read it, and to no other', async () => {
    expect((await fetch(`${weir.url}/metrics`)).status).toBe(401)
    expect((await scrape('no-such-key')).status).toBe(401)
    expect((await scrape(KEYS.narrow)).status).toBe(403)
    expect((await scrape()).status).toBe(200)
    // A key for this alone may do nothing else.
    expect(await ask('fast', { key: KEYS.scraper })).toBe(403)
  })

  test('has every metric of the table, with its type and labels, in both formats', async () => {
    for (const [accept, format] of [
      ['text/plain', 'prometheus'],
      ['application/openmetrics-text;version=1.0.0', 'openmetrics'],
    ] as const) {
      const response = await scrape(KEYS.scraper, { accept })
      expect(response.headers.get('content-type')).toStartWith(accept.split(';')[0]!)
      const { families } = readMetrics(await response.text(), format)
      expect([...families.keys()].toSorted()).toEqual(
        definitions.map(({ name }) => name).toSorted(),
      )
      for (const { help, name, type } of definitions) {
        expect(families.get(name)).toMatchObject({ type, help })
      }
    }
  })

  test('counts what was asked, how it ended, and the way there', async () => {
    const before = await read()
    const grown = (after: ReadMetrics, name: string, ...parts: string[]) =>
      sumOf(after, name, ...parts) - sumOf(before, name, ...parts)
    for (let index = 0; index < 3; index++) expect(await ask('fast')).toBe(200)
    expect(await ask('fast', { stream: true })).toBe(200)
    expect(await ask('shaky')).toBe(200)
    expect(await ask('bad/broken')).toBeGreaterThanOrEqual(500)
    expect(await ask('no-such-model')).toBe(404)
    expect(await ask('fast', { key: KEYS.limited })).toBe(200)
    expect(await ask('fast', { key: KEYS.limited })).toBe(429)
    let after = before
    await until('all are counted', async () => {
      after = await read()
      return grown(after, 'proxy_requests_total') >= 9
    })
    expect(grown(after, 'proxy_requests_total')).toBe(9)
    expect(grown(after, 'proxy_requests_total', 'status="200"')).toBe(6)
    expect(grown(after, 'proxy_requests_total', 'status="404"')).toBe(1)
    expect(grown(after, 'proxy_requests_total', 'status="429"')).toBe(1)
    expect(grown(after, 'proxy_request_duration_seconds_count')).toBe(9)
    expect(grown(after, 'weir_requests_total')).toBe(9)
    expect(grown(after, 'requests_total', 'model="fast"', 'error=""')).toBe(5)
    expect(grown(after, 'requests_total', 'model="shaky"', 'provider="good"')).toBe(1)
    expect(grown(after, 'requests_total', 'model="other"')).toBe(1)
    expect(grown(after, 'request_latency_seconds_count', 'model="fast"')).toBe(5)
    // One retry, then the next provider; and the same for the one that has no other.
    expect(grown(after, 'proxy_provider_requests_total', 'provider="good"', 'error=""')).toBe(6)
    expect(
      grown(after, 'proxy_provider_requests_total', 'provider="bad"', 'status="500"'),
    ).toBeGreaterThanOrEqual(3)
    expect(grown(after, 'weir_retries_total', 'provider="bad"')).toBeGreaterThanOrEqual(1)
    expect(grown(after, 'proxy_fallbacks_total', 'from="bad"', 'to="good"')).toBe(1)
    expect(grown(after, 'weir_limit_refusals_total', 'per="key"')).toBe(1)
    expect(grown(after, 'weir_first_token_seconds_count', 'model="fast"')).toBe(1)
    const tokens = (kind: string) =>
      grown(after, 'token_usage_total', 'model="fast"', `class="${kind}"`)
    expect([tokens('input'), tokens('cache_read')]).toEqual([16 * 5, 5 * 5])
    expect([tokens('output'), tokens('reasoning')]).toEqual([4 * 5, 3 * 5])
    const dollars = (5 * (16 * 1 + 5 * 0.1 + 7 * 2)) / 1e6
    expect(grown(after, 'weir_cost_usd_total', 'model="fast"')).toBeCloseTo(dollars, 9)
    expect(grown(after, 'weir_tenant_requests_total', 'tenant="default"')).toBe(9)
  })

  test('a fallback to another model is counted with its cause', async () => {
    expect(await ask('broken')).toBe(200)
    expect(sumOf(await read(), 'weir_fallbacks_total', 'model="fast"')).toBeGreaterThanOrEqual(1)
  })

  test('tells what holds now: circuits, keys, queues, log, budgets, process', async () => {
    await until('the log is written', async () => {
      const { samples } = await read()
      return (
        samples.get('weir_log_queue_rows') === 0 &&
        sumOf(await read(), 'weir_log_rows_total', 'result="written"') > 0
      )
    })
    const { samples } = await read()
    expect(samples.get('weir_ready')).toBe(1)
    expect(samples.get('weir_store_problems')).toBe(0)
    expect(samples.get('weir_log_lag_seconds')).toBe(0)
    expect(samples.get('weir_log_rows_total{result="dropped"}')).toBe(0)
    expect(samples.get('weir_provider_key_state{provider="good",state="fit"}')).toBe(1)
    expect(samples.get('weir_provider_usable{provider="bad"}')).toBe(1)
    expect(samples.has('weir_target_circuit{provider="bad",model="broken"}')).toBe(true)
    expect(samples.get('weir_queue_waiting{provider=""}')).toBe(0)
    expect(samples.get('weir_active_streams')).toBe(0)
    const budget = [...samples].filter(([id]) => id.startsWith('weir_budget_left_usd{'))
    expect(budget).toHaveLength(1)
    expect(budget[0]![1]).toBeLessThanOrEqual(5)
    expect(budget[0]![1]).toBeGreaterThan(4.9)
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(20e6)
    expect(samples.get('process_cpu_seconds_total')).toBeGreaterThan(0)
    const age = Date.now() / 1_000 - samples.get('process_start_time_seconds')!
    expect(age).toBeGreaterThan(0)
    expect(age).toBeLessThan(300)
    await until('the event loop was looked at', async () => {
      const found = (await read()).samples.get('weir_event_loop_lag_seconds_count')
      return found !== undefined && found > 0
    })
  })

  test('S69: names that clients make up are one series, and none of their words is told', async () => {
    const before = await read()
    for (let index = 0; index < 300; index++) {
      expect(await ask(`good/made-up-${index}`)).toBeLessThan(500)
      expect(await ask(`weir_secret-${index}`)).toBe(404)
    }
    const after = await read()
    expect(after.samples.size - before.samples.size).toBeLessThan(80)
    const text = await (await scrape()).text()
    expect(text).not.toContain('weir_secret')
    expect(sumOf(after, 'requests_total', 'model="other"')).toBeGreaterThanOrEqual(600)
  })

  test('no key, no secret and no word of a request is in it', async () => {
    const text = await (await scrape()).text()
    for (const secret of [...Object.values(KEYS), PROVIDER_KEY, CANARY]) {
      expect(text).not.toContain(secret)
      expect(text).not.toContain(secret.slice(-12))
    }
  })

  test('comes packed, and a HEAD has no body', async () => {
    const packed = await fetch(`${weir.url}/metrics`, {
      headers: { authorization: `Bearer ${KEYS.scraper}`, 'accept-encoding': 'gzip' },
      decompress: false,
    })
    expect(packed.headers.get('content-encoding')).toBe('gzip')
    readMetrics(
      new TextDecoder().decode(Bun.gunzipSync(new Uint8Array(await packed.arrayBuffer()))),
      'prometheus',
    )
    const plain = await scrape(KEYS.scraper, { 'accept-encoding': 'identity' })
    expect(plain.headers.get('content-encoding')).toBeNull()
    const head = await fetch(`${weir.url}/metrics`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${KEYS.scraper}` },
    })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  test('a broken configuration is told, and a good one after it', async () => {
    weir.configure({ ...configOf(), nonsense: true })
    await until('it is refused', async () => {
      const { samples } = await read()
      return samples.get('weir_config_last_reload_successful') === 0
    })
    expect((await read()).samples.get('weir_config_reloads_total{result="refused"}')).toBe(1)
    weir.configure({ ...configOf(), limits: [{ per: 'ip', requests_per_minute: 100_000 }] })
    await until('it is taken over', async () => {
      const { samples } = await read()
      return samples.get('weir_config_last_reload_successful') === 1
    })
    expect((await read()).samples.get('weir_config_reloads_total{result="success"}')).toBe(1)
  })
})

describe('queries of dashboards and alerts', () => {
  const queries = [...dashboardQueries(), ...alertQueries()]

  test('name metrics and labels that exist', async () => {
    expect(queries.length).toBeGreaterThan(80)
    const { families } = await read()
    const common = ['instance', 'job', 'le']
    for (const { expression, place } of queries) {
      const names = metricsIn(expression).filter((name) => name !== 'up')
      const labels = new Set(common)
      for (const name of names) {
        const base = name.replace(/_(?:bucket|sum|count)$/, '')
        const family = families.has(name) ? name : base
        expect({ place, name: families.has(family) ? family : name }).toEqual({
          place,
          name: family,
        })
        for (const label of definitions.find((one) => one.name === family)?.labels ?? []) {
          labels.add(label)
        }
      }
      expect({ place, unknown: labelsIn(expression).filter((one) => !labels.has(one)) }).toEqual({
        place,
        unknown: [],
      })
      if (place !== 'WeirDown' && place !== 'WeirMissing') {
        expect({ place, names: names.length > 0 }).toEqual({ place, names: true })
      }
    }
  })

  test('the reader of queries finds what is not there', () => {
    expect(
      metricsIn('sum by (a) (rate(weir_x_total{b="weir_y"}[5m])) / on (c) weir_z > 1'),
    ).toEqual(['weir_x_total', 'weir_z'])
    expect(labelsIn('sum by (a) (rate(weir_x_total{b="q"}[5m])) / on (c) weir_z')).toEqual([
      'b',
      'a',
      'c',
    ])
  })
})

describe('features that are off by default', () => {
  test('guardrails, cache, kept bodies and exports are counted', async () => {
    let posted = 0
    const hook = startUpstream(() => {
      posted += 1
      return new Response('', { status: posted === 1 ? 503 : 204 })
    })
    const rule = { check: 'words', words: ['forbidden'], stages: ['input'] }
    const other = await startWeir({
      config: {
        ...configOf(),
        guardrails: [
          { ...rule, id: 'no-words', mode: 'block' },
          { ...rule, id: 'seen-only', mode: 'observe', words: ['sings'] },
        ],
        cache: { exact: { enabled: true } },
        log: { requests: 'content' },
        network: { allow_private: true },
        exports: [
          {
            id: 'hook',
            type: 'webhook',
            url: `${hook.url}/in`,
            secret: 'a-secret-of-a-webhook-with-enough-characters',
            batch: { interval: '20ms' },
          },
        ],
      },
    })
    const now = async () => {
      const response = await fetch(`${other.url}/metrics`, {
        headers: { authorization: `Bearer ${KEYS.scraper}` },
      })
      return readMetrics(await response.text(), 'prometheus')
    }
    const chat = async (content: string) => {
      const response = await fetch(`${other.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${KEYS.client}` },
        body: JSON.stringify({
          model: 'fast',
          temperature: 0,
          messages: [{ role: 'user', content }],
        }),
      })
      await response.text()
      return response.status
    }
    try {
      expect(await chat(CANARY)).toBe(200)
      expect(await chat(CANARY)).toBe(200)
      expect(await chat('a forbidden word')).toBe(400)
      const told = await now()
      const verdicts = (...parts: string[]) =>
        sumOf(told, 'weir_guardrail_verdicts_total', 'check="words"', 'stage="input"', ...parts)
      expect(verdicts('rule="no-words"', 'verdict="pass"')).toBe(2)
      expect(verdicts('rule="no-words"', 'verdict="blocked"')).toBe(1)
      expect(verdicts('rule="seen-only"', 'verdict="observed"')).toBe(2)
      expect(sumOf(told, 'weir_guardrail_seconds_count', 'rule="no-words"')).toBe(3)
      expect(sumOf(told, 'weir_cache_requests_total', 'kind="exact"', 'state="miss"')).toBe(1)
      expect(sumOf(told, 'weir_cache_requests_total', 'kind="exact"', 'state="hit"')).toBe(1)
      expect(sumOf(told, 'weir_cache_saved_usd_total', 'kind="exact"')).toBeCloseTo(30.5e-6, 9)
      expect(sumOf(told, 'weir_content_lost_total')).toBe(0)
      await until('everything is sent', async () => {
        const { samples } = await now()
        return (
          samples.get('weir_telemetry_sent_total{sink="hook"}') === 3 &&
          samples.get('weir_telemetry_queue{sink="hook"}') === 0
        )
      })
      const { samples } = await now()
      expect(samples.get('weir_telemetry_failures_total{sink="hook"}')).toBeGreaterThanOrEqual(1)
      expect(samples.get('weir_telemetry_dropped_total{sink="hook"}')).toBe(0)
      const text = [...samples.keys()].join('\n')
      for (const word of ['forbidden', 'sings', CANARY, '/in']) expect(text).not.toContain(word)
    } finally {
      await other.stop()
      await hook.close()
    }
  })

  test('with several tenants it takes a role over all of them', async () => {
    const other = await startWeir({ config: { auth: { anonymous: 'never' } } })
    try {
      const made = await other.runCli('keys', 'create', 'prometheus', '--action', 'metrics.read')
      const status = async () => {
        const headers = { authorization: `Bearer ${made.stdout.trim()}` }
        return (await fetch(`${other.url}/metrics`, { headers })).status
      }
      await until('the key holds', async () => (await status()) === 200)
      await other.runCli('tenants', 'create', 'acme')
      await until('it does no more', async () => (await status()) === 403)
      await other.runCli('assign', 'operator', 'to', 'key:prometheus', 'at', '/')
      await until('it holds again', async () => (await status()) === 200)
    } finally {
      await other.stop()
    }
  })
})

const withoutPostgres = postgresMissing()
if (withoutPostgres !== undefined) {
  process.stdout.write(`left out: metrics of replicas on Postgres (${withoutPostgres})\n`)
}

describe.skipIf(withoutPostgres !== undefined)('a database that is away', () => {
  test('is told at once, with the rows that wait for it; a scrape does not wait', async () => {
    await using server = await startPostgres()
    const { url } = await server.createDatabase()
    const replica = await startWeir({
      config: {
        auth: { anonymous: 'loopback' },
        storage: { url, connections: 4 },
        budgets: [{ per: 'user', usd: 1, window: 'day', action: 'alert' }],
      },
    })
    const now = async () =>
      readMetrics(await (await fetch(`${replica.url}/metrics`)).text(), 'prometheus').samples
    const chat = async () => {
      const response = await fetch(`${replica.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'mock/echo',
          messages: [{ role: 'user', content: 'hi' }],
        }),
      })
      await response.text()
      return response.status
    }
    try {
      expect(await chat()).toBe(200)
      const well = await now()
      expect([...well.keys()].some((id) => id.includes('engine="postgres"'))).toBe(true)
      expect(well.get('weir_store_problems')).toBe(0)
      expect([...well.keys()].some((id) => id.startsWith('weir_budget_left_usd{'))).toBe(true)
      await server.stop('immediate')
      expect(await chat()).toBe(200)
      await until('rows wait on disk', async () => (await now()).get('weir_log_spool_rows')! > 0)
      await until('a problem is told', async () => (await now()).get('weir_store_problems')! > 0)
      // This process can still be asked, as the others can.
      expect((await now()).get('weir_ready')).toBe(1)
      const startMs = performance.now()
      await now()
      expect(performance.now() - startMs).toBeLessThan(LIMITS.metricBudgetsWaitMs + 8_000)
      await server.restart()
      await until('all is well again', async () => {
        const samples = await now()
        return (
          samples.get('weir_log_spool_rows') === 0 &&
          samples.get('weir_log_rows_total{result="written"}') === 2 &&
          samples.get('weir_store_problems') === 0
        )
      })
      expect((await now()).get('weir_log_rows_total{result="dropped"}')).toBe(0)
    } finally {
      await replica.stop()
    }
  })
})

const missing = prometheusMissing()
if (missing !== undefined) process.stdout.write(`left out: metrics in Prometheus (${missing})\n`)

describe.skipIf(missing !== undefined)('Prometheus', () => {
  test('promtool finds nothing wrong with the text', async () => {
    const { code, output } = await promtool(['check', 'metrics'], {
      input: await (await scrape()).text(),
    })
    expect({ code, output }).toEqual({ code: 0, output: '' })
  })

  test('promtool reads the configuration, the rules, and every query of the dashboards as one', async () => {
    const config = readFileSync(join(DEPLOY, 'prometheus/prometheus.yml'), 'utf8')
    const checked = await promtool(['check', 'config', 'prometheus.yml'], {
      files: { 'prometheus.yml': config, 'alerts.yml': alertsText, 'weir-key': 'x' },
    })
    expect(checked).toMatchObject({ code: 0 })
    const rules = dashboardQueries().map(({ expression }, index) => ({
      record: `query:${index}`,
      expr: expression,
    }))
    const queries = JSON.stringify({ groups: [{ name: 'dashboards', rules }] })
    const checkedQueries = await promtool(['check', 'rules', 'queries.yml'], {
      files: { 'queries.yml': queries },
    })
    expect(checkedQueries).toMatchObject({ code: 0 })
    expect(checkedQueries.output).toContain(`${rules.length} rules found`)
    const broken = await promtool(['check', 'rules', 'queries.yml'], {
      files: { 'queries.yml': queries.replace('sum(', 'sum((') },
    })
    expect(broken.code).not.toBe(0)
  })

  test('promtool test rules: every alert fires when it should, and not when it should not', async () => {
    const cases = readFileSync(join(DEPLOY, 'prometheus/alerts.test.yml'), 'utf8')
    const result = await promtool(['test', 'rules', 'alerts.test.yml'], {
      files: { 'alerts.yml': alertsText, 'alerts.test.yml': cases },
    })
    expect(result).toMatchObject({ code: 0 })
    for (const { place } of alertQueries()) expect(cases).toContain(`alertname: ${place}`)
  })

  describe('a server', () => {
    let prometheus: Prometheus

    beforeAll(async () => {
      const config = readFileSync(join(DEPLOY, 'prometheus/prometheus.yml'), 'utf8')
        .replaceAll('interval: 15s', 'interval: 2s')
        .replace('127.0.0.1:9347', new URL(weir.url).host)
      prometheus = await startPrometheus(config, {
        'alerts.yml': alertsText,
        'weir-key': KEYS.scraper,
      })
    })
    afterAll(() => prometheus.stop())

    /** What a query finds, once the last scrape was answered. */
    async function found(expression: string) {
      let rows: Awaited<ReturnType<Prometheus['query']>> = []
      await until(`${expression} is there`, async () => {
        rows = await prometheus.query(expression)
        return rows.length > 0
      })
      return rows
    }

    test('scrapes Weir with its key, and answers what Weir has counted', async () => {
      // On a busy machine a scrape may not be answered in its time; a later one is.
      await until('it has scraped', async () =>
        (await prometheus.targets()).some(({ health }) => health === 'up'),
      )
      expect(await prometheus.targets()).toHaveLength(1)
      const host = new URL(weir.url).host
      const counted = sumOf(await read(), 'requests_total', 'model="fast"')
      await until('it answers', async () => {
        const [one] = await prometheus.query(`sum(requests_total{instance="${host}",model="fast"})`)
        return one?.value[1] === String(counted)
      })
      const [build] = await found('weir_build_info')
      expect(build?.metric).toMatchObject({ engine: 'sqlite', job: 'weir', instance: host })
    })

    test('evaluates every query, has loaded every alert, and histograms give quantiles', async () => {
      for (const { expression } of [...dashboardQueries(), ...alertQueries()]) {
        await prometheus.query(expression)
      }
      expect((await prometheus.rules()).toSorted()).toEqual(
        alertQueries()
          .map(({ place }) => place)
          .toSorted(),
      )
      const [median] = await found(
        'histogram_quantile(0.5, sum by (le) (proxy_request_duration_seconds_bucket))',
      )
      expect(Number(median?.value[1])).toBeGreaterThan(0)
      expect(await prometheus.query('ALERTS{alertstate="firing",severity="critical"}')).toEqual([])
    })
  })
})
