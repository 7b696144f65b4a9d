// A fake of OpenAI's API, as strict as the real one about what it is asked: unknown members, roles, tool ids and schemas are
// refused in OpenAI's words and form. Ollama's `/v1` is the same protocol without that strictness.

import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import type { CapturedRequest } from '../../src/testing/upstream.ts'
import { vectorToBase64 } from '../../src/core/ir/embedding.ts'
import {
  boolean,
  words,
  jsonObject,
  list,
  numberBetween,
  object,
  onlyMembers,
  text,
  toolSchema,
} from './checks.ts'
import {
  pieces,
  readImage,
  Refusal,
  speak,
  USAGE,
  vectorOf,
  type Speech,
  type View,
} from './script.ts'
import { streamBody } from './stream-body.ts'

const REQUEST_MEMBERS = words(`
  model messages stream stream_options temperature top_p n
  stop seed max_tokens max_completion_tokens presence_penalty frequency_penalty logprobs
  top_logprobs logit_bias response_format tools tool_choice user store
  parallel_tool_calls reasoning_effort metadata service_tier modalities audio prediction
  verbosity prompt_cache_key safety_identifier web_search_options functions function_call prompt_cache_retention
`)

const MESSAGE_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  system: ['role', 'content', 'name'],
  developer: ['role', 'content', 'name'],
  user: ['role', 'content', 'name'],
  assistant: ['role', 'content', 'name', 'refusal', 'audio', 'tool_calls', 'function_call'],
  // `name` is in no reference any more, but it was, and is still taken.
  tool: ['role', 'content', 'tool_call_id', 'name'],
}

const unrecognized = (name: string) => `Unrecognized request argument supplied: ${name}`
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/

/** Answers `/chat/completions`, `/embeddings` and `/models`. `strict` is the real OpenAI. */
export function answerOpenai(request: CapturedRequest, strict: boolean): Response {
  try {
    if (strict && !/^Bearer sk-\S+$/.test(request.headers['authorization'] ?? '')) {
      throw new Refusal(401, 'Incorrect API key provided.')
    }
    if (request.target.endsWith('/models')) return models()
    const body = object(request.json(), 'body')
    if (request.target.endsWith('/embeddings')) return embeddings(body)
    if (!request.target.endsWith('/chat/completions')) {
      throw new Refusal(404, `Invalid URL (${request.method} ${request.target})`)
    }
    const view = readChat(body, strict)
    const speech = speak(view)
    return boolean(body['stream'], 'stream')
      ? streamed(speech, view, body, request)
      : Response.json(whole(speech, view), { headers: { 'x-request-id': 'req_openai_1' } })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return refused(error)
  }
}

function refused({ status, message, param }: Refusal): Response {
  const type =
    status === 429 ? 'requests' : status >= 500 ? 'server_error' : 'invalid_request_error'
  const code = status === 429 ? 'rate_limit_exceeded' : status === 401 ? 'invalid_api_key' : null
  return Response.json(
    { error: { message, type, param, code } },
    { status, headers: retryHeaders(status) },
  )
}

/** A short wait for 429, so that clients which obey it are quick. */
export function retryHeaders(status: number): Record<string, string> {
  return status === 429 ? { 'retry-after-ms': '30' } : {}
}

function models(): Response {
  const data = [{ id: 'gpt-4o-mini', object: 'model', created: 1_700_000_000, owned_by: 'openai' }]
  return Response.json({ object: 'list', data })
}

function readChat(body: JsonObject, strict: boolean): View {
  if (strict) onlyMembers(body, REQUEST_MEMBERS, unrecognized)
  const model = text(body['model'], 'model')
  numberBetween(body['temperature'], 'temperature', 0, 2)
  numberBetween(body['top_p'], 'top_p', 0, 1)
  numberBetween(body['max_tokens'], 'max_tokens', 1, 128_000)
  if (body['stream_options'] !== undefined && body['stream'] !== true) {
    throw new Refusal(
      400,
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    )
  }
  const tools = readTools(body)
  if (body['parallel_tool_calls'] !== undefined && tools.length === 0) {
    throw new Refusal(400, "'parallel_tool_calls' is only allowed when 'tools' are specified.")
  }
  if (body['tool_choice'] !== undefined && tools.length === 0) {
    throw new Refusal(400, "'tool_choice' is only allowed when 'tools' are specified.")
  }
  return {
    model,
    ...readMessages(list(body['messages'], 'messages'), strict),
    tools,
    format: readFormat(body),
  }
}

function readTools(body: JsonObject): string[] {
  return list(body['tools'], 'tools', true).map((item, at) => {
    const tool = object(item, `tools[${at}]`)
    if (tool['type'] !== 'function')
      throw new Refusal(400, `Invalid value for 'tools[${at}].type'.`)
    const definition = object(tool['function'], `tools[${at}].function`)
    onlyMembers(definition, ['name', 'description', 'parameters', 'strict'], unrecognized)
    const name = text(definition['name'], `tools[${at}].function.name`)
    if (!TOOL_NAME.test(name)) throw new Refusal(400, `Invalid 'tools[${at}].function.name'.`)
    if (definition['parameters'] !== undefined) toolSchema(definition['parameters'], name)
    return name
  })
}

function readFormat(body: JsonObject): View['format'] {
  if (body['response_format'] === undefined) return undefined
  const format = object(body['response_format'], 'response_format')
  if (format['type'] === 'text') return undefined
  if (format['type'] === 'json_object') return true
  const named = object(format['json_schema'], 'response_format.json_schema')
  text(named['name'], 'response_format.json_schema.name')
  const schema = object(named['schema'], 'response_format.json_schema.schema')
  if (named['strict'] === true && schema['additionalProperties'] !== false) {
    throw new Refusal(400, "Invalid schema: 'additionalProperties' is required to be false.")
  }
  return schema
}

type Conversation = Pick<View, 'text' | 'system' | 'results' | 'images'>

function readMessages(messages: JsonValue[], strict: boolean): Conversation {
  if (messages.length === 0) throw new Refusal(400, "Invalid 'messages': empty array.", 'messages')
  const system: string[] = []
  let results: { name: string; content: string }[] = []
  let images: View['images'] = []
  let said = ''
  let open = new Map<string, string>()
  messages.forEach((item, at) => {
    const path = `messages[${at}]`
    const message = object(item, path)
    const role = text(message['role'], `${path}.role`)
    const known = MESSAGE_MEMBERS[role]
    if (known === undefined) throw new Refusal(400, `Invalid value: '${role}'.`, `${path}.role`)
    if (strict) onlyMembers(message, known, (name) => `Unknown parameter: '${path}.${name}'.`)
    if (role === 'tool') {
      const id = text(message['tool_call_id'], `${path}.tool_call_id`)
      const name = open.get(id)
      if (name === undefined) {
        throw new Refusal(
          400,
          "'tool' must be a response to a preceding message with 'tool_calls'.",
        )
      }
      open.delete(id)
      results.push({ name, content: contentText(message['content'], path) })
      return
    }
    if (open.size > 0) {
      throw new Refusal(
        400,
        "'tool_calls' must be followed by tool messages for each 'tool_call_id'.",
      )
    }
    results = []
    const last = messages[at - 1] === undefined ? '' : object(messages[at - 1], path)['role']
    if (role === 'assistant') open = readCalls(message, path)
    else if (role === 'user') {
      // User messages in a row are one turn.
      if (last !== 'user') [said, images] = ['', []]
      said += contentText(message['content'], path)
      images = [...images, ...contentImages(message['content'])]
    } else system.push(contentText(message['content'], path))
  })
  return { system: system.join('\n'), text: said, results, images }
}

function readCalls(message: JsonObject, path: string): Map<string, string> {
  const open = new Map<string, string>()
  for (const item of list(message['tool_calls'], `${path}.tool_calls`, true)) {
    const call = object(item, `${path}.tool_calls`)
    const definition = object(call['function'], `${path}.tool_calls.function`)
    jsonObject(text(definition['arguments'], 'arguments'), 'arguments')
    open.set(text(call['id'], 'id'), text(definition['name'], 'name'))
  }
  const { content } = message
  if (open.size === 0 && (content === null || content === undefined)) {
    throw new Refusal(400, `Invalid value for '${path}.content': expected a string, got null.`)
  }
  return open
}

function contentText(content: JsonValue | undefined, path: string): string {
  if (typeof content === 'string') return content
  return list(content, `${path}.content`)
    .map((item) => object(item, `${path}.content`))
    .map((part) => (part['type'] === 'text' ? text(part['text'], 'text', true) : ''))
    .join('')
}

function contentImages(content: JsonValue | undefined): View['images'] {
  if (!Array.isArray(content)) return []
  return content.flatMap((item) => {
    const part = object(item, 'content')
    if (part['type'] === 'text') return []
    if (part['type'] !== 'image_url') throw new Refusal(400, `Invalid content type.`, 'messages')
    const url = text(object(part['image_url'], 'image_url')['url'], 'image_url.url')
    const data = /^data:(image\/[a-z]+);base64,(.*)$/s.exec(url)
    if (data === null) throw new Refusal(400, 'Failed to download image.', 'messages')
    return [readImage(data[2] ?? '', data[1])]
  })
}

function usageBody(): JsonObject {
  return {
    prompt_tokens: USAGE.input,
    completion_tokens: USAGE.output,
    total_tokens: USAGE.input + USAGE.output,
    prompt_tokens_details: { cached_tokens: USAGE.cached },
    completion_tokens_details: { reasoning_tokens: 0 },
  }
}

function callBodies(speech: Speech): JsonObject[] {
  return speech.calls.map((call, index) => ({
    id: `call_openai_${index}`,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.input) },
  }))
}

function whole(speech: Speech, view: View): JsonObject {
  const calls = callBodies(speech)
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_767_225_600,
    model: `${view.model}-2026`,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: calls.length > 0 ? null : speech.text,
          refusal: null,
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: calls.length > 0 ? 'tool_calls' : 'stop',
      },
    ],
    usage: usageBody(),
  }
}

function streamed(
  speech: Speech,
  view: View,
  body: JsonObject,
  request: CapturedRequest,
): Response {
  const options = body['stream_options']
  const withUsage =
    options !== undefined && object(options, 'stream_options')['include_usage'] === true
  const chunk = (choices: JsonValue[], usage?: JsonObject) =>
    `data: ${JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1_767_225_600,
      model: `${view.model}-2026`,
      choices,
      ...(withUsage ? { usage: usage ?? null } : {}),
    })}\n\n`
  const delta = (value: JsonObject, finish: string | null = null) =>
    chunk([{ index: 0, delta: value, logprobs: null, finish_reason: finish }])
  const frames = [delta({ role: 'assistant', content: speech.calls.length > 0 ? null : '' })]
  for (const piece of pieces(speech.text)) frames.push(delta({ content: piece }))
  callBodies(speech).forEach((call, index) => {
    const definition = object(call['function'], 'function')
    const { name } = definition
    frames.push(
      delta({ tool_calls: [{ ...call, index, function: { name: name ?? '', arguments: '' } }] }),
    )
    for (const piece of pieces(String(definition['arguments']), 4)) {
      frames.push(delta({ tool_calls: [{ index, function: { arguments: piece } }] }))
    }
  })
  const tail = [delta({}, speech.calls.length > 0 ? 'tool_calls' : 'stop')]
  if (withUsage) tail.push(chunk([], usageBody()))
  tail.push('data: [DONE]\n\n')
  return streamBody(frames, tail, speech.end, 'text/event-stream', request)
}

function embeddings(body: JsonObject): Response {
  onlyMembers(body, ['model', 'input', 'encoding_format', 'dimensions', 'user'], unrecognized)
  const input = typeof body['input'] === 'string' ? [body['input']] : list(body['input'], 'input')
  const format = body['encoding_format'] ?? 'float'
  if (format !== 'float' && format !== 'base64') throw new Refusal(400, 'Invalid encoding_format.')
  const data = input.map((item, index) => {
    const vector = vectorOf(text(item, `input[${index}]`))
    return {
      object: 'embedding',
      index,
      embedding: format === 'base64' ? vectorToBase64(vector) : vector,
    }
  })
  const usage = { prompt_tokens: USAGE.input, total_tokens: USAGE.input }
  return Response.json({ object: 'list', data, model: text(body['model'], 'model'), usage })
}
