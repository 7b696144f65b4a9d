import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { FakeClock } from '../testing/clock.ts'
import { createTestGateway, testProvider } from '../testing/gateway.ts'
import { startTestServer, testKey } from '../testing/server.ts'
import { parseRanges } from './client-address.ts'
import { RefusedCredentials } from './refused-credentials.ts'

const MAX = LIMITS.authFailuresMax
const GOOD = 'weir_good-key-of-more-than-thirty-two-characters'

function guardOf(clock: FakeClock) {
  const refused = new RefusedCredentials(clock)
  /** What becomes of somebody with that credential at that address. */
  const attempt = (from: string | undefined, credential: string | undefined) => {
    let looked = false
    try {
      void refused.guard(
        () => from,
        () => credential,
        (found) => {
          looked = true
          if (found !== GOOD && found !== undefined) throw new GatewayError('authentication')
          return found
        },
      )
      return 'good'
    } catch (error) {
      return `${(error as GatewayError).status}${looked ? '' : ' unseen'}`
    }
  }
  const fail = (from: string | undefined, times: number) =>
    Array.from({ length: times }, (_, index) => attempt(from, `bad ${index}`))
  return { refused, attempt, fail }
}

describe('refused credentials', () => {
  test('beyond the bound no credential of that address is looked at, elsewhere all is well', () => {
    const clock = new FakeClock()
    const { attempt, fail } = guardOf(clock)
    expect(new Set(fail('192.0.2.1', MAX))).toEqual(new Set(['401']))
    expect(new Set(fail('192.0.2.1', 1_000))).toEqual(new Set(['429 unseen']))
    // Not even a good one: else guessing would go on, and only the answers would look different.
    expect(attempt('192.0.2.1', GOOD)).toBe('429 unseen')
    expect(attempt('192.0.2.2', GOOD)).toBe('good')
    expect(attempt('192.0.2.2', 'bad')).toBe('401')
    // Who asks without one guesses nothing.
    expect(attempt('192.0.2.1', undefined)).toBe('good')
    clock.advance(LIMITS.authFailureWindowMs)
    expect(attempt('192.0.2.1', GOOD)).toBe('good')
  })

  test('whoever worked from there before the bound was reached goes on working', () => {
    const { attempt, fail } = guardOf(new FakeClock())
    fail('192.0.2.1', 1)
    expect(attempt('192.0.2.1', GOOD)).toBe('good')
    fail('192.0.2.1', MAX)
    expect(attempt('192.0.2.1', 'bad')).toBe('429 unseen')
    expect(attempt('192.0.2.1', GOOD)).toBe('good')
  })

  test('one network of IPv6 is one address', () => {
    const { attempt, fail } = guardOf(new FakeClock())
    for (let index = 0; index < MAX; index += 1) fail(`2001:db8::${index.toString(16)}`, 1)
    expect(attempt('2001:db8::ffff:1', 'bad')).toBe('429 unseen')
    expect(attempt('2001:db8:0:1::1', 'bad')).toBe('401')
  })

  test('what is remembered is bounded, and forgotten when it is over', () => {
    const clock = new FakeClock()
    const { attempt, fail, refused } = guardOf(clock)
    const { addresses } = refused as unknown as { addresses: Map<string, unknown> }
    for (let index = 0; index < LIMITS.authFailureAddressesMax + 500; index += 1) {
      fail(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 1)
    }
    expect(addresses.size).toBe(LIMITS.authFailureAddressesMax)
    clock.advance(LIMITS.authFailureWindowMs)
    fail('192.0.2.1', 1)
    expect(addresses.size).toBe(1)
    clock.advance(LIMITS.authFailureWindowMs)
    expect(attempt('192.0.2.1', GOOD)).toBe('good')
    expect(refused.isQuiet).toBe(true)
  })
})

describe('on the server', () => {
  const mock = testProvider({ id: 'mock', type: 'mock', baseUrl: 'http://127.0.0.1:1/v1' })
  const body = JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'hi' }] })
  const trustedProxies = parseRanges(['127.0.0.1'])

  test('1,000 bad keys from one address are answered 429, however they are sent, and good ones elsewhere 200', async () => {
    const server = startTestServer(createTestGateway({ providers: [mock] }), {
      keys: [testKey(GOOD)],
      settings: { trustedProxies },
    })
    await using _stopped = server
    const ask = async (from: string, headers: Record<string, string>, path = '') => {
      const response = await fetch(`${server.url}${path}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': from, ...headers },
        body,
      })
      await response.arrayBuffer()
      return response
    }
    const ways = [
      (key: string) => ask('192.0.2.1', { authorization: `Bearer ${key}` }),
      (key: string) => ask('192.0.2.1', { 'x-api-key': key }),
      (key: string) => ask('192.0.2.1', { 'api-key': key }),
      (key: string) => ask('192.0.2.1', { 'x-goog-api-key': key }),
      (key: string) => ask('192.0.2.1', {}, `/k/${key}`),
      () => ask('192.0.2.1', { authorization: 'Basic abc' }),
    ]
    const counted = new Map<number, number>()
    for (let index = 0; index < 1_000; index += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) => ways[at % ways.length]!(`weir_bad${index + at}`)),
      )
      for (const { status } of answers) counted.set(status, (counted.get(status) ?? 0) + 1)
    }
    expect([...counted]).toEqual([
      [401, MAX],
      [429, 1_000 - MAX],
    ])
    const refused = await ask('192.0.2.1', { 'x-api-key': GOOD })
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeWithin(1, 61)
    expect((await ask('192.0.2.9', { 'x-api-key': GOOD })).status).toBe(200)
    // Whoever is forwarded is never the one who sits here, wherever it claims to be.
    expect((await ask('127.0.0.1', {})).status).toBe(401)
  })

  test('a key holds from the addresses it is meant for, and elsewhere is refused as a wrong one is', async () => {
    const server = startTestServer(createTestGateway({ providers: [mock] }), {
      keys: [
        testKey(GOOD, { allowedFrom: ['203.0.113.0/24', '2001:db8::/32'] }),
        testKey(`${GOOD}-nowhere`, { allowedFrom: [] }),
      ],
      settings: { trustedProxies },
    })
    await using _stopped = server
    const ask = async (key: string, headers: Record<string, string>) => {
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': key, ...headers },
        body,
      })
      return { status: response.status, text: await response.text() }
    }
    const wrong = await ask('weir_wrong', {})
    expect((await ask(GOOD, { 'x-forwarded-for': '203.0.113.77' })).status).toBe(200)
    expect((await ask(GOOD, { 'x-forwarded-for': '2001:db8:1::1' })).status).toBe(200)
    for (const headers of [
      {},
      { 'x-forwarded-for': '203.0.114.1' },
      // The client's own claim, left of what the proxy saw.
      { 'x-forwarded-for': '203.0.113.77, 198.51.100.1' },
      { 'x-real-ip': '203.0.113.77' },
    ]) {
      expect(await ask(GOOD, headers)).toEqual(wrong)
    }
    expect(await ask(`${GOOD}-nowhere`, { 'x-forwarded-for': '203.0.113.77' })).toEqual(wrong)
  })

  test('without a trusted proxy nobody’s word for their address counts', async () => {
    const server = startTestServer(createTestGateway({ providers: [mock] }), {
      keys: [testKey(GOOD, { allowedFrom: ['203.0.113.0/24'] })],
    })
    await using _stopped = server
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-api-key': GOOD,
        'x-forwarded-for': '203.0.113.77',
      },
      body,
    })
    expect(response.status).toBe(401)
  })
})
