// The ways to a provider that change or lead through another's hands: names that move, and forward proxies.

import { describe, expect, test } from 'bun:test'
import { hostname } from 'node:os'
import { LIMITS } from '../core/limits.ts'
import { systemClock } from '../system.ts'
import { failure, request, transport } from '../testing/transport.ts'
import { json, text } from '../testing/upstream-answers.ts'
import { startUpstream } from '../testing/upstream.ts'
import { SharedDeadlines } from './deadlines.ts'
import { HttpTransport } from './http-transport.ts'
import { AddressGuard } from './resolve.ts'

test('a proxy inside that others than the operator have said is not connected to where inside is refused', async () => {
  await using proxy = startUpstream(text('through'))
  const via = transport()
  const ask = (allowPrivateProxy?: boolean) =>
    via.send({
      ...request('http://api.example/x'),
      network: {
        proxy: proxy.url,
        ...(allowPrivateProxy === undefined ? {} : { allowPrivateProxy }),
      },
    })
  for (let time = 0; time < 3; time += 1) {
    expect((await failure(ask(false))).message).toContain('may connect to')
  }
  expect(proxy.requests).toHaveLength(0)
  expect((await ask(true)).status).toBe(200)
  expect((await failure(ask(false))).message).toContain('may connect to')
  expect((await ask()).status).toBe(200)
  expect(proxy.requests).toHaveLength(2)
})

test('a proxy with TLS is not found by its name where inside is refused: fetch would look it up once more', async () => {
  let connected = 0
  using inside = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { open: () => void (connected += 1), data() {} },
  })
  const now = () => systemClock.monotonicMs()
  // The name of this machine, which was somebody's outside when it was judged.
  const guard = new AddressGuard(now, async () => ['1.1.1.1'])
  const via = new HttpTransport(guard, new SharedDeadlines(systemClock), now)
  const proxy = `https://${hostname()}:${inside.port}`
  const network = { proxy, allowPrivateProxy: false, verify: false }
  const asked = failure(via.send({ ...request('http://api.example/x'), network }))
  expect((await asked).message).toContain('may connect to')
  expect(connected).toBe(0)
})

describe('names that move', () => {
  /** A transport with a clock that the test moves. */
  function moving(answers: Record<string, string[]>) {
    const state = { nowMs: 0, asked: 0 }
    const guard = new AddressGuard(
      () => state.nowMs,
      async (host) => {
        state.asked += 1
        return answers[host] ?? []
      },
    )
    const via = new HttpTransport(guard, new SharedDeadlines(systemClock), () => state.nowMs)
    return { state, via }
  }

  test('a server that has moved is found by the very request that misses it', async () => {
    await using up = startUpstream(json({ ok: true }))
    const answers: Record<string, string[]> = { 'moved.test': ['127.0.0.1'] }
    const { state, via } = moving(answers)
    const url = `http://moved.test:${up.port}/x`
    await (await via.send(request(url))).bytes(100)
    // Nobody is at the remembered address any more: 127.0.0.3 stands for it.
    answers['moved.test'] = ['127.0.0.3']
    state.nowMs = LIMITS.dnsCacheTtlMs
    await failure(via.send(request(url)))
    answers['moved.test'] = ['127.0.0.1']
    state.nowMs += LIMITS.dnsRepeatMinMs
    const asked = state.asked
    expect((await via.send(request(url))).status).toBe(200)
    expect(state.asked).toBe(asked + 1)
  })

  test('what it moves to is judged as well', async () => {
    await using up = startUpstream(json({ ok: true }))
    const answers: Record<string, string[]> = { 'rebind.test': ['127.0.0.3'] }
    const { state, via } = moving(answers)
    const url = `http://rebind.test:${up.port}/x`
    await failure(via.send(request(url)))
    answers['rebind.test'] = ['169.254.169.254']
    state.nowMs += LIMITS.dnsRepeatMinMs
    expect((await failure(via.send(request(url)))).message).toContain('may connect to')
    expect(up.requests).toHaveLength(0)
  })

  test('where nobody is, the name is not asked for with every request', async () => {
    const { state, via } = moving({ 'gone.test': ['127.0.0.3'] })
    for (let count = 0; count < 10; count += 1) {
      await failure(via.send(request('http://gone.test:1/x')))
    }
    expect(state.asked).toBe(1)
  })

  test('a resolver that never answers is a timeout at the connect limit', async () => {
    const guard = new AddressGuard(
      () => performance.now(),
      () => new Promise(() => undefined),
    )
    const via = new HttpTransport(guard, new SharedDeadlines(systemClock), () => performance.now())
    const timeouts = { connectMs: 300, firstByteMs: 5_000, idleMs: 1_000, totalMs: 5_000 }
    const startedMs = performance.now()
    const error = await failure(via.send(request('http://slow.test/x', { timeouts })))
    expect(error.kind).toBe('upstream_timeout')
    expect(error.cause).toContain('connection')
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(290)
    const leaving = new AbortController()
    const sending = failure(via.send(request('http://slow.test/x', { signal: leaving.signal })))
    leaving.abort()
    expect((await sending).kind).toBe('client_closed')
  })
})

describe('behind a proxy', () => {
  test.each(['http://169.254.169.254/', 'http://[fd00:ec2::254]/', 'https://2852039166/'])(
    '%s is refused before the proxy hears of it',
    async (url) => {
      await using proxy = startUpstream(json({}))
      const network = { proxy: proxy.url, allowPrivate: true }
      const error = await failure(transport().send(request(url, { network })))
      expect(error.message).toContain('may connect to')
      expect(proxy.requests).toHaveLength(0)
    },
  )

  test('a private address needs its permission, the proxy’s own does not', async () => {
    await using proxy = startUpstream(json({ ok: true }))
    const via = transport()
    const to = (url: string, allowPrivate: boolean) =>
      via.send(request(url, { network: { proxy: proxy.url, allowPrivate } }))
    expect((await failure(to('http://10.0.0.1/', false))).message).toContain('may connect to')
    expect((await to('http://10.0.0.1/', true)).status).toBe(200)
    expect((await to('http://public.test/', false)).status).toBe(200)
  })

  test('the proxy itself is no way to a metadata service', async () => {
    const via = transport(async () => ['169.254.169.254'])
    const network = { proxy: 'http://proxy.test:3128', allowPrivate: true }
    const error = await failure(via.send(request('http://public.test/', { network })))
    expect(error.message).toContain('may connect to')
  })

  test('hosts of NO_PROXY are judged as those reached directly', async () => {
    await using proxy = startUpstream(json({}))
    const via = transport(async () => ['10.0.0.1'])
    const network = { proxy: proxy.url, noProxy: ['intern.test'], allowPrivate: false }
    const error = await failure(via.send(request('http://api.intern.test/', { network })))
    expect(error.message).toContain('may connect to')
    expect(proxy.requests).toHaveLength(0)
  })

  test('a refusal in clear is the proxy’s, and its page is not the provider’s', async () => {
    for (const [status, headers] of [
      [407, {}],
      [403, { 'x-squid-error': 'ERR_ACCESS_DENIED 0' }],
      [503, { 'x-squid-error': 'ERR_CONNECT_FAIL 111' }],
    ] as const) {
      await using proxy = startUpstream(text('<html>', { status, headers }))
      const network = { proxy: proxy.url }
      const error = await failure(transport().send(request('http://a.test/', { network })))
      expect(error.kind).toBe('upstream_error')
      expect((error.cause as Error).message).toContain(`the proxy answered ${status}`)
    }
    // An error of the provider that the proxy handed on stays the provider's.
    await using proxy = startUpstream(json({ error: {} }, { status: 403 }))
    const answer = await transport().send(
      request('http://a.test/', { network: { proxy: proxy.url } }),
    )
    expect(answer.status).toBe(403)
  })
})
