import { afterEach, describe, expect, test } from 'bun:test'
import type { Model } from '../core/catalog.ts'
import { createTestGateway, jsonOf, testProvider, textOf } from '../testing/gateway.ts'
import {
  gzipBomb,
  gzipped,
  HeldStream,
  html,
  json,
  rateLimited,
  redirect,
  stream,
  text,
} from '../testing/upstream-answers.ts'
import {
  closeDelimited,
  finMidStream,
  headThenSilence,
  resetAtOnce,
  shortBody,
  startRawUpstream,
} from '../testing/upstream-raw.ts'
import { startUpstream, type Answer, type Upstream } from '../testing/upstream.ts'
import { memberGrants } from '../testing/principals.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function upstream(...script: Answer[]): Upstream {
  const started = startUpstream(...script)
  closing.push(started)
  return started
}

const GOOD = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-x-2026',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
}

function chunk(delta: unknown, finish: string | null = null, more: Record<string, unknown> = {}) {
  const body = {
    id: 'c1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-x',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  }
  return `data: ${JSON.stringify(body)}\n\n`
}

const USAGE = chunk({}, null, {
  choices: [],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
})
const STREAM = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Hé' }),
  chunk({ content: 'llo' }),
  chunk({}, 'stop'),
  USAGE,
  'data: [DONE]\n\n',
]
const ASK = { model: 'p/gpt-x', messages: [{ role: 'user', content: 'Hello' }] }

function openai(url: string, over = {}) {
  return testProvider({ id: 'p', type: 'openai', baseUrl: `${url}/v1`, ...over })
}

describe('relay', () => {
  test('the client’s bytes reach the provider with the model changed and nothing else', async () => {
    const up = upstream(json(GOOD))
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const body =
      '{ "messages" : [{"role":"user","content":"x"}],\n "model":"p/gpt-x", "weird": 1e400 }'
    const reply = await gateway.ask({ body: body.replace('1e400', '"1e400"') })
    expect(reply.status).toBe(200)
    expect(up.requests[0]!.text).toBe(body.replace('p/gpt-x', 'gpt-x').replace('1e400', '"1e400"'))
    expect(up.requests[0]!.headers['authorization']).toBe('Bearer sk-p-secret-0123456789')
    expect(await jsonOf(reply)).toEqual(GOOD)
    expect(reply.headers['x-weir-mode']).toBe('relay')
    const outcome = await gateway.outcome()
    expect(outcome).toMatchObject({
      status: 200,
      modelRequested: 'p/gpt-x',
      modelResolved: 'gpt-x-2026',
      providerId: 'p',
      mode: 'relay',
      finish: 'stop',
      usage: { inputTokens: 10, outputTokens: 3 },
    })
    expect(outcome.attempts).toHaveLength(1)
  })

  test.each([1, 7, 64, 1_000])(
    'usage is asked for, recorded and withheld, however the bytes are cut (%d)',
    async (size) => {
      const bytes = new TextEncoder().encode(STREAM.join(''))
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
      const up = upstream(stream(pieces))
      const gateway = createTestGateway({ providers: [openai(up.url)] })
      const reply = await gateway.ask({ body: { ...ASK, stream: true } })
      expect(await textOf(reply)).toBe(STREAM.filter((event) => event !== USAGE).join(''))
      expect(up.requests[0]!.json()).toMatchObject({ stream_options: { include_usage: true } })
      expect(await gateway.outcome()).toMatchObject({
        status: 200,
        usage: { inputTokens: 7, outputTokens: 2 },
        finish: 'stop',
      })
    },
  )

  test('a client that asked for usage gets every byte', async () => {
    const up = upstream(stream(STREAM))
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const body = { ...ASK, stream: true, stream_options: { include_usage: true } }
    expect(await textOf(await gateway.ask({ body }))).toBe(STREAM.join(''))
    expect((await gateway.outcome()).usage).toMatchObject({ inputTokens: 7 })
  })

  test('text that only talks about usage is not taken for it', async () => {
    const events = [chunk({ content: '"usage":{"prompt_tokens":1}, "choices":[]' }), ...STREAM]
    const up = upstream(stream(events))
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const got = await textOf(await gateway.ask({ body: { ...ASK, stream: true } }))
    expect(got).toBe(events.filter((event) => event !== USAGE).join(''))
  })
})

describe('faults before the commit point', () => {
  test.each([
    ['html', html(), 502, 'upstream_bad_response'],
    [
      'no JSON',
      text('{"id":', { headers: { 'content-type': 'application/json' } }),
      502,
      'upstream_bad_response',
    ],
    ['an empty body', text(''), 502, 'upstream_bad_response'],
    ['an array', json([1]), 502, 'upstream_bad_response'],
    ['a redirect', redirect(307, 'http://127.0.0.1:1/'), 502, 'upstream_redirect'],
    [
      'our key refused',
      json({ error: { message: 'bad key sk-p-secret-0123456789' } }, { status: 401 }),
      502,
      'upstream_auth_error',
    ],
    [
      'an error under 200',
      json({ error: { message: 'overloaded', code: 500 } }),
      502,
      'upstream_error',
    ],
  ] as const)('%s', async (_name, answer, status, code) => {
    const up = upstream(answer)
    const gateway = createTestGateway({
      providers: [openai(up.url, { retries: { max: 0, baseMs: 1, capMs: 1 } })],
    })
    const reply = await gateway.ask({ body: ASK })
    const { error } = await jsonOf<{ error: Record<string, unknown> }>(reply)
    expect(reply.status).toBe(status)
    expect(error['code']).toBe(code)
    expect(Object.keys(error).toSorted()).toEqual(['code', 'message', 'param', 'type'])
    expect(JSON.stringify(error)).not.toContain('sk-p-secret')
    expect(await gateway.outcome()).toMatchObject({ status, errorKind: expect.any(String) })
    expect(JSON.stringify(gateway.outcomes)).not.toContain('sk-p-secret')
    expect(JSON.stringify(gateway.outcomes)).not.toContain('[object')
  })

  test('a provider’s 400 keeps its words, code and parameter', async () => {
    const refusal = {
      message: 'Too hot',
      type: 'invalid_request_error',
      code: 'bad_temp',
      param: 'temperature',
    }
    const up = upstream(json({ error: refusal }, { status: 400 }))
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const reply = await gateway.ask({ body: ASK })
    expect(reply.status).toBe(400)
    expect(await jsonOf(reply)).toEqual({ error: refusal })
    expect(up.requests).toHaveLength(1)
  })

  test('5xx and 429 are retried, then the answer counts its attempts', async () => {
    const up = upstream(
      json({ error: { message: 'x' } }, { status: 500 }),
      rateLimited(),
      json(GOOD),
    )
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const reply = await gateway.ask({ body: ASK })
    expect(reply.status).toBe(200)
    expect(reply.headers['x-weir-attempts']).toBe('3')
    expect((await gateway.outcome()).attempts.map((attempt) => attempt.status)).toEqual([
      500, 429, 200,
    ])
  })

  test('a long retry-after is handed on instead of being slept through', async () => {
    const up = upstream(rateLimited('3600'))
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const reply = await gateway.ask({ body: ASK })
    expect(reply.status).toBe(429)
    expect(reply.headers['retry-after']).toBe('3600')
    expect(reply.headers['x-should-retry']).toBe('false')
    expect(up.requests).toHaveLength(1)
  })

  test('the next key is used when one is refused, and the refused one rests', async () => {
    const up = upstream(({ headers }) =>
      headers['authorization'] === 'Bearer good-key-0001'
        ? Response.json(GOOD)
        : Response.json({ error: { message: 'no' } }, { status: 401 }),
    )
    const keys = [
      { id: 'a', secret: 'bad-key-0001' },
      { id: 'b', secret: 'good-key-0001' },
    ]
    const gateway = createTestGateway({ providers: [openai(up.url, { keys })] })
    for (let round = 0; round < 3; round += 1) {
      expect((await gateway.ask({ body: ASK })).status).toBe(200)
    }
    const used = up.requests.map((request) => request.headers['authorization'])
    expect(used.filter((value) => value === 'Bearer bad-key-0001').length).toBe(1)
  })

  test('targets are tried in order, and one in another dialect is translated', async () => {
    const broken = upstream(json({ error: { message: 'x' } }, { status: 503 }))
    const anthropic = upstream(
      json({
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude',
        content: [{ type: 'text', text: 'Hi' }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: 4, output_tokens: 2 },
      }),
    )
    const model: Model = {
      id: 'fast',
      origin: 'file',
      targets: [
        { providerId: 'p', model: 'gpt-x', order: 0, weight: 1 },
        { providerId: 'a', model: 'claude', order: 1, weight: 1 },
      ],
      defaults: {},
      losses: 'report',
    }
    const gateway = createTestGateway({
      providers: [
        openai(broken.url),
        testProvider({ id: 'a', type: 'anthropic', baseUrl: anthropic.url }),
      ],
      models: [model],
    })
    const reply = await gateway.ask({ body: { ...ASK, model: 'fast', seed: 5 } })
    expect(reply.status).toBe(200)
    expect(reply.headers['x-weir-provider']).toBe('a')
    expect(reply.headers['x-weir-mode']).toBe('translate')
    expect(reply.headers['x-weir-losses']).toContain('seed')
    expect(await jsonOf(reply)).toMatchObject({
      choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 },
    })
    const outcome = await gateway.outcome()
    expect(outcome.attempts.map((attempt) => attempt.providerId)).toEqual(['p', 'a'])
    expect(outcome.losses.length).toBeGreaterThan(0)
  })

  test('a model that refuses losses answers 400 and asks nobody', async () => {
    const up = upstream(json({}))
    const model: Model = {
      id: 'strict',
      origin: 'file',
      targets: [{ providerId: 'a', model: 'claude', order: 0, weight: 1 }],
      defaults: {},
      losses: 'reject',
    }
    const provider = testProvider({ id: 'a', type: 'anthropic', baseUrl: up.url })
    const gateway = createTestGateway({ providers: [provider], models: [model] })
    const reply = await gateway.ask({ body: { ...ASK, model: 'strict', seed: 5 } })
    expect(reply.status).toBe(400)
    expect((await jsonOf<{ error: { param: string } }>(reply)).error.param).toContain('seed')
    expect(up.requests).toHaveLength(0)
  })

  test('a reset connection is retried; a silent provider times out once', async () => {
    const reset = startRawUpstream(resetAtOnce)
    closing.push(reset)
    const gateway = createTestGateway({ providers: [openai(`http://127.0.0.1:${reset.port}`)] })
    expect((await gateway.ask({ body: ASK })).status).toBe(502)
    expect((await gateway.outcome()).attempts).toHaveLength(3)

    const never = Promise.withResolvers<void>()
    const silent = upstream(async () => {
      await never.promise
      return new Response()
    })
    const timeouts = { connectMs: 200, firstByteMs: 100, idleMs: 100, totalMs: 1_000 }
    const second = createTestGateway({ providers: [openai(silent.url, { timeouts })] })
    const reply = await second.ask({ body: ASK })
    never.resolve()
    expect(reply.status).toBe(504)
    expect(reply.headers['x-should-retry']).toBe('false')
    expect((await second.outcome()).attempts).toHaveLength(1)
  })

  test('a short body and a gzip bomb are bad answers, gzip is not', async () => {
    const short = startRawUpstream(shortBody('{"id":"x"', 500))
    closing.push(short)
    const gateway = createTestGateway({
      providers: [
        openai(`http://127.0.0.1:${short.port}`, { retries: { max: 0, baseMs: 1, capMs: 1 } }),
      ],
    })
    expect((await gateway.ask({ body: ASK })).status).toBe(502)

    const bomb = upstream(await gzipBomb(200 * 1024 * 1024))
    const bombed = createTestGateway({ providers: [openai(bomb.url)] })
    const before = process.memoryUsage().rss
    expect((await bombed.ask({ body: ASK })).status).toBe(502)
    expect(process.memoryUsage().rss - before).toBeLessThan(160 * 1024 * 1024)

    const zipped = upstream(gzipped(JSON.stringify(GOOD)))
    const good = createTestGateway({ providers: [openai(zipped.url)] })
    expect(await jsonOf(await good.ask({ body: ASK }))).toEqual(GOOD)
  }, 60_000)
})

describe('faults after the commit point', () => {
  const parts = [chunk({ role: 'assistant', content: '' }), chunk({ content: 'Hel' })]

  test.each([
    ['FIN inside the stream', finMidStream(parts)],
    ['a close-delimited cut', closeDelimited(parts.join(''))],
    ['a cut inside an event', closeDelimited(parts.join('').slice(0, -20))],
  ])('%s is an error event and no clean end, in every client dialect', async (_name, play) => {
    for (const dialect of ['openai-chat', 'anthropic', 'ollama'] as const) {
      const raw = startRawUpstream(play)
      closing.push(raw)
      const gateway = createTestGateway({ providers: [openai(`http://127.0.0.1:${raw.port}`)] })
      const got = await textOf(
        await gateway.ask({ dialect, body: { ...ASK, stream: true, max_tokens: 9 } }),
      )
      expect(got).not.toContain('[DONE]')
      expect(got).not.toContain('message_stop')
      expect(got).not.toContain('"done":true')
      const last = got.trimEnd().split('\n').at(-1)!
      expect(last).toContain('"error"')
      if (dialect === 'anthropic') expect(got).toContain('event: error')
      expect(await gateway.outcome()).toMatchObject({ status: 200, errorKind: 'upstream_error' })
      expect((await gateway.outcome()).usage?.estimated).toBe(true)
    }
  })

  test('silence in the middle ends with an error and closes the provider’s connection', async () => {
    const held = new HeldStream()
    const up = upstream(held.answer)
    const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs: 300, totalMs: 10_000 }
    const gateway = createTestGateway({ providers: [openai(up.url, { timeouts })] })
    const asking = gateway.ask({ body: { ...ASK, stream: true } })
    await held.write(parts.join(''))
    const got = await textOf(await asking)
    expect(got).toContain('"error"')
    expect(await gateway.outcome()).toMatchObject({ errorKind: 'upstream_timeout' })
    await (
      await up.request(0)
    ).disconnected
  })

  test('a head without a body times out too', async () => {
    const raw = startRawUpstream(headThenSilence())
    closing.push(raw)
    const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs: 300, totalMs: 10_000 }
    const gateway = createTestGateway({
      providers: [openai(`http://127.0.0.1:${raw.port}`, { timeouts })],
    })
    const got = await textOf(await gateway.ask({ body: { ...ASK, stream: true } }))
    expect(got).toContain('"error"')
    expect(await gateway.outcome()).toMatchObject({ errorKind: 'upstream_timeout' })
  })

  test('a quiet stream gets keepalives, and they mean nothing to a parser', async () => {
    const held = new HeldStream()
    const up = upstream(held.answer)
    const gateway = createTestGateway({
      providers: [openai(up.url)],
      settings: { keepaliveIntervalMs: 100 },
    })
    const asking = gateway.ask({
      dialect: 'anthropic',
      body: { ...ASK, stream: true, max_tokens: 9 },
    })
    await held.write(parts.join(''))
    const reader = ((await asking).body as ReadableStream<Uint8Array>).getReader()
    let got = ''
    while (!got.includes('event: ping')) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`ended without a ping: ${got}`)
      got += new TextDecoder().decode(value)
    }
    await reader.cancel()
    expect(await gateway.outcome()).toMatchObject({ status: 499, errorKind: 'client_closed' })
  })
})

test('a translated answer ends at the provider’s terminator, though its connection stays open', async () => {
  const held = new HeldStream()
  const up = upstream(held.answer)
  const gateway = createTestGateway({ providers: [openai(up.url)] })
  const asking = gateway.ask({
    dialect: 'anthropic',
    body: { ...ASK, stream: true, max_tokens: 9 },
  })
  await held.write(STREAM.join(''))
  expect(await textOf(await asking)).toContain('message_stop')
  expect(await gateway.outcome()).toMatchObject({ status: 200, usage: { outputTokens: 2 } })
  await (
    await up.request(0)
  ).disconnected
})

describe('a client that leaves', () => {
  test('mid-stream: the provider’s connection closes, and what was used is recorded', async () => {
    const held = new HeldStream()
    const up = upstream(held.answer)
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const asking = gateway.ask({ body: { ...ASK, stream: true } })
    await held.write(STREAM.slice(0, 3).join(''))
    const reader = ((await asking).body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    await (
      await up.request(0)
    ).disconnected
    const outcome = await gateway.outcome()
    expect(outcome).toMatchObject({ status: 499, errorKind: 'client_closed' })
    expect(outcome.usage?.outputTokens).toBeGreaterThan(0)
    expect(gateway.deps.watch.size).toBe(0)
  })

  test('before the answer: the same, for a request that is not streamed', async () => {
    const never = Promise.withResolvers<void>()
    const up = upstream(async () => {
      await never.promise
      return new Response()
    })
    const leaving = new AbortController()
    const gateway = createTestGateway({ providers: [openai(up.url)] })
    const asking = gateway.ask({ body: ASK, signal: leaving.signal })
    const request = await up.request(0)
    leaving.abort()
    await request.disconnected
    never.resolve()
    expect((await asking).status).toBe(499)
    expect(await gateway.outcome()).toMatchObject({ status: 499, usage: { estimated: true } })
    expect(up.requests).toHaveLength(1)
  })
})

test('a reader that stops reading stops the provider', async () => {
  let written = 0
  const endless = function* () {
    const event = chunk({ content: 'x'.repeat(1_000) })
    for (;;) {
      written += event.length
      yield event
    }
  }
  const up = upstream(stream(endless()))
  const gateway = createTestGateway({ providers: [openai(up.url)] })
  const reply = await gateway.ask({ body: { ...ASK, stream: true } })
  const reader = (reply.body as ReadableStream<Uint8Array>).getReader()
  await reader.read()
  // Once two looks in a row see the same count, the socket buffers are full and the provider stands still.
  let before = -1
  for (let look = 0; look < 100 && written !== before; look += 1) {
    before = written
    await Bun.sleep(50)
  }
  expect(written).toBe(before)
  // What the two sockets and the upstream's own server hold, 4 to 9 MiB here; without back-pressure it never ends.
  expect(written).toBeLessThan(32 * 1024 * 1024)
  await reader.cancel()
})

describe('what comes in', () => {
  const gateway = createTestGateway({
    providers: [
      testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] }),
    ],
  })
  const deep = `{"model":"mock/echo","messages":${'['.repeat(10_000)}${']'.repeat(10_000)}}`

  test.each([
    ['broken JSON', '{"model":', 400, 'invalid_json', null],
    ['nothing', '', 400, 'invalid_json', null],
    ['an array', '[]', 400, 'invalid_json', null],
    ['10,000 levels', deep, 400, 'invalid_json', null],
    [
      'invalid UTF-8',
      new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      400,
      'invalid_json',
      null,
    ],
    [
      'model twice',
      '{"model":"mock/echo","model":"mock/tools","messages":[]}',
      400,
      'invalid_json',
      null,
    ],
    ['no model', '{"messages":[]}', 400, 'missing_required_parameter', 'model'],
    ['a model that is no text', '{"model":["a"],"messages":[]}', 400, 'invalid_type', 'model'],
    [
      'stream that is no boolean',
      '{"model":"mock/echo","stream":"yes","messages":[]}',
      400,
      'invalid_type',
      'stream',
    ],
    ['an unknown model', '{"model":"nope","messages":[]}', 404, 'model_not_found', 'model'],
  ])('%s', async (_name, body, status, code, param) => {
    const before = gateway.outcomes.length
    const reply = await gateway.ask({ body })
    expect(reply.status).toBe(status)
    const { error } = await jsonOf<{ error: Record<string, unknown> }>(reply)
    expect(error).toMatchObject({ code, param })
    expect(gateway.outcomes.length).toBe(before + 1)
  })

  test('a key may use the models it names and learns nothing of others', async () => {
    const principal = {
      kind: 'key' as const,
      tenantId: 'default',
      models: ['mock/e*'],
      grants: memberGrants(),
    }
    const ask = (model: string) => gateway.ask({ body: { ...ASK, model }, principal })
    expect((await ask('mock/echo')).status).toBe(200)
    const denied = await ask('mock/tools')
    const unknown = await ask('nothing/at-all')
    expect(denied.status).toBe(404)
    expect((await textOf(denied)).replace('mock/tools', 'X')).toBe(
      (await textOf(unknown)).replace('nothing/at-all', 'X'),
    )
  })

  test('only listed header fields reach a provider', async () => {
    const up = upstream(
      json(GOOD, { headers: { 'set-cookie': 'a=b', 'openai-organization': 'org' } }),
    )
    const own = createTestGateway({ providers: [openai(up.url)] })
    const reply = await own.ask({
      body: ASK,
      headers: {
        authorization: 'Bearer client-secret',
        cookie: 'session=1',
        'x-api-key': 'client-secret',
        'x-forwarded-for': '1.2.3.4',
        'x-random': 'r',
        'openai-beta': 'assistants=v2',
      },
    })
    const { headers } = up.requests[0]!
    expect(JSON.stringify(headers)).not.toContain('client-secret')
    for (const name of ['cookie', 'x-forwarded-for', 'x-random', 'x-api-key']) {
      expect(headers[name]).toBeUndefined()
    }
    expect(headers['openai-beta']).toBe('assistants=v2')
    expect(JSON.stringify(reply.headers)).not.toContain('org')
    expect(reply.headers['set-cookie']).toBeUndefined()
  })

  test('content is kept only where the policy says so', async () => {
    expect(JSON.stringify(gateway.outcomes)).not.toContain('canary')
    const quiet = await gateway.ask({
      body: { ...ASK, model: 'mock/echo', messages: [{ role: 'user', content: 'canary' }] },
    })
    expect(await textOf(quiet)).toContain('canary')
    expect(JSON.stringify(gateway.outcomes)).not.toContain('canary')
    const keeping = createTestGateway({
      providers: [
        testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://mock.invalid/v1', keys: [] }),
      ],
      content: { keep: 'content', redact: [] },
    })
    await textOf(
      await keeping.ask({
        body: { model: 'mock/echo', stream: true, messages: [{ role: 'user', content: 'canary' }] },
      }),
    )
    const outcome = await keeping.outcome()
    expect(outcome.requestBody).toContain('canary')
    expect(outcome.responseBody).toContain('canary')
  })
})
