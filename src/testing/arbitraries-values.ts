// The small generators the others are made of: texts, words, JSON, unknown members, optional fields. They must give only
// values that survive being written as JSON and read again, so that a difference always means a codec's fault.

import * as fc from 'fast-check'
import type { DialectName, Extras } from '../core/ir/request.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'

/** Text with accents, emoji of several code points and line ends; never empty and never half a character. */
export const someText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 24 }),
  fc.constantFrom('Grüße 🌊', 'a\nb\r\n\r\nc', ' leading', 'trailing ', '"quoted" \\ {"a":1}', '0'),
)

/** A lower-case identifier. */
export const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,11}$/)
/** Tenths from 0 to `max`: numbers that survive being written and read. */
export const tenths = (max: number) =>
  fc.integer({ min: 0, max: max * 10 }).map((value) => value / 10)
/** A few bytes as base64. */
export const base64 = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString('base64'))

/** Any value as JSON text gives it back: a minus zero, which JSON cannot say, is a zero. */
export const anyJson = (maxDepth: number): fc.Arbitrary<JsonValue> =>
  fc.jsonValue({ maxDepth }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue)

/** An object as JSON text would have it; `__proto__` as a key, nested values and empty objects included. */
export const someObject: fc.Arbitrary<JsonObject> = fc
  .dictionary(fc.oneof(word, fc.string({ maxLength: 6 })), anyJson(2), {
    maxKeys: 4,
  })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject)

/** Arguments of a call as JSON text, `''` for none. */
export const toolInput: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: someObject.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constant('') },
)

/** Members no dialect knows. */
const unknownMember: fc.Arbitrary<JsonObject> = fc
  .tuple(
    word,
    anyJson(1).filter((value) => value !== null),
  )
  .map(([key, value]) => ({ [`x_weir_${key}`]: value }))

/** Unknown members kept for one of these dialects. */
export function extrasOf(...names: DialectName[]): fc.Arbitrary<Extras> {
  return fc
    .tuple(fc.constantFrom(...names), unknownMember)
    .map(([name, value]) => ({ [name]: value }) as Extras)
}

/** Each key is there or not. */
export function sometimes<T extends object>(model: {
  [K in keyof T]: fc.Arbitrary<NonNullable<T[K]>>
}): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>
}

/** About one in four has it. */
export function rarely<K extends string, V>(
  key: K,
  value: fc.Arbitrary<V>,
): fc.Arbitrary<{ [P in K]?: V }> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: value.map((given) => ({ [key]: given })) },
  ) as fc.Arbitrary<{ [P in K]?: V }>
}
