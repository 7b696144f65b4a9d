// Limits of the executable: on one node, on two replicas with a real Redis and with a real Postgres, while these fail, on every route
// and for official clients. Nothing here counts but the provider and the clients themselves.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { LIMITS } from '../src/core/limits.ts'
import { startHeldUpstream } from '../src/testing/held-upstream.ts'
import { postgresMissing, startPostgres, type TestPostgres } from '../src/testing/postgres.ts'
import { redisPath, startRedis, type TestRedis } from '../src/testing/redis.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { startWeir, type LogRow, type Weir } from './harness/weir.ts'

setDefaultTimeout(120_000)

const REDIS_PASSWORD = 'redis-canary-limits-0123456789'
const KEYS = {
  one: 'secret-of-the-first-key-with-enough-characters',
  other: 'secret-of-the-other-key-with-enough-characters',
}
const CHAT = { model: 'up/m', messages: [{ role: 'user' as const, content: 'hi' }], max_tokens: 5 }
const WAIT_LIMIT_MS = 30_000

let upstream: Upstream
beforeAll(() => {
  upstream = startUpstream(() =>
    Response.json({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'well' }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 },
    }),
  )
})
afterAll(() => upstream.close())

/** What the provider was asked for, but for lists of its models. */
const chats = () => upstream.requests.filter(({ method }) => method === 'POST').length

const running: Weir[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((weir) => weir.stop('SIGKILL').catch(() => undefined)))
})

function configOf(limits: readonly object[], more: object = {}, baseUrl = upstream.url) {
  return {
    auth: { anonymous: 'loopback' },
    keys: Object.entries(KEYS).map(([name, key]) => ({ name, key })),
    providers: [
      {
        id: 'up',
        type: 'custom',
        compatible: 'openai',
        base_url: `${baseUrl}/v1`,
        keys: ['sk-up-0123456789'],
        retries: { max: 0 },
      },
    ],
    limits,
    ...more,
  }
}

async function start(config: object, env: Record<string, string> = {}): Promise<Weir> {
  const weir = await startWeir({ config, env })
  running.push(weir)
  return weir
}

async function ask(
  { url }: Weir,
  {
    key = KEYS.one,
    path = '/v1/chat/completions',
    headers = {} as Record<string, string>,
    body = CHAT as object,
  } = {},
): Promise<Response> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: JSON.stringify(body),
  })
  return new Response(await response.arrayBuffer(), response)
}

const statusesOf = (responses: readonly Response[]) => {
  const counted = new Map<number, number>()
  for (const { status } of responses) counted.set(status, (counted.get(status) ?? 0) + 1)
  return Object.fromEntries(counted)
}

async function many(weirs: readonly Weir[], count: number, key?: string): Promise<Response[]> {
  return await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const weir = weirs[index % weirs.length]!
      return ask(weir, key === undefined ? {} : { key })
    }),
  )
}

async function countedIn(weir: Weir): Promise<{ counted: string; connected: boolean }> {
  const response = await fetch(`${weir.url}/admin/health`)
  const { limits } = (await response.json()) as {
    limits: { counted: string; connected: boolean }
  }
  return limits
}

/** Asks until it holds. @throws naming what was waited for */
async function until(name: string, holds: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + WAIT_LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > limitMs) throw new Error(`waited in vain until ${name}`)
    await Bun.sleep(10)
  }
}

const shared = async (weir: Weir, counted: string) =>
  Bun.deepEquals(await countedIn(weir), { counted, connected: true })

/** Of a limit that is closed: on a busy machine some may not be counted within the bound, and come again. */
async function countedStatus(weir: Weir, key?: string): Promise<number> {
  for (;;) {
    await until('it counts with others', async () => (await countedIn(weir)).connected)
    const { status } = await ask(weir, key === undefined ? {} : { key })
    if (status !== 503) return status
  }
}

/**
 * Sends 400 at once, of which 100 must get through. On a busy machine some may not be counted within the bound; those are refused, as
 * the limit is closed then, and what was counted of them is given back a moment later: whoever got nothing comes again.
 */
async function expectHundred(weirs: readonly Weir[], counted: string): Promise<void> {
  const asked = chats()
  let good = 0
  for (let round = 0; round < 20 && good < 100; round += 1) {
    good += statusesOf(await many(weirs, 400 - good))[200] ?? 0
    for (const weir of weirs) await until('it counts together', () => shared(weir, counted))
  }
  expect(good).toBe(100)
  expect(statusesOf(await many(weirs, 300))[200]).toBeUndefined()
  expect(chats() - asked).toBe(100)
}

describe('one node', () => {
  test('400 at once on a limit of 100: exactly 100 are let through, and every answer tells of it', async () => {
    const weir = await start(configOf([{ per: 'key', requests_per_minute: 100 }]))
    const asked = chats()
    const responses = await many([weir], 400)
    expect(statusesOf(responses)).toEqual({ 200: 100, 429: 300 })
    expect(chats() - asked).toBe(100)
    for (const response of responses) {
      expect(response.headers.get('x-ratelimit-limit-requests')).toBe('100')
      if (response.status === 200) continue
      expect(Number(response.headers.get('retry-after'))).toBeWithin(1, 61)
      expect(await response.json()).toMatchObject({
        error: { type: 'requests', code: 'rate_limit_exceeded' },
      })
    }
    // Another key has its own.
    expect((await ask(weir, { key: KEYS.other })).status).toBe(200)
    const metrics = await (await fetch(`${weir.url}/metrics`)).text()
    expect(metrics).toContain('weir_limit_refusals_total{per="key",counts="requests"} 300')
    expect(await countedIn(weir)).toEqual({ counted: 'process', connected: true })
  })

  test('the same limit on every route and for a key in any place', async () => {
    const weir = await start(configOf([{ per: 'key', requests_per_minute: 1 }]))
    const { url } = weir
    expect((await ask(weir)).status).toBe(200)
    const text = { model: 'up/m', input: 'hi' }
    const ways: [string, RequestInit & { key?: false }][] = [
      ['/v1/chat/completions', { body: JSON.stringify(CHAT) }],
      ['/v1/completions', { body: JSON.stringify({ model: 'up/m', prompt: 'hi' }) }],
      ['/v1/responses', { body: JSON.stringify(text) }],
      ['/v1/embeddings', { body: JSON.stringify(text) }],
      ['/v1/moderations', { body: JSON.stringify(text) }],
      ['/v1/messages', { body: JSON.stringify(CHAT) }],
      ['/v1/messages/count_tokens', { body: JSON.stringify(CHAT) }],
      ['/api/chat', { body: JSON.stringify(CHAT) }],
      [
        '/v1beta/models/up/m:generateContent',
        { body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] }) },
      ],
      ['/v2/chat', { body: JSON.stringify(CHAT) }],
      [
        '/openai/deployments/up/m/chat/completions?api-version=2024-10-21',
        { body: JSON.stringify(CHAT) },
      ],
      ['/proxy/up/models', { method: 'GET' }],
      ['/proxy/up/chat/completions', { body: JSON.stringify(CHAT) }],
      ['/v1/files', { method: 'GET' }],
      ['/v1/files/file-1', { method: 'DELETE' }],
      ['/v1/batches', { method: 'GET' }],
      ['/v1/responses/resp_1', { method: 'GET' }],
      [`/k/${KEYS.one}/v1/chat/completions`, { key: false, body: JSON.stringify(CHAT) }],
      [
        '/v1/chat/completions',
        { key: false, headers: { 'x-api-key': KEYS.one }, body: JSON.stringify(CHAT) },
      ],
      [
        '/v1/chat/completions',
        { key: false, headers: { 'api-key': KEYS.one }, body: JSON.stringify(CHAT) },
      ],
      [
        '/v1/chat/completions',
        { key: false, headers: { 'x-goog-api-key': KEYS.one }, body: JSON.stringify(CHAT) },
      ],
    ]
    for (const [path, { key, headers, ...init }] of ways) {
      const response = await fetch(url + path, {
        method: 'POST',
        ...init,
        headers: {
          'content-type': 'application/json',
          ...(key === false ? {} : { authorization: `Bearer ${KEYS.one}` }),
          ...(headers as Record<string, string>),
        },
      })
      await response.arrayBuffer()
      expect([path, response.status]).toEqual([path, 429])
    }
    // What asks no provider is no request: lists of models stay readable.
    const list = await fetch(`${url}/v1/models`, {
      headers: { authorization: `Bearer ${KEYS.one}` },
    })
    expect(list.status).toBe(200)
  })

  test('a change of the file keeps what was counted', async () => {
    const limits = (amount: number) => configOf([{ per: 'key', requests_per_minute: amount }])
    const weir = await start(limits(10))
    expect(statusesOf(await many([weir], 4))).toEqual({ 200: 4 })
    weir.configure(limits(5))
    await until('the change holds', async () => {
      const response = await ask(weir, { key: KEYS.other })
      return response.headers.get('x-ratelimit-limit-requests') === '5'
    })
    expect(statusesOf(await many([weir], 3))).toEqual({ 200: 1, 429: 2 })
  })

  test('limits of the environment hold, and are told with their origin', async () => {
    const env = {
      RATE_LIMIT_PER_KEY_RPM: '2',
      RATE_LIMIT_GLOBAL_RPM: '1000',
      RATE_LIMIT_PER_IP_RPM: '900',
    }
    const weir = await start(configOf([]), env)
    expect(statusesOf(await many([weir], 5))).toEqual({ 200: 2, 429: 3 })
    const shown = await weir.runCli('config', 'show')
    expect(shown.stdout).toContain('requests_per_minute: 900')
  })

  test('addresses are those that a trusted proxy saw', async () => {
    const server = { trusted_proxies: ['127.0.0.1/32'] }
    const weir = await start(configOf([{ per: 'ip', requests_per_minute: 1 }], { server }))
    const from = async (address: string) =>
      (await ask(weir, { headers: { 'x-forwarded-for': address } })).status
    expect(await from('203.0.113.1')).toBe(200)
    expect(await from('198.51.100.9, 203.0.113.1')).toBe(429)
    expect(await from('2001:db8::1')).toBe(200)
    expect(await from('2001:db8::2')).toBe(429)
    const open = await start(configOf([{ per: 'ip', requests_per_minute: 1 }]))
    const forged = async (address: string) =>
      (await ask(open, { headers: { 'x-forwarded-for': address } })).status
    expect([await forged('203.0.113.1'), await forged('203.0.113.2')]).toEqual([200, 429])
  })

  test('the provider never sees one more than may run at once, streams and those who leave included', async () => {
    const held = startHeldUpstream()
    const weir = await start(configOf([{ per: 'key', concurrent: 3 }], {}, held.url))
    const leaving = new AbortController()
    const all = Array.from({ length: 30 }, (_, index) =>
      fetch(`${weir.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${KEYS.one}` },
        body: JSON.stringify({ ...CHAT, stream: index % 2 === 0 }),
        signal: leaving.signal,
      }).then(
        async (response) => {
          if (response.status === 429) await response.arrayBuffer()
          return response.status
        },
        () => 0,
      ),
    )
    await held.arrived(3)
    await until(
      'the rest is refused',
      async () => weir.rows().filter(({ status }) => status === 429).length === 27,
    )
    leaving.abort()
    await Promise.all(all)
    await held.idle()
    // The provider hears that they left, and then their places come free: with their rows.
    await until(
      'the places are free',
      async () => weir.rows().filter(({ status }) => status === 499).length === 3,
    )
    expect(held.most).toBe(3)
    const again = Array.from({ length: 3 }, () => ask(weir))
    await held.arrived(6)
    held.release()
    expect(statusesOf(await Promise.all(again))).toEqual({ 200: 3 })
    await held.close()
  })

  test('official clients try again where that helps, and only there', async () => {
    const weir = await start(
      configOf([
        { per: 'key', only: 'one', requests_per_minute: 0 },
        { per: 'key', only: 'other', requests_per_hour: 1 },
      ]),
    )
    const seen: string[] = []
    const counting = async (input: string | URL | Request, init?: RequestInit) => {
      seen.push(String(input))
      return await fetch(input, init)
    }
    const openai = (apiKey: string) =>
      new OpenAI({ baseURL: `${weir.url}/v1`, apiKey, fetch: counting })
    const anthropic = (apiKey: string) =>
      new Anthropic({ baseURL: weir.url, apiKey, fetch: counting })
    const attempts = async (asking: () => Promise<unknown>) => {
      seen.length = 0
      const error: unknown = await asking().then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      return { error, attempts: seen.length }
    }
    const closed = await attempts(() => openai(KEYS.one).chat.completions.create(CHAT))
    expect(closed.attempts).toBe(1)
    expect(closed.error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(closed.error).toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
      type: 'requests',
    })
    expect((await ask(weir, { key: KEYS.other })).status).toBe(200)
    const hour = await attempts(() => anthropic(KEYS.other).messages.create(CHAT))
    expect(hour.attempts).toBe(1)
    expect(hour.error).toBeInstanceOf(Anthropic.RateLimitError)
    // What is over in a moment is worth another try: it is what `max_retries` is for.
    const isDone = ({ status }: LogRow) => status === 200
    const held = startHeldUpstream()
    const busy = await start(configOf([{ per: 'key', concurrent: 1 }], {}, held.url))
    const first = ask(busy)
    await held.arrived(1)
    const client = new OpenAI({
      baseURL: `${busy.url}/v1`,
      apiKey: KEYS.one,
      // Room is made before the client hears of its refusal: it comes back when it likes.
      fetch: async (input: string | URL | Request, init?: RequestInit) => {
        const response = await counting(input, init)
        if (response.status !== 429) return response
        held.release()
        await first
        await until('the place is free', async () => busy.rows().some(isDone))
        return response
      },
      maxRetries: 1,
    })
    const retried = await attempts(() => client.chat.completions.create(CHAT))
    expect(retried).toEqual({ error: undefined, attempts: 2 })
    expect((await first).status).toBe(200)
    expect(busy.rows().map(({ status }) => status)).toContain(429)
    await held.close()
  })
})

describe.skipIf(redisPath() === undefined)('two replicas of one Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis(['--requirepass', REDIS_PASSWORD])
  })
  afterAll(() => redis[Symbol.asyncDispose]())
  afterEach(async () => {
    const { RedisClient } = await import('bun')
    const client = new RedisClient(redisUrl())
    await client.send('FLUSHALL', [])
    client.close()
  })
  const redisUrl = () => `redis://:${REDIS_PASSWORD}@127.0.0.1:${redis.port}`
  const startBoth = async (limits: readonly object[], baseUrl?: string) => {
    const config = configOf(limits, { redis: { url: redisUrl() } }, baseUrl)
    const both = await Promise.all([start(config), start(config)])
    for (const weir of both) await until('it counts in Redis', () => shared(weir, 'redis'))
    return both
  }

  test('400 at once on a limit of 100: exactly 100 are let through', async () => {
    // Closed: what cannot be counted in time on a busy machine must not be let through uncounted.
    const both = await startBoth([
      { per: 'global', requests_per_minute: 100, when_unavailable: 'closed' },
    ])
    await expectHundred(both, 'redis')
  })

  test('what a replica ran that was killed is held for its lease, and no longer', async () => {
    const held = startHeldUpstream()
    const [one, other] = await startBoth(
      [{ per: 'key', concurrent: 2, when_unavailable: 'closed' }],
      held.url,
    )
    // Answered by nobody while it is held: what was not counted within the bound comes again.
    const holding = async () => {
      while ((await ask(one!)).status !== 200);
    }
    const dying = [holding(), holding()].map((asking) => asking.catch(() => undefined))
    await held.arrived(2)
    expect(await countedStatus(other!)).toBe(429)
    process.kill(one!.pid, 'SIGKILL')
    await Promise.all(dying)
    expect(await countedStatus(other!)).toBe(429)
    const { RedisClient } = await import('bun')
    const client = new RedisClient(redisUrl())
    const keys = (await client.send('KEYS', ['{weir:limit:1}:*'])) as string[]
    const [seconds] = (await client.send('TIME', [])) as string[]
    for (const key of keys) {
      const scores = (await client.send('ZRANGE', [key, '0', '-1', 'WITHSCORES'])) as [
        string,
        number,
      ][]
      expect(scores).toHaveLength(2)
      for (const [, score] of scores)
        expect(score - Number(seconds) * 1_000).toBeLessThanOrEqual(31_000)
    }
    client.close()
    await held.close()
  })

  test('a Redis that freezes or stops: each limit goes by its own word, and nobody waits for it', async () => {
    const both = await startBoth([
      { per: 'key', only: 'one', requests_per_minute: 1_000, when_unavailable: 'closed' },
      { per: 'key', only: 'other', requests_per_minute: 20, when_unavailable: 'local' },
      { per: 'model', requests_per_minute: 10, when_unavailable: 'open' },
    ])
    for (const weir of [...both, ...both]) expect(await countedStatus(weir, KEYS.one)).toBe(200)
    redis.freeze()
    const waits: number[] = []
    const timed = async (weir: Weir, key: string) => {
      const startMs = performance.now()
      const { status } = await ask(weir, { key })
      waits.push(performance.now() - startMs)
      return status
    }
    for (const weir of both) {
      // The first of them find out; from then on nobody asks.
      let found = 0
      for (; (await countedIn(weir)).connected; found += 1) {
        expect((await ask(weir)).status).toBe(503)
      }
      expect(found).toBeLessThanOrEqual(LIMITS.limitFailuresMax)
      for (let count = 0; count < 3; count += 1) expect(await timed(weir, KEYS.one)).toBe(503)
      const statuses: number[] = []
      for (let count = 0; count < 25; count += 1) statuses.push(await timed(weir, KEYS.other))
      expect(statuses.filter((status) => status === 200)).toHaveLength(20)
      expect(statuses.filter((status) => status === 429)).toHaveLength(5)
      expect(await countedIn(weir)).toEqual({ counted: 'redis', connected: false })
    }
    // Who asked it would have waited for the whole bound.
    const sorted = waits.toSorted((a, b) => a - b)
    expect(sorted[Math.floor(sorted.length * 0.9)]).toBeLessThan(LIMITS.limitAnswerMs / 2)
    redis.thaw()
    for (const weir of both) await until('it counts in Redis again', () => shared(weir, 'redis'))
    // What the limit of the model was not asked for meanwhile it has not counted.
    expect(await countedStatus(both[0]!)).toBe(200)
    await redis.kill()
    for (const weir of both) {
      await until('it knows', async () => (await ask(weir)).status === 503)
      expect(weir.stderr() + weir.stdout()).not.toContain(REDIS_PASSWORD)
    }
    await redis.start()
    for (const weir of both) await until('it counts in Redis again', () => shared(weir, 'redis'))
    expect(await countedStatus(both[1]!)).toBe(200)
  })
})

describe.skipIf(postgresMissing() !== undefined)(
  'two replicas of one Postgres without Redis',
  () => {
    let server: TestPostgres
    beforeAll(async () => {
      server = await startPostgres()
    }, 60_000)
    afterAll(() => server[Symbol.asyncDispose]())

    test('400 at once on a limit of 100: exactly 100 are let through', async () => {
      const { url } = await server.createDatabase()
      const config = configOf(
        [{ per: 'global', requests_per_minute: 100, when_unavailable: 'closed' }],
        {
          storage: { url, connections: 5 },
          secrets: { master_key: 'a master key that all replicas share' },
        },
      )
      const both = await Promise.all([start(config), start(config)])
      for (const weir of both) await until('it counts in Postgres', () => shared(weir, 'postgres'))
      await expectHundred(both, 'postgres')
    })
  },
)
