// Traces, exported log records and Langfuse's spans through the executable, received by real receivers of OpenTelemetry data and asked back
// from them: who is whose parent, what every attempt says, what a provider was told, and that no secret and no word of anybody is in it.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { JsonObject } from '../src/core/json.ts'
import { json, stream } from '../src/testing/upstream-answers.ts'
import {
  startUpstream,
  type Answer,
  type CapturedRequest,
  type Upstream,
} from '../src/testing/upstream.ts'
import { startCollectors, type Collector } from './harness/collector.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(180_000)

const PROVIDER_KEY = 'sk-canary-provider-0123456789abcdef'
const CLIENT_KEY = 'weir-canary-client-0123456789abcdefgh'
const COLLECTOR_KEY = 'canary-collector-0123456789'
const SENTENCE = 'the heron keeps a silver thimble'
const SECRETS = [PROVIDER_KEY, CLIENT_KEY, COLLECTOR_KEY, SENTENCE, 'silver thimble']

const { missing, started } = await startCollectors()
for (const reason of missing) process.stdout.write(`left out: traces: ${reason}\n`)
afterAll(async () => {
  for (const collector of started) await collector.stop()
})

const TRACE_ID = /^[0-9a-f]{32}$/

const answer = json({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm-2026',
  choices: [{ index: 0, message: { role: 'assistant', content: SENTENCE }, finish_reason: 'stop' }],
  usage: {
    prompt_tokens: 30,
    completion_tokens: 4,
    total_tokens: 34,
    prompt_tokens_details: { cached_tokens: 10 },
  },
})

/** A provider that lists no models, and answers what it is asked in turn; the last answer stays. */
function upstreamOf(...answers: Answer[]): Upstream {
  const list = json({ object: 'list', data: [] })
  const next = () => (answers.length > 1 ? answers.shift()! : answers[0]!)
  return startUpstream((request) => (request.method === 'GET' ? list(request) : next()(request)))
}

/** What it was asked, without questions for its models. */
function asked(upstream: Upstream): CapturedRequest[] {
  return upstream.requests.filter(({ method }) => method === 'POST')
}

const broken = json({ error: { message: SENTENCE, type: 'server_error' } }, { status: 500 })

function chunk(content: string, more: JsonObject = {}): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }]
  const base = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm-2026', choices }
  return `data: ${JSON.stringify({ ...base, ...more })}\n\n`
}

/** From the first piece of a stream to its last. */
const STREAM_MS = 300

async function* pieces(): AsyncGenerator<string> {
  yield chunk('the heron ')
  await Bun.sleep(STREAM_MS)
  yield chunk(`keeps a silver thimble`)
  yield chunk('', { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  const usage = { prompt_tokens: 30, completion_tokens: 4, total_tokens: 34 }
  yield chunk('', { choices: [], usage })
  yield 'data: [DONE]\n\n'
}

function providers(...upstreams: { readonly url: string }[]): JsonObject[] {
  return upstreams.map(({ url }, index) => ({
    id: `p${index + 1}`,
    type: 'custom',
    compatible: 'openai',
    base_url: `${url}/v1`,
    keys: [PROVIDER_KEY],
    retries: { max: 0 },
    network: { allow_private: true },
  }))
}

function config(collector: Collector, tracing: JsonObject, upstreams: JsonObject[]): JsonObject {
  return {
    providers: upstreams,
    models: [
      {
        id: 'fast',
        targets: upstreams.map(({ id }, order) => ({ provider: id as string, model: 'm', order })),
      },
    ],
    keys: [{ name: 'ci', key: CLIENT_KEY }],
    log: { access: 'all' },
    tracing: {
      endpoint: collector.endpoint,
      headers: { authorization: `Bearer ${COLLECTOR_KEY}` },
      batch: { interval: '20ms' },
      ...tracing,
    },
  }
}

function ask(weir: Weir, headers: Record<string, string> = {}, body: JsonObject = {}) {
  return fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${CLIENT_KEY}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify({
      model: 'fast',
      messages: [{ role: 'user', content: SENTENCE }],
      ...body,
    }),
  })
}

/** A trace id of a client's, and what it would send. */
function clientTrace(sampled = true): { traceId: string; spanId: string; header: string } {
  const traceId = crypto.randomUUID().replaceAll('-', '')
  const spanId = traceId.slice(0, 16)
  return { traceId, spanId, header: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` }
}

function refuseSecrets(text: string): void {
  for (const secret of SECRETS) expect(text).not.toContain(secret)
}

describe.each(started.map((collector) => [collector.name, collector] as const))(
  '%s',
  (_, collector) => {
    test.each(['protobuf', 'json'] as const)(
      'a fallback is one trace in %s: the client’s span, ours, and one for each provider asked',
      async (protocol) => {
        await using first = upstreamOf(broken)
        await using second = upstreamOf(answer)
        const upstreams = providers(first, second)
        const service = `weir-${protocol}`
        const weir = await startWeir({
          config: config(
            collector,
            {
              protocol,
              service_name: service,
              resource_attributes: { 'deployment.environment.name': 'test' },
            },
            upstreams,
          ),
        })
        const { header, spanId, traceId } = clientTrace()
        const answered = await ask(weir, { traceparent: header, tracestate: 'vendor=1,other=a' })
        expect(answered.status).toBe(200)
        await answered.text()
        const spans = await collector.spans(traceId, 3)
        expect(spans.length).toBe(3)
        const [root, failed, good] = spans
        expect(root).toMatchObject({
          name: 'POST /v1/chat/completions',
          kind: 'server',
          parentSpanId: spanId,
          isError: false,
        })
        expect(root!.attributes).toMatchObject({
          'http.request.method': 'POST',
          'http.response.status_code': 200,
          'weir.model': 'fast',
          'weir.tenant': 'default',
          'weir.request_id': answered.headers.get('x-request-id')!,
          'weir.attempts': 2,
        })
        expect(failed).toMatchObject({
          name: 'chat m',
          kind: 'client',
          parentSpanId: root!.spanId,
          isError: true,
        })
        expect(failed!.attributes).toMatchObject({
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': 'm',
          'http.response.status_code': 500,
          'error.type': 'upstream_error',
          'weir.provider': 'p1',
          'server.address': '127.0.0.1',
        })
        expect(Object.keys(failed!.attributes).some((name) => name.includes('usage'))).toBe(false)
        expect(good).toMatchObject({ kind: 'client', parentSpanId: root!.spanId, isError: false })
        expect(good!.attributes).toMatchObject({
          'gen_ai.provider.name': 'custom',
          'gen_ai.response.model': 'm-2026',
          'gen_ai.response.finish_reasons': '["stop"]',
          'gen_ai.usage.input_tokens': 30,
          'gen_ai.usage.cache_read.input_tokens': 10,
          'gen_ai.usage.output_tokens': 4,
          'server.port': second.port,
        })
        // Each lies within the request, and the second after the first.
        for (const span of [failed!, good!]) {
          expect(span.startMs).toBeGreaterThanOrEqual(root!.startMs)
          expect(span.startMs + span.durationMs).toBeLessThanOrEqual(
            root!.startMs + root!.durationMs + 2,
          )
        }
        // Providers were told their own span, and whose trace it is.
        for (const [upstream, span] of [
          [first, failed],
          [second, good],
        ] as const) {
          const { headers } = asked(upstream)[0]!
          expect(headers['traceparent']).toBe(`00-${traceId}-${span!.spanId}-01`)
          expect(headers['tracestate']).toBe('vendor=1,other=a')
        }
        refuseSecrets(JSON.stringify(spans))
        expect(await weir.stop()).toBe(0)
        const all = await collector.everything(service)
        expect(all).toContain(traceId)
        refuseSecrets(all)
      },
    )

    test('a stream is a span until its last byte, with the time of its first', async () => {
      await using upstream = upstreamOf((request) => stream(pieces())(request))
      const weir = await startWeir({ config: config(collector, {}, providers(upstream)) })
      const { header, traceId } = clientTrace()
      const answered = await ask(weir, { traceparent: header }, { stream: true })
      expect(await answered.text()).toContain('silver thimble')
      const [root, attempt] = await collector.spans(traceId, 2)
      expect(attempt!.attributes).toMatchObject({
        'gen_ai.request.stream': true,
        'gen_ai.usage.output_tokens': 4,
      })
      const firstMs = Number(attempt!.attributes['gen_ai.response.time_to_first_chunk']) * 1_000
      // A clock may tick between two looks; the pause before the rest is far longer.
      expect(attempt!.durationMs - firstMs).toBeGreaterThan(STREAM_MS / 2)
      expect(attempt!.startMs + attempt!.durationMs).toBeLessThanOrEqual(
        root!.startMs + root!.durationMs + 2,
      )
      refuseSecrets(JSON.stringify([root, attempt]))
      await weir.stop()
    })

    test('embeddings, raw requests and refusals are traced alike', async () => {
      const vector = { object: 'embedding', index: 0, embedding: [0.1, 0.2] }
      const usage = { prompt_tokens: 3, total_tokens: 3 }
      await using upstream = upstreamOf(
        json({ object: 'list', model: 'm', data: [vector], usage }),
        json({ ok: true }),
      )
      const weir = await startWeir({ config: config(collector, {}, providers(upstream)) })
      const post = async (path: string, body: JsonObject) => {
        const { header, traceId } = clientTrace()
        const response = await fetch(`${weir.url}${path}`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${CLIENT_KEY}`,
            'content-type': 'application/json',
            traceparent: header,
          },
          body: JSON.stringify(body),
        })
        await response.text()
        return { status: response.status, traceId }
      }
      const embedded = await post('/v1/embeddings', { model: 'fast', input: SENTENCE })
      expect(embedded.status).toBe(200)
      const raw = await post('/proxy/p1/v1/anything', { text: SENTENCE })
      expect(raw.status).toBe(200)
      const refused = await post('/v1/chat/completions', { model: 'nobody', messages: [] })
      expect(refused.status).toBe(404)
      const [, embedding] = await collector.spans(embedded.traceId, 2)
      expect(embedding).toMatchObject({
        name: 'embeddings m',
        attributes: { 'gen_ai.operation.name': 'embeddings', 'gen_ai.usage.input_tokens': 3 },
      })
      const [root, attempt] = await collector.spans(raw.traceId, 2)
      expect(root!.name).toBe('proxy')
      expect(asked(upstream).map(({ headers }) => headers['traceparent']?.split('-')[2])).toEqual([
        embedding!.spanId,
        attempt!.spanId,
      ])
      const [only] = await collector.spans(refused.traceId, 1)
      expect(only!.attributes).toMatchObject({
        'http.response.status_code': 404,
        'error.type': 'model_not_found',
      })
      refuseSecrets(JSON.stringify([embedding, root, attempt, only]))
      await weir.stop()
    })

    test('guardrails and the cache have their spans, which name rule and verdict and no word', async () => {
      await using upstream = upstreamOf(answer)
      const base = config(collector, {}, providers(upstream))
      const weir = await startWeir({
        config: {
          ...base,
          guardrails: [
            { id: 'no-herons', check: 'words', words: ['heron'], mode: 'flag' },
            { id: 'no-owls', check: 'words', words: ['owl'], mode: 'block' },
          ],
          cache: { exact: { enabled: true } },
        },
      })
      const traced = async () => {
        const { header, traceId } = clientTrace()
        const response = await ask(weir, { traceparent: header })
        expect(response.status).toBe(200)
        await response.text()
        return traceId
      }
      const missed = await collector.spans(await traced(), 5)
      const byName = new Map(missed.map((span) => [span.name, span]))
      expect(byName.get('guardrail no-herons')?.attributes).toMatchObject({
        'weir.guardrail.check': 'words',
        'weir.guardrail.stage': 'input',
        'weir.guardrail.verdict': 'flagged',
      })
      expect(byName.get('guardrail no-owls')?.attributes['weir.guardrail.verdict']).toBe('pass')
      expect(byName.get('cache exact')?.attributes['weir.cache.state']).toBe('miss')
      // Of an answer from the cache there is no span of a provider: nobody was asked.
      const hit = await collector.spans(await traced(), 4)
      expect(hit.filter(({ kind }) => kind === 'client')).toEqual([])
      const look = hit.find(({ name }) => name === 'cache exact')
      expect(look?.attributes).toMatchObject({ 'weir.cache.state': 'hit' })
      refuseSecrets(JSON.stringify([missed, hit]))
      await weir.stop()
    })

    test('what the dice left out is kept where it failed, and only there', async () => {
      await using upstream = upstreamOf(broken, answer)
      const weir = await startWeir({
        config: config(collector, { sample: 0 }, providers(upstream)),
      })
      const failed = await ask(weir, { 'x-request-id': 'failed' })
      expect(failed.status).toBe(502)
      await failed.text()
      const good = await ask(weir, { 'x-request-id': 'good' })
      expect(good.status).toBe(200)
      await good.text()
      const parents = [0, 1].map((index) => asked(upstream)[index]!.headers['traceparent']!)
      const ids = parents.map((parent) => parent.split('-')[1]!)
      expect(ids.every((id) => TRACE_ID.test(id))).toBe(true)
      // Not sampled: whoever follows is told so.
      expect(parents.every((parent) => parent.endsWith('-00'))).toBe(true)
      expect((await collector.spans(ids[0]!, 2)).length).toBe(2)
      await weir.stop()
      expect(await collector.spans(ids[1]!, 0)).toEqual([])
    })

    test('the client’s own decision stands, unless it is not to', async () => {
      await using upstream = upstreamOf(answer)
      const weir = await startWeir({ config: config(collector, {}, providers(upstream)) })
      const not = clientTrace(false)
      await (await ask(weir, { traceparent: not.header })).text()
      expect(asked(upstream)[0]!.headers['traceparent']).toMatch(
        new RegExp(`^00-${not.traceId}-[0-9a-f]{16}-00$`),
      )
      weir.configure(config(collector, { honour_parent: false }, providers(upstream)))
      const kept = clientTrace(false)
      for (;;) {
        await (await ask(weir, { traceparent: kept.header })).text()
        if (asked(upstream).at(-1)!.headers['traceparent']!.endsWith('-01')) break
        await Bun.sleep(20)
      }
      expect((await collector.spans(kept.traceId, 2)).length).toBeGreaterThanOrEqual(2)
      await weir.stop()
      expect(await collector.spans(not.traceId, 0)).toEqual([])
    })
  },
)

test('without an endpoint no provider is told of any trace, and none is made', async () => {
  await using upstream = upstreamOf(answer)
  const weir = await startWeir({
    config: { providers: providers(upstream) },
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_EXPORTER: 'otlp' },
  })
  const { header, traceId } = clientTrace()
  const response = await fetch(`${weir.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: header },
    body: JSON.stringify({ model: 'p1/m', messages: [{ role: 'user', content: 'x' }] }),
  })
  expect(response.status).toBe(200)
  await response.text()
  const { headers } = asked(upstream)[0]!
  expect(headers['traceparent']).toBeUndefined()
  expect(headers['tracestate']).toBeUndefined()
  const row = await weir.row(response.headers.get('x-request-id')!)
  expect(row['trace_id']).toBe(traceId)
  await weir.stop()
})
