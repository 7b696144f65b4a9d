// What every check outside makes of a service that is down, slow, broken or lying (S65): never a pass, always within the rule's time, and
// nothing of the request in what is told of it.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Guard, GuardCheckKind, GuardrailRule } from '../../core/guardrail.ts'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { NO_NETWORK_DEFAULTS, outboundNetwork } from '../../core/network.ts'
import { systemClock } from '../../system.ts'
import { guardQuestion, guardRule, guardServers, judgeFailure } from '../../testing/guard.ts'
import { EXTERNAL } from './checks.ts'
import { makeCertificate } from '../../testing/rsa-certificate.ts'
import { transport } from '../../testing/transport.ts'
import type { GuardServers } from './servers.ts'

setDefaultTimeout(20_000)

const CANARY = 'canary-sentence-7741'
const KINDS = ['nemo', 'presidio', 'moderation', 'webhook'] as const
const GOOD: Readonly<Record<(typeof KINDS)[number], unknown>> = {
  nemo: { status: 'passed', content: CANARY },
  presidio: [],
  moderation: {
    results: [{ flagged: false, categories: { violence: false }, category_scores: {} }],
  },
  webhook: { action: 'pass' },
}

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer, idleTimeout: 60 })
  closing.push(() => void server.stop(true))
  return `http://127.0.0.1:${server.port}`
}

/** Says this to whoever asks and hangs up. */
function listen(says: string): string {
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (socket) => void socket.end(says) },
  })
  closing.push(() => listener.stop(true))
  return `http://127.0.0.1:${listener.port}`
}

function guardAt(
  kind: GuardCheckKind,
  url: string,
  over: Partial<GuardrailRule> = {},
  servers: GuardServers = guardServers(),
): Guard {
  const options: JsonObject = { url }
  return EXTERNAL[kind]!.make(guardRule(kind, options, over), {
    clock: systemClock,
    servers,
    transport: transport(),
  })
}

/** Fails before a timer of ten times the rule's time: a machine that stands still holds up both, and they come in their order. */
async function failsInTime(guard: Guard): Promise<void> {
  const judging = judgeFailure(() => guard.judge(guardQuestion([CANARY])))
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => resolve('late'), guard.rule.timeoutMs * 10)
  expect(await Promise.race([judging, late])).toMatchObject({ kind: 'guardrail_unavailable' })
  clearTimeout(timer)
}

const FAULTS: Readonly<Record<string, () => string>> = {
  'answers 500': () => serve(() => new Response(CANARY, { status: 500 })),
  'answers 503 with a good body': () =>
    serve(() => Response.json({ status: 'passed', content: '', action: 'pass' }, { status: 503 })),
  'answers 429': () => serve(() => new Response('slow down', { status: 429 })),
  'answers 404': () => serve(() => new Response('nothing here', { status: 404 })),
  'answers 401': () => serve(() => Response.json({ error: CANARY }, { status: 401 })),
  'answers 204': () => serve(() => new Response(null, { status: 204 })),
  'answers 201 with a good body': () =>
    serve(() => Response.json({ status: 'passed', content: '', action: 'pass' }, { status: 201 })),
  'is a page of HTML': () =>
    serve(() => new Response('<html>ok</html>', { headers: { 'content-type': 'text/html' } })),
  'answers nothing': () => serve(() => new Response('')),
  'answers broken JSON': () => serve(() => new Response('{"action":"pass"')),
  'answers null': () => serve(() => new Response('null')),
  'answers a number': () => serve(() => new Response('1')),
  'answers an empty object': () => serve(() => Response.json({})),
  'answers an error with 200': () => serve(() => Response.json({ error: { message: CANARY } })),
  'answers a list of junk': () => serve(() => Response.json([1, 'two', null, {}])),
  'answers words for everything': () =>
    serve(() => Response.json({ status: 'ok', action: 'allow', results: 'none', content: 1 })),
  'answers nearly the right words': () =>
    serve(() => Response.json({ status: 'PASSED', action: 'PASS', content: '', results: [] })),
  redirects: () => serve(() => Response.redirect('http://127.0.0.1:1/elsewhere', 307)),
  'breaks off': () =>
    listen('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"status":"passed","action":"pass"'),
  'speaks no HTTP': () => listen('SSH-2.0-OpenSSH_9.2\r\n'),
  'answers far too much': () =>
    serve(() => new Response(`"${'x'.repeat(LIMITS.guardAnswerBytesMax + 10)}"`)),
  'answers far too much, packed': () =>
    serve(
      () =>
        new Response(Bun.gzipSync(Buffer.alloc(LIMITS.guardAnswerBytesMax * 4, 32)), {
          headers: { 'content-encoding': 'gzip' },
        }),
    ),
}

describe.each(KINDS)('%s', (kind) => {
  test('passes what the service passes', async () => {
    const url = serve(() => Response.json(GOOD[kind]))
    expect(await guardAt(kind, url).judge(guardQuestion([CANARY]))).toMatchObject({ hit: false })
  })

  test.each(Object.keys(FAULTS))('does not pass where the service %s', async (fault) => {
    const guard = guardAt(kind, FAULTS[fault]!())
    const error = await judgeFailure(() => guard.judge(guardQuestion([CANARY])))
    expect(error.kind).toBe('guardrail_unavailable')
    expect(error.status).toBe(503)
    expect(error.retryAfterMs).toBeGreaterThan(0)
    expect(`${error.message} ${String(error.cause)}`).not.toContain(CANARY)
    expect(`${error.message} ${String(error.cause)}`).not.toContain('127.0.0.1')
  })

  test('does not pass where nobody listens', async () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const url = `http://127.0.0.1:${server.port}`
    await server.stop(true)
    const guard = guardAt(kind, url)
    const error = await judgeFailure(() => guard.judge(guardQuestion([CANARY])))
    expect(error.kind).toBe('guardrail_unavailable')
  })

  test('does not pass, and is not late, where the service never answers', async () => {
    const url = serve(() => new Promise<Response>(() => {}))
    await failsInTime(guardAt(kind, url, { timeoutMs: 150 }))
  })

  test('does not pass, and is not late, where the answer drips', async () => {
    const url = serve(
      () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              controller.enqueue(new TextEncoder().encode(' '))
              await Bun.sleep(20)
            },
          }),
        ),
    )
    await failsInTime(guardAt(kind, url, { timeoutMs: 200 }))
  })

  test('goes when the client goes', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    const url = serve(() => {
      resolve()
      return new Promise<Response>(() => {})
    })
    const leaving = new AbortController()
    const guard = guardAt(kind, url, { timeoutMs: 15_000 })
    const judging = judgeFailure(() =>
      guard.judge(guardQuestion([CANARY], { signal: leaving.signal })),
    )
    await asked
    leaving.abort()
    expect((await judging).kind).toBe('guardrail_unavailable')
  })

  test('tries a connection that broke off once more, and not for ever', async () => {
    let tries = 0
    const listener = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data(socket) {
          tries += 1
          socket.end()
        },
      },
    })
    closing.push(() => listener.stop(true))
    const guard = guardAt(kind, `http://127.0.0.1:${listener.port}`)
    expect((await judgeFailure(() => guard.judge(guardQuestion([CANARY])))).kind).toBe(
      'guardrail_unavailable',
    )
    expect(tries).toBe(2)
  })

  test('a service of one tenant may not lie inside', async () => {
    const url = serve(() => Response.json(GOOD[kind]))
    const servers = guardServers((to, isOperators, own) =>
      outboundNetwork(to, isOperators, { ...NO_NETWORK_DEFAULTS, isShared: true }, own),
    )
    const own = { origin: 'store', tenantId: 'blue' } as const
    const refused = await judgeFailure(() =>
      guardAt(kind, url, own, servers).judge(guardQuestion([CANARY])),
    )
    expect(refused.kind).toBe('guardrail_unavailable')
    const operators = await guardAt(kind, url, {}, servers).judge(guardQuestion([CANARY]))
    expect(operators).toMatchObject({ hit: false })
  })

  test.each([
    'http://169.254.169.254/latest',
    'http://[::ffff:169.254.169.254]/',
    'ftp://example.com',
    'nonsense',
    'http://user:pw@example.com',
    'http://0x7f.1/#a',
  ])('refuses the address %s when the rule is made', (url) => {
    expect(() => guardAt(kind, url)).toThrow(/option 'url'/)
  })
})

describe('the way to a service', () => {
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'

  test('is that of the rule, in place of the one for all', async () => {
    const ways: unknown[] = []
    const servers = guardServers((url, isOperators, own) => {
      const way = outboundNetwork(
        url,
        isOperators,
        { ...NO_NETWORK_DEFAULTS, proxy: 'http://proxy.invalid:3128', caFile: '/all.pem' },
        own,
      )
      ways.push(way)
      return { allowPrivate: true }
    })
    const url = serve(() => Response.json(GOOD.webhook))
    const options = { url, proxy: 'http://own.invalid:8080', verify: false, ca: certificate }
    const guard = EXTERNAL.webhook!.make(guardRule('webhook', options), {
      clock: systemClock,
      servers,
      transport: transport(),
    })
    await guard.judge(guardQuestion(['x']))
    expect(ways).toEqual([
      {
        proxy: 'http://own.invalid:8080',
        verify: false,
        ca: certificate,
        caFile: '/all.pem',
        allowPrivate: true,
      },
    ])
  })

  test('trusts who it is told to, and nobody else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-guard-'))
    closing.push(() => rmSync(folder, { recursive: true, force: true }))
    const { keyFile, pem: cert } = makeCertificate(folder, { name: 'localhost' })
    const key = readFileSync(keyFile, 'utf8')
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      tls: { cert, key },
      fetch: () => Response.json(GOOD.webhook),
    })
    closing.push(() => void server.stop(true))
    const url = `https://localhost:${server.port}`
    const ask = (options: JsonObject) =>
      EXTERNAL.webhook!.make(guardRule('webhook', { url, ...options }), {
        clock: systemClock,
        servers: guardServers(),
        transport: transport(),
      }).judge(guardQuestion(['x']))
    expect((await judgeFailure(() => ask({}))).kind).toBe('guardrail_unavailable')
    expect(await ask({ ca: cert })).toMatchObject({ hit: false })
    expect(await ask({ verify: false })).toMatchObject({ hit: false })
  })
})

describe('a service that fails', () => {
  test('is left alone after failures in a row, then tried once, and trusted again', async () => {
    let answers = 0
    let isDown = true
    const url = serve(() => {
      answers += 1
      return isDown ? new Response('', { status: 500 }) : Response.json({ action: 'pass' })
    })
    const servers = guardServers()
    const guard = guardAt('webhook', url, {}, servers)
    for (let at = 0; at < LIMITS.guardCircuitFailuresMax; at += 1) {
      await judgeFailure(() => guard.judge(guardQuestion(['x'])))
    }
    expect(servers.states()).toMatchObject([{ state: 'open', running: 0, waiting: 0 }])
    await judgeFailure(() => guard.judge(guardQuestion(['x'])))
    expect(answers).toBe(LIMITS.guardCircuitFailuresMax)
    isDown = false
    while (servers.states()[0]?.state !== 'half-open') await Bun.sleep(20)
    expect(await guard.judge(guardQuestion(['x']))).toMatchObject({ hit: false })
    expect(servers.states()).toMatchObject([{ state: 'closed' }])
  })

  test('is not left alone because clients leave', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    let count = 0
    const url = serve(() => {
      count += 1
      if (count === LIMITS.guardCircuitFailuresMax + 1) resolve()
      return new Promise<Response>(() => {})
    })
    const servers = guardServers()
    const guard = guardAt('webhook', url, {}, servers)
    const leaving = new AbortController()
    const { signal } = leaving
    const judging = Array.from({ length: LIMITS.guardCircuitFailuresMax + 1 }, () =>
      judgeFailure(() => guard.judge(guardQuestion(['x'], { signal }))),
    )
    await asked
    leaving.abort()
    await Promise.all(judging)
    expect(servers.states()).toMatchObject([{ state: 'closed' }])
  })

  test('one tenant does not close it for another', () => {
    const servers = guardServers()
    const place = { url: 'http://10.0.0.1:8000', isOperators: false, own: {} }
    expect(servers.at({ ...place, tenantId: 'a' })).not.toBe(
      servers.at({ ...place, tenantId: 'b' }),
    )
    expect(servers.at({ ...place, tenantId: 'a' })).toBe(servers.at({ ...place, tenantId: 'a' }))
  })

  test('is asked no more at once than it is to be, and the rest waits', async () => {
    let running = 0
    let most = 0
    const url = serve(async () => {
      running += 1
      most = Math.max(most, running)
      await Bun.sleep(5)
      running -= 1
      return Response.json({ action: 'pass' })
    })
    const guard = guardAt('webhook', url)
    const all = Array.from({ length: 100 }, () => guard.judge(guardQuestion(['x'])))
    for (const judgement of await Promise.all(all)) expect(judgement).toMatchObject({ hit: false })
    expect(most).toBeLessThanOrEqual(LIMITS.guardCallsMax)
  })

  test('has a queue with an end', async () => {
    const url = serve(() => new Promise<Response>(() => {}))
    const guard = guardAt('webhook', url, { timeoutMs: 300 })
    const count = LIMITS.guardCallsMax + LIMITS.guardQueueMax + 5
    const errors = await Promise.all(
      Array.from({ length: count }, () => judgeFailure(() => guard.judge(guardQuestion(['x'])))),
    )
    const causes = errors.map(({ cause }) => String(cause))
    expect(causes.filter((cause) => cause.startsWith('too many questions'))).toHaveLength(5)
  })
})
