import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import {
  API_KEY_RANDOM_BYTES,
  formatApiKey,
  keyLastFour,
  keyPrefix,
  looksLikeWeirKey,
} from './api-key.ts'

const bytes = fc.uint8Array({ minLength: API_KEY_RANDOM_BYTES, maxLength: API_KEY_RANDOM_BYTES })

describe('API keys', () => {
  test('too few usable bytes are refused, never padded', () => {
    expect(() => formatApiKey(new Uint8Array(39))).toThrow(RangeError)
    expect(() => formatApiKey(new Uint8Array(96).fill(255))).toThrow(RangeError)
    expect(() => formatApiKey(new Uint8Array(96).fill(248))).toThrow(RangeError)
  })

  test('the form is weir_, forty characters and the CRC-32 of those, as zlib has it', () => {
    fc.assert(
      fc.property(bytes, (random) => {
        if (random.filter((byte) => byte < 248).length < 40) return
        const key = formatApiKey(random)
        expect(key).toMatch(/^weir_[0-9A-Za-z]{46}$/)
        expect(looksLikeWeirKey(key)).toBe(true)
        const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
        const told = Array.from(key.slice(-6)).reduce(
          (sum, digit) => sum * 62 + digits.indexOf(digit),
          0,
        )
        expect(told).toBe(Bun.hash.crc32(key.slice(5, 45)))
      }),
    )
  })

  test('one changed character is noticed', () => {
    const key = formatApiKey(crypto.getRandomValues(new Uint8Array(API_KEY_RANDOM_BYTES)))
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: key.length - 1 }),
        fc.constantFrom(...'0aZ9'),
        (at, other) => {
          const changed = `${key.slice(0, at)}${other}${key.slice(at + 1)}`
          expect(looksLikeWeirKey(changed)).toBe(changed === key)
        },
      ),
    )
    for (const wrong of [
      '',
      'weir_',
      key.slice(0, -1),
      `${key}0`,
      ` ${key}`,
      key.replace('weir_', 'Weir_'),
    ]) {
      expect(looksLikeWeirKey(wrong)).toBe(false)
    }
  })

  test('every character is as likely as any other', () => {
    const counts = new Map<string, number>()
    // Every byte value equally often: with modulo bias eight characters would come five times instead of four.
    const all = Uint8Array.from({ length: 256 }, (_, value) => value)
    for (let start = 0; start < 248; start += 8) {
      const window = Uint8Array.from([...all.slice(start, start + 8), ...new Uint8Array(40)])
      for (const character of formatApiKey(window).slice(5, 13)) {
        counts.set(character, (counts.get(character) ?? 0) + 1)
      }
    }
    expect(counts.size).toBe(62)
    expect(new Set(counts.values())).toEqual(new Set([4]))
  })

  test('a list shows its start and its end', () => {
    const key = formatApiKey(new Uint8Array(API_KEY_RANDOM_BYTES).fill(1))
    expect(keyPrefix(key)).toBe('weir_1111')
    expect(keyLastFour(key)).toBe(key.slice(-4))
    expect(keyPrefix('some-other-secret')).toBe('some')
    expect(keyLastFour('short')).toBe('')
  })
})
