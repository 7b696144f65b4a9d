// Vectors of the mock provider: a unit vector that follows from the text alone, so equal texts are equal and others differ.
// Values are float32 from the start, so that the base64 and the plain form of a vector say the same.

import type { JsonValue } from '../core/json.ts'

export const MOCK_DIMENSIONS = 8
export const MOCK_DIMENSIONS_MAX = 4_096

/** FNV-1a over UTF-16 code units, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

/** A vector of length 1 for a text or a token list. */
export function unitVector(input: JsonValue, dimensions: number): number[] {
  let state = hashText(JSON.stringify(input)) || 1
  const values = Array.from({ length: dimensions }, () => {
    // xorshift32: never 0, so no vector has length 0.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 0x80000000
  })
  const length = Math.hypot(...values)
  return values.map((value) => Math.fround(value / length))
}
