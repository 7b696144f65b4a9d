// Versions by Semantic Versioning, and feeds by whatever somebody may have written into one.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { SEED } from '../testing/seed.ts'
import { compareVersions, newestRelease, parseVersion } from './release-feed.ts'

fc.configureGlobal({ seed: SEED })

const number = fc.integer({ min: 0, max: 99_999 })
const part = fc.oneof(
  number.map(String),
  fc.stringMatching(/^[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*$/).filter((text) => text.length < 20),
)
const version = fc
  .record({ core: fc.tuple(number, number, number), pre: fc.array(part, { maxLength: 3 }) })
  .map(({ core, pre }) => `${core.join('.')}${pre.length === 0 ? '' : `-${pre.join('.')}`}`)
const compare = (a: string, b: string) => compareVersions(parseVersion(a)!, parseVersion(b)!)

describe('versions', () => {
  test('stand in the order of the specification (§11)', () => {
    const ordered = [
      '0.0.1',
      '0.9.99',
      '0.10.0',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '2.0.0',
      '9007199254740993.0.0',
    ]
    for (const [at, a] of ordered.entries()) {
      for (const [other, b] of ordered.entries()) {
        expect([a, b, Math.sign(compare(a, b))]).toEqual([a, b, Math.sign(at - other)])
      }
    }
    expect(compare('v1.0.0+build.7', '1.0.0')).toBe(0)
  })

  test('have one order: never both ways, and one after the other', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) || 0)
        expect(compare(a, a)).toBe(0)
        if (compare(a, b) <= 0 && compare(b, c) <= 0) {
          expect(compare(a, c)).toBeLessThanOrEqual(0)
        }
      }),
    )
  })

  test('are not what merely looks like one', () => {
    for (const text of [
      '',
      '1',
      '1.2',
      '1.2.3.4',
      '01.2.3',
      '1.2.3-',
      '1.2.3-01',
      '1.2.3-a..b',
      'latest',
      '1.2.3 && rm',
      `1.2.${'9'.repeat(200)}`,
      '-1.0.0',
    ]) {
      expect([text, parseVersion(text)]).toEqual([text, undefined])
    }
  })
})

describe('a feed', () => {
  test('of one, of many, and of what is none', () => {
    const release = (tag: string, more: object = {}) => ({ tag_name: tag, ...more })
    const newest = (feed: unknown, withPre = false) =>
      newestRelease(feed as Parameters<typeof newestRelease>[0], withPre)?.version.text
    expect(newest(release('v1.2.3'))).toBe('1.2.3')
    expect(newest({ version: '1.2.3' })).toBe('1.2.3')
    const many = [
      release('v1.0.0'),
      release('v1.3.0-rc.1'),
      release('v9.0.0', { draft: true }),
      release('v8.0.0', { prerelease: true }),
      release('v1.2.0'),
      null,
      7,
      release('nightly'),
    ]
    expect(newest(many)).toBe('1.2.0')
    expect(newest(many, true)).toBe('8.0.0')
    for (const feed of [undefined, null, 7, 'v1.0.0', [], {}, { tag_name: 7 }, [[{}]]]) {
      expect(newest(feed)).toBeUndefined()
    }
  })

  test('leads to https alone', () => {
    const assets = (address: string) => [
      { name: 'SHA256SUMS', browser_download_url: address },
      { name: 'weir.tar.gz', browser_download_url: 'https://x.example/archive' },
    ]
    const good = newestRelease(
      {
        tag_name: 'v1.0.0',
        html_url: 'https://x.example/r',
        assets: assets('https://x.example/s'),
      },
      false,
    )
    expect(good).toMatchObject({ url: 'https://x.example/r', checksums: 'https://x.example/s' })
    for (const bad of [
      'javascript:alert(1)',
      'http://x.example/',
      'file:///etc/passwd',
      'https://user:secret@x.example/',
      'x',
      `https://x.example/${'a'.repeat(3_000)}`,
    ]) {
      const release = newestRelease(
        { tag_name: 'v1.0.0', html_url: bad, assets: assets(bad) },
        false,
      )
      expect([release?.url, release?.checksums]).toEqual([undefined, undefined])
    }
  })

  test('never throws, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (feed, withPre) => {
        newestRelease(feed as Parameters<typeof newestRelease>[0], withPre)
      }),
    )
  })
})
