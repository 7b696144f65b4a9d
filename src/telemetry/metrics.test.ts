// The counters against outcomes made by hand, and their text against a reader of both formats: what clients send must not become a label,
// and whatever they send must not make more series than are allowed.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Loss } from '../core/ir/loss.ts'
import { LIMITS } from '../core/limits.ts'
import { METRICS, metricUnit, type MetricDefinition } from '../core/metric-catalog.ts'
import type { AttemptRecord, Outcome } from '../core/outcome.ts'
import { readMetrics, type ReadMetrics } from '../testing/metrics-reader.ts'
import { SEED } from '../testing/seed.ts'
import { Distribution } from './metrics-series.ts'
import { preferredFormat } from './metrics-text.ts'
import { Metrics } from './metrics.ts'

function outcome(over: Partial<Outcome> = {}): Outcome {
  return {
    logId: '019a1b2c-0000-7000-8000-000000000001',
    timestampMs: 1,
    tenantId: 'default',
    requestId: 'req-1',
    direction: 'inbound',
    endpoint: '/v1/chat/completions',
    clientFormat: 'openai-chat',
    operation: 'chat',
    stream: false,
    status: 200,
    losses: [],
    attempts: [],
    totalMs: 1,
    requestBytes: 1,
    responseBytes: 1,
    ...over,
  }
}

const DROPPED: Loss = { feature: 'seed', path: 'sampling.seed', action: 'dropped' }
const ATTEMPT: AttemptRecord = {
  providerId: 'openai',
  model: 'm',
  mode: 'relay',
  status: 200,
  durationMs: 1,
}

function read(metrics: Metrics): ReadMetrics['samples'] {
  return readMetrics(metrics.render(), 'prometheus').samples
}

/** Every name may be told. */
const named = () => new Metrics({ naming: (asked) => asked })

function sumOf(samples: ReadMetrics['samples'], start: string): number {
  return [...samples].reduce((sum, [id, value]) => (id.startsWith(start) ? sum + value : sum), 0)
}

function countOf(samples: ReadMetrics['samples'], start: string): number {
  return [...samples.keys()].filter((id) => id.startsWith(start)).length
}

describe('labels', () => {
  test('what a client or a provider could choose freely never becomes one', () => {
    const metrics = new Metrics()
    metrics.record(
      outcome({
        apiKeyHash: 'hash-of-a-key',
        modelRequested: 'weir_secret-in-the-model-name',
        modelResolved: 'words of a provider',
        userAgent: 'agent with a name',
        errorText: 'private error',
        providerId: 'evil"} 1\nweir_fake_total{a="b',
        usage: { inputTokens: 3 },
        losses: [{ ...DROPPED, feature: 'a user wrote this', detail: 'private words' }],
      }),
    )
    for (const format of ['prometheus', 'openmetrics'] as const) {
      const text = metrics.render([], format)
      readMetrics(text, format)
      for (const secret of [
        'hash-of',
        'weir_secret',
        'words of',
        'agent',
        'private',
        'wrote',
        'weir_fake',
      ]) {
        expect(text).not.toContain(secret)
      }
    }
    expect(
      read(metrics).get(
        'weir_losses_total{feature="other",client="openai-chat",provider_dialect="",action="dropped"}',
      ),
    ).toBe(1)
  })

  test('S69: ten thousand names of models that nobody configured are one', () => {
    const metrics = new Metrics({ naming: (asked) => (asked === 'fast' ? 'fast' : undefined) })
    for (let index = 0; index < 10_000; index++) {
      metrics.record(outcome({ providerId: 'p', modelRequested: `made-up-${index}` }))
    }
    metrics.record(outcome({ providerId: 'p', modelRequested: 'fast' }))
    const samples = read(metrics)
    expect(countOf(samples, 'requests_total{')).toBe(2)
    expect(samples.get('requests_total{provider="p",model="other",error=""}')).toBe(10_000)
    expect(samples.get('requests_total{provider="p",model="fast",error=""}')).toBe(1)
  })

  test('names of models that may be told, and tenants, are bounded as well', () => {
    const metrics = named()
    for (let index = 0; index < LIMITS.metricModelsMax + 50; index++) {
      metrics.record(outcome({ modelRequested: `m${index}`, tenantId: `t${index}` }))
    }
    const samples = read(metrics)
    expect(countOf(samples, 'requests_total{')).toBe(LIMITS.metricModelsMax + 1)
    expect(samples.get('requests_total{provider="",model="other",error=""}')).toBe(50)
    expect(countOf(samples, 'weir_tenant_requests_total')).toBe(LIMITS.metricTenantsMax + 1)
    expect(sumOf(samples, 'weir_tenant_requests_total')).toBe(LIMITS.metricModelsMax + 50)
  })

  test('each metric holds so many series and no more; the rest is counted as other', () => {
    const metrics = new Metrics()
    const many = LIMITS.metricSeriesMax + 500
    for (let index = 0; index < many; index++) {
      const providerId = `provider-${index}`
      metrics.record(
        outcome({ providerId, losses: [DROPPED], attempts: [{ ...ATTEMPT, providerId }] }),
      )
    }
    const samples = read(metrics)
    for (const name of ['weir_requests_total', 'proxy_provider_requests_total', 'requests_total']) {
      expect(countOf(samples, `${name}{`)).toBe(LIMITS.metricSeriesMax)
      expect(sumOf(samples, `${name}{`)).toBe(many)
      const last = [...samples].findLast(([id]) => id.startsWith(`${name}{`))!
      expect(last[0]).toContain('provider="other"')
      expect(last[1]).toBe(501)
    }
  })

  test('whatever is recorded, the text is well formed, and nothing is counted twice or lost', () => {
    const word = fc.oneof(fc.constantFrom('a', 'b', 'openai'), fc.string({ maxLength: 12 }))
    const one = fc.record({
      providerId: word,
      modelRequested: word,
      status: fc.integer({ min: 100, max: 599 }),
      stream: fc.boolean(),
      totalMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      firstTokenMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      providerMs: fc.double({ noNaN: false }),
      tenantId: word,
      operation: word,
      clientFormat: word,
      usage: fc.record({ inputTokens: fc.nat(1e6), outputTokens: fc.nat(1e6) }),
    })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), (many) => {
        const metrics = named()
        for (const each of many) metrics.record(outcome({ ...each, attempts: [ATTEMPT] }))
        const { samples } = readMetrics(metrics.render(), 'prometheus')
        const open = readMetrics(metrics.render([], 'openmetrics'), 'openmetrics').samples
        expect([...open]).toEqual([...samples])
        for (const name of [
          'weir_requests_total{',
          'proxy_requests_total{',
          'requests_total{',
          'proxy_request_duration_seconds_count{',
          'proxy_provider_requests_total{',
          'weir_tenant_requests_total{',
        ]) {
          expect({ name, count: sumOf(samples, name) }).toEqual({ name, count: many.length })
        }
        const tokens = many.reduce(
          (sum, { usage }) => sum + usage.inputTokens + usage.outputTokens,
          0,
        )
        expect(sumOf(samples, 'token_usage_total{')).toBe(tokens)
        expect(sumOf(samples, 'weir_tenant_tokens_total{')).toBe(tokens)
      }),
      { seed: SEED, numRuns: 60 },
    )
  })
})

describe('what is counted', () => {
  test('losses by what was lost, between which protocols, and how', () => {
    const metrics = new Metrics()
    const crossed = { clientFormat: 'openai-chat', providerDialect: 'anthropic' }
    const adapted: Loss = { feature: 'tool-choice', path: 'toolChoice', action: 'adapted' }
    metrics.record(outcome({ ...crossed, losses: [DROPPED, DROPPED, adapted] }))
    metrics.record(outcome({ ...crossed, losses: [DROPPED] }))
    const found = read(metrics)
    const id = (feature: string, action: string) =>
      `weir_losses_total{feature="${feature}",client="openai-chat",provider_dialect="anthropic",action="${action}"}`
    expect(found.get(id('seed', 'dropped'))).toBe(3)
    expect(found.get(id('tool-choice', 'adapted'))).toBe(1)
  })

  test('requests by how they ended, kinds of errors of one status apart', () => {
    const metrics = new Metrics()
    metrics.record(outcome({ providerId: 'openai', mode: 'relay' }))
    metrics.record(outcome({ providerId: 'openai', mode: 'relay' }))
    metrics.record(outcome({ status: 404, errorKind: 'model_not_found' }))
    metrics.record(outcome({ status: 404, errorKind: 'not_found' }))
    metrics.record(outcome({ status: 404, errorKind: 'not_found' }))
    const found = read(metrics)
    const id = (rest: string) =>
      `weir_requests_total{operation="chat",client="openai-chat",${rest}}`
    expect(found.get(id('provider="openai",mode="relay",status="200",error=""'))).toBe(2)
    expect(found.get(id('provider="",mode="",status="404",error="model_not_found"'))).toBe(1)
    expect(found.get(id('provider="",mode="",status="404",error="not_found"'))).toBe(2)
    expect(
      found.get('proxy_requests_total{operation="chat",client="openai-chat",status="404"}'),
    ).toBe(3)
  })

  test('attempts, each once: the first, those beyond it, and the way from one provider to the next', () => {
    const metrics = new Metrics()
    const decision = { model: 'spare', by: 'weighted', candidates: [] }
    const { status: _status, ...silent } = ATTEMPT
    metrics.record(
      outcome({
        attempts: [
          { ...silent, error: 'timed_out' },
          { ...ATTEMPT, status: 500, error: 'upstream_error', as: 'retry' },
          { ...ATTEMPT, providerId: 'second' },
          { ...ATTEMPT, providerId: 'third', as: 'hedge' },
          { ...ATTEMPT, as: 'continuation' },
        ],
        route: [decision, { ...decision, fallbackFor: 'timed_out' }],
      }),
    )
    metrics.record(outcome({ providerId: 'openai', attempts: [ATTEMPT] }))
    const found = read(metrics)
    expect(found.get('weir_retries_total{provider="openai"}')).toBe(1)
    expect(found.get('weir_hedges_total{provider="third"}')).toBe(1)
    expect(found.get('weir_continuations_total{provider="openai"}')).toBe(1)
    expect(found.get('weir_fallbacks_total{model="spare",cause="timed_out"}')).toBe(1)
    expect(countOf(found, 'weir_fallbacks_total')).toBe(1)
    expect(found.get('proxy_fallbacks_total{from="openai",to="second"}')).toBe(1)
    expect(countOf(found, 'proxy_fallbacks_total')).toBe(1)
    const attempt = (provider: string, as: string, status: string, error: string) =>
      found.get(
        `proxy_provider_requests_total{provider="${provider}",attempt="${as}",status="${status}",error="${error}"}`,
      )
    expect(attempt('openai', 'first', '', 'timed_out')).toBe(1)
    expect(attempt('openai', 'retry', '500', 'upstream_error')).toBe(1)
    expect(attempt('second', 'first', '200', '')).toBe(1)
    expect(attempt('third', 'hedge', '200', '')).toBe(1)
    expect(attempt('openai', 'first', '200', '')).toBe(1)
  })

  test('tokens in one class each, money exactly, and answers without a known price', () => {
    const metrics = named()
    const common = { providerId: 'p', modelRequested: 'fast' }
    const usage = {
      inputTokens: 100,
      cacheReadTokens: 20,
      cacheWrite5mTokens: 3,
      cacheWrite1hTokens: 4,
      outputTokens: 50,
      reasoningTokens: 30,
      inputAudioTokens: 7,
    }
    metrics.record(outcome({ ...common, usage, costNanoUsd: 1_234_567 }))
    metrics.record(outcome({ ...common, usage, costNanoUsd: 0 }))
    metrics.record(outcome({ ...common, usage }))
    metrics.record(outcome({ ...common, usage, errorKind: 'upstream_error', status: 502 }))
    const found = read(metrics)
    const of = (name: string, more = '') =>
      found.get(`${name}{provider="p",model="fast"${more === '' ? '' : `,${more}`}}`)
    expect(of('token_usage_total', 'class="input"')).toBe(400)
    expect(of('token_usage_total', 'class="cache_read"')).toBe(80)
    expect(of('token_usage_total', 'class="cache_write_5m"')).toBe(12)
    expect(of('token_usage_total', 'class="cache_write_1h"')).toBe(16)
    expect(of('token_usage_total', 'class="output"')).toBe(80)
    expect(of('token_usage_total', 'class="reasoning"')).toBe(120)
    expect(of('weir_audio_tokens_total', 'direction="input"')).toBe(28)
    expect(of('weir_cost_usd_total')).toBe(0.001234567)
    expect(of('weir_unpriced_requests_total')).toBe(1)
    expect(found.get('weir_tenant_cost_usd_total{tenant="default"}')).toBe(0.001234567)
  })

  test('times of streams: until the first byte, and for each token after it', () => {
    const metrics = named()
    const stream = { providerId: 'p', modelRequested: 'fast', stream: true }
    const usage = { outputTokens: 11 }
    metrics.record(
      outcome({ ...stream, usage, totalMs: 1_200, firstTokenMs: 200, providerMs: 1_100 }),
    )
    // Whole answers, failures and answers of one token say nothing of it.
    metrics.record(outcome({ ...stream, stream: false, totalMs: 10, firstTokenMs: 9 }))
    metrics.record(outcome({ ...stream, errorKind: 'timed_out', firstTokenMs: 9, providerMs: 9 }))
    metrics.record(outcome({ ...stream, usage: { outputTokens: 1 }, firstTokenMs: 100 }))
    metrics.record(outcome({ queuedMs: 250 }))
    const found = read(metrics)
    const of = (name: string) => found.get(`${name}{provider="p",model="fast"}`)
    expect(of('weir_first_token_seconds_count')).toBe(2)
    expect(of('weir_first_token_seconds_sum')).toBeCloseTo(0.3)
    expect(of('weir_output_token_seconds_count')).toBe(1)
    expect(of('weir_output_token_seconds_sum')).toBeCloseTo(0.1)
    expect(of('request_latency_seconds_sum')).toBeCloseTo(1.1)
    expect(found.get('weir_queue_wait_seconds_count')).toBe(1)
    expect(found.get('weir_queue_wait_seconds_bucket{le="0.1"}')).toBe(0)
    expect(found.get('weir_queue_wait_seconds_bucket{le="0.25"}')).toBe(1)
  })

  test('guardrails and cache', () => {
    const metrics = new Metrics()
    const verdict = {
      ruleId: 'no-cards',
      check: 'pii',
      stage: 'input',
      verdict: 'blocked',
      categories: ['card'],
      durationMs: 3,
      startedMs: 0,
      asked: 1,
    } as const
    metrics.record(
      outcome({
        guardrails: [verdict, { ...verdict, stage: 'output', verdict: 'pass' }],
        cache: { state: 'hit', kind: 'exact', savedNanoUsd: 2_000_000_000 },
      }),
    )
    metrics.record(outcome({ cache: { state: 'miss', kind: 'exact' } }))
    const found = read(metrics)
    const rule = 'weir_guardrail_verdicts_total{rule="no-cards",check="pii"'
    expect(found.get(`${rule},stage="input",verdict="blocked"}`)).toBe(1)
    expect(found.get(`${rule},stage="output",verdict="pass"}`)).toBe(1)
    expect(found.get('weir_guardrail_seconds_sum{rule="no-cards",stage="input"}')).toBe(0.003)
    expect(found.get('weir_cache_requests_total{kind="exact",state="hit"}')).toBe(1)
    expect(found.get('weir_cache_requests_total{kind="exact",state="miss"}')).toBe(1)
    expect(found.get('weir_cache_saved_usd_total{kind="exact"}')).toBe(2)
  })

  test('refusals, alerts, errors of the store and changes of the configuration', () => {
    const metrics = new Metrics()
    metrics.limitRefused('key', 'requests')
    metrics.budgetRefused('team', 'spent')
    metrics.budgetAlert('team', 'webhook')
    metrics.configReloaded('refused')
    metrics.record(outcome({ status: 503, errorKind: 'storage_unavailable' }))
    const found = read(metrics)
    expect(found.get('weir_limit_refusals_total{per="key",counts="requests"}')).toBe(1)
    expect(found.get('weir_budget_refusals_total{per="team",cause="spent"}')).toBe(1)
    expect(found.get('weir_budget_alerts_total{per="team",way="webhook"}')).toBe(1)
    expect(found.get('weir_config_reloads_total{result="refused"}')).toBe(1)
    expect(found.get('weir_store_errors_total')).toBe(1)
  })
})

describe('histograms', () => {
  test('whatever is observed, a bucket holds what is at or below its bound, and sum and count are of all', () => {
    const bounds = [0.1, 1, 5]
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 10, noNaN: true })), (values) => {
        const one = new Distribution([], bounds)
        for (const value of values) one.observe(value)
        let below = 0
        one.counts.forEach((count, at) => {
          below += count
          const bound = bounds[at] ?? Infinity
          expect(below).toBe(values.filter((value) => value <= bound).length)
        })
        expect(one.counts).toHaveLength(4)
        expect(one.sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0))
      }),
      { seed: SEED },
    )
  })

  test('what is no time is not counted', () => {
    const one = new Distribution([], [1])
    for (const value of [Number.NaN, -1, Infinity, -Infinity]) one.observe(value)
    expect(one.counts).toEqual([0, 0])
    expect(one.sum).toBe(0)
  })
})

describe('text', () => {
  const gauge: MetricDefinition = {
    name: 'weir_test',
    type: 'gauge',
    labels: ['provider', 'model'],
    help: 'A test.',
    area: 'runtime',
  }

  test('what holds now is told once, within the bound and with safe labels', () => {
    const many = Array.from({ length: LIMITS.metricSeriesMax + 10 }, (_, index) => ({
      labels: ['p', `m${index}`],
      value: index,
    }))
    const text = new Metrics().render([
      {
        definition: gauge,
        samples: [
          { labels: ['p', 'meta/llama-3:8b'], value: 0.25 },
          { labels: ['p', 'meta/llama-3:8b'], value: 7 },
          { labels: ['p', 'evil"} 1\nweir_fake{a="'], value: -1 },
        ],
      },
      { definition: { ...gauge, name: 'weir_many' }, samples: many },
      {
        definition: { ...gauge, name: 'weir_alone', labels: [] },
        samples: [{ labels: [], value: 3 }],
      },
    ])
    const { samples } = readMetrics(text, 'prometheus')
    expect(samples.get('weir_test{provider="p",model="meta/llama-3:8b"}')).toBe(0.25)
    expect(samples.get('weir_test{provider="p",model="other"}')).toBe(-1)
    expect(samples.get('weir_alone')).toBe(3)
    expect(countOf(samples, 'weir_many{')).toBe(LIMITS.metricSeriesMax)
  })

  test('with nothing counted every metric is there all the same, with its type and unit', () => {
    const { families } = readMetrics(new Metrics().render([], 'openmetrics'), 'openmetrics')
    expect(families.get('weir_losses_total')).toMatchObject({ type: 'counter' })
    expect(families.get('proxy_request_duration_seconds')).toMatchObject({
      type: 'histogram',
      unit: 'seconds',
    })
    expect(families.get('weir_cost_usd_total')).toMatchObject({ type: 'counter', unit: 'usd' })
  })

  test('a counter kept elsewhere is a counter in both formats', () => {
    const family = { definition: METRICS.cpu, samples: [{ labels: [], value: 1.5 }] }
    for (const format of ['prometheus', 'openmetrics'] as const) {
      const found = readMetrics(new Metrics().render([family], format), format)
      expect(found.families.get('process_cpu_seconds_total')?.type).toBe('counter')
      expect(found.samples.get('process_cpu_seconds_total')).toBe(1.5)
    }
  })

  test.each([
    [undefined, 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/plain', 'prometheus'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    ['application/openmetrics-text;version=2.0.0', 'prometheus'],
    ['application/openmetrics-text;q=0,text/plain', 'prometheus'],
    ['application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.5', 'prometheus'],
    ['application/openmetrics-text;q=nonsense', 'prometheus'],
    // Prometheus 2.42.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
  ])('Accept: %p is %s', (accept, format) => {
    expect(preferredFormat(accept)).toBe(format as 'prometheus')
  })
})

describe('the table of metrics', () => {
  const all: readonly MetricDefinition[] = Object.values(METRICS)

  test('names are one of a kind, and say what they are', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    for (const definition of all) {
      const { buckets, help, labels, name, type } = definition
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(help, name).toMatch(/^[A-Z][^"\\\n]*\.$/)
      expect(new Set(labels).size).toBe(labels.length)
      expect(labels).not.toContain('le')
      expect(type === 'histogram').toBe(buckets !== undefined)
      expect(buckets ?? []).toEqual([...(buckets ?? [])].toSorted((a, b) => a - b))
      if (type === 'histogram') expect(metricUnit(definition)).toBe('seconds')
    }
  })
})
