// The response cache of the executable: official clients get the same answer for nothing, whatever they ask in; it outlasts a restart where it
// lies in the store, is shared by replicas through Redis, counts in usage, and is emptied by route and command.

import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { redisPath, startRedis } from '../src/testing/redis.ts'
import { startUpstream, type Upstream } from '../src/testing/upstream.ts'
import { filesUnder } from './harness/files.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(240_000)

const MASTER_KEY = 'one secret that is long enough for a key'
const REDIS_PASSWORD = 'redis-canary-cache-0123456789'
const CANARY = 'canary-sentence-of-an-answer'
const KEYS = {
  admin: 'secret-of-the-admin-key-with-enough-characters',
  one: 'secret-of-the-first-key-with-enough-characters',
  other: 'secret-of-the-other-key-with-enough-characters',
}
const MODEL = { provider: 'up', model: 'gpt-up' }
const CHAT = { model: 'fast', messages: [{ role: 'user' as const, content: 'hi' }], max_tokens: 5 }

let upstream: Upstream
beforeAll(() => {
  let said = 0
  upstream = startUpstream(({ json, method, target }) => {
    if (method !== 'POST') return Response.json({ object: 'list', data: [] })
    if (target.endsWith('/embeddings')) {
      const data = [{ object: 'embedding', index: 0, embedding: [1, 0] }]
      return Response.json({
        object: 'list',
        model: 'e',
        data,
        usage: { prompt_tokens: 1, total_tokens: 1 },
      })
    }
    said += 1
    const content = `${CANARY} ${said}`
    const about = { id: `chatcmpl-${said}`, created: 1, model: 'gpt-up' }
    const usage = { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
    if ((json() as { stream?: boolean }).stream !== true) {
      const message = { role: 'assistant', content }
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      return Response.json({ ...about, object: 'chat.completion', choices, usage })
    }
    const events = [
      { choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }] },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      { choices: [], usage },
    ].map(
      (each) =>
        `data: ${JSON.stringify({ ...about, object: 'chat.completion.chunk', ...each })}\n\n`,
    )
    return new Response(`${events.join('')}data: [DONE]\n\n`, {
      headers: { 'content-type': 'text/event-stream' },
    })
  })
})
afterAll(() => upstream.close())

const chats = () => upstream.requests.filter(({ target }) => target.endsWith('/completions')).length

const running: Weir[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((weir) => weir.stop('SIGKILL').catch(() => undefined)))
})

function configOf(cache: object, more: object = {}) {
  return {
    auth: { anonymous: 'never' },
    keys: [
      { name: 'admin', key: KEYS.admin, roles: ['owner'] },
      { name: 'one', key: KEYS.one },
      { name: 'other', key: KEYS.other },
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
    models: [{ id: 'fast', targets: [MODEL], price: { input: 1, output: 2 } }],
    cache,
    ...more,
  }
}

async function start(config: object, env: Record<string, string> = {}): Promise<Weir> {
  const weir = await startWeir({ config, env: { WEIR_MASTER_KEY: MASTER_KEY, ...env } })
  running.push(weir)
  return weir
}

function ask(
  { url }: Weir,
  more: { body?: object; key?: string; headers?: Record<string, string> } = {},
) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${more.key ?? KEYS.one}`,
      ...more.headers,
    },
    body: JSON.stringify(more.body ?? CHAT),
  })
}

async function stateOf(weir: Weir, more: Parameters<typeof ask>[1] = {}): Promise<string | null> {
  const response = await ask(weir, more)
  await response.text()
  return response.headers.get('x-weir-cache')
}

/**
 * Waits until a kept answer is given. Nothing is bought meanwhile, so it is one that was kept before; a place that takes too long to look
 * into counts as empty, and what is written behind reaches another process a moment later.
 */
async function untilKept(weir: Weir): Promise<void> {
  const limit = performance.now() + 30_000
  for (;;) {
    const response = await ask(weir, { headers: { 'cache-control': 'only-if-cached' } })
    await response.text()
    if (response.headers.get('x-weir-cache') === 'hit') return
    expect(response.status).toBe(504)
    if (performance.now() > limit) throw new Error('no answer was kept')
    await Bun.sleep(20)
  }
}

/** What the management API tells, as far as it is looked at here. */
interface Told {
  readonly data: readonly Record<string, unknown>[]
  readonly sum: Record<string, unknown>
  readonly entries?: number
}

async function admin({ url }: Weir, path: string, method = 'GET', key = KEYS.admin) {
  const headers = { authorization: `Bearer ${key}` }
  const response = await fetch(url + path, { method, headers })
  return { status: response.status, body: (await response.json()) as Told }
}

test('the official clients of two protocols get what was bought once, whole and as a stream', async () => {
  const weir = await start(configOf({ exact: { enabled: true } }))
  const before = chats()
  const client = new OpenAI({ apiKey: KEYS.one, baseURL: `${weir.url}/v1`, maxRetries: 0 })
  const startedMs = performance.now()
  const bought = await client.chat.completions.create(CHAT).withResponse()
  expect(bought.response.headers.get('x-weir-cache')).toBe('miss')
  const given = await client.chat.completions.create(CHAT).withResponse()
  expect(given.response.headers.get('x-weir-cache')).toBe('hit')
  const age = Number(given.response.headers.get('age') ?? undefined)
  expect(age).toBeWithin(0, Math.floor((performance.now() - startedMs) / 1_000) + 1)
  expect(given.response.headers.get('x-weir-cost-usd')).toBe('0.000000000')
  expect(given.data.choices).toMatchObject(bought.data.choices)
  expect(given.data.usage).toEqual(bought.data.usage!)
  expect(given.data.id).not.toBe(bought.data.id)
  const pieces: string[] = []
  for await (const piece of client.chat.completions.stream(CHAT)) {
    pieces.push(piece.choices[0]?.delta.content ?? '')
  }
  expect(pieces.join('')).toBe(bought.data.choices[0]!.message.content!)
  expect(chats() - before).toBe(1)

  const anthropic = new Anthropic({ apiKey: KEYS.one, baseURL: weir.url, maxRetries: 0 })
  const streamed = await anthropic.messages.stream(CHAT).finalMessage()
  const whole = await anthropic.messages.create(CHAT)
  expect(whole.content).toEqual(streamed.content)
  expect(chats() - before).toBe(2)

  const requestId = given.response.headers.get('x-request-id')!
  const row = await weir.row(requestId)
  expect(row).toMatchObject({ cost_nano_usd: 0, provider_id: null, input_tokens: null })
  expect(JSON.parse(String(row['cache']))).toMatchObject({
    state: 'hit',
    kind: 'exact',
    savedNanoUsd: 2_000_000,
  })
})

test('off by default, and it can be turned on, opted out of and kept from other keys', async () => {
  const weir = await start(configOf({}))
  expect(await stateOf(weir)).toBeNull()
  const changed = await fetch(`${weir.url}/admin/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${KEYS.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({ 'cache.exact.enabled': true }),
  })
  expect(changed.status).toBe(200)
  expect(await stateOf(weir)).toBe('miss')
  expect(await stateOf(weir)).toBe('hit')
  expect(await stateOf(weir, { headers: { 'x-weir-cache': 'off' } })).toBe('bypass')
  expect(await stateOf(weir, { headers: { 'cache-control': 'no-cache' } })).toBe('bypass')
  expect(await stateOf(weir, { key: KEYS.other })).toBe('miss')
  const only = await ask(weir, {
    headers: { 'cache-control': 'only-if-cached' },
    body: { ...CHAT, seed: 7 },
  })
  expect(only.status).toBe(504)
  expect(await only.json()).toMatchObject({ error: { code: 'not_cached' } })
})

test('limits count it as a request and budgets not at all', async () => {
  const limits = [{ per: 'key', requests_per_minute: 4, tokens_per_minute: 2_000 }]
  const budgets = [{ per: 'key', usd: 0.003, window: 'day' }]
  const weir = await start(configOf({ exact: { enabled: true } }, { limits, budgets }))
  const first = await ask(weir)
  expect(first.status).toBe(200)
  await first.text()
  const left: (string | null)[] = []
  for (let at = 0; at < 3; at += 1) {
    const response = await ask(weir)
    expect([response.status, response.headers.get('x-weir-cache')]).toEqual([200, 'hit'])
    await response.text()
    left.push(response.headers.get('x-ratelimit-remaining-requests'))
  }
  expect(left).toEqual(['2', '1', '0'])
  expect((await ask(weir)).status).toBe(429)
})

test('what was saved is shown, and a tenant empties its own', async () => {
  const weir = await start(configOf({ exact: { enabled: true } }))
  for (let at = 0; at < 3; at += 1) await stateOf(weir)
  const shown = await admin(weir, '/admin/cache')
  expect(shown).toMatchObject({
    status: 200,
    body: { enabled: true, store: 'memory', entries: 1, hits: 2, misses: 1, saved_usd: 0.004 },
  })
  expect(shown.body.data).toMatchObject([{ tenant: 'default', model: 'fast', entries: 1 }])
  expect(JSON.stringify(shown.body)).not.toContain(CANARY)
  expect((await admin(weir, '/admin/cache', 'GET', KEYS.one)).status).toBe(403)
  expect((await admin(weir, '/admin/cache', 'DELETE', KEYS.one)).status).toBe(403)
  expect((await admin(weir, '/admin/cache?model=other', 'DELETE')).body).toMatchObject({
    deleted: 0,
  })
  expect((await admin(weir, '/admin/cache?model=fast', 'DELETE')).body).toMatchObject({
    deleted: 1,
  })
  expect(await stateOf(weir)).toBe('miss')
  const { body: audit } = await admin(weir, '/admin/audit?action=cache.purge')
  expect(audit.data).toHaveLength(2)
  expect(audit.data[0]).toMatchObject({
    action: 'cache.purge',
    target: { kind: 'cache', id: 'fast' },
  })

  let sum: Record<string, unknown> = {}
  for (const end = performance.now() + 20_000; performance.now() < end && sum['requests'] !== 4;) {
    sum = (await admin(weir, '/admin/usage?by=model')).body.sum
    if (sum['requests'] !== 4) await Bun.sleep(20)
  }
  expect(sum).toMatchObject({ requests: 4, response_hits: 2, saved_usd: 0.004, cost_usd: 0.004 })
  const { body: usage } = await admin(weir, '/admin/usage?by=model')
  expect(usage.data).toMatchObject([{ model: 'fast', requests: 4, response_hits: 2 }])
  const reconciled = await weir.runCli('reconcile')
  expect(reconciled).toMatchObject({ code: 0 })

  const env = { WEIR_ADMIN_KEY: KEYS.admin }
  expect(await cli(weir, env, 'cache', 'stats')).toContain('1 answers')
  expect(await cli(weir, env, 'cache', 'purge')).toContain('1 answer forgotten')
  expect(await stateOf(weir)).toBe('miss')
})

async function cli(weir: Weir, env: Record<string, string>, ...args: string[]): Promise<string> {
  const executable = process.env['WEIR_EXECUTABLE'] ?? join(import.meta.dir, '..', 'dist', 'weir')
  const all = [
    ...args,
    '--config',
    weir.configFile,
    '--data',
    weir.dataFolder,
    '--port',
    String(weir.port),
  ]
  const child = Bun.spawn([executable, ...all], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stderr: 'pipe',
  })
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  expect([code, error]).toEqual([0, ''])
  return out
}

test('in the store it outlasts a restart, encrypted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-cache-'))
  const options = {
    config: configOf({ exact: { enabled: true, store: 'store' } }),
    env: { WEIR_MASTER_KEY: MASTER_KEY },
    args: ['--data', folder],
  }
  try {
    const first = await startWeir(options)
    expect(await stateOf(first)).toBe('miss')
    await untilKept(first)
    expect((await admin(first, '/admin/cache')).body).toMatchObject({ store: 'store', entries: 1 })
    expect(await first.stop('SIGTERM')).toBe(0)
    for (const bytes of filesUnder(folder).values()) expect(bytes.includes(CANARY)).toBe(false)
    const second = await startWeir(options)
    await untilKept(second)
    expect(await second.stop('SIGTERM')).toBe(0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

describe('with Redis', () => {
  if (redisPath() === undefined) {
    process.stdout.write('left out: a shared response cache: redis-server is not installed\n')
    return
  }

  test('replicas share it, and go on without it', async () => {
    await using redis = await startRedis(['--requirepass', REDIS_PASSWORD])
    const url = `redis://:${REDIS_PASSWORD}@127.0.0.1:${redis.port}`
    const config = configOf({ exact: { enabled: true, store: 'redis' } }, { redis: { url } })
    const one = await start(config)
    for (let state = await stateOf(one); state !== 'hit';) state = await stateOf(one)
    const shown = await admin(one, '/admin/cache')
    expect(shown.body).toMatchObject({ store: 'redis', entries: 1 })
    // Of one master key and two stores: each store has keys of its own, so nothing of the one opens for the other.
    const stranger = await start(config)
    expect(await stateOf(stranger)).toBe('miss')
    await redis.kill()
    const alone = await ask(one)
    expect([alone.status, alone.headers.get('x-weir-cache')]).toEqual([200, 'miss'])
    await alone.text()
    expect((await admin(one, '/admin/cache', 'DELETE')).status).toBe(503)
    expect(one.stderr() + one.stdout()).not.toContain(REDIS_PASSWORD)
  })
})

const withoutPostgres = postgresMissing()
if (withoutPostgres !== undefined) {
  process.stdout.write(`left out: a response cache in Postgres (${withoutPostgres})\n`)
}

test.if(withoutPostgres === undefined).each(['store', 'redis'])(
  'two replicas on one Postgres share what lies in %s, and what one forgets is forgotten',
  async (store) => {
    await using postgres = await startPostgres()
    const redis = redisPath() === undefined ? undefined : await startRedis()
    if (redis === undefined && store === 'redis') return
    try {
      const { url } = await postgres.createDatabase()
      const config = configOf(
        { exact: { enabled: true, store } },
        {
          storage: { url },
          ...(redis === undefined ? {} : { redis: { url: `redis://127.0.0.1:${redis.port}` } }),
        },
      )
      const [one, other] = [await start(config), await start(config)]
      for (let state = await stateOf(one); state !== 'hit';) state = await stateOf(one)
      await untilKept(other)
      expect((await admin(other, '/admin/cache', 'DELETE')).body).toMatchObject({ deleted: 1 })
      expect(await stateOf(one)).toBe('miss')
    } finally {
      await redis?.[Symbol.asyncDispose]()
    }
  },
)

test('by meaning: the embedding model is asked in the caller’s name, priced and recorded', async () => {
  const semantic = { enabled: true, model: 'up/embed', threshold: 0.9 }
  const weir = await start(configOf({ exact: { enabled: true }, semantic }))
  const body = (content: string) => ({ ...CHAT, messages: [{ role: 'user', content }] })
  expect(await stateOf(weir, { body: body('what is a weir') })).toBe('miss')
  expect(await stateOf(weir, { body: body('a weir, what is that') })).toBe('semantic-hit')
  expect(await stateOf(weir, { body: body('what is a weir not') })).toBe('miss')
  const embedded = () => weir.rows().filter(({ operation }) => operation === 'embedding').length
  const end = performance.now() + 20_000
  while (performance.now() < end && embedded() < 3) await Bun.sleep(20)
  expect(embedded()).toBe(3)
})

test.each([
  [{ exact: { enabled: true, store: 'redis' } }, 'redis.url'],
  [{ semantic: { enabled: true } }, 'cache.semantic.model'],
  [{ exact: { enabled: true, ttl: '0s' } }, 'cache.exact.ttl'],
  [{ scope: 'world' }, 'cache.scope'],
])('a configuration that cannot work (%j) is refused in words', async (cache, named) => {
  const weir = await start(configOf({}))
  weir.configure(configOf(cache))
  const { code, stderr, stdout } = await weir.runCli('config', 'check')
  expect(code).not.toBe(0)
  expect(stderr + stdout).toContain(named)
})
