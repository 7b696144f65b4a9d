// More requests than may run: the provider never sees one too many, keys take turns, and who is refused is told so at once, in its
// protocol and in words that official clients act upon. What needs no provider is served all the while.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import OpenAI from 'openai'
import { LIMITS } from '../src/core/limits.ts'
import { startHeldUpstream, type HeldUpstream } from '../src/testing/held-upstream.ts'
import { readResponse, requestText } from '../src/testing/http.ts'
import { connectTcp } from '../src/testing/tcp.ts'
import { PROTOCOLS, send } from './harness/all-dialects.ts'
import { expectSingleRows, startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(120_000)

const KEYS = {
  many: 'secret-of-the-one-that-sends-many-requests',
  few: 'secret-of-the-one-that-sends-few-requests',
}
const MODEL = 'held/m'
const CHAT = PROTOCOLS.find(({ name }) => name === 'openai-chat')!

const running: { weir: Weir; held: HeldUpstream }[] = []

async function start(server: object, concurrency?: object) {
  const held = startHeldUpstream()
  const provider = {
    id: 'held',
    type: 'custom',
    compatible: 'openai',
    base_url: `${held.url}/v1`,
    keys: ['sk-held'],
    retries: { max: 0 },
  }
  const keys = Object.entries(KEYS).map(([name, key]) => ({ name, key }))
  const configOf = (bounds: object, ofProvider?: object) => ({
    server: bounds,
    keys,
    providers: [{ ...provider, ...(ofProvider === undefined ? {} : { concurrency: ofProvider }) }],
  })
  const weir = await startWeir({ config: configOf(server, concurrency) })
  running.push({ weir, held })
  return { weir, held, configOf }
}

afterEach(async () => {
  for (const { weir, held } of running.splice(0)) {
    held.release()
    expectSingleRows(weir)
    expect(await weir.stop()).toBe(0)
    await held.close()
  }
})

const ask = (weir: Weir, text: string, key: string = KEYS.many, signal?: AbortSignal) =>
  send(weir.url, CHAT.ask(MODEL, text, false), {
    key,
    ...(signal === undefined ? {} : { signal }),
  })

/**
 * Fills the queue with requests of one key: one more is sent than it takes, and when that one is refused the others wait in it.
 */
async function fillQueue(weir: Weir, count: number, key?: string, signal?: AbortSignal) {
  const all = Array.from({ length: count + 1 }, (_, at) => ask(weir, `queued ${at}`, key, signal))
  const { index, sent } = await Promise.race(
    all.map(async (sending, at) => ({ index: at, sent: await sending })),
  )
  return { refused: sent, waiting: all.toSpliced(index, 1) }
}

describe('a bound of all', () => {
  test('is never passed, and the queue moves on as places come free', async () => {
    const { weir, held } = await start({ max_concurrent: 3, queue: 100, queue_timeout: '30s' })
    const all = Array.from({ length: 40 }, (_, at) => ask(weir, `${at}`))
    await held.arrived(3)
    for (let done = 1; done <= 37; done++) {
      held.release(1)
      await held.arrived(3 + done)
    }
    held.release()
    const statuses = (await Promise.all(all)).map(({ response }) => response.status)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(held.most).toBe(3)
  })

  test('keys take turns: one with one request waits for one turn, not for the other key', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 10, queue_timeout: '30s' })
    const first = ask(weir, 'first')
    await held.arrived(1)
    const { refused, waiting } = await fillQueue(weir, 10)
    expect(refused.response.status).toBe(503)
    // The queue is full of one key's: the other gets a place in it, and the newest of the first goes.
    const few = ask(weir, 'few', KEYS.few)
    const { index, sent: displaced } = await Promise.race(
      waiting.map(async (sending, at) => ({ index: at, sent: await sending })),
    )
    expect(displaced.response.status).toBe(429)
    expect(displaced.response.headers.get('retry-after')).toBe('1')
    const body = await displaced.response.json()
    expect(body).toMatchObject({ error: { type: 'requests', code: 'concurrency_limit_exceeded' } })
    // One more of the key that fills the queue is refused by its own limit, as another waits too.
    const more = await ask(weir, 'more')
    expect(more.response.status).toBe(429)
    held.release(1)
    await held.arrived(2)
    held.release(1)
    await held.arrived(3)
    expect(held.asked.indexOf('few')).toBeWithin(1, 3)
    held.release()
    const rest = await Promise.all([first, few, ...waiting.toSpliced(index, 1)])
    expect(rest.map(({ response }) => response.status)).toEqual(rest.map(() => 200))
    expect(held.most).toBe(1)
    const row = await weir.row(displaced.requestId)
    expect(row).toMatchObject({ status: 429, error_kind: 'concurrency_limit', attempts: '[]' })
  })

  test('a place is given back by who leaves, in the queue and while it runs', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 1, queue_timeout: '30s' })
    const leaving = new AbortController()
    const runs = ask(weir, 'runs', KEYS.many, leaving.signal).catch(() => undefined)
    await held.arrived(1)
    const { waiting } = await fillQueue(weir, 1)
    leaving.abort()
    await runs
    await held.arrived(2)
    expect(held.most).toBe(1)
    const gone = new AbortController()
    // Full: the one that is not refused is in the queue, and goes.
    const full = await fillQueue(weir, 1, KEYS.few, gone.signal)
    expect(full.refused.response.status).toBe(503)
    gone.abort()
    await full.waiting[0]!.catch(() => undefined)
    const row = await until(() =>
      weir
        .rows()
        .find((each) => each['error_kind'] === 'client_closed' && each['attempts'] === '[]'),
    )
    expect(row['status']).toBe(499)
    const next = ask(weir, 'next')
    held.release()
    expect((await next).response.status).toBe(200)
    expect((await waiting[0]!).response.status).toBe(200)
    expect(held.asked).toEqual(['runs', expect.stringMatching('queued'), 'next'])
  })

  test('who waits too long is refused', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 5, queue_timeout: '300ms' })
    const runs = ask(weir, 'runs')
    await held.arrived(1)
    const startedMs = performance.now()
    const late = await ask(weir, 'late')
    expect(performance.now() - startedMs).toBeGreaterThan(290)
    expect(late.response.status).toBe(503)
    expect(await late.response.json()).toMatchObject({ error: { code: 'overloaded' } })
    held.release()
    expect((await runs).response.status).toBe(200)
  })

  test('is changed while it runs', async () => {
    const { weir, held, configOf } = await start({
      max_concurrent: 1,
      queue: 9,
      queue_timeout: '30s',
    })
    const first = ask(weir, 'first')
    await held.arrived(1)
    const second = ask(weir, 'second')
    weir.configure(configOf({ max_concurrent: 2, queue: 9, queue_timeout: '30s' }))
    await held.arrived(2)
    held.release()
    for (const { response } of await Promise.all([first, second])) {
      expect(response.status).toBe(200)
    }
  })
})

describe('with every place taken', () => {
  const ROUTES = [
    ['POST', '/v1/embeddings'],
    ['POST', '/v1/messages/count_tokens'],
    ['POST', '/v1/images/generations'],
    ['POST', '/v1/audio/transcriptions'],
    ['POST', '/v1/files'],
    ['GET', '/v1/files'],
    ['GET', '/v1/responses/resp_1'],
    ['POST', '/proxy/held/v1/anything'],
    ['GET', '/proxy/held/v1/anything'],
  ] as const

  test('each protocol says so in its own words, and once in the log', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 0 })
    const runs = ask(weir, 'runs')
    await held.arrived(1)
    for (const protocol of PROTOCOLS) {
      const { response, requestId } = await send(weir.url, protocol.ask(MODEL, 'more', true), {
        key: KEYS.few,
      })
      expect(response.status).toBe(protocol.overloadedStatus)
      expect(await response.text()).toMatch(protocol.overloaded)
      const { headers } = response
      expect(headers.get('x-should-retry')).toBe('true')
      expect(Number(headers.get('retry-after'))).toBeWithin(1, 6)
      expect(Number(headers.get('retry-after-ms'))).toBeWithin(1_000, 5_001)
      expect(await weir.row(requestId)).toMatchObject({
        status: protocol.overloadedStatus,
        error_kind: 'overloaded',
        api_key_id: 'file:few',
      })
    }
    for (const [method, path] of ROUTES) {
      const isForm = /audio|files/.test(path)
      const response = await fetch(`${weir.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${KEYS.few}`,
          ...(path.includes('messages') ? { 'anthropic-version': '2023-06-01' } : {}),
          ...(isForm ? {} : { 'content-type': 'application/json' }),
        },
        ...(method === 'GET' ? {} : { body: isForm ? form() : '{"model":"held/m","input":"x"}' }),
      })
      expect(`${path} ${response.status}`).toBe(`${path} ${path.includes('messages') ? 529 : 503}`)
      const row = await weir.row(response.headers.get('x-request-id')!)
      expect(row['error_kind']).toBe('overloaded')
    }
    expect(held.asked).toHaveLength(1)
    held.release()
    expect((await runs).response.status).toBe(200)
  })

  test('what needs no provider, and who may not ask at all, are answered as ever', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 0 })
    const runs = ask(weir, 'runs')
    await held.arrived(1)
    for (const path of ['/health', '/readyz', '/metrics', '/v1/models', '/ui', '/']) {
      const response = await fetch(`${weir.url}${path}`, {
        headers: { authorization: `Bearer ${KEYS.few}` },
      })
      expect(`${path} ${response.status}`).toBe(`${path} 200`)
      await response.body?.cancel()
    }
    const stranger = await send(weir.url, CHAT.ask(MODEL, 'hi', false), { key: 'x'.repeat(40) })
    expect(stranger.response.status).toBe(401)
    held.release()
    await runs
  })

  test('a body is not waited for, and the connection serves on', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 0 })
    const runs = ask(weir, 'runs')
    await held.arrived(1)
    const peer = await connectTcp(weir.port)
    const head = [
      ['host', `127.0.0.1:${weir.port}`],
      ['content-type', 'application/json'],
      ['authorization', `Bearer ${KEYS.few}`],
    ] as const
    const length = 4 * 1_024 * 1_024
    const startedMs = performance.now()
    peer.write(
      requestText('POST', '/v1/chat/completions', [...head, ['content-length', `${length}`]]),
    )
    const refused = await readResponse(peer)
    expect(refused.status).toBe(503)
    // Nothing of it has been sent, and its time is not over.
    expect(performance.now() - startedMs).toBeLessThan(LIMITS.requestBodyTimeoutMs / 2)
    // What was on its way is thrown away, and the next request on the connection is answered.
    peer.write('x'.repeat(length))
    peer.write(requestText('GET', '/health', head))
    expect((await readResponse(peer, refused.raw.length)).status).toBe(200)
    peer.reset()
    held.release()
    await runs
  })

  test('refusals come quickly, whatever is sent, and the bound holds', async () => {
    const { weir, held } = await start({ max_concurrent: 10, queue: 0 })
    const runs = Array.from({ length: 10 }, (_, at) => ask(weir, `${at}`))
    await held.arrived(10)
    const tookMs: number[] = []
    for (let round = 0; round < 10; round++) {
      const refused = Array.from({ length: 100 }, async () => {
        const { response } = await send(weir.url, CHAT.ask(MODEL, 'more', true), {
          key: KEYS.few,
          keepalive: true,
        })
        await response.text()
        return response.status
      })
      expect(new Set(await Promise.all(refused))).toEqual(new Set([503]))
      for (let alone = 0; alone < 5; alone++) {
        const startedMs = performance.now()
        const { response } = await send(weir.url, CHAT.ask(MODEL, 'one', true), {
          key: KEYS.few,
          keepalive: true,
        })
        await response.text()
        tookMs.push(performance.now() - startedMs)
      }
    }
    // Ten milliseconds are the promise; a test machine may be busy with other things for most of them, and what takes longer by itself
    // takes longer each time.
    expect(tookMs.sort((one, other) => one - other)[5]).toBeLessThan(10)
    expect(held.most).toBe(10)
    held.release()
    for (const { response } of await Promise.all(runs)) expect(response.status).toBe(200)
  })

  test('an official client sees a class it knows, and comes back by itself', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 1, queue_timeout: '30s' })
    const client = (apiKey: string, maxRetries: number) =>
      new OpenAI({ baseURL: `${weir.url}/v1`, apiKey, maxRetries })
    const call = (openai: OpenAI) =>
      openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
    const runs = ask(weir, 'runs')
    await held.arrived(1)
    const { waiting } = await fillQueue(weir, 1)
    const error = await failureOf(call(client(KEYS.few, 0)))
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(error).toMatchObject({ status: 503, code: 'overloaded' })
    const back = call(client(KEYS.few, 2))
    // Refused by now: what is released here makes room for its second try, a second or more later.
    await until(() => weir.rows().filter((row) => row['error_kind'] === 'overloaded')[2])
    held.release()
    expect((await back).choices[0]?.message.content).toBe('Hello there')
    expect((await runs).response.status).toBe(200)
    expect((await waiting[0]!).response.status).toBe(200)
  })

  test('an official client is told when its own key is too busy', async () => {
    const { weir, held } = await start({ max_concurrent: 1, queue: 3, queue_timeout: '30s' })
    const runs = ask(weir, 'runs')
    await held.arrived(1)
    const { waiting } = await fillQueue(weir, 3)
    const few = ask(weir, 'few', KEYS.few)
    await Promise.race(waiting)
    const openai = new OpenAI({ baseURL: `${weir.url}/v1`, apiKey: KEYS.many, maxRetries: 0 })
    const messages = [{ role: 'user' as const, content: 'hi' }]
    const error = await failureOf(openai.chat.completions.create({ model: MODEL, messages }))
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toMatchObject({ status: 429, code: 'concurrency_limit_exceeded' })
    held.release()
    await Promise.all([runs, few, ...waiting])
  })
})

describe('a bound of one provider', () => {
  test('is never passed, and others are not held up by it', async () => {
    const { weir, held } = await start({}, { max: 2, queue: 3, queue_timeout: '30s' })
    const all = Array.from({ length: 2 }, (_, at) => ask(weir, `${at}`))
    await held.arrived(2)
    const { refused, waiting } = await fillQueue(weir, 3)
    expect(refused.response.status).toBe(503)
    expect(await refused.response.json()).toMatchObject({ error: { code: 'overloaded' } })
    expect(Number(refused.response.headers.get('retry-after'))).toBeWithin(1, 6)
    const mock = await send(weir.url, CHAT.ask('mock/echo', 'hi', false), { key: KEYS.many })
    expect(mock.response.status).toBe(200)
    held.release()
    for (const { response } of await Promise.all([...all, ...waiting])) {
      expect(response.status).toBe(200)
    }
    expect(held.most).toBe(2)
  })

  test('a stream holds its place until it ends, and gives it back when its client leaves', async () => {
    const { weir, held } = await start({}, { max: 1, queue: 1, queue_timeout: '30s' })
    const leaving = new AbortController()
    const stream = await send(weir.url, CHAT.ask(MODEL, 'stream', true), {
      key: KEYS.many,
      signal: leaving.signal,
    })
    expect(stream.response.status).toBe(200)
    const { waiting } = await fillQueue(weir, 1)
    expect(held.asked).toEqual(['stream'])
    leaving.abort()
    await held.arrived(2)
    held.release()
    expect((await waiting[0]!).response.status).toBe(200)
    expect(held.most).toBe(1)
  })
})

function form(): FormData {
  const data = new FormData()
  data.set('model', MODEL)
  data.set('file', new Blob(['x'.repeat(1_000)]), 'a.wav')
  return data
}

function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(Boolean, (error: unknown) => error)
}

/** What is in the log, once it is there. */
async function until<T>(find: () => T | undefined): Promise<T> {
  const limit = performance.now() + 30_000
  for (;;) {
    const found = find()
    if (found !== undefined) return found
    if (performance.now() > limit) throw new Error('it never came')
    await Bun.sleep(5)
  }
}
