// What the provider kinds have in common: joining base URLs with paths, OpenAI's path per dialect, bearer credentials and
// reading model lists. Pure; it must not know any one provider's name.

import { LIMITS } from '../core/limits.ts'
import {
  asArray,
  asNumber,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
} from '../core/json.ts'
import type { DialectName, Operation } from '../dialects/dialect.ts'
import type { ModelFacts } from '../core/model-status.ts'
import type { ListedModel } from './provider.ts'

/** A base URL without its trailing slashes, query and fragment. */
export function trimBase(baseUrl: string): string {
  const end = baseUrl.search(/[?#]/)
  return (end < 0 ? baseUrl : baseUrl.slice(0, end)).replace(/\/+$/, '')
}

/** Whether a base URL is an origin alone (`http://localhost:1234`), as people write it for a server they run. */
export function isBareOrigin(baseUrl: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/]+$/i.test(trimBase(baseUrl))
}

/** The base URL, with `path` (`/v1`) added where only an origin was given. */
export function baseWithDefaultPath(baseUrl: string, path: string): string {
  const base = trimBase(baseUrl)
  return isBareOrigin(base) ? `${base}${path}` : base
}

/** The path of an OpenAI-shaped endpoint below its `/v1`. The dialect decides: a completion may be sent as a chat. */
export function openaiPath(dialect: DialectName, operation?: Operation): string {
  switch (dialect) {
    case 'openai-completions':
      return '/completions'
    case 'openai-embeddings':
      return '/embeddings'
    case 'openai-responses':
      return operation === 'token-count' ? '/responses/input_tokens' : '/responses'
    case 'openai-chat':
    case 'anthropic':
    case 'ollama':
    case 'gemini':
    case 'cohere':
    case 'bedrock':
      return '/chat/completions'
  }
}

/** The OpenAI dialects of an upstream that still serves legacy completions, for every model. */
export function openaiDialects(operation: Operation): readonly DialectName[] {
  switch (operation) {
    case 'chat':
      return ['openai-chat']
    case 'completion':
      return ['openai-completions', 'openai-chat']
    case 'embedding':
      return ['openai-embeddings']
    case 'token-count':
      return []
  }
}

/** `Authorization: Bearer`, or nothing where there is no secret. */
export function bearer(secret: string | undefined): Record<string, string> {
  return hasSecret(secret) ? { authorization: `Bearer ${secret}` } : {}
}

/** False for an absent and for an empty secret: an empty header value is an error of its own. */
export function hasSecret(secret: string | undefined): secret is string {
  return secret !== undefined && secret !== ''
}

/**
 * The words for what a model can do, as Ollama's `/api/show` has them, since clients read that one.
 * `completion` means that it writes text at all.
 */
export type Capability =
  'completion' | 'tools' | 'vision' | 'thinking' | 'embedding' | 'insert' | 'audio'

/** The words whose condition holds, in a stable order. */
export function capabilities(
  words: Readonly<Partial<Record<Capability, unknown>>>,
): readonly Capability[] | undefined {
  const result = (Object.keys(words) as Capability[]).filter((word) => words[word] === true)
  return result.length === 0 ? undefined : result
}

type ListMember = 'data' | 'models' | 'modelSummaries'

/**
 * Whether a body is a list of models at all: some servers answer an error with 200, and then nothing has vanished. An empty list
 * may be null (Go's empty slice), and some servers give the bare array.
 */
export function isModelList(body: JsonValue): boolean {
  if (Array.isArray(body)) return true
  const object = asObject(body)
  return (['data', 'models', 'modelSummaries'] as const).some(
    (member: ListMember) => Array.isArray(object?.[member]) || object?.[member] === null,
  )
}

/** The address of a list's next page: that of this one with a parameter set to the value at `member`; undefined without one. */
export function pageAfter(
  body: JsonValue,
  url: string,
  at: { readonly member: string; readonly parameter: string },
): string | undefined {
  const token = asString(asObject(body)?.[at.member])
  if (token === undefined || token === '') return undefined
  const next = URL.parse(url)
  next?.searchParams.set(at.parameter, token)
  return next?.href
}

/** Reads a list at `member` of a body; entries without an id and everything past the bound are left out. */
export function readModels(
  body: JsonValue,
  member: ListMember,
  read: (entry: JsonObject) => ListedModel | undefined,
): ListedModel[] {
  const result: ListedModel[] = []
  for (const item of asArray(body) ?? asArray(asObject(body)?.[member]) ?? []) {
    if (result.length >= LIMITS.modelListEntriesMax) break
    const entry = asObject(item)
    const model = entry === undefined ? undefined : read(entry)
    if (model !== undefined) result.push(model)
  }
  return result
}

export interface ListedFields {
  readonly id: unknown
  readonly contextWindow?: unknown
  readonly capabilities?: readonly string[] | undefined
  /** Unix seconds, or an RFC 3339 time. */
  readonly created?: unknown
  readonly baseModel?: unknown
  readonly version?: unknown
  /** The provider's word for its condition. */
  readonly status?: unknown
  /** When it is taken away: as `created`. */
  readonly retires?: unknown
}

/** One entry; undefined when it has no id. A context window or time that is not a positive number is left out. */
export function listedModel(fields: ListedFields): ListedModel | undefined {
  const id = asString(fields.id)
  if (id === undefined || id === '') return undefined
  const contextWindow = positive(fields.contextWindow)
  const createdMs = timeMsOf(fields.created)
  const facts = factsOf(fields)
  return {
    id,
    ...(contextWindow === undefined ? {} : { contextWindow }),
    ...(fields.capabilities === undefined ? {} : { capabilities: fields.capabilities }),
    ...(createdMs === undefined ? {} : { createdMs }),
    ...(facts === undefined ? {} : { facts }),
  }
}

function factsOf(fields: ListedFields): ModelFacts | undefined {
  const baseModel = nonEmpty(fields.baseModel)
  const version = nonEmpty(fields.version)
  const status = nonEmpty(fields.status)
  const retiresMs = timeMsOf(fields.retires)
  const facts: ModelFacts = {
    ...(baseModel === undefined ? {} : { baseModel }),
    ...(version === undefined ? {} : { version }),
    ...(status === undefined ? {} : { status }),
    ...(retiresMs === undefined ? {} : { retiresMs }),
  }
  return Object.keys(facts).length === 0 ? undefined : facts
}

function nonEmpty(value: unknown): string | undefined {
  const text = asString(value)
  return text === '' ? undefined : text
}

/** OpenAI's `GET /models`: ids and creation times, and the context window where a compatible server adds one. */
export function readOpenaiModels(body: JsonValue): ListedModel[] {
  return readModels(body, 'data', (entry) =>
    listedModel({
      id: entry.id,
      created: entry.created,
      // Groq says `active`, Bedrock's own endpoint of this shape `status`.
      status: entry.active === false ? 'inactive' : entry.status,
      // vLLM says `max_model_len`, LM Studio `max_context_length`, gateways `context_length` or `context_window`.
      contextWindow:
        positive(entry.context_length) ??
        positive(entry.max_model_len) ??
        positive(entry.max_context_length) ??
        positive(entry.context_window),
    }),
  )
}

/** Whether a list of words holds one of them. */
export function lists(value: unknown, ...words: readonly string[]): boolean {
  return asArray(value)?.some((item) => typeof item === 'string' && words.includes(item)) ?? false
}

function positive(value: unknown): number | undefined {
  const number = asNumber(value)
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? number : undefined
}

function timeMsOf(value: unknown): number | undefined {
  const seconds = positive(value)
  if (seconds !== undefined) return seconds * 1000
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(parsed) && parsed > 0 ? parsed : undefined
}
