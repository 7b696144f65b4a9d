import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { bypassesProxy } from './no-proxy.ts'

describe('NO_PROXY', () => {
  const matches: [string, string, number][] = [
    ['*', 'anything.example', 443],
    ['example.com', 'example.com', 443],
    ['example.com', 'api.example.com', 443],
    ['example.com', 'EXAMPLE.com.', 443],
    ['.example.com', 'api.example.com', 443],
    ['.example.com', 'example.com', 443],
    ['*.example.com', 'a.b.example.com', 443],
    ['example.com.', 'example.com', 443],
    [' Example.COM ', 'example.com', 443],
    ['example.com:8443', 'example.com', 8_443],
    ['localhost', 'localhost', 80],
    ['intern', 'intern', 80],
    ['10.0.0.1', '10.0.0.1', 80],
    ['10.0.0.1:80', '10.0.0.1', 80],
    ['10.0.0.0/8', '10.200.3.4', 80],
    ['0.0.0.0/0', '8.8.8.8', 80],
    ['::1', '::1', 80],
    ['[::1]', '::1', 80],
    ['[::1]:8080', '::1', 8_080],
    ['fd00::/8', 'fd12::1', 80],
    ['10.0.0.0/8', '::ffff:10.0.0.1', 80],
    ['10.0.0.0/8:8443', '10.0.0.1', 8_443],
    ['[fd00::/8]:443', 'fd12::1', 443],
  ]
  test.each(matches)('%s holds %s:%d', (entry, host, port) => {
    expect(bypassesProxy([entry], host, port)).toBe(true)
    expect(bypassesProxy(['other.test', entry], host, port)).toBe(true)
  })

  const misses: [string, string, number][] = [
    ['example.com', 'notexample.com', 443],
    ['example.com', 'example.com.evil.test', 443],
    ['.example.com', 'badexample.com', 443],
    ['example.com:8443', 'example.com', 443],
    ['example.com', 'example.co', 443],
    ['10.0.0.0/8', '11.0.0.1', 80],
    ['10.0.0.0/8', 'ten.example', 80],
    ['10.0.0.1:80', '10.0.0.1', 81],
    ['0.0.0.0/0', '::1', 80],
    ['::1', '::2', 80],
    ['', 'example.com', 443],
    ['.', 'example.com', 443],
    ['http://example.com', 'example.com', 443],
    ['1', '10.0.0.1', 80],
  ]
  test.each(misses)('%p does not hold %s:%d', (entry, host, port) => {
    expect(bypassesProxy([entry], host, port)).toBe(false)
  })

  test('an empty list holds nobody', () => {
    expect(bypassesProxy([], 'example.com', 443)).toBe(false)
  })

  test('a name holds itself and all below it, never a name that only ends the same', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/)
    fc.assert(
      fc.property(label, label, label, (domain, sub, glued) => {
        const list = [`${domain}.test`]
        expect(bypassesProxy(list, `${domain}.test`, 1)).toBe(true)
        expect(bypassesProxy(list, `${sub}.${domain}.test`, 1)).toBe(true)
        expect(bypassesProxy(list, `${glued}${domain}.test`, 1)).toBe(false)
      }),
    )
  })
})
