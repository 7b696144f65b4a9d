// The corporate network, against the executable and real servers: squid as forward proxy, nginx demanding certificates, an authority
// of openssl's. Each case is a provider of the configuration; each failure has its kind, its log row and no secret anywhere.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NetworkSettings } from '../src/core/catalog.ts'
import type { JsonObject } from '../src/core/json.ts'
import { LIMITS } from '../src/core/limits.ts'
import { systemClock } from '../src/system.ts'
import { SharedDeadlines } from '../src/transport/deadlines.ts'
import { HttpTransport } from '../src/transport/http-transport.ts'
import { AddressGuard } from '../src/transport/resolve.ts'
import { ask, bodyOf, type Asked } from './harness/ask.ts'
import {
  COMPLETION,
  CONNECT_MS,
  type CorporateNetwork,
  corporateProviders,
  FIRST_BYTE_MS,
  KEY,
  missingPrograms,
  secretsOf,
  type Server,
  startCorporateNetwork,
  USER,
} from './harness/corporate-network.ts'
import { SEEN } from './harness/nginx.ts'
import { startWeir, type Weir } from './harness/weir.ts'

setDefaultTimeout(60_000)

const absent = missingPrograms()
if (absent.length > 0) {
  process.stdout.write(
    `left out: proxies and certificates (tests/network.test.ts): ${absent.join(', ')} not installed\n`,
  )
}

let network: CorporateNetwork
let weir: Weir
let config: JsonObject

/** All that anybody could read of what happened. */
const seen: string[] = []

async function askProvider(id: string, stream = false): Promise<Asked> {
  const answer = await ask(weir, 'openai', bodyOf('openai', `${id}/m`, 'hi', stream))
  seen.push(answer.text, JSON.stringify([...answer.headers]))
  return answer
}

/** What was asked of the provider; model lists are asked for besides. */
function asked() {
  return network.upstream.requests.filter(({ method }) => method === 'POST')
}

/** The provider answered; what nginx and the fake provider saw of it. */
async function answered(id: string): Promise<Readonly<Record<string, string>>> {
  const before = asked().length
  const answer = await askProvider(id)
  expect([id, answer.status, answer.text]).toEqual([id, 200, expect.stringContaining('behind')])
  expect(await weir.row(answer.requestId)).toMatchObject({
    status: 200,
    provider_id: id,
    error_kind: null,
  })
  expect(asked()).toHaveLength(before + 1)
  const { headers } = asked().at(-1)!
  expect(headers['authorization']).toBe(`Bearer ${KEY}`)
  expect(headers['x-team']).toBe('blue')
  expect(headers['proxy-authorization']).toBeUndefined()
  return headers
}

/** The provider was not reached; the log row's text. */
async function failed(id: string, status: number, kind: string): Promise<string> {
  const before = asked().length
  const answer = await askProvider(id)
  expect([id, answer.status]).toEqual([id, status])
  expect(asked()).toHaveLength(before)
  const row = await weir.row(answer.requestId)
  expect(row).toMatchObject({ status, provider_id: id, error_kind: kind })
  return String(row['error_text'])
}

/** Asks a condition again until it holds: for what another process does in its own time. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + 30_000
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error('it never came')
    await Bun.sleep(20)
  }
}

describe.skipIf(absent.length > 0)('the corporate network', () => {
  beforeAll(async () => {
    network = await startCorporateNetwork()
    const { certificates } = network
    config = {
      network: { ca_file: certificates.caFile },
      providers: corporateProviders(network),
    }
    weir = await startWeir({
      config,
      // None of these may have a say.
      env: {
        HTTP_PROXY: 'http://127.0.0.1:1',
        HTTPS_PROXY: 'http://127.0.0.1:1',
        ALL_PROXY: 'http://127.0.0.1:1',
        NO_PROXY: 'upstream.test',
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        SSL_CERT_FILE: certificates.stranger.certFile,
      },
    })
  })

  afterAll(async () => {
    if (weir !== undefined) {
      for (const row of weir.rows()) seen.push(JSON.stringify(row))
      await weir.stop()
      seen.push(weir.stdout(), weir.stderr())
    }
    const all = seen.join('\n')
    for (const secret of network === undefined ? [] : secretsOf(network)) {
      expect(all).not.toContain(secret)
    }
    await network?.stop()
  })

  describe('reaches a provider', () => {
    test('through a proxy, without encryption, by a name that only the proxy knows', async () => {
      const headers = await answered('proxy-open')
      expect(headers['host']).toBe(`upstream.test:${network.upstream.port}`)
      await until(() =>
        network.squid.log().some((line) => line.includes('POST http://upstream.test')),
      )
      expect(network.squid.log().find((line) => line.includes('POST'))).toStartWith(USER)
    })

    test('through a tunnel of the proxy', async () => {
      const headers = await answered('proxy-tunnel')
      expect(headers[SEEN.serverName]).toBe('upstream.test')
      expect(headers[SEEN.host]).toBe(`upstream.test:${network.nginx.ports.plain}`)
    })

    test('through a proxy that is itself reached by TLS', async () => {
      await answered('tls-proxy-open')
      const headers = await answered('tls-proxy-tunnel')
      expect(headers[SEEN.serverName]).toBe('api.upstream.test')
    })

    test('through a tunnel, with a client certificate', async () => {
      expect((await answered('proxy-mutual'))[SEEN.client]).toBe('CN=client-one')
    })

    test('without the proxy where NO_PROXY says so', async () => {
      await answered('no-proxy')
    })

    test('with a private authority named for all providers', async () => {
      expect((await answered('direct'))[SEEN.protocol]).toBe('TLSv1.3')
      expect((await answered('tls12'))[SEEN.protocol]).toBe('TLSv1.2')
      expect((await answered('tls13'))[SEEN.protocol]).toBe('TLSv1.3')
    })

    test('with a client certificate whose key is encrypted', async () => {
      expect((await answered('mutual'))[SEEN.client]).toBe('CN=client-one')
    })

    test.each(['unverified-stranger', 'unverified-expired', 'unverified-host'])(
      'with verify off: %s',
      async (id) => {
        await answered(id)
      },
    )

    test('in a stream that stays one through a tunnel', async () => {
      const released = Promise.withResolvers<void>()
      network.upstream.play(() => {
        const chunk = (content: string) =>
          `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
        const encoder = new TextEncoder()
        return new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue(encoder.encode(chunk('first')))
              await released.promise
              controller.enqueue(encoder.encode(`${chunk('last')}data: [DONE]\n\n`))
              controller.close()
            },
          }),
          { headers: { 'content-type': 'text/event-stream' } },
        )
      })
      const response = await fetch(`${weir.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(bodyOf('openai', 'proxy-tunnel/m', 'hi', true)),
      })
      const decoder = new TextDecoder()
      let text = ''
      for await (const piece of response.body!) {
        text += decoder.decode(piece, { stream: true })
        // Nothing lets the rest go but the arrival of the first part.
        if (text.includes('first')) released.resolve()
      }
      expect(text).toContain('last')
      network.upstream.play(() => Response.json(COMPLETION))
    })
  })

  describe('says what stands between', () => {
    test.each([
      ['stranger', 'certificate'],
      ['expired', 'has expired'],
      ['wrong-host', 'ALTNAME'],
      ['other-ca', 'certificate'],
      ['tls12-min-13', 'handshake'],
      ['proxy-stranger', 'certificate'],
      ['tls-proxy-other-ca', 'or of the forward proxy'],
      ['proxy-wrong-open', 'the proxy answered 407: network.proxy'],
      ['proxy-wrong-tunnel', 'the proxy answered 407: network.proxy'],
      ['proxy-nobody', 'the proxy answered 407: network.proxy'],
      ['proxy-forbidden', 'the proxy answered 403'],
      ['proxy-forbidden-open', 'the proxy answered 403'],
      ['proxy-no-upstream', 'the proxy answered 503'],
      ['proxy-dead', 'forward proxy could not be reached'],
      ['wrong-passphrase', 'network.key_file is not opened by network.key_passphrase'],
      ['no-passphrase', 'network.key_passphrase is not set'],
      ['foreign-key', 'network.key_file holds another key than that of network.cert_file'],
      ['broken-ca', 'network.ca_file holds a certificate that cannot be read'],
      ['key-for-ca', 'network.ca_file holds no certificate'],
    ])('%s', async (id, words) => {
      expect(await failed(id, 502, 'upstream_error')).toContain(words)
    })

    test('a missing client certificate is the provider’s own refusal', async () => {
      const before = asked().length
      const answer = await askProvider('mutual-nothing')
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(asked()).toHaveLength(before)
    })

    test('a wrong password is offered to the proxy once, whatever the retries', async () => {
      const refusals = () =>
        network.squid.log().filter((line) => /^weir other CONNECT .* 407$/.test(line)).length
      // Squid writes its lines when it likes: those of the tests before are there once none has come for a second.
      let before = 0
      await until(async () => {
        const last = before
        before = refusals()
        if (before > 0 && before === last) return true
        await Bun.sleep(1_000)
        return false
      })
      config = {
        ...config,
        providers: corporateProviders(network).map((each) => ({ ...each, retries: { max: 3 } })),
      }
      weir.configure(config)
      await until(() => weir.stderr().includes('configuration reloaded'))
      await failed('proxy-wrong-tunnel', 502, 'upstream_error')
      await until(() => refusals() > before)
      await answered('proxy-tunnel')
      expect(refusals()).toBe(before + 1)
    })
  })

  test.each([
    'mute',
    'mute-tls',
    'mute-proxy',
    'mute-proxy-open',
    'mute-tls-proxy',
    'mute-behind-proxy',
  ])('%s accepts and says nothing: 504 at the limit', async (id) => {
    const startedMs = performance.now()
    const answer = await ask(weir, 'openai', bodyOf('openai', `${id}/m`), {
      headers: { 'x-request-id': `mute-${id}` },
    })
    const tookMs = performance.now() - startedMs
    expect(answer.status).toBe(504)
    expect(tookMs).toBeGreaterThan(FIRST_BYTE_MS * 0.9)
    // It is this limit and not that of connections, on a busy machine too.
    expect(tookMs).toBeLessThan(CONNECT_MS)
    expect(await weir.row(`mute-${id}`)).toMatchObject({ error_kind: 'upstream_timeout' })
  })

  describe('a connection serves only the settings it was made with', () => {
    test('a client certificate is not lent to those who have none, or another', async () => {
      const one = await answered('mutual')
      const other = await answered('mutual-other')
      expect([one[SEEN.client], other[SEEN.client]]).toEqual(['CN=client-one', 'CN=client-two'])
      expect(other[SEEN.connection]).not.toBe(one[SEEN.connection]!)
      expect((await askProvider('mutual-nothing')).status).not.toBe(200)
      // And the same settings do share it.
      expect((await answered('mutual'))[SEEN.connection]).toBe(one[SEEN.connection]!)
    })

    test('what was accepted without verification is verified for all others', async () => {
      for (const [open, strict] of [
        ['unverified-stranger', 'stranger'],
        ['unverified-expired', 'expired'],
        ['unverified-host', 'wrong-host'],
        ['direct', 'other-ca'],
        ['tls12', 'tls12-min-13'],
      ] as const) {
        await answered(open)
        await failed(strict, 502, 'upstream_error')
        await answered(open)
      }
    })

    test('a tunnel is not lent to those without its password', async () => {
      await answered('proxy-tunnel')
      await failed('proxy-nobody', 502, 'upstream_error')
      await failed('proxy-wrong-tunnel', 502, 'upstream_error')
      await answered('proxy-tunnel')
    })
  })

  test('a pinned name keeps its server name, its host and its certificate', async () => {
    const answers: Record<string, string[]> = { 'api.upstream.test': ['127.0.0.1'] }
    let nowMs = 0
    const guard = new AddressGuard(
      () => nowMs,
      async (host) => answers[host] ?? [],
    )
    const transport = new HttpTransport(guard, new SharedDeadlines(systemClock), () => nowMs)
    const send = (server: Server, over: NetworkSettings = {}) =>
      transport.send({
        url: `https://api.upstream.test:${network.nginx.ports[server]}/v1/x`,
        method: 'POST',
        headers: {},
        body: '{}',
        timeouts: { connectMs: 5_000, firstByteMs: 5_000, idleMs: 5_000, totalMs: 5_000 },
        network: { caFile: network.certificates.caFile, allowPrivate: true, ...over },
        signal: new AbortController().signal,
      })
    await (await send('plain')).bytes(10_000)
    const { headers } = asked().at(-1)!
    expect(headers[SEEN.serverName]).toBe('api.upstream.test')
    expect(headers[SEEN.host]).toBe(`api.upstream.test:${network.nginx.ports.plain}`)
    // The certificate must be the name's: that of the address (which `server` has, too) does not do.
    await expect(send('wrongHost')).rejects.toMatchObject({ kind: 'upstream_error' })
    // The name changes its answer: what was judged is used until it is judged anew, and then refused.
    answers['api.upstream.test'] = ['169.254.169.254']
    await (await send('plain')).bytes(10_000)
    const before = asked().length
    nowMs = LIMITS.dnsCacheTtlMs
    await expect(send('plain')).rejects.toMatchObject({
      message: expect.stringContaining('may connect'),
    })
    // With a connection to the good address open, too.
    await expect(send('plain', { verify: false })).rejects.toMatchObject({ kind: 'upstream_error' })
    expect(asked()).toHaveLength(before)
  })

  test('a rotated client certificate is used without a restart, and none fails meanwhile', async () => {
    const { folder, otherClient } = network.certificates
    expect((await answered('rotating'))[SEEN.client]).toBe('CN=client-one')
    copyFileSync(otherClient.certFile, join(folder, 'rotating.pem'))
    // The key is still the old one: until it comes, the last good pair serves.
    const halfWayMs = performance.now()
    while (performance.now() - halfWayMs < 1_300) {
      expect((await answered('rotating'))[SEEN.client]).toBe('CN=client-one')
    }
    copyFileSync(otherClient.keyFile, join(folder, 'rotating.key'))
    await until(async () => (await answered('rotating'))[SEEN.client] === 'CN=client-two')
  })

  test('verify off and unusable files are told at the start and after a reload, by name', async () => {
    const warnings = () =>
      weir
        .stderr()
        .split('\n')
        .filter((line) => line.includes('"warn"'))
    const named = (words: string) =>
      warnings()
        .filter((line) => line.includes(words))
        .map((line) => (JSON.parse(line) as { provider: string }).provider)
        .sort()
    const unverified = ['unverified-expired', 'unverified-host', 'unverified-stranger']
    const unusable = ['broken-ca', 'foreign-key', 'key-for-ca', 'no-passphrase', 'wrong-passphrase']
    const times = named('network.verify is false').length / unverified.length
    expect(times).toBeGreaterThanOrEqual(1)
    expect([...new Set(named('network.verify is false'))]).toEqual(unverified)
    expect([...new Set(named('will fail'))]).toEqual(unusable)
    weir.configure({ ...config, log: { level: 'info' } })
    await until(() => named('network.verify is false').length === (times + 1) * unverified.length)
  })
})
