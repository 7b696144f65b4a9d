import { afterEach, describe, expect, test } from 'bun:test'
import { failure, request, transport } from '../testing/transport.ts'
import { json, redirect, text } from '../testing/upstream-answers.ts'
import { HandDeadlines } from '../testing/time-by-hand.ts'
import { bytes as played, startRawUpstream } from '../testing/upstream-raw.ts'
import { startUpstream } from '../testing/upstream.ts'
import type { Lookup } from './resolve.ts'

describe('the address guard', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://0.0.0.0/',
    'http://224.0.0.1/',
    'http://2852039166/',
    'http://0xa9fea9fe/',
  ])('%s is refused even for an operator', async (url) => {
    const error = await failure(transport().send(request(url)))
    expect(error.kind).toBe('upstream_error')
    expect(error.message).not.toContain('169')
  })

  test.each(['http://127.0.0.1:1/', 'http://10.0.0.1/', 'http://192.168.1.1/', 'http://[::1]/'])(
    '%s is refused for what is not an operator’s own',
    async (url) => {
      const error = await failure(
        transport().send(request(url, { network: { allowPrivate: false } })),
      )
      expect(error.message).toContain('may connect to')
    },
  )

  test('a name is judged by every address it has, and pinned to the one judged', async () => {
    await using up = startUpstream(json({ ok: true }))
    const hosts: Record<string, string[]> = {
      'good.test': ['127.0.0.1'],
      'metadata.test': ['169.254.169.254'],
      'mixed.test': ['127.0.0.1', '169.254.169.254'],
    }
    const lookup: Lookup = async (host) => hosts[host] ?? []
    const via = transport(lookup)
    const answer = await via.send(request(`http://good.test:${up.port}/x`))
    expect(answer.status).toBe(200)
    await answer.bytes(1_000)
    expect(up.requests[0]!.headers['host']).toBe(`good.test:${up.port}`)
    // The name changes its answer: the judged address is still the one used.
    hosts['good.test'] = ['169.254.169.254']
    expect((await via.send(request(`http://good.test:${up.port}/x`))).status).toBe(200)
    for (const name of ['metadata.test', 'mixed.test', 'unknown.test']) {
      expect((await failure(via.send(request(`http://${name}:${up.port}/x`)))).kind).toBe(
        'upstream_error',
      )
    }
    expect(up.requests).toHaveLength(2)
  })

  test('the next address is tried when one refuses, and remembered', async () => {
    await using up = startUpstream(json({ ok: true }))
    const via = transport(async () => ['127.0.0.2', '127.0.0.1'])
    const answer = await via.send(request(`http://two.test:${up.port}/x`))
    expect(answer.status).toBe(200)
    await answer.bytes(100)
  })
})

describe('what is never done', () => {
  afterEach(() => {
    delete process.env['HTTP_PROXY']
  })

  test('a redirect is not followed and nobody sees the credential', async () => {
    await using other = startUpstream(json({}))
    for (const status of [301, 302, 303, 307, 308] as const) {
      await using up = startUpstream(redirect(status, `${other.url}/stolen`))
      const error = await failure(transport().send(request(`${up.url}/x`)))
      expect(error.kind).toBe('upstream_redirect')
    }
    expect(other.requests).toHaveLength(0)
  })

  test('the environment’s proxy is not used', async () => {
    await using proxy = startUpstream(text('proxied'))
    await using up = startUpstream(json({ direct: true }))
    process.env['HTTP_PROXY'] = proxy.url
    const answer = await transport().send(request(`${up.url}/x`))
    expect(JSON.parse(new TextDecoder().decode(await answer.bytes(1_000)))).toEqual({
      direct: true,
    })
    expect(proxy.requests).toHaveLength(0)
  })

  test('a configured proxy is used, and its own refusal is told as such', async () => {
    await using proxy = startUpstream(json({ via: 'proxy' }))
    const answer = await transport().send(
      request('http://only-the-proxy-knows.test/x', {
        network: { verify: true, proxy: proxy.url },
      }),
    )
    expect(JSON.parse(new TextDecoder().decode(await answer.bytes(1_000)))).toEqual({
      via: 'proxy',
    })
    expect(proxy.requests[0]!.headers['authorization']).toBe('Bearer canary')
  })
})

describe('deadlines', () => {
  test('no first byte: a timeout at its limit, and the connection is gone', async () => {
    const never = Promise.withResolvers<void>()
    await using up = startUpstream(async () => {
      await never.promise
      return new Response()
    })
    const deadlines = new HandDeadlines()
    const asked = request(`${up.url}/x`)
    const sending = failure(transport(undefined, deadlines).send(asked))
    const { disconnected } = await up.request(0)
    expect(deadlines.pass(asked.timeouts.firstByteMs)).toBe(1)
    const error = await sending
    expect(error.kind).toBe('upstream_timeout')
    expect(error.cause).toContain('first byte')
    await disconnected
    never.resolve()
  })

  test('nobody listening is an error at once, not a timeout', async () => {
    const error = await failure(transport().send(request('http://127.0.0.1:1/x')))
    expect(error.kind).toBe('upstream_error')
    expect((error.cause as { code?: string }).code).toBe('ECONNREFUSED')
  })

  test('a client that has left sends nothing, one that leaves ends it', async () => {
    const never = Promise.withResolvers<void>()
    await using up = startUpstream(async () => {
      await never.promise
      return new Response()
    })
    const gone = AbortSignal.abort()
    expect((await failure(transport().send(request(`${up.url}/x`, { signal: gone })))).kind).toBe(
      'client_closed',
    )
    expect(up.requests).toHaveLength(0)
    const leaving = new AbortController()
    const sending = failure(transport().send(request(`${up.url}/x`, { signal: leaving.signal })))
    await up.request(0)
    leaving.abort()
    expect((await sending).kind).toBe('client_closed')
    never.resolve()
  })
})

test('a body larger than its bound is refused, declared or not', async () => {
  await using up = startUpstream(text('x'.repeat(10_000)))
  const declared = await transport().send(request(`${up.url}/x`))
  expect((await failure(declared.bytes(1_000))).kind).toBe('upstream_bad_response')
  up.play(
    () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(new Uint8Array(1_000))
          },
        }),
      ),
  )
  const endless = await transport().send(request(`${up.url}/x`))
  expect((await failure(endless.bytes(50_000))).kind).toBe('upstream_bad_response')
})

describe('a body that is read while it is sent', () => {
  const MIB = 1024 * 1024

  function streamed(bytes: number, next: (index: number) => Promise<Uint8Array> | Uint8Array) {
    const state = { opened: 0, pulled: 0, cancelled: 0 }
    const gone = Promise.withResolvers<void>()
    const open = () => {
      state.opened += 1
      let sent = 0
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            state.pulled += 1
            if (sent >= bytes) return controller.close()
            const chunk = await next(sent)
            sent += chunk.length
            controller.enqueue(chunk)
          },
          cancel() {
            state.cancelled += 1
            gone.resolve()
          },
        },
        { highWaterMark: 0 },
      )
    }
    return { state, gone: gone.promise, body: { bytes, open } }
  }

  test('goes out with its length, and no faster than it is taken', async () => {
    await using up = startUpstream((got) => Response.json({ size: got.bytes.length }))
    const { state, body } = streamed(4 * MIB, () => new Uint8Array(MIB / 4))
    const answer = await transport().send(request(`${up.url}/x`, { body }))
    expect(JSON.parse(new TextDecoder().decode(await answer.bytes(1_000)))).toEqual({
      size: 4 * MIB,
    })
    expect(up.requests[0]!.headers['content-length']).toBe(String(4 * MIB))
    expect(up.requests[0]!.headers['transfer-encoding']).toBeUndefined()
    expect(state).toEqual({ opened: 1, pulled: 17, cancelled: 0 })
  })

  test('the wait for an answer begins once it is sent', async () => {
    await using up = startUpstream(json({ ok: true }))
    const deadlines = new HandDeadlines()
    const { firstByteMs } = request('').timeouts
    const set: number[] = []
    const { body } = streamed(8, () => {
      set.push(deadlines.count(firstByteMs))
      return new Uint8Array(1)
    })
    const answer = await transport(undefined, deadlines).send(request(`${up.url}/x`, { body }))
    expect(answer.status).toBe(200)
    // Begun anew for each of the eight pieces and for the end, each time in place of the one before.
    expect(set).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
    expect(deadlines.count(firstByteMs)).toBe(10)
    expect(deadlines.pass(firstByteMs)).toBe(0)
  })

  test('one that stands still is a timeout, and is let go', async () => {
    await using up = startUpstream(json({ ok: true }))
    const timeouts = { ...request('').timeouts, firstByteMs: 200 }
    const { body } = streamed(8, () => new Promise(() => undefined))
    const error = await failure(transport().send(request(`${up.url}/x`, { body, timeouts })))
    expect(error.kind).toBe('upstream_timeout')
  })

  test('a client that leaves ends it', async () => {
    await using up = startUpstream(json({ ok: true }))
    const leaving = new AbortController()
    // As much as the upstream takes, over seconds: the abort ends it.
    const { state, gone, body } = streamed(1_000 * MIB, async () => {
      if (state.pulled === 4) leaving.abort()
      await Bun.sleep(1)
      return new Uint8Array(MIB / 4)
    })
    const error = await failure(
      transport().send(request(`${up.url}/x`, { body, signal: leaving.signal })),
    )
    expect(error.kind).toBe('client_closed')
    await gone
    expect(state.cancelled).toBe(1)
  })

  test('one that breaks fails the request', async () => {
    await using up = startUpstream(json({ ok: true }))
    const { body } = streamed(8, () => {
      throw new Error('the disk is gone')
    })
    const error = await failure(transport().send(request(`${up.url}/x`, { body })))
    expect(error.kind).toBe('upstream_error')
  })

  test('is opened anew for the next address', async () => {
    await using up = startUpstream(json({ ok: true }))
    const via = transport(async () => ['127.0.0.2', '127.0.0.1'])
    const { state, body } = streamed(1_000, () => new Uint8Array(1_000))
    const answer = await via.send(request(`http://two.test:${up.port}/x`, { body }))
    expect(answer.status).toBe(200)
    expect(state.opened).toBeLessThanOrEqual(2)
    expect(up.requests[0]!.bytes).toHaveLength(1_000)
  })
})

test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'] as const)(
  '%s is sent as it is',
  async (method) => {
    await using up = startUpstream(() => new Response(method === 'HEAD' ? null : 'x'))
    const { body: _none, ...plain } = request(`${up.url}/x`, { method })
    const answer = await transport().send(plain)
    expect(answer.status).toBe(200)
    await answer.bytes(10)
    expect(up.requests[0]!.method).toBe(method)
  },
)

describe('a whole answer that falls silent', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
  const cases: readonly [string, string][] = [
    ['of a declared length', `${HEAD}content-length: 100\r\n\r\n{"a":`],
    ['of a great declared length', `${HEAD}content-length: 2000000\r\n\r\n{"a":`],
    ['in chunks', `${HEAD}transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n`],
  ]
  for (const [name, answer] of cases) {
    test(`${name} ends at the idle limit, long before the total one`, async () => {
      const raw = startRawUpstream(played(answer))
      try {
        const timeouts = { ...request('').timeouts, idleMs: 200, totalMs: 60_000 }
        const response = await transport().send(request(`${raw.url}/x`, { timeouts }))
        expect((await failure(response.bytes(10_000_000))).kind).toBe('upstream_timeout')
      } finally {
        await raw.close()
      }
    })
  }
})
