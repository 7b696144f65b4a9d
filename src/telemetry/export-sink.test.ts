import { afterEach, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import type { Outcome } from '../core/outcome.ts'
import type { ExportSettings } from '../core/telemetry-settings.ts'
import { systemClock, systemIds } from '../system.ts'
import { cpuMsOf } from '../testing/cpu-time.ts'
import { transport } from '../testing/transport.ts'
import { ExportSink } from './export-sink.ts'
import { SILENT_LOGGER } from './log.ts'

const SENTENCE = 'the heron keeps a silver thimble'
const SECRET = 'canary-of-a-webhook-0123456789'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

interface Received {
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly text: string
}

function receiver(answer: (index: number) => Response | Promise<Response> = () => new Response()) {
  const received: Received[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const raw = new Uint8Array(await request.arrayBuffer())
      const packed = request.headers.get('content-encoding') === 'gzip'
      const bytes = packed ? Bun.gunzipSync(raw) : raw
      received.push({ headers: request.headers, bytes, text: new TextDecoder().decode(bytes) })
      return await answer(received.length - 1)
    },
  })
  ends.push(() => server.stop(true))
  return { received, url: `http://127.0.0.1:${server.port}/in` }
}

function settingsOf(url: string, over: Partial<ExportSettings> = {}): ExportSettings {
  return {
    id: 'one',
    type: 'webhook',
    secret: SECRET,
    protocol: 'protobuf',
    only: { errors: false },
    content: false,
    serviceName: 'weir',
    attributes: {},
    ...over,
    delivery: {
      url,
      headers: {},
      network: { allowPrivate: true },
      // Far from what any answer takes: one that is taken for late is sent again.
      timeoutMs: 60_000,
      batchRows: 10,
      intervalMs: 5,
      queueRowsMax: 100,
      ...over.delivery,
    },
  }
}

function sinkOf(settings: ExportSettings, clock = systemClock): ExportSink {
  const sink = new ExportSink(settings, {
    transport: transport(),
    clock,
    ids: { uuid: () => systemIds.uuid(), random: () => 0 },
    logger: SILENT_LOGGER,
    instanceId: 'i',
    provider: () => ({ type: 'openai', baseUrl: 'https://api.openai.com/v1' }),
  })
  ends.push(() => sink.stop())
  return sink
}

function outcomeOf(over: Partial<Outcome> = {}): Outcome {
  return {
    logId: systemIds.uuid(),
    timestampMs: 1_700_000_000_000,
    tenantId: 'default',
    requestId: 'req_1',
    direction: 'inbound',
    endpoint: '/v1/chat/completions',
    clientFormat: 'openai-chat',
    operation: 'chat',
    stream: false,
    status: 200,
    losses: [],
    attempts: [{ providerId: 'p', model: 'm', mode: 'relay', status: 200, durationMs: 1 }],
    totalMs: 5,
    requestBytes: 1,
    responseBytes: 1,
    modelRequested: 'fast',
    requestBody: SENTENCE,
    responseBody: SENTENCE,
    ...over,
  }
}

async function until(holds: () => boolean): Promise<void> {
  const limit = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > limit) throw new Error('it did not come to that')
    await Bun.sleep(2)
  }
}

/** As https://www.standardwebhooks.com tells a receiver to. */
function verify({ headers, text }: Received, key: Uint8Array | string): boolean {
  const signed = `${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.${text}`
  const expected = createHmac('sha256', key).update(signed).digest('base64')
  return headers.get('webhook-signature') === `v1,${expected}`
}

describe('webhook', () => {
  test('is signed over id, time and body, and tells no content', async () => {
    const { received, url } = receiver()
    const sink = sinkOf(settingsOf(url))
    const before = Math.floor(Date.now() / 1_000)
    sink.record(outcomeOf({ requestId: 'a' }))
    sink.record(outcomeOf({ requestId: 'b', tenantId: 'other' }))
    await until(() => received.length === 1)
    const [first] = received
    expect(verify(first!, SECRET)).toBe(true)
    expect(verify({ ...first!, text: `${first!.text} ` }, SECRET)).toBe(false)
    const signed = Number(first!.headers.get('webhook-timestamp'))
    expect(signed).toBeWithin(before, Math.floor(Date.now() / 1_000) + 1)
    const body = JSON.parse(first!.text) as {
      type: string
      id: string
      data: { tenant: string; metadata: { request_id: string } }[]
    }
    expect(body.type).toBe('requests.ended')
    expect(body.id).toBe(first!.headers.get('webhook-id')!)
    expect(body.data.map(({ metadata, tenant }) => [metadata.request_id, tenant])).toEqual([
      ['a', 'default'],
      ['b', 'other'],
    ])
    expect(first!.text).not.toContain(SENTENCE)
  })

  test('a key in the form of the standard is read as such', async () => {
    const { received, url } = receiver()
    const key = crypto.getRandomValues(new Uint8Array(24))
    const sink = sinkOf(settingsOf(url, { secret: `whsec_${Buffer.from(key).toString('base64')}` }))
    sink.record(outcomeOf())
    await until(() => received.length === 1)
    expect(verify(received[0]!, key)).toBe(true)
  })

  test('without a secret nothing is sent: anybody could sign that (S74)', async () => {
    for (const secret of ['', undefined, 'whsec_']) {
      const { received, url } = receiver()
      const { secret: _given, ...rest } = settingsOf(url)
      const sink = sinkOf(secret === undefined ? rest : { ...rest, secret })
      sink.record(outcomeOf())
      await until(() => sink.counters().dropped === 1)
      expect(received).toEqual([])
    }
  })

  test('sent again after a failure it is the same, so that a receiver can tell', async () => {
    const { received, url } = receiver(
      (index) => new Response(null, { status: index === 0 ? 500 : 204 }),
    )
    const sink = sinkOf(settingsOf(url))
    sink.record(outcomeOf())
    await until(() => sink.counters().sent === 1)
    expect(received.length).toBe(2)
    expect(received[1]!.text).toBe(received[0]!.text)
    expect(received[1]!.headers.get('webhook-id')).toBe(received[0]!.headers.get('webhook-id'))
  })

  test('sent again minutes later it is signed for that moment, as receivers want it', async () => {
    const { received, url } = receiver(
      (index) => new Response(null, { status: index === 0 ? 500 : 204 }),
    )
    let laterMs = 0
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + (laterMs += 400_000) }
    const sink = sinkOf(settingsOf(url), clock)
    sink.record(outcomeOf())
    await until(() => sink.counters().sent === 1)
    const [first, second] = received.map(({ headers }) => Number(headers.get('webhook-timestamp')))
    expect(second! - first!).toBeGreaterThanOrEqual(400)
    for (const one of received) expect(verify(one, SECRET)).toBe(true)
  })

  test('content goes by opt-in alone', async () => {
    const { received, url } = receiver()
    sinkOf(settingsOf(url, { content: true })).record(outcomeOf())
    await until(() => received.length === 1)
    expect(received[0]!.text).toContain(SENTENCE)
  })
})

describe('only', () => {
  test.each([
    ['errors', { errors: true }, ['bad', 'broken']],
    ['a tenant', { errors: false, tenants: ['other'] }, ['other']],
    ['a model', { errors: false, models: ['fa*'] }, ['good', 'bad', 'broken', 'other']],
    ['a model with signs', { errors: false, models: ['x.y', '(a'] }, []],
    ['none', { errors: false, tenants: [] }, []],
    ['both', { errors: true, tenants: ['other'] }, []],
  ] as const)('%s', async (_, only, expected) => {
    const { received, url } = receiver()
    const sink = sinkOf(settingsOf(url, { only }))
    sink.record(outcomeOf({ requestId: 'good' }))
    sink.record(outcomeOf({ requestId: 'bad', status: 400, errorKind: 'invalid_request' }))
    sink.record(outcomeOf({ requestId: 'broken', errorKind: 'upstream_timeout' }))
    sink.record(outcomeOf({ requestId: 'other', tenantId: 'other' }))
    await sink.stop()
    const { data = [] } = (received[0] === undefined ? {} : JSON.parse(received[0].text)) as {
      data?: { metadata: { request_id: string } }[]
    }
    expect(data.map(({ metadata }) => metadata.request_id)).toEqual([...expected])
  })
})

test('half of a character from a client leaves the others of the batch readable', async () => {
  for (const [type, protocol] of [
    ['webhook', 'json'],
    ['langfuse', 'json'],
    ['otlp-logs', 'json'],
    ['langfuse', 'protobuf'],
  ] as const) {
    const { received, url } = receiver()
    const sink = sinkOf(settingsOf(url, { type, protocol }))
    sink.record(outcomeOf({ modelRequested: 'a\ud83d', finish: '\udc00', requestId: 'bad' }))
    sink.record(outcomeOf({ requestId: 'good', modelRequested: 'whole \u{1F600}' }))
    await until(() => received.length === 1)
    const [{ text }] = received as [Received]
    expect(text).toContain('a\u{FFFD}')
    expect(text).toContain('whole \u{1F600}')
    // As JSON says what UTF-8 cannot.
    expect(text, type).not.toMatch(/\\ud[89a-f]/i)
  }
})

test('no name of a model that a client makes up takes long to be told apart', () => {
  const { url } = receiver()
  const sink = sinkOf(settingsOf(url, { only: { errors: false, models: ['*a*a*a*a*a*a*b'] } }))
  const takenMs = cpuMsOf(() => {
    for (let count = 0; count < 100; count += 1) {
      sink.record(outcomeOf({ modelRequested: 'a'.repeat(300) }))
    }
    sink.record(outcomeOf({ modelRequested: 'a-a-a-a-a-a-b' }))
  })
  // Against exponential work alone, which would not end.
  expect(takenMs).toBeLessThan(5_000)
  expect(sink.statuses()[0]).toMatchObject({ queued: 1 })
})

test('one that never answers delays no other', async () => {
  const slow = receiver(() => new Promise(() => undefined))
  const quick = receiver()
  const sinks = [sinkOf(settingsOf(slow.url)), sinkOf(settingsOf(quick.url))]
  for (let at = 0; at < 30; at += 1) {
    for (const sink of sinks) sink.record(outcomeOf())
  }
  await until(() => sinks[1]!.counters().sent === 30)
  expect(sinks[0]!.counters().sent).toBe(0)
})

describe('otlp-logs', () => {
  test('a record for each request, with its trace, in JSON', async () => {
    const { received, url } = receiver(() => Response.json({ partialSuccess: {} }))
    const sink = sinkOf(settingsOf(url, { type: 'otlp-logs', protocol: 'json' }))
    const trace = { spanId: 'aaaaaaaaaaaaaaaa', sampled: true, steps: [] }
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    sink.record(
      outcomeOf({ trace, traceId, apiKeyId: 'k1', status: 502, errorKind: 'upstream_error' }),
    )
    await until(() => sink.counters().sent === 1)
    const [first] = received
    expect(first!.headers.get('content-type')).toBe('application/json')
    const record = (
      JSON.parse(first!.text) as {
        resourceLogs: { scopeLogs: { logRecords: Record<string, unknown>[] }[] }[]
      }
    ).resourceLogs[0]!.scopeLogs[0]!.logRecords[0]!
    expect(record).toMatchObject({
      traceId,
      spanId: 'aaaaaaaaaaaaaaaa',
      severityNumber: 17,
      eventName: 'weir.request',
    })
    expect(JSON.stringify(record)).toContain('"weir.key_id"')
    expect(first!.text).not.toContain(SENTENCE)
  })

  test('what a collector refuses of a batch counts as lost, in both forms', async () => {
    for (const [protocol, answer] of [
      ['json', JSON.stringify({ partialSuccess: { rejectedLogRecords: '2', errorMessage: 'x' } })],
      ['protobuf', new Uint8Array([0x0a, 0x02, 0x08, 0x02])],
    ] as const) {
      const { url } = receiver(() => new Response(answer))
      const sink = sinkOf(settingsOf(url, { type: 'otlp-logs', protocol }))
      for (let at = 0; at < 3; at += 1) sink.record(outcomeOf())
      await until(() => sink.counters().sent === 1)
      expect(sink.counters().dropped).toBe(2)
    }
  })
})

test('langfuse gets OTLP with its own fields, and no content', async () => {
  const { received, url } = receiver()
  const sink = sinkOf(settingsOf(url, { type: 'langfuse', protocol: 'json' }))
  sink.record(outcomeOf({ usage: { inputTokens: 3, outputTokens: 1 }, costNanoUsd: 5_000_000 }))
  await until(() => received.length === 1)
  const { headers, text } = received[0]!
  expect(headers.get('content-encoding')).toBe('gzip')
  expect(text).toContain('langfuse.observation.usage_details')
  expect(text).toContain('{\\"total\\":0.005}')
  expect(text).not.toContain(SENTENCE)
})
