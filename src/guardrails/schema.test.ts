// JSON Schema: against another implementation on arbitrary schemas and values, and what is refused when a schema is read.

import { describe, expect, test } from 'bun:test'
import { Validator } from '@cfworker/json-schema'
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { checkParameters } from '../testing/seed.ts'
import { isOfSchema, SchemaCheck, schemaProblems, SchemaTooCostly } from './schema.ts'

const name = fc.constantFrom('a', 'b', 'c1')
const scalar: fc.Arbitrary<JsonValue> = fc.constantFrom(
  null,
  true,
  false,
  0,
  1,
  -2,
  2.5,
  '',
  'a',
  'ab1',
  '😀',
)

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3 }),
  ),
}))

const count = fc.nat(3)
/** One to three keywords: of more, nearly nothing is valid. */
const { schema } = fc.letrec<{ schema: JsonObject | boolean }>((tie) => {
  const one = tie('schema')
  const some = fc.array(one, { minLength: 1, maxLength: 2 })
  const named = fc.dictionary(name, one, { maxKeys: 2 })
  const type = fc.constantFrom('null', 'boolean', 'number', 'integer', 'string', 'array', 'object')
  const keywords: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
    enum: fc.array(value, { minLength: 1, maxLength: 3 }),
    const: value.filter((any) => any !== null),
    minimum: fc.integer({ min: -2, max: 2 }),
    exclusiveMaximum: fc.integer({ min: -2, max: 3 }),
    multipleOf: fc.constantFrom(1, 2, 0.5),
    minLength: count,
    maxLength: count,
    pattern: fc.constantFrom('^a', 'b[0-9]', '1$', '^$'),
    minItems: count,
    maxItems: count,
    uniqueItems: fc.boolean(),
    items: one,
    prefixItems: some,
    contains: one,
    minProperties: count,
    maxProperties: count,
    required: fc.uniqueArray(name, { maxLength: 2 }),
    properties: named,
    patternProperties: fc.dictionary(fc.constantFrom('^a', '[0-9]$'), one, { maxKeys: 2 }),
    additionalProperties: one,
    propertyNames: fc.constantFrom({ maxLength: 1 }, true, { pattern: '^[ab]' }),
    dependentRequired: fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), { maxKeys: 1 }),
    dependentSchemas: fc.dictionary(name, one, { maxKeys: 1 }),
    allOf: some,
    anyOf: some,
    oneOf: some,
    not: one,
    if: one,
    else: one,
  }
  const keyword = fc.oneof(
    ...[...Object.entries(keywords), ['then', one] as const].map(([key, any]) =>
      any.map((given) => ({ [key]: given })),
    ),
  )
  const object = fc
    .array(keyword, { minLength: 1, maxLength: 3 })
    .map((parts) => Object.assign({}, ...parts) as JsonObject)
  return { schema: fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.boolean(), object) }
})

describe('schemas', () => {
  test('as another implementation has it', () => {
    let valid = 0
    fc.assert(
      fc.property(schema, value, (any, instance) => {
        const root = { allOf: [any] }
        const oracle = new Validator(root as object, '2020-12').validate(instance).valid
        if (oracle) valid++
        expect(isOfSchema(instance, root)).toBe(oracle)
      }),
      checkParameters(3000),
    )
    expect(valid).toBeGreaterThan(300)
  })

  test('references, to itself as well', () => {
    const tree: JsonObject = {
      $defs: { 'a/b': { type: 'string' } },
      type: 'object',
      properties: {
        name: { $ref: '#/$defs/a~1b' },
        children: { type: 'array', items: { $ref: '#' } },
      },
      additionalProperties: false,
    }
    expect(schemaProblems(tree, 'schema')).toEqual([])
    expect(isOfSchema({ name: 'x', children: [{ children: [] }] }, tree)).toBe(true)
    expect(isOfSchema({ children: [{ children: [{ name: 1 }] }] }, tree)).toBe(false)
  })

  test.each([
    ['date', '2024-02-29', '2023-02-29'],
    ['date-time', '2024-05-01T12:00:00Z', '2024-05-01 noon'],
    ['time', '23:59:60Z', '24:00:00Z'],
    ['duration', 'P1Y2M3DT4H', 'P'],
    ['email', 'a@b.de', 'a@@b'],
    ['hostname', 'a-b.example', '-a.example'],
    ['ipv4', '192.0.2.1', '192.0.2.01'],
    ['ipv6', '2001:db8::1', '2001:db8:::1'],
    ['uri', 'https://a.b/c?d#e', '//a'],
    ['uuid', '550e8400-e29b-41d4-a716-446655440000', '550e8400'],
    ['json-pointer', '/a/~0b', 'a'],
  ])('format %s', (format, good, bad) => {
    expect(isOfSchema(good, { format })).toBe(true)
    expect(isOfSchema(bad, { format })).toBe(false)
  })

  test.each([
    [{ $ref: 'https://example.com/x' }, '$ref'],
    [{ $ref: '#/nowhere' }, '$ref'],
    [{ unevaluatedProperties: false }, 'unevaluatedProperties'],
    [{ properties: { a: { pattern: '(?=x)' } } }, 'look-around'],
    [{ patternProperties: { '(a)\\1': true } }, 'back reference'],
    [{ format: 'color' }, 'format'],
    [{ items: [true] }, 'prefixItems'],
    [{ not: 3 }, 'no schema'],
    [{ allOf: Array.from({ length: 201 }, (_, at) => ({ pattern: `a${at}` })) }, '200 patterns'],
  ] as [JsonObject, string][])('%j is refused', (any, words) => {
    expect(schemaProblems(any, 'schema')[0]?.problem).toContain(words)
  })

  test('what refers to itself without end, or multiplies, ends', () => {
    expect(() => isOfSchema(1, { $ref: '#' })).toThrow(SchemaTooCostly)
    const defs: JsonObject = { d0: { const: 2 } }
    for (let at = 1; at < 40; at++) {
      const below = { $ref: `#/$defs/d${at - 1}` }
      defs[`d${at}`] = { anyOf: [below, below] }
    }
    expect(() => isOfSchema(1, { $defs: defs, $ref: '#/$defs/d39' })).toThrow(SchemaTooCostly)
  })

  const long = 'x'.repeat(4_000_000)
  const many = (length: number, one: (at: number) => JsonValue) =>
    Array.from({ length }, (_, at) => one(at))
  const wide = Object.fromEntries(many(100_000, (at) => [`k${at}`, 1]) as [string, number][])
  const needs = Object.fromEntries(many(3_000, (at) => [`b${at}`, ['c']]) as [string, JsonValue][])
  test.each([
    ['lengths', long, { allOf: many(1_000, () => ({ minLength: 1 })) }],
    ['formats', long, { allOf: many(1_000, () => ({ format: 'uri-reference' })) }],
    ['a text, compared', { x: long }, { enum: many(1_000, (at) => ({ x: at })) }],
    ['a text and a pattern', long, { pattern: '[a-z]{100}y' }],
    [
      'values to choose from',
      many(100_000, () => 1),
      { items: { enum: [...many(999, () => -1), 1] } },
    ],
    ['types', many(100_000, () => 1), { items: { type: [...many(999, () => 'null'), 'number'] } }],
    ['members', wide, { allOf: many(50, () => ({ minProperties: 1 })) }],
    ['what members need', many(10_000, () => ({ a: 1 })), { items: { dependentRequired: needs } }],
  ] as [string, JsonValue, JsonObject][])('%s are counted', (_, instance, any) => {
    // The schema is short, the value is what an answer may hold: without counting these take seconds.
    const steps = new SchemaCheck(any).steps(instance)
    let pauses = 0
    expect(() => {
      for (let step = steps.next(); step.done !== true; step = steps.next()) pauses++
    }).toThrow(SchemaTooCostly)
    expect(pauses).toBeLessThanOrEqual(
      LIMITS.guardSchemaStepsMax / LIMITS.guardSchemaStepsAtOnceMax,
    )
  })

  test('what takes long pauses, and comes to the same', () => {
    const steps = new SchemaCheck({ items: { type: 'number' } }).steps(many(50_000, () => 1))
    let pauses = 0
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) pauses++
    expect(step.value).toBe(true)
    expect(pauses).toBeGreaterThan(10)
  })

  test('names of the language are no members', () => {
    expect(isOfSchema({}, { required: ['constructor'] })).toBe(false)
    const shadow = { properties: { toString: false }, patternProperties: { __proto__: true } }
    expect(isOfSchema({ a: 1 }, shadow as unknown as JsonObject)).toBe(true)
  })
})
