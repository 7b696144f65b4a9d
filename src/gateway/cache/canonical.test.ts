import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { DIALECT_NAMES } from '../../core/ir/request.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { checkParameters, SEED, seededRandom } from '../../testing/seed.ts'
import { canonicalBody, canonicalJson, LEFT_OUT } from './canonical.ts'

const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((one) => !Number.isInteger(one)),
)
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  number,
  fc.string(),
  fc.constantFrom<JsonValue>(0, false, '', null, '0', 'null', [], {}),
)
const { value: json } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }) as fc.Arbitrary<JsonValue>,
  ),
}))

/** The same document, members in another order, numbers and texts in other forms, with white space. */
function rewritten(value: JsonValue, random: () => number): string {
  const space = () => ['', ' ', '\n', '\t  '][Math.floor(random() * 4)]!
  if (typeof value === 'number') {
    const forms = [JSON.stringify(value), value.toExponential(), `${JSON.stringify(value)}`]
    const form = forms[Math.floor(random() * forms.length)]!
    // A form that reads as another number is no form of this one.
    return Number(form) === value ? form : JSON.stringify(value)
  }
  if (typeof value === 'string') {
    const units = Array.from({ length: value.length }, (_, at) => value.charCodeAt(at))
    const escaped = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    return random() < 0.5 ? JSON.stringify(value) : `"${escaped.join('')}"`
  }
  if (Array.isArray(value)) {
    return `[${space()}${value.map((item) => rewritten(item, random)).join(`${space()},${space()}`)}]`
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value)
    .toSorted(() => random() - 0.5)
    .map(
      ([name, item]) => `${JSON.stringify(name)}${space()}:${space()}${rewritten(item!, random)}`,
    )
  return `{${space()}${members.join(`,${space()}`)}${space()}}`
}

describe('the canonical text', () => {
  test('is the same however a document is written', () => {
    const random = seededRandom(SEED)
    fc.assert(
      fc.property(json, (value) => {
        const again = JSON.parse(rewritten(value, random)) as JsonValue
        expect(canonicalJson(again)).toBe(canonicalJson(value)!)
      }),
      checkParameters(300),
    )
  })

  test('is another for every other document', () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        const isSame = Bun.deepEquals(normal(one), normal(other), true)
        expect(canonicalJson(one) === canonicalJson(other)).toBe(isSame)
      }),
      checkParameters(500),
    )
  })

  test('reads as the document', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value)!)).toEqual(normal(value))
      }),
      checkParameters(300),
    )
  })

  test.each(DIALECT_NAMES)('of %s keeps 0, false, empty, null and absent apart', (dialect) => {
    const values: JsonValue[] = [0, false, '', null, [], {}, '0', 'false']
    const texts = [{}, ...values.map((x) => ({ x }))].map((body: JsonObject) =>
      canonicalBody(body, dialect),
    )
    expect(new Set(texts).size).toBe(values.length + 1)
  })

  test.each(DIALECT_NAMES)('of %s leaves out what is listed, at the top alone', (dialect) => {
    for (const name of LEFT_OUT[dialect]) {
      expect(canonicalBody({ a: 1, [name]: 'x' }, dialect)).toBe(canonicalBody({ a: 1 }, dialect)!)
      expect(canonicalBody({ a: { [name]: 'x' } }, dialect)).not.toBe(
        canonicalBody({ a: {} }, dialect)!,
      )
    }
  })

  test('is refused for numbers that two parsers read in two ways', () => {
    expect(canonicalJson(JSON.parse('9007199254740993'))).toBeUndefined()
    expect(canonicalJson([{ a: 1e300 }])).toBeUndefined()
    expect(canonicalBody({ seed: 2 ** 53 }, 'openai-chat')).toBeUndefined()
    // Beyond any double: one reader takes it for infinity, and written again it would be null.
    expect(canonicalJson([JSON.parse('1e400')])).toBeUndefined()
    expect(canonicalJson(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991')
  })

  test('takes a member of any name', () => {
    const body = JSON.parse('{"__proto__":{"a":1},"constructor":2}') as JsonObject
    expect(canonicalBody(body, 'openai-chat')).toBe('{"__proto__":{"a":1},"constructor":2}')
  })
})

/** No difference between 0 and -0, which JSON does not keep either. */
function normal(value: JsonValue): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue
}
