// What the documentation says of one route, and the parts that many of them share: credentials, header fields, errors in each protocol's
// shape. Pure data; which route says what is in the tables beside it.

import type { JsonObject } from '../../core/json.ts'
import type { DialectName } from '../../dialects/dialect.ts'
import { either, list, ref, type Components, type Schema } from './json-schema.ts'

/**
 * In whose words something fails: a protocol's, a page's, as problem details, or (`asked`) in OpenAI's, but for clients that say that they
 * are Anthropic's; `gemini-array` is Gemini's alone or, without `alt=sse`, in an array.
 */
export type ErrorShape = DialectName | 'page' | 'problem' | 'asked' | 'gemini-array'

/** A route of the data plane, or of the login, in the document. */
export interface RouteDoc {
  readonly tag: string
  readonly summary: string
  readonly description?: string
  /** Besides those of its path. */
  readonly parameters?: readonly JsonObject[]
  readonly body?: BodyDoc
  readonly answers: Readonly<Record<number, AnswerDoc>>
  /** Statuses of its errors besides those of `COMMON_ERRORS`. */
  readonly errors?: readonly number[]
  /** In whose words it fails. */
  readonly dialect: Exclude<ErrorShape, 'problem'>
  /** It also stands below `/k/{key}`. */
  readonly isTwin?: boolean
  /** Elsewhere than where it is registered: what a wildcard stands for, as a parameter with a name. */
  readonly path?: string
}

export interface BodyDoc {
  readonly required: boolean
  /** By media type. */
  readonly content: Readonly<Record<string, MediaDoc>>
}

export interface AnswerDoc {
  readonly description: string
  readonly content?: Readonly<Record<string, MediaDoc>>
  readonly headers?: Readonly<Record<string, JsonObject>>
}

export interface MediaDoc {
  readonly schema: Schema
  readonly examples?: Readonly<Record<string, JsonObject>>
  readonly example?: JsonObject
}

/** JSON of a schema. */
export function json(schema: Schema, example?: JsonObject): Readonly<Record<string, MediaDoc>> {
  return { 'application/json': example === undefined ? { schema } : { schema, example } }
}

/** Errors of each protocol that clients speak, as components. */
export const ERROR_SCHEMAS: Readonly<Record<Exclude<DialectName, 'bedrock'>, string>> = {
  'openai-chat': 'OpenAIError',
  'openai-completions': 'OpenAIError',
  'openai-responses': 'OpenAIError',
  'openai-embeddings': 'OpenAIError',
  anthropic: 'AnthropicError',
  ollama: 'OllamaError',
  gemini: 'GeminiError',
  cohere: 'CohereError',
}

/** What any request may be told. */
export const COMMON_ERRORS = [400, 401, 403, 431, 503] as const

/** What a request to a model may be told besides. Anthropic's clients are told 402 for a spent budget and 529 where others get 503. */
export const MODEL_ERRORS = [404, 408, 413, 415, 422, 429, 500, 502, 504] as const

export const ERROR_WORDS: Readonly<Record<number, string>> = {
  400: 'The request is not right; the error says where.',
  401: 'No credential, or one that is not taken.',
  402: 'A budget is spent.',
  403: 'The credential may not do that.',
  404: 'There is no such thing, or it is not yours.',
  408: 'The body did not arrive in time.',
  409: 'It does not go with the state of things; `code` says why.',
  412: 'It was changed since it was read (`If-Match`).',
  413: 'The body is too large.',
  415: 'The body is of a type that is not taken here.',
  422: 'The provider cannot process what was sent.',
  429: 'Too much at once, a spent budget, or too many wrong credentials; `retry-after` says how long to wait.',
  431: 'Too many header fields.',
  500: 'A mistake of Weir; the log has it under the request id.',
  502: 'The provider failed, or refused our credential.',
  503: 'It cannot be done now.',
  504: 'The provider did not answer in time.',
  529: 'It cannot be done now.',
}

/** Parts of the document that hold for all of it, by kind. */
export const SHARED = {
  securitySchemes: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      description: 'An API key of Weir, or an access token of a configured issuer.',
    },
    x_api_key: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same.' },
    api_key: { type: 'apiKey', in: 'header', name: 'api-key', description: 'The same.' },
    x_goog_api_key: {
      type: 'apiKey',
      in: 'header',
      name: 'x-goog-api-key',
      description: 'The same.',
    },
    key: {
      type: 'apiKey',
      in: 'query',
      name: 'key',
      description: 'The same, for Gemini’s clients.',
    },
    session: {
      type: 'apiKey',
      in: 'cookie',
      name: 'weir',
      description:
        'A browser that is logged in; called `__Host-weir` over TLS. `/auth/login` sets it.',
    },
    csrf: {
      type: 'apiKey',
      in: 'header',
      name: 'x-weir-csrf',
      description: 'The token that `/auth/session` tells: every change in a session needs it.',
    },
  },
  headers: {
    'x-request-id': {
      description: 'Names the request in the log; the client’s own where it sent a harmless one.',
      schema: { type: 'string' },
    },
    'retry-after': {
      description: 'Seconds until another try is worth something.',
      schema: { type: 'integer' },
    },
    etag: {
      description: 'The version that is shown; for `If-Match` and `If-None-Match`.',
      schema: { type: 'string' },
    },
    'idempotency-replayed': {
      description: '`true` where the answer is that of the first request with this key.',
      schema: { type: 'string', enum: ['true'] },
    },
    'x-weir-provider': { description: 'Who answered.', schema: { type: 'string' } },
    'x-weir-model': { description: 'The provider’s model.', schema: { type: 'string' } },
    'x-weir-mode': {
      description: 'Whether the protocol had to be translated.',
      schema: { type: 'string', enum: ['relay', 'translate'] },
    },
    'x-weir-attempts': { description: 'Tries it took.', schema: { type: 'integer' } },
    'x-weir-cache': {
      description: 'Where the response cache is on: whether the answer came from it.',
      schema: { type: 'string', enum: ['hit', 'semantic-hit', 'miss', 'bypass'] },
    },
    'x-weir-cost-usd': {
      description: 'What it cost, where that is known before the body.',
      schema: { type: 'string' },
    },
    'x-weir-losses': {
      description: 'What the target’s protocol could not express.',
      schema: { type: 'string' },
    },
  },
  parameters: {
    IfMatch: {
      name: 'if-match',
      in: 'header',
      description: 'The `ETag` it was read with: 412 where it was changed since.',
      schema: { type: 'string' },
    },
    IfNoneMatch: {
      name: 'if-none-match',
      in: 'header',
      description: 'The `ETag` that is held already: 304 where it is still this one.',
      schema: { type: 'string' },
    },
    IdempotencyKey: {
      name: 'idempotency-key',
      in: 'header',
      description: 'Names this creation: sent again within a day it is answered, not made again.',
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
    },
    Tenant: {
      name: 'tenant',
      in: 'query',
      description: 'Another tenant than one’s own, for those with rights there.',
      schema: { type: 'string', maxLength: 63 },
    },
    PinnedTarget: {
      name: 'x-weir-target',
      in: 'header',
      description: '`provider/model` to ask instead of what the alias would choose.',
      schema: { type: 'string' },
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, JsonObject>>>>

/** A shared header field or parameter. */
export function shared(kind: 'headers' | 'parameters', name: string): JsonObject {
  return { $ref: `#/components/${kind}/${name}` }
}

/** Ways to say who one is: any of them. */
export const BY_KEY: readonly JsonObject[] = [
  { bearer: [] },
  { x_api_key: [] },
  { api_key: [] },
  { x_goog_api_key: [] },
]

/** The error answers for these statuses, in the words of one protocol or as problem details; each is a component. */
export function errorAnswers(
  statuses: readonly number[],
  of: ErrorShape,
  components: Components,
): Record<string, JsonObject> {
  const answers: Record<string, JsonObject> = {}
  for (const status of new Set(statuses)) {
    answers[status] = components.response(`${nameOf(of)}-${status}`, () => ({
      description: ERROR_WORDS[status] ?? 'An error.',
      headers: {
        'x-request-id': shared('headers', 'x-request-id'),
        ...(status === 429 || status === 503
          ? { 'retry-after': shared('headers', 'retry-after') }
          : {}),
      },
      content: errorContent(of),
    }))
  }
  return answers
}

function nameOf(of: ErrorShape): string {
  if (of === 'problem') return 'Problem'
  if (of === 'page') return 'PageError'
  if (of === 'asked') return 'AskedError'
  if (of === 'gemini-array') return 'GeminiErrors'
  return of === 'bedrock' ? 'OpenAIError' : ERROR_SCHEMAS[of]
}

function errorContent(of: ErrorShape): JsonObject {
  if (of === 'problem') return { 'application/problem+json': { schema: ref('Problem') } }
  if (of === 'page') {
    return {
      'application/json': { schema: ref('OpenAIError') },
      'text/html': { schema: { type: 'string' } },
    }
  }
  if (of === 'asked') {
    const schema = either(ref('OpenAIError'), ref('AnthropicError'))
    return { 'application/json': { schema } }
  }
  if (of === 'gemini-array') {
    const schema = either(ref('GeminiError'), list(ref('GeminiError')))
    return { 'application/json': { schema } }
  }
  return { 'application/json': { schema: ref(nameOf(of)) } }
}
