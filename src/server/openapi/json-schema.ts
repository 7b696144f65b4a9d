// Small makers of JSON Schema (2020-12, as OpenAPI 3.1 takes it), and the way from a route's TypeBox schemas to it: those with an `$id`
// become components that are referred to. Pure; it knows no route.

import type { JsonObject, JsonValue } from '../../core/json.ts'

export type Schema = JsonObject

/** A component by its name. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** An object whose other members are its protocol's: they travel on as they are. */
export function open(
  required: readonly string[],
  properties: Readonly<Record<string, Schema>>,
  more: Schema = {},
): Schema {
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required: [...required] }),
    properties,
    additionalProperties: true,
    ...more,
  }
}

export function text(description?: string, more: Schema = {}): Schema {
  return { type: 'string', ...(description === undefined ? {} : { description }), ...more }
}

export function words(...choices: readonly string[]): Schema {
  return { type: 'string', enum: [...choices] }
}

export function integer(description?: string, more: Schema = {}): Schema {
  return { type: 'integer', ...(description === undefined ? {} : { description }), ...more }
}

export function number(description?: string, more: Schema = {}): Schema {
  return { type: 'number', ...(description === undefined ? {} : { description }), ...more }
}

export function truth(description?: string): Schema {
  return { type: 'boolean', ...(description === undefined ? {} : { description }) }
}

export function list(items: Schema, description?: string): Schema {
  return { type: 'array', items, ...(description === undefined ? {} : { description }) }
}

export function either(...schemas: readonly Schema[]): Schema {
  return { anyOf: [...schemas] }
}

export function orNull(schema: Schema): Schema {
  return either(schema, { type: 'null' })
}

/** Whatever fits the protocol. */
export function anything(description: string): Schema {
  return { description }
}

/** Schemas that are referred to by name, from wherever they were met. */
export class Components {
  private readonly schemas = new Map<string, Schema>()
  private readonly answers = new Map<string, JsonObject>()
  /** Most schemas are met many times. */
  private readonly referred = new Map<object, Schema>()

  /** @throws RangeError for two different schemas of one name */
  add(name: string, schema: Schema): void {
    this.put(name, asObject(this.refer(schema)))
  }

  private put(name: string, schema: Schema): void {
    const before = this.schemas.get(name)
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(schema)) {
      throw new RangeError(`openapi: two different schemas are called ${name}`)
    }
    this.schemas.set(name, schema)
  }

  /** A reference to an answer that several operations give. */
  response(name: string, make: () => JsonObject): JsonObject {
    if (!this.answers.has(name)) this.answers.set(name, make())
    return { $ref: `#/components/responses/${name}` }
  }

  responses(): Readonly<Record<string, JsonObject>> {
    return Object.fromEntries(this.answers)
  }

  /** By name, in the order of the alphabet. */
  all(): Readonly<Record<string, Schema>> {
    return Object.fromEntries(
      [...this.schemas].toSorted(([one], [other]) => (one < other ? -1 : 1)),
    )
  }

  /** A route's schema as it stands in a document: what has an `$id` is put among the components. */
  use(schema: object): Schema {
    // Of TypeBox nothing but JSON Schema is left: its own marks are symbols.
    return asObject(this.refer(schema as JsonObject))
  }

  private refer(value: JsonValue | undefined): JsonValue {
    if (Array.isArray(value)) return value.map((item) => this.refer(item))
    if (typeof value !== 'object' || value === null) return value ?? null
    const before = this.referred.get(value)
    if (before !== undefined) return before
    const { $id: id, wanted: _words, ...rest } = value as Record<string, JsonValue>
    const schema = withNull(
      Object.fromEntries(
        Object.entries(rest)
          .filter(([, member]) => member !== undefined)
          .map(([name, member]) => [name, this.referMember(name, member)]),
      ),
    )
    if (typeof id === 'string') this.put(id, schema)
    const made = typeof id === 'string' ? ref(id) : schema
    this.referred.set(value, made)
    return made
  }

  private referMember(name: string, member: JsonValue): JsonValue {
    if (NOT_SCHEMAS.has(name)) return member
    // What stands in it is by anybody's names, which may be keywords too.
    if (name !== 'properties' || typeof member !== 'object' || member === null) {
      return this.refer(member)
    }
    return Object.fromEntries(
      Object.entries(member).map(([property, schema]) => [property, this.refer(schema)]),
    )
  }
}

/** Their values are data, in which an `$id` would mean nothing. */
const NOT_SCHEMAS: ReadonlySet<string> = new Set([
  'default',
  'const',
  'enum',
  'example',
  'examples',
])

/**
 * A choice of null and one type is written as `type: [one, 'null']` by the library, which then has null refused by the type's `enum`, and the
 * words of the whole lost where the type has its own. So the type is one that both can stay in.
 */
function withNull(schema: Schema): Schema {
  const { anyOf, ...whole } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema
  const one = (anyOf as Schema[]).find(({ type }) => type !== 'null')
  if (one === undefined || !(anyOf as Schema[]).some(({ type }) => type === 'null')) return schema
  const { const: only, enum: choices = only === undefined ? undefined : [only] } = one
  const rest = Object.entries(one).filter(
    ([name]) => name !== 'const' && !Object.hasOwn(whole, name),
  )
  const nullToo = Array.isArray(choices) ? { enum: [...choices, null] } : {}
  return { ...whole, anyOf: [{ ...Object.fromEntries(rest), ...nullToo }, { type: 'null' }] }
}

function asObject(value: JsonValue): Schema {
  return value as Schema
}
