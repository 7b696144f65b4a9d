// What becomes of requests while providers and their keys fail, against the executable: circuits, retry budgets, key pools and their
// rotation, and two replicas that tell each other through a real Redis. The providers are scripted servers that count.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { isObject, type JsonObject } from '../src/core/json.ts'
import { redisPath, startRedis, type TestRedis } from '../src/testing/redis.ts'
import {
  startUpstream,
  type Answer,
  type CapturedRequest,
  type Upstream,
} from '../src/testing/upstream.ts'
import { ask, bodyOf, type Asked } from './harness/ask.ts'
import { freePorts } from './harness/background.ts'
import { makeCertificates, opensslPath } from './harness/certificates.ts'
import { startWeir, type Weir } from './harness/weir.ts'
import { untilWithin1s } from './harness/within.ts'

setDefaultTimeout(240_000)
const UNTIL_LIMIT_MS = 120_000

const REDIS_PASSWORD = 'redis-canary-0123456789'
const ONE = 'sk-health-canary-one-0123456789'
const TWO = 'sk-health-canary-two-0123456789'
const OPEN_MS = 2_000
/** For what looks at circuits while they are open: none is over before everything was seen. */
const OPEN_LONG = { failures: 3, open: '10m' }
/** Repeats are counted over ten seconds, a tenth of which may be over already. */
const RETRY_WINDOW_MS = 9_000

const GOOD: Answer = () =>
  Response.json({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'well' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  })
const failing =
  (status: number, headers: Record<string, string> = {}): Answer =>
  () =>
    Response.json({ error: { message: `scripted ${status}` } }, { status, headers })

/** Each key has an answer of its own. */
const byKey =
  (answers: Readonly<Record<string, Answer>>): Answer =>
  (request) =>
    (answers[keyOf(request)] ?? failing(500))(request)

function keyOf({ headers }: CapturedRequest): string {
  return (headers['authorization'] ?? '').replace('Bearer ', '')
}

const LIST: Answer = () => Response.json({ object: 'list', data: [] })

let weir: Weir
let upstream: Upstream
/** What chats are answered, and the model list. */
let answer: Answer = GOOD
let listed: Answer = LIST
const stops: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  listed = LIST
})

function serve(first: Answer): void {
  answer = first
  upstream = startUpstream((request) => (request.method === 'GET' ? listed : answer)(request))
  stops.push(() => upstream.close())
}

function chats(): CapturedRequest[] {
  return upstream.requests.filter(({ method }) => method === 'POST')
}

function configOf(provider: JsonObject, over: JsonObject = {}): JsonObject {
  return {
    providers: [
      {
        id: 'p',
        type: 'openai',
        base_url: `${upstream.url}/v1`,
        keys: [ONE],
        retries: { max: 0 },
        circuit: { failures: 3, open: `${OPEN_MS}ms` },
        ...provider,
      },
    ],
    models: [{ id: 'm', targets: [{ provider: 'p', model: 'm' }] }],
    ...over,
  }
}

async function start(first: Answer, provider: JsonObject = {}): Promise<void> {
  serve(first)
  weir = await startWeir({ config: configOf(provider) })
  stops.push(() => weir.stop())
}

function chat(of: Weir = weir): Promise<Asked> {
  return ask(of, 'openai', bodyOf('openai', 'm'))
}

async function health(of: Weir = weir): Promise<JsonObject> {
  const response = await fetch(`${of.url}/admin/health`)
  const text = await response.text()
  expect(response.status).toBe(200)
  expect(text).not.toContain('canary')
  return JSON.parse(text) as JsonObject
}

async function reported(of: Weir = weir): Promise<JsonObject> {
  const { providers } = await health(of)
  const found = Array.isArray(providers)
    ? providers.filter(isObject).find(({ id }) => id === 'p')
    : undefined
  if (found === undefined) throw new Error('the provider is not in the report')
  return found
}

async function circuit(of: Weir = weir): Promise<unknown> {
  const { targets } = await reported(of)
  return Array.isArray(targets) && isObject(targets[0]) ? targets[0]['circuit'] : undefined
}

/** Waits until it is so; what is waited for comes by itself. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + UNTIL_LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`was not so within ${UNTIL_LIMIT_MS} ms`)
    await Bun.sleep(5)
  }
}

describe('a target that fails', () => {
  test('is left alone, and refused for in a moment', async () => {
    await start(failing(500), { circuit: OPEN_LONG })
    for (let index = 0; index < 3; index += 1) expect((await chat()).status).toBe(502)
    expect(await circuit()).toBe('open')
    const ready = await fetch(`${weir.url}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({ checks: { provider: false } })
    const times: number[] = []
    const otherTimes: number[] = []
    for (let index = 0; index < 21; index += 1) {
      const startedMs = performance.now()
      const refused = await chat()
      const refusedMs = performance.now()
      times.push(refusedMs - startedMs)
      // What no provider has a part in takes as long as it takes here and now.
      await ask(weir, 'openai', bodyOf('openai', 'no-such-model'))
      otherTimes.push(performance.now() - refusedMs)
      expect(refused.status).toBe(503)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    const sorted = times.toSorted((a, b) => a - b)
    process.stdout.write(
      `refusal while the circuit is open: ${sorted[10]?.toFixed(2)} ms (median)\n`,
    )
    // What it waited for would be waited for by each; but for the fastest they may have waited for the processor.
    expect(Math.min(...times)).toBeLessThan(5 + 3 * Math.min(...otherTimes))
    expect(chats()).toHaveLength(3)
  })

  test('is tried by exactly one of 500 when its time is over', async () => {
    await start(failing(500))
    for (let index = 0; index < 3; index += 1) expect((await chat()).status).toBe(502)
    const held = Promise.withResolvers<void>()
    answer = async (request) => {
      await held.promise
      return await GOOD(request)
    }
    await until(async () => (await circuit()) === 'half_open')
    const startedMs = performance.now()
    const asked = Array.from({ length: 500 }, () => chat())
    let answered = 0
    for (const one of asked) void one.then(() => (answered += 1))
    const probes = () => chats().length - 3
    await until(() => answered === asked.length - probes())
    // Whoever tries it keeps the others out for as long as it was left alone: one, but on a machine that takes longer to ask them all.
    expect(probes()).toBeLessThanOrEqual(1 + (performance.now() - startedMs) / OPEN_MS)
    held.resolve()
    const answers = await Promise.all(asked)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(probes())
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(500 - probes())
    expect(await circuit()).toBe('closed')
    expect((await chat()).status).toBe(200)
    expect((await fetch(`${weir.url}/readyz`)).status).toBe(200)
    const metrics = await (await fetch(`${weir.url}/metrics`)).text()
    expect(metrics).toContain('weir_target_circuit{provider="p",model="m"} 0')
    expect(metrics).toContain('weir_provider_key_state{provider="p",state="fit"} 1')
  })

  test('gets at most a fifth more while it is down, and the few that are free', async () => {
    await start(failing(500), {
      retries: { max: 2, base: '1ms', cap: '5ms' },
      circuit: { enabled: false },
    })
    const requests = 300
    const startedMs = performance.now()
    for (let sent = 0; sent < requests; sent += 20) {
      await Promise.all(Array.from({ length: 20 }, () => chat()))
    }
    const windows = Math.ceil((performance.now() - startedMs) / RETRY_WINDOW_MS)
    // The few that are free come anew with each window, and a request may lie in two.
    const most = requests * 0.2 * Math.min(windows, 2) + 10 * windows
    const repeats = chats().length - requests
    process.stdout.write(`repeats for ${requests} failing requests: ${repeats}\n`)
    expect(repeats).toBeGreaterThan(0)
    expect(repeats).toBeLessThanOrEqual(most)
    const metrics = await (await fetch(`${weir.url}/metrics`)).text()
    expect(metrics).toContain(`weir_retries_total{provider="p"} ${repeats}`)
  })

  test.each([400, 401, 403, 413])('is not asked twice after %d', async (status) => {
    await start(failing(status), { retries: { max: 2, base: '1ms', cap: '5ms' } })
    const refused = await chat()
    expect(refused.status).not.toBe(401)
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(chats()).toHaveLength(1)
  })

  test('is asked again no earlier than it said', async () => {
    const busy = failing(503, { 'retry-after-ms': '400' })
    await start((request) => (chats().length > 1 ? GOOD : busy)(request), {
      retries: { max: 1, base: '1ms', cap: '5ms' },
    })
    const startedMs = performance.now()
    expect((await chat()).status).toBe(200)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(400)
    expect(chats()).toHaveLength(2)
  })
})

describe('a pool of keys', () => {
  test('loses the one that is refused and nothing else', async () => {
    await start(byKey({ [ONE]: failing(401), [TWO]: GOOD }), { keys: [ONE, TWO] })
    for (let index = 0; index < 6; index += 1) expect((await chat()).status).toBe(200)
    expect(chats().filter((request) => keyOf(request) === ONE)).toHaveLength(1)
    expect(await reported()).toMatchObject({
      keys: [
        { state: 'refused', hint: '6789', failed: 1 },
        { state: 'fit', used: 6, running: 0, failed: 0 },
      ],
      targets: [{ circuit: 'closed' }],
    })
    answer = failing(401)
    for (let index = 0; index < 3; index += 1) {
      const refused = await chat()
      expect([502, 503]).toContain(refused.status)
      expect(refused.text).not.toContain('canary')
    }
    const asked = chats().length
    const last = await chat()
    expect(last.status).toBe(503)
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(1)
    expect(chats()).toHaveLength(asked)
    expect((await fetch(`${weir.url}/readyz`)).status).toBe(503)
  })

  test('lets the one that is limited rest for as long as it was told', async () => {
    await start(byKey({ [ONE]: failing(429, { 'retry-after': '600' }), [TWO]: GOOD }), {
      keys: [ONE, TWO],
    })
    for (let index = 0; index < 6; index += 1) expect((await chat()).status).toBe(200)
    expect(chats().filter((request) => keyOf(request) === ONE)).toHaveLength(1)
    const { keys } = await reported()
    const [limited] = Array.isArray(keys) ? keys : []
    expect(limited).toMatchObject({ state: 'limited' })
    const freeInMs = isObject(limited) ? Number(limited['free_in_ms']) : 0
    expect(freeInMs).toBeGreaterThan(500_000)
    expect(freeInMs).toBeLessThanOrEqual(600_000)
  })

  test('is rotated in place under load without a failed request', async () => {
    await start(byKey({ [ONE]: GOOD, [TWO]: GOOD }))
    const statuses: number[] = []
    const over = new AbortController()
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!over.signal.aborted) statuses.push((await chat()).status)
      }),
    )
    const usesOnly = async (key: string) => {
      const from = chats().length
      await until(() => chats().length >= from + 40)
      return chats()
        .slice(from + 20)
        .every((request) => keyOf(request) === key)
    }
    const keysAre = async (...states: string[]) => {
      const { keys } = await reported()
      const found = Array.isArray(keys) ? keys.filter(isObject).map(({ state }) => state) : []
      return found.join() === states.join()
    }
    weir.configure(configOf({ keys: [ONE, TWO] }))
    await until(() => keysAre('fit', 'fit'))
    await until(() => chats().some((request) => keyOf(request) === TWO))
    weir.configure(configOf({ keys: [TWO], draining_keys: [ONE] }))
    await until(() => keysAre('fit', 'draining'))
    expect(await usesOnly(TWO)).toBe(true)
    weir.configure(configOf({ keys: [TWO] }))
    await until(() => keysAre('fit'))
    expect(await usesOnly(TWO)).toBe(true)
    over.abort()
    await load
    expect(statuses.every((status) => status === 200)).toBe(true)
    expect(statuses.length).toBeGreaterThan(80)
  })
})

describe('a check', () => {
  test('finds out without a client that a provider is gone', async () => {
    listed = failing(503)
    await start(GOOD, { check: { interval: '1s' }, circuit: { failures: 1, open: '1m' } })
    await until(async () => (await circuit()) === 'open')
    expect(upstream.requests[0]).toMatchObject({ method: 'GET', target: '/v1/models' })
    expect(await reported()).toMatchObject({
      check: { interval_ms: 1_000, last: { reachable: true, ok: false } },
    })
    expect((await chat()).status).toBe(503)
  })
})

test.skipIf(redisPath() === undefined || opensslPath() === undefined)(
  'Redis is reached through TLS, by an authority of one’s own and no other',
  async () => {
    using certificates = makeCertificates()
    const [port] = freePorts(1)
    const { certFile, keyFile } = certificates.server
    const tls = ['--tls-port', `${port}`, '--tls-cert-file', certFile, '--tls-key-file', keyFile]
    const ca = ['--tls-ca-cert-file', certificates.caFile, '--tls-auth-clients', 'no']
    await using redis = await startRedis([...tls, ...ca, '--requirepass', REDIS_PASSWORD])
    serve(GOOD)
    const url = `rediss://:${REDIS_PASSWORD}@127.0.0.1:${port}`
    const config = (caFile: string) =>
      configOf({}, { redis: { url }, network: { ca_file: caFile } })
    weir = await startWeir({ config: config(certificates.otherCaFile) })
    stops.push(() => weir.stop())
    const isConnected = async () => {
      const { redis: shared } = await health()
      return isObject(shared) && shared['connected'] === true
    }
    await until(() => weir.stderr().includes('Redis does not answer'))
    expect(await isConnected()).toBe(false)
    expect((await chat()).status).toBe(200)
    weir.configure(config(certificates.caFile))
    await until(isConnected)
    expect(weir.stdout() + weir.stderr()).not.toContain('canary')
    expect(redis.port).not.toBe(port ?? 0)
  },
)

const present = redisPath() !== undefined
if (!present) {
  process.stdout.write('left out: replicas (tests/health.test.ts): redis-server not installed\n')
}

describe.skipIf(!present)('two replicas', () => {
  let redis: TestRedis
  let other: Weir
  // One for each test: what it remembers is to be of that test.
  beforeEach(async () => {
    redis = await startRedis(['--requirepass', REDIS_PASSWORD])
  })
  afterEach(async () => {
    await redis[Symbol.asyncDispose]()
  })

  const connected = async (of: Weir) => {
    const { redis: shared } = await health(of)
    return isObject(shared) && shared['connected'] === true
  }

  async function startBoth(first: Answer, of: JsonObject): Promise<void> {
    serve(first)
    const url = `redis://:${REDIS_PASSWORD}@127.0.0.1:${redis.port}`
    const config = configOf(of, { redis: { url } })
    ;[weir, other] = await Promise.all([startWeir({ config }), startWeir({ config })])
    stops.push(
      () => weir.stop(),
      () => other.stop(),
    )
    await until(async () => (await connected(weir)) && (await connected(other)))
  }

  test('share open circuits', async () => {
    await startBoth(failing(500), { keys: [ONE, TWO], circuit: OPEN_LONG })
    for (let index = 0; index < 3; index += 1) await chat(weir)
    const afterMs = await untilWithin1s(async () => (await circuit(other)) === 'open')
    process.stdout.write(`open on the other replica within ${afterMs.toFixed(0)} ms\n`)
    const asked = chats().length
    expect((await chat(other)).status).toBe(503)
    expect(chats()).toHaveLength(asked)
  })

  test('share resting keys and what is well again', async () => {
    await startBoth(failing(500), { keys: [ONE, TWO] })
    for (let index = 0; index < 3; index += 1) await chat(weir)
    answer = byKey({ [ONE]: failing(401), [TWO]: GOOD })
    await until(async () => (await circuit(other)) === 'half_open')
    expect((await chat(other)).status).toBe(200)
    await untilWithin1s(async () => (await circuit(weir)) === 'closed')
    // Whichever key came first: the refused one is known to both once it was tried.
    expect((await chat(other)).status).toBe(200)
    await untilWithin1s(async () =>
      JSON.stringify((await reported(weir))['keys']).includes('refused'),
    )
    const refused = chats().filter((request) => keyOf(request) === ONE).length
    for (let index = 0; index < 4; index += 1) expect((await chat(weir)).status).toBe(200)
    expect(chats().filter((request) => keyOf(request) === ONE)).toHaveLength(refused)
    const said = [weir, other].map((one) => one.stdout() + one.stderr()).join('\n')
    expect(said).not.toContain('canary')
  })

  test('go on without Redis, whether it is stuck or gone, and find it again', async () => {
    await startBoth(GOOD, { keys: [ONE], circuit: OPEN_LONG })
    const askFor = async (ms: number) => {
      const times: number[] = []
      for (const endMs = performance.now() + ms; performance.now() < endMs;) {
        const startedMs = performance.now()
        expect((await chat()).status).toBe(200)
        times.push(performance.now() - startedMs)
      }
      return times
    }
    const at = (times: readonly number[], share: number) =>
      times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Infinity
    // How fast this machine is here and now.
    const before = await askFor(500)
    redis.freeze()
    const times = await askFor(1_000)
    await redis.kill()
    times.push(...(await askFor(1_000)))
    await until(async () => !(await connected(weir)))
    process.stdout.write(`p99 of requests without Redis: ${at(times, 0.99).toFixed(1)} ms\n`)
    // Whoever waited for Redis would wait for a second, so that hardly any but those would fit in here; the slowest wait for the processor.
    expect(at(times, 0.5)).toBeLessThan(250 + 2 * at(before, 0.5))
    expect((await fetch(`${weir.url}/readyz`)).status).toBe(200)
    answer = failing(500)
    for (let index = 0; index < 3; index += 1) expect((await chat()).status).toBe(502)
    expect(await circuit()).toBe('open')
    await redis.start()
    await until(async () => (await connected(weir)) && (await connected(other)))
  })
})
