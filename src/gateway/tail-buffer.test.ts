// The kept parts are the true beginning and end of what passed, whatever its chunks; and large chunks are not kept whole.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import { checkParameters } from '../testing/seed.ts'
import { TailBuffer } from './tail-buffer.ts'

/** Bytes that differ by their place. */
function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff)
}

test('the parts are the beginning and the end for any chunks', () => {
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(5_000), fc.nat(200_000)), { maxLength: 12 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const whole = bytesOf(lengths.reduce((sum, length) => sum + length, 0))
      const buffer = new TailBuffer()
      let at = 0
      for (const length of lengths) {
        buffer.push(whole.subarray(at, at + length))
        at += length
      }
      const [head, tail] = buffer.parts()
      expect(buffer.totalBytes).toBe(whole.length)
      if (tail === undefined) {
        expect(Buffer.compare(head!, whole)).toBe(0)
        return
      }
      expect(head!.length).toBeGreaterThanOrEqual(LIMITS.tapHeadBytesMax)
      expect(tail.length).toBeGreaterThanOrEqual(LIMITS.tapTailBytesMax)
      expect(Buffer.compare(head!, whole.subarray(0, head!.length))).toBe(0)
      expect(Buffer.compare(tail, whole.subarray(whole.length - tail.length))).toBe(0)
    }),
    checkParameters(60),
  )
})

test('what is kept of many large chunks is bounded', () => {
  const buffer = new TailBuffer()
  const chunk = bytesOf(1024 * 1024)
  for (let count = 0; count < 200; count += 1) buffer.push(chunk)
  const kept = buffer.parts().reduce((sum, part) => sum + part.length, 0)
  expect(kept).toBeLessThanOrEqual(16 * LIMITS.tapTailBytesMax)
  for (const part of buffer.parts()) expect(part.buffer.byteLength).toBeLessThan(chunk.length)
})
