// What was sent to a route of the management API, held against the route's schemas: within bounds, every name known, every value of its
// type. An error names the member in the way a client would write it and never repeats a value, which may be a secret.

import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import {
  FormatRegistry,
  Kind,
  TypeRegistry,
  type Static,
  type TObject,
  type TSchema,
} from '@sinclair/typebox'
import { GatewayError } from '../../core/error.ts'
import { isObject, parseJson, type JsonValue } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { ServerDeps } from '../context.ts'
import { readBody, requireJsonType } from '../request-body.ts'

/** A name longer than this is not repeated. */
const NAME_CHARS_MAX = 100

// A moment needs its zone: without one it would be that of whoever reads it.
FormatRegistry.Set('date-time', (text) =>
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/.test(text)
    ? !Number.isNaN(Date.parse(text))
    : false,
)
// `oneOf` makes schemas of plain JSON Schema, which TypeBox only checks where it is told how.
TypeRegistry.Set('Unsafe', (schema: { readonly enum?: readonly unknown[] }, value) =>
  schema.enum === undefined ? true : schema.enum.includes(value),
)

/**
 * The JSON body, checked. An empty body is an empty object.
 * @throws GatewayError `invalid_json`, `invalid_request` naming the member, 413, 408, 415
 */
export async function bodyOf(
  request: Request,
  schema: TSchema,
  deps: Pick<ServerDeps, 'settings' | 'gateway'>,
  bytesMax: number = LIMITS.adminBodyBytesMax,
): Promise<unknown> {
  const { bodyTimeoutMs } = deps.settings()
  const { deadlines } = deps.gateway
  const bytes = await readBody(request, bytesMax, bodyTimeoutMs, deadlines)
  const text = new TextDecoder().decode(bytes)
  const isEmpty = text.trim() === ''
  // A page cannot send JSON from elsewhere unasked; a bare POST it can, so that needs the type too.
  requireJsonType(request.headers, isEmpty)
  const body = isEmpty ? {} : parseJson(text)
  if (body === undefined) throw new GatewayError('invalid_json')
  refuseUnstorable(body)
  check(schema, body)
  return body
}

/**
 * What is walked into again and again, and what an engine would not give back as it was: refused whatever the schema lets be.
 * @throws GatewayError `invalid_json`
 */
function refuseUnstorable(value: JsonValue | undefined, depth = 0): void {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return
    throw new GatewayError('invalid_json', { message: 'A text holds half of a surrogate pair.' })
  }
  if (typeof value !== 'object' || value === null) return
  if (depth >= LIMITS.requestJsonDepthMax) {
    const message = `The body is nested deeper than ${LIMITS.requestJsonDepthMax} levels.`
    throw new GatewayError('invalid_json', { message })
  }
  if (Array.isArray(value)) {
    for (const item of value) refuseUnstorable(item, depth + 1)
    return
  }
  for (const [name, member] of Object.entries(value)) {
    refuseUnstorable(name, depth)
    refuseUnstorable(member, depth + 1)
  }
}

/**
 * The query, its numbers and truths read as such, checked.
 * @param isTenants whether a tenant can be named, which is looked at elsewhere
 * @throws GatewayError `invalid_request` naming the parameter
 */
export function queryOf(
  request: Request,
  schema: TObject | undefined,
  isTenants: boolean,
): Record<string, unknown> {
  const { searchParams } = new URL(request.url)
  const query: Record<string, unknown> = {}
  const known = schema?.properties ?? {}
  for (const name of new Set(searchParams.keys())) {
    if (name === 'tenant' && isTenants && !Object.hasOwn(known, name)) continue
    const property = Object.hasOwn(known, name) ? known[name] : undefined
    if (property === undefined) throw unknownMember(name, Object.keys(known), isTenants)
    const values = searchParams.getAll(name)
    if (property['type'] === 'array') {
      query[name] = values.flatMap((value) => value.split(',')).map((value) => value.trim())
      continue
    }
    if (values.length > 1) throw invalid(name, 'Must be given once.')
    query[name] = read(property, values[0] ?? '')
  }
  if (schema !== undefined) check(schema, query)
  return query
}

/** A value of the query as its schema means it; what cannot be read so stays text, which the check refuses. */
function read(schema: TSchema, text: string): unknown {
  switch (schema['type']) {
    case 'integer':
    case 'number':
      return /^-?\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    default:
      return text
  }
}

/** @throws GatewayError `invalid_request` naming the first member that is wrong */
export function check<S extends TSchema>(schema: S, value: unknown): asserts value is Static<S> {
  if (Value.Check(schema, value)) return
  const first = Value.Errors(schema, value).First()
  throw first === undefined ? new GatewayError('invalid_request') : toError(deepest(first))
}

/** Of a union the complaint of the member that the value is likest to, where that can be told. */
function deepest(error: ValueError): ValueError {
  if (error.type !== ValueErrorType.Union) return error
  const candidates = error.errors
    .map((each) => each.First())
    .filter((each) => each !== undefined)
    .filter(({ schema }) => schema[Kind] !== 'Null')
  const [only] = candidates
  if (only === undefined) return error
  if (candidates.length === 1) return deepest(only)
  const further = candidates.filter(({ path }) => path.length > error.path.length)
  return further.length === 1 ? deepest(further[0]!) : error
}

function toError({ path, schema, type, value }: ValueError): GatewayError {
  const param = paramOf(path)
  switch (type) {
    case ValueErrorType.ObjectRequiredProperty:
      return new GatewayError('invalid_request', {
        code: 'missing_required_parameter',
        param,
        message: 'Missing.',
      })
    case ValueErrorType.ObjectAdditionalProperties: {
      const known = isObject(schema['properties']) ? Object.keys(schema['properties']) : []
      return unknownMember(param, known, false)
    }
    default:
      return invalid(param, wanted(schema, value))
  }
}

/** In words what a schema takes. */
function wanted(schema: TSchema, value: unknown): string {
  const { description, enum: list, maxItems, maxLength, maximum, minLength, minimum, type } = schema
  if (schema['wanted'] !== undefined) return String(schema['wanted'])
  if (Array.isArray(list)) return `Must be one of ${list.join(', ')}.`
  if (schema['const'] !== undefined) return `Must be ${JSON.stringify(schema['const'])}.`
  if (Array.isArray(schema['anyOf'])) return `Must be ${kindsOf(schema['anyOf'] as TSchema[])}.`
  switch (type) {
    case 'string':
      if (typeof value !== 'string') return 'Must be a string.'
      if (schema['format'] === 'date-time') {
        return 'Must be a time with its zone, such as 2027-01-31T12:00:00Z.'
      }
      if (value.length > Number(maxLength ?? Infinity) || value.length < Number(minLength ?? 0)) {
        return `Must be ${minLength ?? 0} to ${maxLength ?? 'any number of'} characters.`
      }
      return typeof description === 'string'
        ? `Has a form that is not taken here: ${description}`
        : 'Has a form that is not taken here.'
    case 'integer':
    case 'number': {
      const kind = type === 'integer' ? 'a whole number' : 'a number'
      if (minimum === undefined && maximum === undefined) return `Must be ${kind}.`
      if (maximum === undefined) return `Must be ${kind}, not below ${minimum}.`
      return `Must be ${kind} from ${minimum ?? 'any'} to ${maximum}.`
    }
    case 'boolean':
      return 'Must be true or false.'
    case 'array':
      return maxItems === undefined || !Array.isArray(value)
        ? 'Must be an array.'
        : `Must have at most ${maxItems} items, each once where it says so.`
    case 'object':
      return isObject(value) ? 'Has too few or too many members.' : 'Must be an object.'
    default:
      return 'Is not taken here.'
  }
}

function kindsOf(schemas: readonly TSchema[]): string {
  const kinds = schemas.map(({ const: literal, type }) =>
    literal === undefined ? String(type ?? 'another value') : JSON.stringify(literal),
  )
  return [...new Set(kinds)].join(' or ')
}

/** `/targets/0/model` as `targets[0].model`; a name that nobody would write is cut. */
function paramOf(path: string): string {
  const parts = path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const text = parts.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('')
  return text.replace(/^\./, '').slice(0, NAME_CHARS_MAX)
}

function unknownMember(name: string, known: readonly string[], isTenants: boolean): GatewayError {
  const names = isTenants ? [...known, 'tenant'] : known
  return new GatewayError('invalid_request', {
    code: 'unknown_parameter',
    param: name.slice(0, NAME_CHARS_MAX),
    message:
      names.length === 0
        ? 'Unknown: nothing of the kind is taken here.'
        : `Unknown. Known are: ${names.join(', ')}.`,
  })
}

function invalid(param: string, message: string): GatewayError {
  // The body as a whole has no name.
  return new GatewayError('invalid_request', { ...(param === '' ? {} : { param }), message })
}
