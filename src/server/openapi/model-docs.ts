// The documentation of the routes that ask a model for something: one entry for each protocol and operation, which every route of the table
// in `routes.ts` gets by what it is. Elysia knows no schema of theirs: the protocols' decoders validate.

import type { JsonObject } from '../../core/json.ts'
import type { DialectName } from '../../dialects/dialect.ts'
import { GEMINI_PREFIXES, MODEL_ROUTES, type ModelRoute } from '../routes.ts'
import { ref, type Schema } from './json-schema.ts'
import {
  json,
  MODEL_ERRORS,
  shared,
  type AnswerDoc,
  type BodyDoc,
  type MediaDoc,
  type RouteDoc,
} from './operation.ts'

/** What one protocol takes and gives for one operation. */
interface Exchange {
  readonly request: string
  readonly answer: string
  readonly example: JsonObject
  /** What a streamed answer is made of. */
  readonly stream?: { readonly media: string; readonly item: string; readonly words: string }
}

const MESSAGES = [{ role: 'user', content: 'Hello.' }]
const EVENTS = 'text/event-stream'

const EXCHANGES: Readonly<Record<string, Exchange>> = {
  'openai-chat chat': {
    request: 'OpenAIChatRequest',
    answer: 'OpenAIChatResponse',
    example: { model: 'mock/echo', messages: MESSAGES },
    stream: {
      media: EVENTS,
      item: 'OpenAIChatChunk',
      words: 'Each event’s `data` is one of these; `data: [DONE]` ends it.',
    },
  },
  'openai-completions completion': {
    request: 'OpenAICompletionRequest',
    answer: 'OpenAICompletionResponse',
    example: { model: 'mock/echo', prompt: 'Hello.' },
    stream: {
      media: EVENTS,
      item: 'OpenAICompletionResponse',
      words: 'Each event’s `data` is one of these; `data: [DONE]` ends it.',
    },
  },
  'openai-embeddings embedding': {
    request: 'OpenAIEmbeddingRequest',
    answer: 'OpenAIEmbeddingResponse',
    example: { model: 'mock/embedding', input: 'Hello.' },
  },
  'openai-responses chat': {
    request: 'OpenAIResponseRequest',
    answer: 'OpenAIResponse',
    example: { model: 'mock/echo', input: 'Hello.' },
    stream: {
      media: EVENTS,
      item: 'OpenAIResponseEvent',
      words: 'Each event’s `data` is one of these.',
    },
  },
  'openai-responses token-count': {
    request: 'OpenAIResponseRequest',
    answer: 'OpenAIInputTokens',
    example: { model: 'mock/echo', input: 'Hello.' },
  },
  'anthropic chat': {
    request: 'AnthropicRequest',
    answer: 'AnthropicMessage',
    example: { model: 'mock/echo', max_tokens: 100, messages: MESSAGES },
    stream: {
      media: EVENTS,
      item: 'AnthropicEvent',
      words: 'Each event’s `data` is one of these.',
    },
  },
  'anthropic token-count': {
    request: 'AnthropicCountRequest',
    answer: 'AnthropicCount',
    example: { model: 'mock/echo', messages: MESSAGES },
  },
  'ollama chat': {
    request: 'OllamaChatRequest',
    answer: 'OllamaChatResponse',
    example: { model: 'mock/echo', messages: MESSAGES, stream: false },
    stream: {
      media: 'application/x-ndjson',
      item: 'OllamaChatResponse',
      words: 'Each line is one of these.',
    },
  },
  'ollama completion': {
    request: 'OllamaGenerateRequest',
    answer: 'OllamaGenerateResponse',
    example: { model: 'mock/echo', prompt: 'Hello.', stream: false },
    stream: {
      media: 'application/x-ndjson',
      item: 'OllamaGenerateResponse',
      words: 'Each line is one of these.',
    },
  },
  'ollama embedding': {
    request: 'OllamaEmbedRequest',
    answer: 'OllamaEmbedResponse',
    example: { model: 'mock/embedding', input: 'Hello.' },
  },
  'ollama embedding legacy': {
    request: 'OllamaEmbeddingsRequest',
    answer: 'OllamaEmbeddingsResponse',
    example: { model: 'mock/embedding', prompt: 'Hello.' },
  },
  'cohere chat': {
    request: 'CohereChatRequest',
    answer: 'CohereChatResponse',
    example: { model: 'mock/echo', messages: MESSAGES },
    stream: { media: EVENTS, item: 'CohereEvent', words: 'Each event’s `data` is one of these.' },
  },
  'cohere embedding': {
    request: 'CohereEmbedRequest',
    answer: 'CohereEmbedResponse',
    example: { model: 'mock/embedding', texts: ['Hello.'], input_type: 'search_query' },
  },
}

const CONTENTS = [{ role: 'user', parts: [{ text: 'Hello.' }] }]

/** Gemini's methods stand in the path, behind the model. */
const GEMINI: Readonly<Record<string, Exchange & { readonly summary: string }>> = {
  generateContent: {
    summary: 'Gemini: generate',
    request: 'GeminiRequest',
    answer: 'GeminiResponse',
    example: { contents: CONTENTS },
  },
  streamGenerateContent: {
    summary: 'Gemini: generate, streamed',
    request: 'GeminiRequest',
    answer: 'GeminiResponse',
    example: { contents: CONTENTS },
    stream: {
      media: EVENTS,
      item: 'GeminiResponse',
      words: 'With `alt=sse`, each event’s `data` is one of these; else one JSON array of them.',
    },
  },
  countTokens: {
    summary: 'Gemini: count input tokens',
    request: 'GeminiCountRequest',
    answer: 'GeminiCount',
    example: { contents: CONTENTS },
  },
  embedContent: {
    summary: 'Gemini: embed one content',
    request: 'GeminiEmbedRequest',
    answer: 'GeminiEmbedResponse',
    example: { content: { parts: [{ text: 'Hello.' }] } },
  },
  batchEmbedContents: {
    summary: 'Gemini: embed several contents',
    request: 'GeminiBatchEmbedRequest',
    answer: 'GeminiBatchEmbedResponse',
    example: { requests: [{ content: { parts: [{ text: 'Hello.' }] } }] },
  },
}

const ANSWER_HEADERS: Readonly<Record<string, JsonObject>> = Object.fromEntries(
  [
    'x-request-id',
    'x-weir-provider',
    'x-weir-model',
    'x-weir-mode',
    'x-weir-attempts',
    'x-weir-cache',
    'x-weir-cost-usd',
    'x-weir-losses',
  ].map((name) => [name, shared('headers', name)]),
)

const TAGS: Readonly<Record<DialectName, string>> = {
  // No client speaks it here.
  bedrock: 'Raw requests',
  'openai-chat': 'OpenAI',
  'openai-completions': 'OpenAI',
  'openai-responses': 'OpenAI',
  'openai-embeddings': 'OpenAI',
  anthropic: 'Anthropic',
  ollama: 'Ollama',
  gemini: 'Gemini',
  cohere: 'Cohere',
}

/** The tag of a route: whose clients ask there. */
export function tagOf(path: string, dialect: DialectName): string {
  return path.startsWith('/openai') ? 'Azure OpenAI' : TAGS[dialect]
}

/** Statuses of errors of a request to a model, as a protocol has them. */
export function modelErrors(dialect: DialectName): number[] {
  return [...MODEL_ERRORS, ...(dialect === 'anthropic' ? [402, 529] : [])]
}

/** Every route that asks a model for something, by method and path as they are registered; Gemini's by what they stand for. */
export function modelDocs(): Map<string, RouteDoc[]> {
  const docs = new Map<string, RouteDoc[]>()
  for (const route of MODEL_ROUTES) docs.set(`POST ${route.path}`, [modelDoc(route)])
  for (const prefix of GEMINI_PREFIXES) {
    docs.set(
      `POST ${prefix}/*`,
      Object.keys(GEMINI).map((method) => geminiDoc(prefix, method)),
    )
  }
  return docs
}

function modelDoc(route: ModelRoute): RouteDoc {
  const { dialect, legacy, operation, path, summary } = route
  const key = `${dialect} ${operation}${legacy === true ? ' legacy' : ''}`
  const exchange = EXCHANGES[key]
  if (exchange === undefined) throw new RangeError(`openapi: nothing is known of ${key}`)
  const isDeployment = path.includes(':model')
  const parameters = [
    shared('parameters', 'PinnedTarget'),
    ...(path.startsWith('/openai') ? [API_VERSION] : []),
  ]
  return {
    tag: tagOf(path, dialect),
    summary,
    dialect,
    isTwin: true,
    parameters,
    body: bodyOf(exchange, isDeployment),
    answers: { 200: answerOf(exchange) },
    errors: modelErrors(dialect),
  }
}

const API_VERSION: JsonObject = {
  name: 'api-version',
  in: 'query',
  description: 'Azure’s; every one is taken.',
  schema: { type: 'string' },
}

function geminiDoc(prefix: string, method: string): RouteDoc {
  const exchange = GEMINI[method]!
  const base = prefix.replace(/\/models$/, '')
  return {
    tag: 'Gemini',
    summary: exchange.summary,
    dialect: method === 'streamGenerateContent' ? 'gemini-array' : 'gemini',
    isTwin: true,
    path: `${base}/models/{model}:${method}`,
    parameters: [
      {
        name: 'model',
        in: 'path',
        required: true,
        description: 'An alias, or `provider/model`, whose slash may be escaped.',
        schema: { type: 'string' },
        example: 'mock/echo',
      },
      ...(method === 'streamGenerateContent'
        ? [{ name: 'alt', in: 'query', schema: { type: 'string', enum: ['sse', 'json'] } }]
        : []),
      shared('parameters', 'PinnedTarget'),
    ],
    body: bodyOf(exchange, false),
    answers: {
      200:
        method === 'streamGenerateContent'
          ? answerOf(exchange, { type: 'array', items: ref(exchange.answer) })
          : answerOf(exchange),
    },
    errors: modelErrors('gemini'),
  }
}

/** @param isNamed whether the path names the model, so that the body need not */
function bodyOf({ example, request }: Exchange, isNamed: boolean): BodyDoc {
  if (!isNamed) return { required: true, content: json(ref(request), example) }
  const { model: _model, ...rest } = example
  const schema = {
    description: `As ${request}; the path names the model.`,
    type: 'object',
    additionalProperties: true,
  }
  return { required: true, content: json(schema, rest) }
}

function answerOf({ answer, stream }: Exchange, whole: Schema = ref(answer)): AnswerDoc {
  const content: Record<string, MediaDoc> = { ...json(whole) }
  if (stream !== undefined) content[stream.media] = { schema: ref(stream.item) }
  return {
    description: stream === undefined ? 'The answer.' : `The answer. Streamed: ${stream.words}`,
    headers: ANSWER_HEADERS,
    content,
  }
}
