// A client's `/v1/messages` body into the IR. What the IR has a word for is read and checked; everything else is kept under
// `extras.anthropic`, never refused. Nothing here knows which provider will answer.

import { GatewayError } from '../../core/error.ts'
import type {
  Block,
  ChatRequest,
  Extras,
  Message,
  Reasoning,
  ResponseFormat,
  Sampling,
} from '../../core/ir/request.ts'
import { normalizeMessages } from '../../core/ir/request.ts'
import {
  asArray,
  asBoolean,
  asNumber,
  asObject,
  asString,
  compact,
  invalidType,
  optional,
  required,
  unknownMembers,
} from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestHints } from '../dialect.ts'
import { decodeContent } from './blocks.ts'
import { decodeToolChoice, decodeTools } from './tools.ts'
import { DIALECT, keepUnknown } from './wire.ts'

const KNOWN = new Set([
  'model',
  'messages',
  'system',
  'stream',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'output_format',
  'metadata',
])

/** Decodes a Messages request. Throws GatewayError `invalid_request` naming `param`, for whatever object is given. */
export function decodeRequest(body: JsonObject, hints: RequestHints): ChatRequest {
  const maxTokens = optional(body, 'max_tokens', asNumber, 'a number')
  const stop = decodeStop(body)
  const tools = optional(body, 'tools', asArray, 'an array')
  const toolChoice = optional(body, 'tool_choice', asObject, 'an object')
  const metadata = optional(body, 'metadata', asObject, 'an object')
  const user = metadata && optional(metadata, 'user_id', asString, 'a string', 'metadata')
  const thinking = optional(body, 'thinking', asObject, 'an object')
  const output = optional(body, 'output_config', asObject, 'an object')
  const reasoning = decodeReasoning(thinking, output)
  const format = decodeFormat(body, output)
  const extras = requestExtras(body, metadata, thinking, output)
  return {
    form: 'chat',
    model: hints.model ?? required(body, 'model', asString, 'a string'),
    messages: normalizeMessages([...decodeSystem(body), ...decodeMessages(body)]),
    stream: optional(body, 'stream', asBoolean, 'a boolean') ?? false,
    sampling: decodeSampling(body),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(stop === undefined ? {} : { stop }),
    ...(tools === undefined ? {} : { tools: decodeTools(tools) }),
    ...(toolChoice === undefined ? {} : decodeToolChoice(toolChoice)),
    ...(format === undefined ? {} : { responseFormat: format }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(user === undefined ? {} : { user }),
    ...(extras === undefined ? {} : { extras }),
  }
}

function decodeSystem(body: JsonObject): Message[] {
  const system = body['system']
  if (system === undefined || system === null) return []
  const content = decodeContent(system, 'system')
  return content.length === 0 ? [] : [{ role: 'system', content }]
}

function decodeMessages(body: JsonObject): Message[] {
  const list = required(body, 'messages', asArray, 'an array')
  return list.flatMap((item, index) => decodeMessage(item, `messages[${index}]`))
}

const MESSAGE = new Set(['role', 'content'])

function decodeMessage(item: JsonValue, path: string): Message[] {
  const wire = asObject(item)
  if (wire === undefined) throw invalidType(path, 'an object')
  const role = required(wire, 'role', asString, 'a string', path)
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw new GatewayError('invalid_request', {
      param: `${path}.role`,
      message: `Invalid value for '${path}.role': expected user, assistant or system.`,
    })
  }
  const content = decodeContent(wire['content'], `${path}.content`)
  const kept = keepUnknown(wire, MESSAGE)
  if (role !== 'user') return [{ role, content, ...kept }]
  return splitUser(content, kept)
}

/** Tool results go first into a `tool` message: the API demands that order and other dialects demand the other role. */
function splitUser(content: Block[], kept: { extras?: Extras }): Message[] {
  const results = content.filter((block) => block.type === 'tool-result')
  if (results.length === 0) return [{ role: 'user', content, ...kept }]
  const rest = content.filter((block) => block.type !== 'tool-result')
  if (rest.length === 0) return [{ role: 'tool', content: results, ...kept }]
  return [
    { role: 'tool', content: results },
    { role: 'user', content: rest, ...kept },
  ]
}

function decodeSampling(body: JsonObject): Sampling {
  const temperature = optional(body, 'temperature', asNumber, 'a number')
  const topP = optional(body, 'top_p', asNumber, 'a number')
  const topK = optional(body, 'top_k', asNumber, 'a number')
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
  }
}

function decodeStop(body: JsonObject): string[] | undefined {
  const list = optional(body, 'stop_sequences', asArray, 'an array of strings')
  return list?.map((item, index) => {
    if (typeof item === 'string') return item
    throw invalidType(`stop_sequences[${index}]`, 'a string')
  })
}

/**
 * Thinking and effort. An effort without `thinking` is `adaptive: false`: Anthropic's effort speaks of all tokens, and this
 * client did not ask for thinking, which is not what an OpenAI client's effort means.
 */
function decodeReasoning(
  thinking: JsonObject | undefined,
  output: JsonObject | undefined,
): Reasoning | undefined {
  const effort = output && optional(output, 'effort', asString, 'a string', 'output_config')
  const said = effort === undefined ? {} : { effort }
  const type = thinking && required(thinking, 'type', asString, 'a string', 'thinking')
  if (type === 'enabled') {
    const budget = optional(thinking!, 'budget_tokens', asNumber, 'a number', 'thinking')
    return { enabled: true, ...said, ...(budget === undefined ? {} : { budgetTokens: budget }) }
  }
  if (type === 'disabled') return { enabled: false, ...said }
  if (type === 'adaptive') return { enabled: true, adaptive: true, ...said }
  return effort === undefined ? undefined : { effort, adaptive: false }
}

/** `output_config.format`, or the older `output_format`; other kinds than a schema stay in the extras. */
function decodeFormat(
  body: JsonObject,
  output: JsonObject | undefined,
): ResponseFormat | undefined {
  const older = optional(body, 'output_format', asObject, 'an object')
  const format =
    (output && optional(output, 'format', asObject, 'an object', 'output_config')) ?? older
  if (format === undefined || format['type'] !== 'json_schema') return undefined
  const path = format === older ? 'output_format' : 'output_config.format'
  return { type: 'json-schema', schema: required(format, 'schema', asObject, 'an object', path) }
}

const ENABLED = new Set(['type', 'budget_tokens'])
const MODES = new Set<unknown>(['enabled', 'disabled', 'adaptive'])
const METADATA = new Set(['user_id'])

function requestExtras(
  body: JsonObject,
  metadata: JsonObject | undefined,
  thinking: JsonObject | undefined,
  output: JsonObject | undefined,
): Extras | undefined {
  const knownMode = MODES.has(thinking?.['type'])
  const config = output && unknownMembers(output, formatRead(output) ? OUTPUT : EFFORT)
  const oldFormat = asObject(body['output_format'])
  const extras = compact({
    ...unknownMembers(body, KNOWN),
    metadata: metadata && unknownMembers(metadata, METADATA),
    thinking: knownMode ? unknownMembers(thinking!, ENABLED) : thinking,
    output_config: config && withoutNulls(config),
    output_format: oldFormat?.['type'] === 'json_schema' ? undefined : oldFormat,
  })
  return Object.keys(extras).length === 0 ? undefined : { [DIALECT]: extras }
}

const EFFORT = new Set(['effort'])
const OUTPUT = new Set(['effort', 'format'])

function formatRead(output: JsonObject): boolean {
  return asObject(output['format'])?.['type'] === 'json_schema'
}

function withoutNulls(value: JsonObject): JsonObject | undefined {
  const entries = Object.entries(value).filter(([, item]) => item !== null)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
