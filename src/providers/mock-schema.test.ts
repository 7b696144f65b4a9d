import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { z } from 'zod'
import type { JsonValue } from '../core/json.ts'
import { valueForSchema } from './mock-schema.ts'

describe('valueForSchema', () => {
  test.each<[string, JsonValue, JsonValue]>([
    ['nothing known', {}, 'hi'],
    ['const', { const: 0 }, 0],
    ['enum', { enum: ['celsius', 'fahrenheit'] }, 'celsius'],
    ['default false', { type: 'boolean', default: false }, false],
    ['format', { type: 'string', format: 'date' }, '2026-01-31'],
    ['bounds of a text', { type: 'string', minLength: 4, maxLength: 5 }, 'hi..'],
    ['an empty text', { type: 'string', maxLength: 0 }, ''],
    ['minimum', { type: 'integer', minimum: 3 }, 3],
    ['exclusive', { type: 'integer', exclusiveMinimum: 3 }, 4],
    ['multiple', { type: 'integer', minimum: 4, multipleOf: 3 }, 6],
    ['maximum below', { type: 'integer', maximum: -4 }, -4],
    ['nullable', { type: ['null', 'string'] }, 'hi'],
    ['union', { anyOf: [{ type: 'null' }, { type: 'integer' }] }, 1],
    [
      'object',
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'array', items: { type: 'boolean' } } },
      },
      { a: 'hi', b: [true] },
    ],
    ['empty array', { type: 'array', maxItems: 0, items: {} }, []],
    [
      'reference',
      { type: 'object', properties: { x: { $ref: '#/$defs/y' } }, $defs: { y: { const: 7 } } },
      { x: 7 },
    ],
    [
      'allOf',
      {
        allOf: [
          { type: 'object', properties: { a: { const: 1 } } },
          { properties: { b: { const: 2 } } },
        ],
      },
      { a: 1, b: 2 },
    ],
    ['a foreign reference', { $ref: 'https://x.example/schema' }, 'hi'],
  ])('%s', (_name, schema, expected) => expect(valueForSchema(schema, 'hi')).toEqual(expected))

  test('a schema that calls itself ends', () => {
    const node = { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }
    expect(JSON.stringify(valueForSchema(node, 'x')).length).toBeLessThan(1_000)
    expect(valueForSchema({ $ref: '#' }, 'x')).toBeNull()
    const wide = {
      type: 'object',
      properties: { a: { $ref: '#' }, b: { $ref: '#' }, c: { $ref: '#' } },
    }
    expect(JSON.stringify(valueForSchema(wide, 'x')).length).toBeLessThan(100_000)
    const names = Array.from({ length: 300 }, (_, index) => [`p${index}`, { $ref: '#' }])
    const huge = {
      type: 'object',
      properties: Object.fromEntries(names),
      required: names.map(([name]) => name),
    }
    expect(JSON.stringify(valueForSchema(huge as JsonValue, 'x')).length).toBeLessThan(2_000_000)
  })

  test('what zod describes, zod accepts', () => {
    const shape = z.object({
      city: z.string().min(2),
      unit: z.enum(['c', 'f']),
      days: z.number().int().min(1).max(14),
      ratio: z.number(),
      tags: z.array(z.string()).min(2),
      when: z.iso.datetime().optional(),
      home: z.object({ street: z.string().nullable(), id: z.uuid() }),
      kind: z.union([z.literal('a'), z.number()]),
    })
    const value = valueForSchema(z.toJSONSchema(shape) as JsonValue, 'some text')
    expect(shape.safeParse(value).error?.message).toBeUndefined()
  })

  test('never throws, and gives JSON, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (schema, text) => {
        const value = valueForSchema(schema as JsonValue, text)
        expect(JSON.parse(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
