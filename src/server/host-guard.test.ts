import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../core/error.ts'
import { checkHost, type HostRules } from './host-guard.ts'

const LOCAL: HostRules = {
  loopbackOnly: true,
  allowedHosts: ['weir.example.com', '*.corp.example'],
  allowedOrigins: ['https://app.example.com'],
}
const SERVER: HostRules = { loopbackOnly: false, allowedHosts: [], allowedOrigins: [] }

function judge(rules: HostRules, headers: Record<string, string>, url?: string): string {
  const host = headers['host'] ?? ''
  // Stands for Bun's request, whose url holds the Host header as it came.
  const request = {
    url: url ?? `http://${host}/v1/models`,
    method: 'GET',
    headers: new Headers(headers),
  } as unknown as Request
  try {
    return checkHost(request, rules).loopbackHost ? 'loopback' : 'ok'
  } catch (error) {
    if (error instanceof GatewayError) return `${error.status} ${error.code}`
    throw error
  }
}

describe('Host', () => {
  test.each([
    ['', '400 invalid_host'],
    ['x', '400 invalid_host'],
    ['ab', '400 invalid_host'],
    ['abc', '400 invalid_host'],
    ['x:99999', '400 invalid_host'],
    ['localhost:99999', '400 invalid_host'],
    ['[', '400 invalid_host'],
    ['a/?', '400 invalid_host'],
    ['a#@b', '400 invalid_host'],
    ['x/..', '400 invalid_host'],
    ['localhost, evil.example', '400 invalid_host'],
    ['user@localhost', '400 invalid_host'],
    ['local host', '400 invalid_host'],
    ['evil.example', '403 invalid_host'],
    ['evil.example:9347', '403 invalid_host'],
    ['localhost.evil.example', '403 invalid_host'],
    ['127.0.0.1.evil.example', '403 invalid_host'],
    ['128.0.0.1', '403 invalid_host'],
    ['localhost', 'loopback'],
    ['LOCALHOST:1', 'loopback'],
    ['localhost.', 'loopback'],
    ['127.0.0.1:9347', 'loopback'],
    ['127.1.2.3', 'loopback'],
    ['[::1]:9347', 'loopback'],
    ['weir.example.com', 'ok'],
    ['a.b.corp.example', 'ok'],
    ['corp.example', '403 invalid_host'],
    ['evilcorp.example', '403 invalid_host'],
  ])('%p on a loopback listener: %s', (host, verdict) => {
    expect(judge(LOCAL, { host })).toBe(verdict)
  })

  test('a listener on a network answers any valid name, and never takes it for loopback', () => {
    expect(judge(SERVER, { host: 'gateway.internal:9347' })).toBe('ok')
    expect(judge(SERVER, { host: 'x' })).toBe('400 invalid_host')
  })

  test('an IPv6 address that is listed is answered as it stands in a Host, and no other', () => {
    const rules = { ...SERVER, allowedHosts: ['fd00::1'] }
    expect(judge(rules, { host: '[fd00::1]:9347' })).toBe('ok')
    expect(judge(rules, { host: '[FD00::1]' })).toBe('ok')
    expect(judge(rules, { host: '[fd00::2]:9347' })).toBe('403 invalid_host')
    expect(judge(rules, { host: 'fd00::1' })).toBe('400 invalid_host')
  })

  test('the request line may not name another host', () => {
    expect(judge(LOCAL, { host: 'localhost' }, 'http://evil.example/v1/models')).toBe(
      '400 invalid_host',
    )
    expect(judge(LOCAL, { host: 'localhost' }, 'http://localhost.evil/v1/models')).toBe(
      '400 invalid_host',
    )
    expect(judge(LOCAL, { host: 'localhost' }, '/v1/models')).toBe('400 invalid_host')
  })
})

describe('Origin', () => {
  test.each([
    ['https://evil.example', '403 origin_not_allowed'],
    ['null', '403 origin_not_allowed'],
    ['http://localhost.evil.example', '403 origin_not_allowed'],
    ['https://app.example.com.evil', '403 origin_not_allowed'],
    ['file://', '403 origin_not_allowed'],
    ['https://app.example.com', 'loopback'],
    ['http://localhost:3000', 'loopback'],
    ['http://127.0.0.1', 'loopback'],
    ['http://[::1]:8080', 'loopback'],
  ])('%s: %s', (origin, verdict) => {
    expect(judge(LOCAL, { host: 'localhost', origin })).toBe(verdict)
  })

  test('a page elsewhere that sends no Origin is known by Sec-Fetch-Site', () => {
    const from = (site: string, mode = 'no-cors') =>
      judge(LOCAL, { host: 'localhost', 'sec-fetch-site': site, 'sec-fetch-mode': mode })
    expect(from('cross-site')).toBe('403 origin_not_allowed')
    expect(from('same-origin')).toBe('loopback')
    expect(from('cross-site', 'navigate')).toBe('loopback')
  })
})
