import { afterEach, describe, expect, test } from 'bun:test'
import type { Outcome } from '../core/outcome.ts'
import type { TracingSettings } from '../core/telemetry-settings.ts'
import { systemClock, systemIds } from '../system.ts'
import { transport } from '../testing/transport.ts'
import { SILENT_LOGGER } from './log.ts'
import { TraceSink } from './trace-sink.ts'

const SENTENCE = 'the heron keeps a silver thimble'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function collector() {
  const bodies: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      bodies.push(new TextDecoder().decode(Bun.gunzipSync(await request.arrayBuffer())))
      return Response.json({})
    },
  })
  ends.push(() => server.stop(true))
  return { bodies, url: `http://127.0.0.1:${server.port}/v1/traces` }
}

function sinkOf(url: string, over: Partial<TracingSettings> = {}): TraceSink {
  const sink = new TraceSink(
    {
      delivery: {
        url,
        headers: {},
        network: { allowPrivate: true },
        timeoutMs: 60_000,
        batchRows: 100,
        intervalMs: 60_000,
        queueRowsMax: 100,
      },
      protocol: 'json',
      sample: 1,
      honourParent: true,
      keepErrors: true,
      propagate: true,
      content: false,
      serviceName: 'weir-test',
      attributes: { 'deployment.environment.name': 'test' },
      ...over,
    },
    {
      transport: transport(),
      clock: systemClock,
      ids: systemIds,
      logger: SILENT_LOGGER,
      instanceId: 'instance-1',
      provider: () => undefined,
    },
  )
  ends.push(() => sink.stop())
  return sink
}

function outcomeOf(requestId: string, over: Partial<Outcome> = {}): Outcome {
  return {
    logId: systemIds.uuid(),
    timestampMs: 1_700_000_000_000,
    tenantId: 'default',
    requestId,
    traceId: systemIds.uuid().replaceAll('-', ''),
    trace: { spanId: 'aaaaaaaaaaaaaaaa', sampled: false, steps: [] },
    direction: 'inbound',
    endpoint: '/v1/chat/completions',
    clientFormat: 'openai-chat',
    operation: 'chat',
    stream: false,
    status: 200,
    losses: [],
    attempts: [],
    totalMs: 5,
    requestBytes: 1,
    responseBytes: 1,
    requestBody: SENTENCE,
    responseBody: SENTENCE,
    ...over,
  }
}

const sampled = { spanId: 'aaaaaaaaaaaaaaaa', sampled: true, steps: [] }

describe('kept', () => {
  test.each([
    ['what the dice took', {}, ['sampled', 'failed', 'broken']],
    ['no failures where they are not wanted', { keepErrors: false }, ['sampled']],
    [
      'what was slow',
      { keepErrors: false, keepSlowerThanMs: 1_000 },
      ['sampled', 'slow', 'just as slow'],
    ],
  ] as const)('%s', async (_, over, expected) => {
    const { bodies, url } = collector()
    const sink = sinkOf(url, over)
    sink.record(outcomeOf('sampled', { trace: sampled }))
    sink.record(outcomeOf('left out'))
    sink.record(outcomeOf('failed', { status: 404, errorKind: 'model_not_found' }))
    sink.record(outcomeOf('broken', { errorKind: 'upstream_timeout' }))
    sink.record(outcomeOf('slow', { totalMs: 2_000 }))
    sink.record(outcomeOf('just as slow', { totalMs: 1_000 }))
    const { trace: _trace, ...untraced } = outcomeOf('not traced at all', { status: 500 })
    sink.record(untraced)
    await sink.stop()
    const ids = [
      ...bodies.join('').matchAll(/"weir.request_id","value":\{"stringValue":"([^"]*)"/g),
    ]
    expect(ids.map(([, id]) => id)).toEqual([...expected])
  })
})

test('who sends is told, and no body without the opt-in', async () => {
  const { bodies, url } = collector()
  const sink = sinkOf(url)
  sink.record(outcomeOf('one', { trace: sampled }))
  await sink.stop()
  const [body = ''] = bodies
  for (const part of ['"service.name"', 'weir-test', 'instance-1', 'deployment.environment.name']) {
    expect(body).toContain(part)
  }
  expect(body).not.toContain(SENTENCE)
})

test('with it, bodies are sent where the record has some', async () => {
  const { bodies, url } = collector()
  const sink = sinkOf(url, { content: true })
  sink.record(outcomeOf('one', { trace: sampled }))
  await sink.stop()
  expect(bodies.join('')).toContain('gen_ai.input.messages')
  expect(bodies.join('')).toContain(SENTENCE)
})
