// A model's configured defaults in the words of the protocol a client speaks: they are configured once, by OpenAI's names, and
// every client of the model gets them. What a protocol has no word for is left out; a client's own value always wins.

import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { DialectName, Operation } from '../dialects/dialect.ts'

/** What is to be put into a body: members it lacks, and objects it has that get more members. */
export interface Defaults {
  readonly members: JsonObject
  /** Whole objects with the client's own members in them, to stand in place of what the client sent. */
  readonly objects: Readonly<Record<string, JsonObject>>
}

/** Where a name goes: one member, or one inside an object. `undefined`: the protocol has no word for it. */
type Place = readonly [string] | readonly [string, string] | undefined

const LIMIT_NAMES = ['max_tokens', 'max_completion_tokens'] as const

const NOWHERE = (...names: string[]): Readonly<Record<string, Place>> =>
  Object.fromEntries(names.map((name) => [name, undefined]))

const limits = (...place: [string] | [string, string]): Readonly<Record<string, Place>> =>
  Object.fromEntries(LIMIT_NAMES.map((name) => [name, place]))

const OPTIONS = (name: string): readonly [string, string] => ['options', name]
const CONFIG = (name: string): readonly [string, string] => ['generationConfig', name]

/** OpenAI's names in the other protocols; a name that is not here is taken as one of the protocol itself. */
const PLACES: Readonly<Partial<Record<DialectName, Readonly<Record<string, Place>>>>> = {
  'openai-responses': {
    ...limits('max_output_tokens'),
    reasoning_effort: ['reasoning', 'effort'],
    verbosity: ['text', 'verbosity'],
    ...NOWHERE('stop', 'seed', 'presence_penalty', 'frequency_penalty', 'top_k', 'min_p', 'n'),
  },
  anthropic: {
    ...limits('max_tokens'),
    stop: ['stop_sequences'],
    ...NOWHERE('seed', 'presence_penalty', 'frequency_penalty', 'min_p', 'n', 'reasoning_effort'),
  },
  ollama: {
    ...limits('options', 'num_predict'),
    think: ['think'],
    format: ['format'],
    keep_alive: ['keep_alive'],
    ...NOWHERE('n', 'reasoning_effort'),
  },
  gemini: {
    ...limits('generationConfig', 'maxOutputTokens'),
    temperature: CONFIG('temperature'),
    top_p: CONFIG('topP'),
    top_k: CONFIG('topK'),
    seed: CONFIG('seed'),
    stop: CONFIG('stopSequences'),
    presence_penalty: CONFIG('presencePenalty'),
    frequency_penalty: CONFIG('frequencyPenalty'),
    n: CONFIG('candidateCount'),
    ...NOWHERE('min_p', 'reasoning_effort'),
  },
  cohere: {
    ...limits('max_tokens'),
    top_p: ['p'],
    top_k: ['k'],
    stop: ['stop_sequences'],
    ...NOWHERE('min_p', 'n', 'reasoning_effort'),
  },
}

/** Names that only mean something where text is written. */
const FOR_TEXT: ReadonlySet<string> = new Set([
  ...LIMIT_NAMES,
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'seed',
  'stop',
  'n',
  'reasoning_effort',
  'verbosity',
  'presence_penalty',
  'frequency_penalty',
])

/** Protocols whose lists of stop sequences may not be a single text. */
const LISTS: ReadonlySet<string> = new Set(['stop_sequences', 'stopSequences'])

const NONE: Defaults = { members: {}, objects: {} }

/** The defaults a body of this protocol lacks. */
export function defaultsFor(
  dialect: DialectName,
  operation: Operation,
  body: JsonObject,
  defaults: Readonly<Record<string, unknown>>,
): Defaults {
  const names = Object.keys(defaults)
  if (names.length === 0) return NONE
  const members: JsonObject = {}
  const objects: Record<string, JsonObject> = {}
  for (const name of names) {
    if (operation === 'embedding' && FOR_TEXT.has(name)) continue
    const place = placeOf(dialect, name)
    if (place === undefined || hasTwin(dialect, name, body)) continue
    const [outer, inner] = spelled(place, body)
    const value = valueFor(inner ?? outer, defaults[name] as JsonValue)
    if (inner === undefined) {
      // A null would stand twice in relayed bytes; the client's own null stays.
      if (!(outer in body)) members[outer] = value
      continue
    }
    const given = body[outer]
    const own = objects[outer] ?? (isObject(given) ? { ...given } : {})
    if (own[inner] != null || own[snake(inner)] != null) continue
    objects[outer] = { ...own, [inner]: value }
  }
  return { members, objects }
}

/**
 * A body of this protocol with these members in place of the client's own.
 * @param overrides by OpenAI's names; null takes a member away
 */
export function overriddenBody(
  dialect: DialectName,
  operation: Operation,
  body: JsonObject,
  overrides: readonly (readonly [name: string, value: unknown])[],
): JsonObject {
  const result: JsonObject = { ...body }
  for (const [name, value] of overrides) {
    if (operation === 'embedding' && FOR_TEXT.has(name)) continue
    const place = placeOf(dialect, name)
    if (place === undefined) continue
    if (LIMIT_NAMES.some((each) => each === name)) {
      for (const twin of LIMIT_NAMES) delete result[twin]
    }
    const [outer, inner] = spelled(place, result)
    if (inner === undefined) {
      delete result[outer]
      if (value !== null) result[outer] = valueFor(outer, value as JsonValue)
      continue
    }
    const given = result[outer]
    if (value === null && !isObject(given)) continue
    const own = isObject(given) ? { ...given } : {}
    delete own[inner]
    delete own[snake(inner)]
    if (value !== null) own[inner] = valueFor(inner, value as JsonValue)
    result[outer] = own
  }
  return result
}

function placeOf(dialect: DialectName, name: string): Place {
  const places = PLACES[dialect]
  if (places !== undefined && Object.hasOwn(places, name)) return places[name]
  return dialect === 'ollama' ? OPTIONS(name) : [name]
}

/** Gemini takes both spellings of every name, but one name only once. */
function spelled(place: NonNullable<Place>, body: JsonObject): NonNullable<Place> {
  const [outer, inner] = place
  const other = snake(outer)
  return inner !== undefined && other !== outer && isObject(body[other]) ? [other, inner] : place
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** OpenAI's chat has two names for one limit; a client that gives either has given it. */
function hasTwin(dialect: DialectName, name: string, body: JsonObject): boolean {
  if (dialect !== 'openai-chat') return false
  const limit = LIMIT_NAMES.find((each) => each === name)
  return limit !== undefined && LIMIT_NAMES.some((each) => body[each] != null)
}

function valueFor(name: string, value: JsonValue): JsonValue {
  return LISTS.has(name) && typeof value === 'string' ? [value] : value
}
