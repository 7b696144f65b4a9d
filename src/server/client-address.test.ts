import { describe, expect, test } from 'bun:test'
import { clientAddress, parseRanges } from './client-address.ts'

const TRUSTED = parseRanges(['10.0.0.0/8', 'fd00::/8', '192.0.2.7'])

function from(peer: string | undefined, headers: Record<string, string> = {}, trusted = TRUSTED) {
  return clientAddress(peer, new Headers(headers), trusted)
}

describe('the address of a client', () => {
  test('is the peer’s, whatever an untrusted one claims', () => {
    for (const headers of [
      { 'x-forwarded-for': '1.2.3.4' },
      { forwarded: 'for=1.2.3.4' },
      { 'x-real-ip': '1.2.3.4', 'cf-connecting-ip': '1.2.3.4', 'true-client-ip': '1.2.3.4' },
      { 'x-forwarded-for': '10.0.0.1, 10.0.0.2' },
    ]) {
      expect(from('203.0.113.9', headers)).toBe('203.0.113.9')
      expect(from('10.0.0.1', headers, [])).toBe('10.0.0.1')
    }
    // One that is trusted and says nothing is itself the client.
    expect(from('10.0.0.1')).toBe('10.0.0.1')
    expect(from('10.0.0.1', { 'x-real-ip': '1.2.3.4' })).toBe('10.0.0.1')
  })

  test('is the first from the right that no trusted proxy is', () => {
    expect(from('10.0.0.1', { 'x-forwarded-for': '203.0.113.9' })).toBe('203.0.113.9')
    expect(from('10.0.0.1', { 'x-forwarded-for': '1.2.3.4, 203.0.113.9, 10.9.9.9' })).toBe(
      '203.0.113.9',
    )
    expect(
      from('10.0.0.1', { 'x-forwarded-for': '1.2.3.4,203.0.113.9 ,  192.0.2.7,10.1.1.1' }),
    ).toBe('203.0.113.9')
    // All of them are trusted: the furthest away is the client.
    expect(from('10.0.0.1', { 'x-forwarded-for': '10.3.3.3, 10.2.2.2' })).toBe('10.3.3.3')
    expect(from('fd00::1', { 'x-forwarded-for': '2001:db8::5' })).toBe('2001:db8::5')
  })

  test.each([
    ['Forwarded: for=192.0.2.43', '192.0.2.43'],
    ['Forwarded: For="[2001:DB8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['Forwarded: proto=https;for=192.0.2.60;by=203.0.113.43, for=10.2.2.2', '192.0.2.60'],
    ['X-Forwarded-For: 192.0.2.60:51234', '192.0.2.60'],
    ['X-Forwarded-For: [2001:db8::1]:443', '2001:db8::1'],
    ['X-Forwarded-For: ::ffff:192.0.2.60', '192.0.2.60'],
    // What cannot be read hides who is behind it: the one before is all that is known.
    ['Forwarded: for=unknown', '10.0.0.1'],
    ['Forwarded: for=_hidden, for=10.2.2.2', '10.2.2.2'],
    ['X-Forwarded-For: 1.2.3.4, evil.example, 10.2.2.2', '10.2.2.2'],
    ['X-Forwarded-For: ', '10.0.0.1'],
    ['X-Forwarded-For: 1.2.3.4,', '10.0.0.1'],
    ['X-Forwarded-For: 0x01020304', '10.0.0.1'],
    ['X-Forwarded-For: 01.2.3.4', '10.0.0.1'],
    ['Forwarded: by=1.2.3.4', '10.0.0.1'],
  ])('%s behind a trusted proxy is %s', (line, expected) => {
    const [name = '', value = ''] = line.split(/: (.*)/s)
    expect(from('10.0.0.1', { [name]: value })).toBe(expected)
  })

  test('where both fields are there and differ, one of them is the client’s own word: neither is believed', () => {
    const forged = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=1.2.3.4' }
    // Nor is it the proxy's own: a key that holds for the proxy's network must not be good for whoever adds a header field.
    expect(from('10.0.0.1', forged)).toBeUndefined()
    const alike = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' }
    expect(from('10.0.0.1', alike)).toBe('203.0.113.9')
  })

  test('no more hops are looked at than the bound', () => {
    const hops = ['203.0.113.9', ...Array<string>(500).fill('10.1.1.1')]
    expect(from('10.0.0.1', { 'x-forwarded-for': hops.join(', ') })).toBe('10.1.1.1')
  })

  test.each([
    ['::1', '::1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['0:0:0:0:0:FFFF:7f00:1', '127.0.0.1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
    ['203.0.113.9', '203.0.113.9'],
    ['not an address', undefined],
    [undefined, undefined],
  ])('the peer %p is written %p', (peer, expected) => {
    expect(from(peer, {}, [])).toBe(expected)
  })
})
