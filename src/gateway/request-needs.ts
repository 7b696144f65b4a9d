// What a request needs of whoever answers it, read from the client's own body in the client's own dialect: pictures, tools, a
// schema, room. Each is looked for when it is asked for and at most once, since most requests never have to know; nothing is
// decoded, changed or kept. A body that makes no sense needs nothing: saying so is the decoder's.

import { asNumber, asObject, asString, isObject } from '../core/json.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { RouteNeeds } from '../core/policy/route-candidate.ts'
import type { DialectName, Operation } from '../dialects/dialect.ts'
import { certainTokens, tokensInBytes } from './estimate.ts'
import { textTokens } from './text-tokens.ts'

export interface NeedsSource {
  readonly dialect: DialectName
  readonly operation: Operation
  /** Size of the body as it was received. */
  readonly bytes: number
  /** The body with the model's defaults in it; asked for once something has to be read. */
  body(): JsonObject
}

/** A value that is found once. */
class Lazy<T> {
  private known: { readonly value: T } | undefined
  private readonly find: () => T

  constructor(find: () => T) {
    this.find = find
  }

  get value(): T {
    this.known ??= { value: this.find() }
    return this.known.value
  }
}

/** The needs of one request; every member is found when it is read. */
export class RequestNeeds implements RouteNeeds {
  readonly form: RouteNeeds['form']
  private readonly source: NeedsSource
  private readonly body: Lazy<JsonObject>
  private readonly pictures = new Lazy(
    () => this.isChat && hasPicture(this.source, this.body.value),
  )
  private readonly counted = new Lazy(() => sumOfTexts(this.body.value, textTokens))
  private readonly measured = new Lazy(() => sumOfTexts(this.body.value, byLength))

  constructor(source: NeedsSource) {
    this.source = source
    this.body = new Lazy(() => source.body())
    this.form = formOf(source, () => this.body.value)
  }

  /** Chats and completions have needs of this kind; what is embedded or counted has none. */
  private get isChat(): boolean {
    return this.form !== undefined
  }

  get vision(): boolean {
    return this.pictures.value
  }

  get tools(): boolean {
    return this.isChat && hasTools(this.source.dialect, this.body.value)
  }

  get jsonSchema(): boolean {
    return this.isChat && hasSchema(this.source.dialect, this.body.value)
  }

  /** No token is shorter than a byte. */
  get tokensMax(): number {
    return this.isChat ? this.source.bytes + this.answerTokens() : 0
  }

  /** Pictures and other media are not counted: nobody can say from outside what they come to. */
  get tokensMin(): number {
    return this.isChat ? certainTokens(this.counted.value) + this.answerTokens() : 0
  }

  /** By length alone, as it only has to compare prices. */
  get inputTokens(): number {
    return this.isChat ? Math.ceil(this.measured.value) : tokensInBytes(this.source.bytes)
  }

  get outputTokens(): number {
    if (!this.isChat) return 0
    const asked = answerTokens(this.source.dialect, this.body.value)
    return asked ?? LIMITS.routeAnswerTokensMax
  }

  private answerTokens(): number {
    return answerTokens(this.source.dialect, this.body.value) ?? 0
  }
}

/** Ollama's prompts become chats wherever they are not raw. */
function formOf({ dialect, operation }: NeedsSource, body: () => JsonObject): RouteNeeds['form'] {
  if (operation === 'chat') return 'chat'
  if (operation !== 'completion') return undefined
  return dialect === 'ollama' && body()['raw'] !== true ? 'chat' : 'completion'
}

/** The members that hold what is said, in any dialect. */
const CONVERSATION = ['messages', 'input', 'contents', 'prompt', 'system', 'instructions'] as const

/** Members of a message, an item or a part that hold parts. Arguments of calls are nobody's pictures. */
const INSIDE = [
  'content',
  'parts',
  'output',
  'functionResponse',
  'function_response',
  'toolResult',
] as const

const PICTURE_PARTS: ReadonlySet<JsonValue | undefined> = new Set([
  'image_url',
  'input_image',
  'image',
  'computer_screenshot',
])

function hasPicture({ dialect }: NeedsSource, body: JsonObject): boolean {
  if (dialect === 'ollama' && isFilled(body['images'])) return true
  return CONVERSATION.some((member) => showsPicture(body[member]))
}

/** Whether a message, a part or a list of them shows a picture. Bounded by the depth of the body, which has been checked. */
function showsPicture(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.some(showsPicture)
  if (!isObject(value)) return false
  // Parts name their type, Ollama's messages list pictures, Gemini's and Bedrock's parts have a member for each kind.
  if (PICTURE_PARTS.has(value['type']) || isFilled(value['images'])) return true
  if (isObject(value['image']) || isPictureData(value)) return true
  return INSIDE.some((member) => showsPicture(value[member]))
}

/** Gemini's parts, in either spelling. */
function isPictureData(part: JsonObject): boolean {
  const data = part['inlineData'] ?? part['inline_data'] ?? part['fileData'] ?? part['file_data']
  const object = asObject(data)
  if (object === undefined) return false
  const type = asString(object['mimeType'] ?? object['mime_type'])
  if (type !== undefined) return type.startsWith('image/')
  const address = asString(object['fileUri'] ?? object['file_uri']) ?? ''
  return /\.(?:png|jpe?g|webp|gif|heic|heif)(?:$|[?#])/i.test(address)
}

function isFilled(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.length > 0
}

function hasTools(dialect: DialectName, body: JsonObject): boolean {
  if (dialect === 'bedrock') return isFilled(asObject(body['toolConfig'])?.['tools'])
  // Google takes one that is not in a list; `functions` is what OpenAI called them before.
  return isFilled(body['tools']) || isObject(body['tools']) || isFilled(body['functions'])
}

function hasSchema(dialect: DialectName, body: JsonObject): boolean {
  switch (dialect) {
    case 'openai-chat':
      return typeOf(body['response_format']) === 'json_schema'
    case 'openai-responses':
      return typeOf(asObject(body['text'])?.['format']) === 'json_schema'
    case 'anthropic':
      return (
        typeOf(asObject(body['output_config'])?.['format']) === 'json_schema' ||
        typeOf(body['output_format']) === 'json_schema'
      )
    case 'ollama':
      return isObject(body['format'])
    case 'gemini': {
      const config = geminiConfig(body)
      return GEMINI_SCHEMAS.some((member) => isObject(config?.[member]))
    }
    case 'cohere': {
      const format = asObject(body['response_format'])
      return isObject(format?.['json_schema']) || isObject(format?.['schema'])
    }
    case 'bedrock':
      return typeOf(asObject(body['outputConfig'])?.['textFormat']) === 'json_schema'
    case 'openai-completions':
    case 'openai-embeddings':
      return false
  }
}

const GEMINI_SCHEMAS = [
  'responseSchema',
  'responseJsonSchema',
  'response_schema',
  'response_json_schema',
] as const

function geminiConfig(body: JsonObject): JsonObject | undefined {
  return asObject(body['generationConfig'] ?? body['generation_config'])
}

function typeOf(value: JsonValue | undefined): JsonValue | undefined {
  return asObject(value)?.['type']
}

/** The length of the answer that is asked for; undefined where nobody limits it. */
export function answerTokens(dialect: DialectName, body: JsonObject): number | undefined {
  const asked = asNumber(answerLimit(dialect, body))
  return asked !== undefined && asked > 0 ? asked : undefined
}

function answerLimit(dialect: DialectName, body: JsonObject): JsonValue | undefined {
  switch (dialect) {
    case 'openai-chat':
      return body['max_completion_tokens'] ?? body['max_tokens']
    case 'openai-responses':
      return body['max_output_tokens']
    case 'ollama':
      return asObject(body['options'])?.['num_predict']
    case 'gemini': {
      const config = geminiConfig(body)
      return config?.['maxOutputTokens'] ?? config?.['max_output_tokens']
    }
    case 'bedrock':
      return asObject(body['inferenceConfig'])?.['maxTokens']
    case 'anthropic':
    case 'cohere':
    case 'openai-completions':
    case 'openai-embeddings':
      return body['max_tokens']
  }
}

/** Members whose text is not said: media in base64, seals, ids, and thinking, which vendors leave out of later turns. */
const NOT_SAID: ReadonlySet<string> = new Set([
  'annotations',
  'audio',
  'bytes',
  'call_id',
  'data',
  'encrypted_content',
  'file_data',
  'id',
  'image',
  'image_url',
  'images',
  'input_audio',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
  'reasoningContent',
  'signature',
  'source',
  'summary',
  'thinking',
  'thought_signature',
  'thoughtSignature',
  'tool_call_id',
  'tool_use_id',
  'type',
  'url',
])

/** What all that is said comes to, and the tools it is said with. One pass; how deep is bounded where the body came in. */
function sumOfTexts(body: JsonObject, measure: (text: string) => number): number {
  let sum = 0
  const walk = (value: JsonValue | undefined): void => {
    if (typeof value === 'string') sum += value.startsWith('data:') ? 0 : measure(value)
    else if (Array.isArray(value)) for (const item of value) walk(item)
    else if (isObject(value) && value['thought'] !== true) {
      for (const member in value) if (!NOT_SAID.has(member)) walk(value[member])
    }
  }
  for (const member of CONVERSATION) walk(body[member])
  walk(body['systemInstruction'] ?? body['system_instruction'])
  walk(body['tools'])
  return sum
}

function byLength(text: string): number {
  return tokensInBytes(text.length)
}

/**
 * Whom the request says it is for, by the dialect's own member; undefined where it says nothing.
 * https://platform.openai.com/docs/api-reference/chat/create (`user`, `safety_identifier`),
 * https://docs.claude.com/en/api/messages (`metadata.user_id`)
 */
export function userOf(dialect: DialectName, body: JsonObject): string | undefined {
  const named =
    dialect === 'anthropic'
      ? asObject(body['metadata'])?.['user_id']
      : (body['user'] ?? body['safety_identifier'])
  const user = asString(named)
  return user === '' ? undefined : user
}

/** What a relayed request of another kind (pictures, speech, files) needs: nothing that is known of targets. */
export const NO_NEEDS: RouteNeeds = {
  vision: false,
  tools: false,
  jsonSchema: false,
  form: undefined,
  tokensMax: 0,
  tokensMin: 0,
  inputTokens: 0,
  outputTokens: 0,
}
