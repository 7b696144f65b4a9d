import { describe, expect, test } from 'bun:test'
import { asGatewayError } from './failures.ts'
import { fetchProxy, proxyFor } from './proxy.ts'

function authorization(proxy: string): string | undefined {
  const header = proxyFor({ proxy }, 'a.test', 443)?.headers['proxy-authorization']
  if (header === undefined) return undefined
  expect(header).toStartWith('Basic ')
  return Buffer.from(header.slice('Basic '.length), 'base64').toString('utf8')
}

describe('the proxy of some settings', () => {
  test.each([
    ['http://proxy:3128', undefined],
    ['http://user:secret@proxy:3128', 'user:secret'],
    ['http://us%20er:p%40ss%3Aw%2Frd%25@proxy:3128', 'us er:p@ss:w/rd%'],
    ['http://user:p%w@proxy:3128', 'user:p%w'],
    ['http://user:p@ss@proxy:3128', 'user:p@ss'],
    ['http://user@proxy:3128', 'user:'],
    ['http://:only@proxy:3128', ':only'],
    ['http://DOMAIN%5Cuser:p%C3%A4ss@proxy:3128', 'DOMAIN\\user:päss'],
  ])('%s sends %p', (proxy, pair) => {
    expect(authorization(proxy)).toBe(pair)
  })

  test.each([
    ['http://proxy', 'proxy', 80, false],
    ['https://proxy', 'proxy', 443, true],
    ['http://10.0.0.1:3128', '10.0.0.1', 3_128, false],
    ['http://[fd00::1]:3128', 'fd00::1', 3_128, false],
  ])('%s stands at %s:%d', (proxy, host, port, isTls) => {
    expect(proxyFor({ proxy }, 'a.test', 443)).toMatchObject({ host, port, isTls })
  })

  test('is asked at the address that was judged, without its password in the URL', () => {
    const proxy = proxyFor({ proxy: 'http://user:secret@proxy:3128' }, 'a.test', 443)!
    expect(fetchProxy(proxy, 'fd00::1')).toMatchObject({
      url: 'http://[fd00::1]:3128',
      respectNoProxy: false,
    })
  })

  test('is left out for the hosts of the list, with their port', () => {
    const network = { proxy: 'http://proxy:3128', noProxy: ['intern.test:8443'] }
    expect(proxyFor(network, 'api.intern.test', 8_443)).toBeUndefined()
    expect(proxyFor(network, 'api.intern.test', 443)).toBeDefined()
    expect(proxyFor({}, 'a.test', 443)).toBeUndefined()
  })
})

describe('refusals of a proxy', () => {
  const tunnel = (status?: number) =>
    Object.assign(new Error('Proxy refused to open a tunnel'), { code: 'ERR_PROXY_TUNNEL', status })

  test.each([
    [407, 'ERR_PROXY_REFUSED', 'user and password', false],
    [403, 'ERR_PROXY_REFUSED', 'rules', false],
    [502, 'ERR_PROXY_TUNNEL', '502', true],
    [504, 'ERR_PROXY_TUNNEL', '504', true],
    [undefined, 'ERR_PROXY_TUNNEL', '502', true],
  ])('%p is %s', (status, code, words, isRetryable) => {
    const error = asGatewayError(tunnel(status), undefined, 'proxy')
    expect(error.kind).toBe('upstream_error')
    expect(error.message).toContain('proxy refused')
    expect(error.cause).toMatchObject({ code })
    expect((error.cause as Error).message).toContain(words)
    if (!isRetryable) expect(error.shouldRetry).toBe(false)
  })

  test('a proxy that is not there is told apart from a provider that is not', () => {
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
    expect(asGatewayError(refused, undefined, 'proxy').message).toContain('proxy')
    expect(asGatewayError(refused).message).toContain('provider')
  })
})
