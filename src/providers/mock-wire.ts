// How the mock provider's answers look on the wire: OpenAI's chat completions, legacy completions and embeddings, whole and
// streamed, written the way OpenAI writes them. It decides nothing about content; `mock-script` does.

import { vectorToBase64 } from '../core/ir/embedding.ts'
import {
  asArray,
  asNumber,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
} from '../core/json.ts'
import { hashText, MOCK_DIMENSIONS, MOCK_DIMENSIONS_MAX, unitVector } from './mock-embedding.ts'
import { countWords, type Script, speakChat, speakCompletion, type Speech } from './mock-script.ts'

/** A fixed time: the same request gets the same bytes. */
const CREATED_SECONDS = 1_767_225_600
const CHOICES_MAX = 16
/** Tool arguments are streamed in pieces of this many characters, so that they break inside words and escapes. */
const ARGUMENT_PIECE_CHARS = 7

/** Something wrong with the request itself, for an error body. */
export interface MockRefusal {
  readonly status: number
  readonly message: string
  readonly code: string | null
  readonly param: string | null
}

export interface MockAnswer {
  /** The body of an answer that is not streamed. */
  whole(): JsonObject
  /** The chunks of the stream, without the final `[DONE]`. */
  chunks(): Iterable<JsonObject>
}

type Endpoint = 'chat' | 'completions'

/** The answer to a chat or a legacy completion. */
export function mockAnswer(
  endpoint: Endpoint,
  script: Script,
  body: JsonObject,
): MockAnswer | MockRefusal {
  const requested = body.n ?? 1
  const n = asNumber(requested)
  if (n === undefined || !Number.isInteger(n) || n < 1 || n > CHOICES_MAX) {
    return refusal('n', `Invalid value for 'n': expected an integer between 1 and ${CHOICES_MAX}.`)
  }
  if (endpoint === 'chat' && (asArray(body.messages) ?? []).length === 0) {
    return refusal('messages', "Invalid 'messages': expected an array with at least one message.")
  }
  const speeches =
    endpoint === 'chat'
      ? [speakChat(script, body)]
      : promptsOf(body.prompt).map((prompt) => speakCompletion(script, body, prompt))
  const model = asString(body.model) ?? ''
  const id = `${endpoint === 'chat' ? 'chatcmpl' : 'cmpl'}-mock${hashText(JSON.stringify(body)).toString(16)}`
  const head = { id, created: CREATED_SECONDS, model }
  const all = speeches.flatMap((speech) => Array.from({ length: n }, () => speech))
  const usage = usageOf(speeches, all)
  const includeUsage = asObject(body.stream_options)?.include_usage === true
  return {
    whole: () => wholeBody(endpoint, head, all, usage),
    chunks: () => chunkBodies(endpoint, head, all, includeUsage ? usage : undefined),
  }
}

function refusal(param: string, message: string): MockRefusal {
  return { status: 400, message, code: 'invalid_value', param }
}

/** Texts of a legacy prompt: one text, several, or token lists, which the mock can only count. */
function promptsOf(prompt: JsonValue | undefined): string[] {
  if (typeof prompt === 'string') return [prompt]
  const list = asArray(prompt) ?? []
  if (list.length > 0 && list.every((item) => typeof item === 'number')) return [tokenText(list)]
  if (list.length === 0) return ['']
  return list
    .slice(0, CHOICES_MAX)
    .map((item) => (typeof item === 'string' ? item : tokenText(asArray(item) ?? [])))
}

function tokenText(tokens: readonly JsonValue[]): string {
  return `[${tokens.length} tokens]`
}

/** A prompt counts once, however many answers it gets. */
function usageOf(prompts: readonly Speech[], answers: readonly Speech[]): JsonObject {
  const promptTokens = prompts.reduce((sum, speech) => sum + speech.promptTokens, 0)
  const completionTokens = answers.reduce((sum, speech) => sum + speech.completionTokens, 0)
  const reasoningTokens = answers.reduce((sum, speech) => sum + speech.reasoning.length, 0)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoningTokens, audio_tokens: 0 },
  }
}

interface Head {
  readonly id: string
  readonly created: number
  readonly model: string
}

function wholeBody(
  endpoint: Endpoint,
  head: Head,
  speeches: readonly Speech[],
  usage: JsonObject,
): JsonObject {
  const choices = speeches.map((speech, index) =>
    endpoint === 'chat'
      ? { index, message: messageOf(speech), logprobs: null, finish_reason: speech.finish }
      : { text: speech.content.join(''), index, logprobs: null, finish_reason: speech.finish },
  )
  const object = endpoint === 'chat' ? 'chat.completion' : 'text_completion'
  return { ...head, object, choices, usage }
}

function messageOf(speech: Speech): JsonObject {
  const text = speech.content.join('')
  const hasText = speech.calls.length === 0 && speech.refusal.length === 0
  return {
    role: 'assistant',
    content: hasText ? text : null,
    refusal: speech.refusal.length > 0 ? speech.refusal.join('') : null,
    ...(speech.reasoning.length > 0 ? { reasoning_content: speech.reasoning.join('') } : {}),
    ...(speech.calls.length > 0
      ? {
          tool_calls: speech.calls.map(({ id, name, input }) => ({
            id,
            type: 'function',
            function: { name, arguments: input },
          })),
        }
      : {}),
  }
}

/**
 * The chunks of all choices, one choice after the other. With a usage, every chunk carries `usage: null` and a last one
 * without choices carries it, as OpenAI does for `stream_options.include_usage`.
 */
function* chunkBodies(
  endpoint: Endpoint,
  head: Head,
  speeches: readonly Speech[],
  usage: JsonObject | undefined,
): Generator<JsonObject> {
  const object = endpoint === 'chat' ? 'chat.completion.chunk' : 'text_completion'
  const rest = usage === undefined ? {} : { usage: null }
  for (const [index, speech] of speeches.entries()) {
    const parts = endpoint === 'chat' ? chatDeltas(speech) : completionTexts(speech)
    for (const part of parts) {
      yield { ...head, object, choices: [{ index, ...part }], ...rest }
    }
  }
  if (usage !== undefined) yield { ...head, object, choices: [], usage }
}

function* completionTexts(speech: Speech): Generator<JsonObject> {
  for (const text of speech.content) yield { text, logprobs: null, finish_reason: null }
  yield { text: '', logprobs: null, finish_reason: speech.finish }
}

function* chatDeltas(speech: Speech): Generator<JsonObject> {
  const delta = (value: JsonObject): JsonObject => ({
    delta: value,
    logprobs: null,
    finish_reason: null,
  })
  const opensWithText = speech.calls.length === 0 && speech.refusal.length === 0
  yield delta({ role: 'assistant', content: opensWithText ? '' : null, refusal: null })
  for (const text of speech.reasoning) yield delta({ reasoning_content: text })
  for (const text of speech.content) yield delta({ content: text })
  for (const text of speech.refusal) yield delta({ refusal: text })
  for (const [index, { id, name, input }] of speech.calls.entries()) {
    yield delta({
      tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }],
    })
    for (let at = 0; at < input.length; at += ARGUMENT_PIECE_CHARS) {
      const piece = input.slice(at, at + ARGUMENT_PIECE_CHARS)
      yield delta({ tool_calls: [{ index, function: { arguments: piece } }] })
    }
  }
  yield { delta: {}, logprobs: null, finish_reason: speech.finish }
}

/** The answer to an embeddings request. */
export function mockEmbeddings(body: JsonObject): JsonObject | MockRefusal {
  const dimensions = asNumber(body.dimensions ?? MOCK_DIMENSIONS)
  if (
    dimensions === undefined ||
    !Number.isInteger(dimensions) ||
    dimensions < 1 ||
    dimensions > MOCK_DIMENSIONS_MAX
  ) {
    return refusal(
      'dimensions',
      `Invalid 'dimensions': expected an integer between 1 and ${MOCK_DIMENSIONS_MAX}.`,
    )
  }
  const inputs = embeddingInputs(body.input)
  if (inputs === undefined) {
    return refusal(
      'input',
      "Invalid 'input': expected a text, a list of texts or a list of tokens.",
    )
  }
  const data = inputs.map((input, index) => {
    const vector = unitVector(input, dimensions)
    const embedding = body.encoding_format === 'base64' ? vectorToBase64(vector) : vector
    return { object: 'embedding', index, embedding }
  })
  const tokens = inputs.reduce<number>(
    (sum, input) =>
      sum + (typeof input === 'string' ? countWords(input) : (asArray(input)?.length ?? 0)),
    0,
  )
  const usage = { prompt_tokens: tokens, total_tokens: tokens }
  return { object: 'list', data, model: asString(body.model) ?? '', usage }
}

/** One text or token list per vector; undefined for anything else. */
function embeddingInputs(input: JsonValue | undefined): JsonValue[] | undefined {
  if (typeof input === 'string') return [input]
  const list = asArray(input)
  if (list === undefined || list.length === 0) return undefined
  if (list.every((item) => typeof item === 'number')) return [list]
  return list.every((item) => typeof item === 'string' || isTokens(item)) ? list : undefined
}

function isTokens(item: JsonValue): boolean {
  return asArray(item)?.every((token) => typeof token === 'number') ?? false
}
