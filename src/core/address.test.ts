// Holds the address classifier to the ranges an outbound guard must know, in every spelling a URL parser accepts.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import {
  type AddressClass,
  classifyAddress,
  parseAddressRange,
  parseIpAddress,
  rangeContains,
} from './address.ts'

const CASES: readonly (readonly [AddressClass, readonly string[]])[] = [
  [
    'reserved',
    [
      '',
      '.',
      'user@127.0.0.1',
      'user:pw@example.com',
      'example.com:80',
      'http://example.com',
      'example.com/path',
      '%31%32%37.0.0.1',
      'a b',
      'a..b',
      '-a.com',
      '[127.0.0.1]',
      '[example.com]',
      '[::1',
      '[::1]:80',
      '256.1.1.1',
      '1.2.3.4.5',
      '1.2.3.08',
      '4294967296',
      '0x100000000',
      'name.123',
      ':::',
      '1::2::3',
      '12345::',
      '1:2:3:4:5:6:7:8:9',
      '::ffff:1.2.3',
      '0.0.0.0',
      '0',
      '0.1.2.3',
      '192.0.0.1',
      '192.0.2.1',
      '192.88.99.1',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.7',
      '203.0.113.7',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
      '::',
      '[::]',
      '::ffff:8.8.8.8',
      '::ffff:0.0.0.0',
      '::8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::8.8.8.8',
      '64:ff9b::7f00:1',
      '64:ff9b:1::a00:1',
      '2001::1',
      '2001:10::1',
      '2001:db8::1',
      '2002:7f00:1::',
      '2002:808:808::1',
      'fec0::1',
      'ff02::1',
      '100::1',
      '3fff::1',
      '4000::1',
      '5f00::1',
    ],
  ],
  [
    'link-local',
    [
      '169.254.169.254',
      '169.254.0.1',
      '169.254.169.254.',
      '2852039166',
      '0xa9fea9fe',
      '0xA9.0xFE.0xA9.0xFE',
      '0251.0376.0251.0376',
      '169.254.43518',
      '169.16689662',
      '１６９.254.169.254',
      '169。254。169。254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      'fe80::1',
      'FE80::1%eth0',
      '[fe80::1]',
      'febf::1',
      'fd00:ec2::254',
      'fd00:0ec2:0000::0254',
      'fd20:ce::254',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '0:0:0:0:0:ffff:a9fe:a9fe',
      'metadata.google.internal',
      'Metadata.Google.Internal.',
    ],
  ],
  [
    'loopback',
    [
      '127.0.0.1',
      '127.255.255.255',
      '127.1',
      '0x7f.1',
      '0177.0.0.1',
      '2130706433',
      '017700000001',
      '127.0.0.1.',
      '::1',
      '[::1]',
      '0:0:0:0:0:0:0:1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      'localhost',
      'LOCALHOST.',
      'weir.localhost',
    ],
  ],
  [
    'private',
    [
      '10.0.0.1',
      '10.255.255.255',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '100.127.255.255',
      '012.0.0.1',
      'fc00::1',
      'fdff::1',
      '::ffff:10.0.0.1',
    ],
  ],
  [
    'public',
    [
      '8.8.8.8',
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.0',
      '169.253.255.255',
      '169.255.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '192.0.1.0',
      '192.167.255.255',
      '192.169.0.0',
      '198.17.255.255',
      '198.20.0.0',
      '223.255.255.255',
      '2606:4700::1111',
      '2a00:1450:4001::200e',
      '2001:4860:4860::8888',
    ],
  ],
  [
    'name',
    [
      'example.com',
      'api.openai.com.',
      'ollama',
      'my_service',
      'xn--bcher-kva.example',
      'bücher.example',
      'localhost.example.com',
      '1password.com',
      '127.0.0.1.nip.io',
      '0xcafe.example',
    ],
  ],
]

describe('classifyAddress', () => {
  for (const [wanted, hosts] of CASES) {
    test.each([...hosts])(`${wanted}: %p`, (host) => {
      expect(classifyAddress(host)).toBe(wanted)
    })
  }

  test('every spelling of an IPv4 address has the class of the plain one, as a URL parser reads it', () => {
    const part = (value: number, base: number) =>
      base === 16 ? `0x${value.toString(16)}` : base === 8 ? `0${value.toString(8)}` : `${value}`
    const bases = fc.array(fc.constantFrom(8, 10, 16), { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
        bases,
        fc.integer({ min: 1, max: 4 }),
        ([a, b, c, d], [p = 10, q = 10, r = 10, s = 10], parts) => {
          const tails = [
            [((a * 256 + b) * 256 + c) * 256 + d],
            [a, (b * 256 + c) * 256 + d],
            [a, b, c * 256 + d],
            [a, b, c, d],
          ]
          const numbers = tails[parts - 1] ?? []
          const odd = numbers
            .map((value, index) => part(value, [p, q, r, s][index] ?? 10))
            .join('.')
          const plain = `${a}.${b}.${c}.${d}`
          expect(new URL(`http://${odd}/`).hostname).toBe(plain)
          expect(classifyAddress(odd)).toBe(classifyAddress(plain))
          const mapped = classifyAddress(`::ffff:${plain}`)
          expect(mapped).toBe(
            classifyAddress(plain) === 'public' ? 'reserved' : classifyAddress(plain),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  test('IPv6 text in any case and compression has one class', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        // Bun's URL parser refuses some valid forms with an IPv4 tail.
        if (!URL.canParse(`http://[${text}]/`)) return
        const canonical = new URL(`http://[${text}]/`).hostname
        expect(classifyAddress(canonical)).toBe(classifyAddress(text))
        expect(classifyAddress(text.toUpperCase())).toBe(classifyAddress(text))
      }),
      { numRuns: 300 },
    )
  })

  test('whatever a URL parser turns into an IPv4 address is never taken for a name', () => {
    const characters = [...'0123456789abcdefx.１２７。％%@:[]-'].map((c) => fc.constant(c))
    fc.assert(
      fc.property(fc.string({ unit: fc.oneof(...characters), maxLength: 16 }), (host) => {
        if (!URL.canParse(`http://${host}/`)) return
        const { hostname } = new URL(`http://${host}/`)
        if (!/^\d+\.\d+\.\d+\.\d+$/.test(hostname)) return
        const found = classifyAddress(host)
        expect([classifyAddress(hostname), 'reserved']).toContain(found)
      }),
      { numRuns: 2_000 },
    )
  })

  test('answers one of its words for any text', () => {
    const words = CASES.map(([word]) => word)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (host) => {
        expect(words).toContain(classifyAddress(host))
      }),
    )
  })
})

describe('address ranges', () => {
  test.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '010.0.0.1',
    '127.1',
    'fe80::/129',
    'a/8',
  ])('refuses %p', (text) => {
    expect(parseAddressRange(text)).toBeUndefined()
  })

  test('holds its addresses and no others', () => {
    const holds = (range: string, address: string) => {
      const block = parseAddressRange(range)
      const ip = parseIpAddress(address)
      if (block === undefined || ip === undefined)
        throw new Error(`unreadable: ${range} ${address}`)
      return rangeContains(block, ip)
    }
    expect(holds('10.0.0.0/8', '10.255.0.1')).toBe(true)
    expect(holds('10.0.0.0/8', '11.0.0.0')).toBe(false)
    expect(holds('10.1.2.3/8', '10.9.9.9')).toBe(true)
    expect(holds('10.0.0.0/8', '::ffff:10.0.0.1')).toBe(true)
    expect(holds('10.0.0.0/8', '::a00:1')).toBe(false)
    expect(holds('0.0.0.0/0', '8.8.8.8')).toBe(true)
    expect(holds('0.0.0.0/0', '2606::1')).toBe(false)
    expect(holds('192.168.1.7', '192.168.1.7')).toBe(true)
    expect(holds('192.168.1.7', '192.168.1.8')).toBe(false)
    expect(holds('fd00::/8', '[fd12::1]')).toBe(true)
    expect(holds('fd00::/8', 'fe80::1')).toBe(false)
  })
})
