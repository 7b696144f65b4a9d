// The counters against outcomes made by hand, and their text against a reader of Prometheus' format.

import { describe, expect, test } from 'bun:test'
import type { Loss } from '../core/ir/loss.ts'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
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

const SEED: Loss = { feature: 'seed', path: 'sampling.seed', action: 'dropped' }

/** The samples of a text, each line checked against the grammar of the format. */
function samples(text: string): Map<string, number> {
  const result = new Map<string, number>()
  const typed = new Set<string>()
  expect(text.endsWith('\n')).toBe(true)
  for (const line of text.slice(0, -1).split('\n')) {
    const type = /^# TYPE (\w+) (counter|gauge)$/.exec(line)
    if (type !== null) typed.add(type[1]!)
    if (line.startsWith('#')) {
      expect(line).toMatch(/^# (HELP \w+ \S.*|TYPE \w+ \w+)$/)
      continue
    }
    const sample = /^(\w+)(\{(?:\w+="[^"\\\n]*",?)*\})? (\d+(?:\.\d+)?)$/.exec(line)
    expect(sample, line).not.toBeNull()
    expect(typed.has(sample![1]!), `${sample![1]} has its TYPE line first`).toBe(true)
    const id = `${sample![1]}${sample![2] ?? ''}`
    expect(result.has(id), `${id} stands once`).toBe(false)
    result.set(id, Number(sample![3]))
  }
  return result
}

describe('Metrics', () => {
  test('what a client or a provider could choose freely never becomes a label', () => {
    const metrics = new Metrics()
    metrics.record(
      outcome({
        apiKeyHash: 'hash-of-a-key',
        modelRequested: 'weir_secret-in-the-model-name',
        userAgent: 'agent with a name',
        providerId: 'evil"} 1\nweir_fake_total{a="b',
        losses: [{ ...SEED, feature: 'a user wrote this', detail: 'private words' }],
      }),
    )
    const text = metrics.render()
    for (const secret of ['hash-of', 'weir_secret', 'agent', 'private', 'wrote', 'weir_fake']) {
      expect(text).not.toContain(secret)
    }
    expect(
      samples(text).get(
        'weir_losses_total{feature="other",client="openai-chat",provider_dialect="",action="dropped"}',
      ),
    ).toBe(1)
  })

  test('each metric holds so many series and no more; the rest is counted as other', () => {
    const metrics = new Metrics()
    const many = LIMITS.metricSeriesMax + 500
    for (let index = 0; index < many; index++) {
      metrics.record(outcome({ providerId: `provider-${index}`, losses: [SEED] }))
    }
    const found = [...samples(metrics.render())].filter(([id]) => id.startsWith('weir_requests'))
    expect(found).toHaveLength(LIMITS.metricSeriesMax)
    expect(found.reduce((sum, [, count]) => sum + count, 0)).toBe(many)
    expect(found.at(-1)![0]).toContain('provider="other"')
    expect(found.at(-1)![1]).toBe(501)
  })

  test('losses are counted by what was lost, between which protocols, and how', () => {
    const metrics = new Metrics()
    const crossed = { clientFormat: 'openai-chat', providerDialect: 'anthropic' }
    const adapted: Loss = { feature: 'tool-choice', path: 'toolChoice', action: 'adapted' }
    metrics.record(outcome({ ...crossed, losses: [SEED, SEED, adapted] }))
    metrics.record(outcome({ ...crossed, losses: [SEED] }))
    const found = samples(metrics.render())
    const id = (feature: string, action: string) =>
      `weir_losses_total{feature="${feature}",client="openai-chat",provider_dialect="anthropic",action="${action}"}`
    expect(found.get(id('seed', 'dropped'))).toBe(3)
    expect(found.get(id('tool-choice', 'adapted'))).toBe(1)
  })

  test('requests are counted by how they ended', () => {
    const metrics = new Metrics()
    metrics.record(outcome({ providerId: 'openai', mode: 'relay' }))
    metrics.record(outcome({ providerId: 'openai', mode: 'relay' }))
    metrics.record(outcome({ status: 404, errorKind: 'model_not_found' }))
    const found = samples(metrics.render())
    const id = (rest: string) =>
      `weir_requests_total{operation="chat",client="openai-chat",${rest}}`
    expect(found.get(id('provider="openai",mode="relay",status="200",error=""'))).toBe(2)
    expect(found.get(id('provider="",mode="",status="404",error="model_not_found"'))).toBe(1)
  })

  test('attempts beyond the first and models fallen back to are counted', () => {
    const metrics = new Metrics()
    const attempt = { providerId: 'openai', model: 'm', mode: 'relay', durationMs: 1 } as const
    const decision = { model: 'spare', by: 'weighted', candidates: [] }
    metrics.record(
      outcome({
        attempts: [
          attempt,
          { ...attempt, as: 'retry' },
          { ...attempt, as: 'retry' },
          { ...attempt, providerId: 'other', as: 'hedge' },
          { ...attempt, as: 'continuation' },
        ],
        route: [decision, { ...decision, fallbackFor: 'timed_out' }],
      }),
    )
    const found = samples(metrics.render())
    expect(found.get('weir_retries_total{provider="openai"}')).toBe(2)
    expect(found.get('weir_hedges_total{provider="other"}')).toBe(1)
    expect(found.get('weir_continuations_total{provider="openai"}')).toBe(1)
    expect(found.get('weir_fallbacks_total{model="spare",cause="timed_out"}')).toBe(1)
    expect([...found.keys()].filter((id) => id.startsWith('weir_fallbacks'))).toHaveLength(1)
  })

  test('gauges are told as they are now, each combination once, within the bound and with safe labels', () => {
    const many = Array.from({ length: LIMITS.metricSeriesMax + 10 }, (_, index) => ({
      labels: ['p', `m${index}`],
      value: index,
    }))
    const gauge = { name: 'weir_test', help: 'A test.', labelNames: ['provider', 'model'] }
    const text = new Metrics().render([
      {
        ...gauge,
        samples: [
          { labels: ['p', 'meta/llama-3:8b'], value: 0.25 },
          { labels: ['p', 'meta/llama-3:8b'], value: 7 },
          { labels: ['p', 'evil"} 1\nweir_fake{a="'], value: 1 },
        ],
      },
      { ...gauge, name: 'weir_many', samples: many },
      { ...gauge, name: 'weir_alone', labelNames: [], samples: [{ labels: [], value: 3 }] },
    ])
    const found = samples(text)
    expect(found.get('weir_test{provider="p",model="meta/llama-3:8b"}')).toBe(0.25)
    expect(found.get('weir_test{provider="p",model="other"}')).toBe(1)
    expect(found.get('weir_alone')).toBe(3)
    const kept = [...found.keys()].filter((id) => id.startsWith('weir_many'))
    expect(kept).toHaveLength(LIMITS.metricSeriesMax)
  })

  test('with nothing counted the metrics are there all the same', () => {
    const text = new Metrics().render()
    expect(text).toContain('# TYPE weir_losses_total counter')
    expect(samples(text).size).toBe(1)
  })
})
