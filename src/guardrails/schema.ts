// Checks a JSON value by a JSON Schema (2020-12, and the keywords of draft 7 that mean the same): patterns on the linear engine, and a bound
// on the steps of one value, since references and alternatives can multiply. Remote references and what is left unevaluated are refused when
// the schema is read, rather than ignored when a value is judged.

import type { OptionProblem } from '../core/guardrail-option.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import { compilePattern, patternProblem, type Pattern } from './engine.ts'
import { runAtOnce } from './find.ts'
import { isFormat, isKnownFormat } from './schema-formats.ts'

type Schema = JsonObject | boolean

/** Keywords whose value is a schema. */
const ONE = ['additionalProperties', 'propertyNames', 'contains', 'not', 'if', 'then', 'else']
/** …a list of schemas. */
const SOME = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
/** …schemas by name. */
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']
/** What would silently let something through. */
const REFUSED = [
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
  '$recursiveRef',
  'dependencies',
  'additionalItems',
]

/** What is wrong with a schema; empty where every keyword that judges is understood. */
export function schemaProblems(schema: JsonObject, path: string): OptionProblem[] {
  const problems: OptionProblem[] = []
  const patterns = new Set<string>()
  prove(schema, { root: schema, path, problems, patterns }, 0)
  if (patterns.size > LIMITS.guardSchemaPatternsMax) {
    problems.push({ path, problem: `has more than ${LIMITS.guardSchemaPatternsMax} patterns` })
  }
  return problems
}

interface Proof {
  readonly root: JsonObject
  readonly path: string
  readonly problems: OptionProblem[]
  readonly patterns: Set<string>
}

function prove(schema: JsonValue | undefined, proof: Proof, depth: number): void {
  if (schema === undefined || typeof schema === 'boolean') return
  const { path, problems, root } = proof
  const say = (problem: string): void => void problems.push({ path, problem })
  if (!isObject(schema)) return say('has a part that is no schema')
  if (depth > LIMITS.guardSchemaDepthMax) return say('is nested too deep')
  for (const name of REFUSED) if (name in schema) say(`has ${name}, which is not supported`)
  const { $ref, pattern, format } = schema
  if ($ref !== undefined && resolve(root, $ref) === undefined) {
    say('has a $ref that leads nowhere within it')
  }
  if (pattern !== undefined) provePattern(pattern, proof)
  if (format !== undefined && !isKnownFormat(format)) say('has a format that is not known')
  for (const name of Object.keys(asNamed(schema['patternProperties']))) provePattern(name, proof)
  const below = (part: JsonValue | undefined): void => prove(part, proof, depth + 1)
  for (const name of ONE) below(schema[name])
  for (const name of SOME) asList(schema[name]).forEach(below)
  for (const name of NAMED) Object.values(asNamed(schema[name])).forEach(below)
  if (Array.isArray(schema['items'])) say('has items as a list, which is prefixItems now')
  else below(schema['items'])
}

/** Each is compiled once, and no more of them than there may be. */
function provePattern(pattern: JsonValue, { path, patterns, problems }: Proof): void {
  if (typeof pattern !== 'string') {
    problems.push({ path, problem: 'has a pattern that is no text' })
    return
  }
  if (patterns.has(pattern)) return
  patterns.add(pattern)
  if (patterns.size > LIMITS.guardSchemaPatternsMax) return
  const problem = patternProblem(pattern, 'schema')
  if (problem !== undefined) problems.push({ path, problem: `has a pattern that ${problem}` })
}

function asList(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : []
}

function asNamed(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {}
}

/** A reference within the schema: `#`, `#/$defs/name`. */
function resolve(root: JsonObject, reference: JsonValue): Schema | undefined {
  if (typeof reference !== 'string' || !/^#(?:$|\/)/.test(reference)) return undefined
  let at: JsonValue | undefined = root
  for (const step of reference.slice(2).split('/')) {
    if (reference === '#') break
    const name = decode(step).replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) at = at[Number(name)]
    else at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined
  }
  return isObject(at) || typeof at === 'boolean' ? at : undefined
}

function decode(step: string): string {
  return step.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** Thrown where a value takes more steps than one may: it was not judged. */
export class SchemaTooCostly extends Error {}

/**
 * Whether a value is one of a schema that has no problems, at once and however long it takes.
 * @throws SchemaTooCostly
 */
export function isOfSchema(value: JsonValue, schema: JsonObject): boolean {
  return runAtOnce(new SchemaCheck(schema).steps(value))
}

/** A schema that has no problems, with its patterns compiled and its references found, each at its first use. */
export class SchemaCheck {
  private readonly root: JsonObject
  private readonly patterns = new Map<string, Pattern>()
  private readonly references = new Map<JsonValue, Schema | undefined>()

  constructor(root: JsonObject) {
    this.root = root
  }

  /** Whether a value is one of the schema; pauses after each `guardSchemaStepsAtOnceMax`. The generator throws SchemaTooCostly. */
  steps(value: JsonValue): Generator<void, boolean> {
    return new Validation(this).check(value, this.root, 0)
  }

  pattern(source: string): Pattern {
    const known = this.patterns.get(source)
    if (known !== undefined) return known
    const compiled = compilePattern(source, 'schema')
    this.patterns.set(source, compiled)
    return compiled
  }

  referred(reference: JsonValue): Schema | undefined {
    if (!this.references.has(reference)) {
      this.references.set(reference, resolve(this.root, reference))
    }
    return this.references.get(reference)
  }
}

/** What takes as long as one step: instructions of patterns, and characters that are read, copied or compared. */
const INSTRUCTIONS_PER_STEP = 25
const CHARS_PER_STEP = 50

/** One value being checked. Everything whose time grows with the value or the schema is counted, and what may be long can pause. */
class Validation {
  private readonly schema: SchemaCheck
  private taken = 0
  private pauseAt: number = LIMITS.guardSchemaStepsAtOnceMax

  constructor(schema: SchemaCheck) {
    this.schema = schema
  }

  *check(value: JsonValue, schema: Schema, depth: number): Generator<void, boolean> {
    this.step(1, depth)
    if (this.taken >= this.pauseAt) {
      this.pauseAt = this.taken + LIMITS.guardSchemaStepsAtOnceMax
      yield
    }
    if (typeof schema === 'boolean') return schema
    if (schema['$ref'] !== undefined) {
      const target = this.schema.referred(schema['$ref'])
      if (target === undefined || !(yield* this.check(value, target, depth + 1))) return false
    }
    if (!this.isOfType(value, schema['type'])) return false
    if (schema['const'] !== undefined && !this.equal(value, schema['const'])) return false
    const options = schema['enum']
    if (Array.isArray(options) && !options.some((one) => this.equal(value, one))) return false
    if (!(yield* this.combined(value, schema, depth))) return false
    if (typeof value === 'string') return this.isOfText(value, schema)
    if (typeof value === 'number') return isOfNumber(value, schema)
    if (Array.isArray(value)) return yield* this.list(value, schema, depth)
    return isObject(value) ? yield* this.object(value, schema, depth) : true
  }

  private step(steps: number, depth = 0): void {
    this.taken += steps
    if (this.taken > LIMITS.guardSchemaStepsMax || depth > LIMITS.guardSchemaDepthMax) {
      throw new SchemaTooCostly()
    }
  }

  private isOfType(value: JsonValue, type: JsonValue | undefined): boolean {
    if (Array.isArray(type)) this.step(type.length)
    return isOfType(value, type)
  }

  private isOfText(value: string, schema: JsonObject): boolean {
    const { minLength, maxLength, format, pattern } = schema
    const isMeasured = minLength !== undefined || maxLength !== undefined
    if (isMeasured || format !== undefined) this.step(Math.ceil(value.length / CHARS_PER_STEP))
    if (isMeasured && !isCount(codePoints(value), minLength, maxLength)) return false
    if (typeof format === 'string' && !isFormat(value, format)) return false
    return typeof pattern !== 'string' || this.fits(value, pattern)
  }

  /** A character of a pattern's text is a step for every so many instructions. */
  private fits(text: string, source: string): boolean {
    const pattern = this.schema.pattern(source)
    this.step(1 + Math.ceil((text.length * pattern.size) / INSTRUCTIONS_PER_STEP))
    return pattern.test(text)
  }

  private *combined(value: JsonValue, schema: JsonObject, depth: number): Generator<void, boolean> {
    const fits = (part: JsonValue) => this.check(value, part as Schema, depth + 1)
    const { allOf, anyOf, oneOf, not } = schema
    for (const part of asList(allOf)) if (!(yield* fits(part))) return false
    if (Array.isArray(anyOf) && (yield* counted(anyOf, fits, 1)) === 0) return false
    if (Array.isArray(oneOf) && (yield* counted(oneOf, fits, 2)) !== 1) return false
    if (not !== undefined && (yield* fits(not))) return false
    if (schema['if'] === undefined) return true
    const branch = (yield* fits(schema['if'])) ? schema['then'] : schema['else']
    return branch === undefined || (yield* fits(branch))
  }

  private *list(
    value: readonly JsonValue[],
    schema: JsonObject,
    depth: number,
  ): Generator<void, boolean> {
    const { prefixItems, items, contains, uniqueItems } = schema
    if (!isCount(value.length, schema['minItems'], schema['maxItems'])) return false
    const first = asList(prefixItems)
    const judged = items === undefined ? Math.min(first.length, value.length) : value.length
    for (let at = 0; at < judged; at++) {
      const own = (first[at] ?? items) as Schema
      if (!(yield* this.check(value[at]!, own, depth + 1))) return false
    }
    if (contains !== undefined) {
      const fits = (item: JsonValue) => this.check(item, contains as Schema, depth + 1)
      const count = yield* counted(value, fits, value.length)
      if (!isCount(count, schema['minContains'] ?? 1, schema['maxContains'])) return false
    }
    if (uniqueItems !== true) return true
    const seen = new Set<string>()
    for (const item of value) seen.add(this.canonical(item, depth))
    return seen.size === value.length
  }

  private *object(value: JsonObject, schema: JsonObject, depth: number): Generator<void, boolean> {
    const names = Object.keys(value)
    this.step(names.length)
    if (!isCount(names.length, schema['minProperties'], schema['maxProperties'])) return false
    const has = (name: JsonValue): boolean => Object.hasOwn(value, String(name))
    const hasAll = (needed: readonly JsonValue[]): boolean => {
      this.step(needed.length)
      return needed.every(has)
    }
    if (!hasAll(asList(schema['required']))) return false
    for (const [name, needed] of this.members(schema['dependentRequired'])) {
      if (has(name) && !hasAll(asList(needed))) return false
    }
    for (const [name, part] of this.members(schema['dependentSchemas'])) {
      if (has(name) && !(yield* this.check(value, part as Schema, depth + 1))) return false
    }
    const { propertyNames } = schema
    for (const name of names) {
      if (propertyNames !== undefined) {
        if (!(yield* this.check(name, propertyNames as Schema, depth + 1))) return false
      }
      for (const part of this.partsFor(name, schema)) {
        if (!(yield* this.check(value[name]!, part, depth + 1))) return false
      }
    }
    return true
  }

  private members(named: JsonValue | undefined): [string, JsonValue | undefined][] {
    const members = Object.entries(asNamed(named))
    this.step(members.length)
    return members
  }

  /** What the value of a member has to be. */
  private partsFor(name: string, schema: JsonObject): Schema[] {
    const properties = asNamed(schema['properties'])
    const applied: JsonValue[] = []
    if (Object.hasOwn(properties, name)) applied.push(properties[name]!)
    for (const [pattern, part] of this.members(schema['patternProperties'])) {
      if (this.fits(name, pattern)) applied.push(part!)
    }
    const { additionalProperties } = schema
    if (applied.length === 0 && additionalProperties !== undefined) {
      applied.push(additionalProperties)
    }
    return applied as Schema[]
  }

  private equal(a: JsonValue, b: JsonValue): boolean {
    this.step(1)
    if (typeof a !== 'object' || typeof b !== 'object') return a === b
    return this.canonical(a, 0) === this.canonical(b, 0)
  }

  /** A text that is the same for equal values: members in order. */
  private canonical(value: JsonValue, depth: number): string {
    this.step(1, depth)
    if (Array.isArray(value)) {
      return `[${value.map((item) => this.canonical(item, depth + 1)).join()}]`
    }
    if (!isObject(value)) {
      if (typeof value === 'string') this.step(Math.ceil(value.length / CHARS_PER_STEP))
      return JSON.stringify(value)
    }
    const members = Object.keys(value)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${this.canonical(value[name]!, depth + 1)}`)
    return `{${members.join()}}`
  }
}

/** How many of some fit, counted up to a number. */
function* counted(
  some: readonly JsonValue[],
  fits: (one: JsonValue) => Generator<void, boolean>,
  enough: number,
): Generator<void, number> {
  let count = 0
  for (const one of some) {
    if (yield* fits(one)) count++
    if (count >= enough) break
  }
  return count
}

function codePoints(text: string): number {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const isPair = (text.charCodeAt(at) & 0xfc00) === 0xd800
    if (isPair && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) at++
    count++
  }
  return count
}

function isOfType(value: JsonValue, type: JsonValue | undefined): boolean {
  if (type === undefined) return true
  return (Array.isArray(type) ? type : [type]).some((one) => {
    if (one === 'null') return value === null
    if (one === 'array') return Array.isArray(value)
    if (one === 'object') return isObject(value)
    if (one === 'integer') return Number.isInteger(value)
    return typeof value === one && value !== null
  })
}

function isOfNumber(value: number, schema: JsonObject): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
  if (typeof minimum === 'number' && value < minimum) return false
  if (typeof maximum === 'number' && value > maximum) return false
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) return false
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum) return false
  return typeof multipleOf !== 'number' || isMultiple(value, multipleOf)
}

/** Decimal fractions are no binary ones: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, of: number): boolean {
  const ratio = value / of
  return Math.abs(ratio - Math.round(ratio)) <= Number.EPSILON * Math.max(1, Math.abs(ratio))
}

function isCount(count: number, min: JsonValue | undefined, max: JsonValue | undefined): boolean {
  return (typeof min !== 'number' || count >= min) && (typeof max !== 'number' || count <= max)
}
