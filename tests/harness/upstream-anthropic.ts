// A fake of Anthropic's Messages API, as strict as the real one: required headers and `max_tokens`, unknown members, empty
// text, the pairing of tool calls with their results, closed schemas. It refuses in Anthropic's form.

import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import type { CapturedRequest } from '../../src/testing/upstream.ts'
import {
  boolean,
  list,
  numberBetween,
  object,
  onlyMembers,
  text,
  toolSchema,
  words,
} from './checks.ts'
import { pieces, readImage, Refusal, speak, USAGE, type Speech, type View } from './script.ts'
import { streamBody } from './stream-body.ts'
import { retryHeaders } from './upstream-openai.ts'

const REQUEST_MEMBERS = words(`
  model messages max_tokens system metadata stop_sequences stream
  temperature top_p top_k tools tool_choice thinking output_config
  service_tier container context_management cache_control inference_geo
`)

const BLOCK_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  text: ['type', 'text', 'cache_control', 'citations'],
  image: ['type', 'source', 'cache_control'],
  tool_use: ['type', 'id', 'name', 'input', 'cache_control', 'caller'],
  tool_result: ['type', 'tool_use_id', 'content', 'is_error', 'cache_control'],
  thinking: ['type', 'thinking', 'signature'],
}

const TOOL_MEMBERS = [
  'name',
  'description',
  'input_schema',
  'type',
  'cache_control',
  'strict',
  'eager_input_streaming',
]
const TOOL_ID = /^[a-zA-Z0-9_-]+$/
const extra = (name: string) => `${name}: Extra inputs are not permitted`

const ERROR_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  529: 'overloaded_error',
}

/** Answers `/v1/messages` and `/v1/models`. */
export function answerAnthropic(request: CapturedRequest): Response {
  try {
    if (!/^sk-ant-\S+$/.test(request.headers['x-api-key'] ?? '')) {
      throw new Refusal(401, 'invalid x-api-key')
    }
    if (request.headers['anthropic-version'] !== '2023-06-01') {
      throw new Refusal(400, 'anthropic-version: header is required')
    }
    if (request.target.startsWith('/v1/models')) return models()
    if (request.target !== '/v1/messages') throw new Refusal(404, 'Not Found')
    const body = object(request.json(), 'body')
    const view = readRequest(body)
    const speech = speak(view)
    return boolean(body['stream'], 'stream')
      ? streamed(speech, view, request)
      : Response.json(message(speech, view), { headers: { 'request-id': 'req_anthropic_1' } })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { status, message: said } = error
    const type = ERROR_TYPES[status] ?? 'invalid_request_error'
    return Response.json(
      { type: 'error', error: { type, message: said }, request_id: 'req_anthropic_1' },
      { status, headers: retryHeaders(status) },
    )
  }
}

function models(): Response {
  const data = [
    {
      type: 'model',
      id: 'claude-sonnet-4-5',
      display_name: 'Claude',
      created_at: '2025-09-29T00:00:00Z',
    },
  ]
  return Response.json({ data, has_more: false, first_id: data[0]?.id, last_id: data[0]?.id })
}

function readRequest(body: JsonObject): View {
  onlyMembers(body, REQUEST_MEMBERS, extra)
  const model = text(body['model'], 'model')
  if (body['max_tokens'] === undefined) throw new Refusal(400, 'max_tokens: Field required')
  numberBetween(body['max_tokens'], 'max_tokens', 1, 64_000)
  numberBetween(body['temperature'], 'temperature', 0, 1)
  numberBetween(body['top_p'], 'top_p', 0, 1)
  if (body['temperature'] !== undefined && body['top_p'] !== undefined) {
    throw new Refusal(400, '`temperature` and `top_p` cannot both be specified for this model.')
  }
  const tools = list(body['tools'], 'tools', true).map((item, at) => {
    const tool = object(item, `tools.${at}`)
    onlyMembers(tool, TOOL_MEMBERS, (name) => extra(`tools.${at}.${name}`))
    toolSchema(tool['input_schema'], `tools.${at}.input_schema`)
    const name = text(tool['name'], `tools.${at}.name`)
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name)) throw new Refusal(400, `tools.${at}.name: bad`)
    return name
  })
  if (body['tool_choice'] !== undefined) {
    const choice = object(body['tool_choice'], 'tool_choice')
    onlyMembers(choice, ['type', 'name', 'disable_parallel_tool_use'], extra)
    if (tools.length === 0) throw new Refusal(400, 'tool_choice: may only be set with tools')
  }
  return {
    model,
    system: readSystem(body['system']),
    ...readMessages(list(body['messages'], 'messages')),
    tools,
    format: readFormat(body),
  }
}

function readSystem(system: JsonValue | undefined): string {
  if (system === undefined) return ''
  if (typeof system === 'string') return system
  return list(system, 'system')
    .map((item) => text(object(item, 'system')['text'], 'system.text'))
    .join('\n')
}

function readFormat(body: JsonObject): View['format'] {
  if (body['output_config'] === undefined) return undefined
  const config = object(body['output_config'], 'output_config')
  onlyMembers(config, ['format', 'effort'], extra)
  if (config['format'] === undefined) return undefined
  const format = object(config['format'], 'output_config.format')
  onlyMembers(format, ['type', 'schema'], extra)
  if (format['type'] !== 'json_schema') throw new Refusal(400, 'output_config.format.type: bad')
  const schema = object(format['schema'], 'schema')
  if (schema['additionalProperties'] !== false) {
    throw new Refusal(400, "output_config.format.schema: 'additionalProperties' must be false")
  }
  return schema
}

type Conversation = Pick<View, 'text' | 'results' | 'images'>

function readMessages(messages: JsonValue[]): Conversation {
  if (messages.length === 0) throw new Refusal(400, 'messages: at least one message is required')
  let open = new Map<string, string>()
  let last: Conversation = { text: '', results: [], images: [] }
  messages.forEach((item, at) => {
    const path = `messages.${at}`
    const turn = object(item, path)
    onlyMembers(turn, ['role', 'content'], (name) => extra(`${path}.${name}`))
    const role = text(turn['role'], `${path}.role`)
    if (role !== 'user' && role !== 'assistant') {
      throw new Refusal(400, `${path}.role: Input should be 'user' or 'assistant'`)
    }
    if (at === 0 && role !== 'user')
      throw new Refusal(400, 'messages: first message must use the "user" role')
    const blocks = readBlocks(turn['content'], path)
    if (role === 'assistant') {
      if (open.size > 0) throw unanswered([...open.keys()])
      open = new Map(
        blocks
          .filter((block) => block['type'] === 'tool_use')
          .map((block) => [text(block['id'], 'id'), text(block['name'], 'name')]),
      )
      return
    }
    const said = readUser(blocks, open, path)
    const before = at === 0 ? undefined : object(messages[at - 1], path)['role']
    // User messages in a row are one turn.
    last =
      before === 'user'
        ? { ...said, text: last.text + said.text, images: [...last.images, ...said.images] }
        : said
    if (open.size > 0) throw unanswered([...open.keys()])
  })
  const final = object(messages.at(-1), 'messages')
  if (final['role'] === 'assistant' && String(final['content']).endsWith(' ')) {
    throw new Refusal(400, 'messages: final assistant content cannot end with trailing whitespace')
  }
  return last
}

function unanswered(ids: string[]): Refusal {
  const told = '`tool_use` ids were found without `tool_result` blocks immediately after: '
  return new Refusal(400, told + ids.join(', '))
}

function readBlocks(content: JsonValue | undefined, path: string): JsonObject[] {
  if (typeof content === 'string') return [{ type: 'text', text: text(content, `${path}.content`) }]
  const blocks = list(content, `${path}.content`).map((item) => object(item, `${path}.content`))
  if (blocks.length === 0)
    throw new Refusal(400, `${path}: all messages must have non-empty content`)
  for (const block of blocks) {
    const type = text(block['type'], `${path}.content.type`)
    const known = BLOCK_MEMBERS[type]
    if (known === undefined) throw new Refusal(400, `${path}.content: unknown type '${type}'`)
    onlyMembers(block, known, (name) => extra(`${path}.content.${type}.${name}`))
    if (type === 'text' && text(block['text'], 'text', true).trim() === '') {
      throw new Refusal(400, `${path}: text content blocks must be non-empty`)
    }
    if (type === 'tool_use') {
      object(block['input'], `${path}.content.tool_use.input`)
      if (!TOOL_ID.test(text(block['id'], 'id'))) throw new Refusal(400, 'tool_use.id: bad pattern')
    }
  }
  return blocks
}

/** A user turn; answered calls leave `open`. */
function readUser(blocks: JsonObject[], open: Map<string, string>, path: string): Conversation {
  const results = blocks
    .filter((block) => block['type'] === 'tool_result')
    .map((block) => {
      const id = text(block['tool_use_id'], `${path}.tool_use_id`)
      const name = open.get(id)
      if (name === undefined) throw new Refusal(400, `unexpected \`tool_use_id\`: ${id}`)
      open.delete(id)
      return { name, content: resultText(block['content'], path) }
    })
  if (results.length > 0 && blocks[0]?.['type'] !== 'tool_result') {
    throw new Refusal(400, `${path}: tool_result blocks must come first`)
  }
  const images = blocks
    .filter((block) => block['type'] === 'image')
    .map((block) => {
      const source = object(block['source'], `${path}.image.source`)
      if (source['type'] !== 'base64') throw new Refusal(400, 'image.source: unable to download')
      return readImage(text(source['data'], 'data'), text(source['media_type'], 'media_type'))
    })
  const said = blocks.map((block) => (block['type'] === 'text' ? String(block['text']) : ''))
  return { text: said.join(''), results, images }
}

function resultText(content: JsonValue | undefined, path: string): string {
  if (content === undefined) return ''
  if (typeof content === 'string') return content
  return readBlocks(content, path)
    .map((block) => String(block['text']))
    .join('')
}

function usageBody(output: number): JsonObject {
  return {
    input_tokens: USAGE.input - USAGE.cached,
    cache_read_input_tokens: USAGE.cached,
    cache_creation_input_tokens: 0,
    output_tokens: output,
  }
}

function blocksOf(speech: Speech): JsonObject[] {
  const calls = speech.calls.map((call, index) => ({
    type: 'tool_use',
    id: `toolu_0${index}`,
    name: call.name,
    input: call.input,
  }))
  return speech.text === '' ? calls : [{ type: 'text', text: speech.text }, ...calls]
}

function message(speech: Speech, view: View): JsonObject {
  return {
    id: 'msg_01',
    type: 'message',
    role: 'assistant',
    model: `${view.model}-2026`,
    content: blocksOf(speech),
    stop_reason: speech.calls.length > 0 ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: usageBody(USAGE.output),
  }
}

function streamed(speech: Speech, view: View, request: CapturedRequest): Response {
  const event = (type: string, data: JsonObject) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
  const start = { ...message(speech, view), content: [], stop_reason: null, usage: usageBody(1) }
  const frames = [event('message_start', { message: start }), event('ping', {})]
  blocksOf(speech).forEach((block, index) => {
    const isText = block['type'] === 'text'
    const empty = isText ? { type: 'text', text: '' } : { ...block, input: {} }
    frames.push(event('content_block_start', { index, content_block: empty }))
    const deltas = isText
      ? pieces(speech.text).map((piece) => ({ type: 'text_delta', text: piece }))
      : argumentPieces(block).map((piece) => ({ type: 'input_json_delta', partial_json: piece }))
    for (const delta of deltas) frames.push(event('content_block_delta', { index, delta }))
    frames.push(event('content_block_stop', { index }))
  })
  const stop = {
    stop_reason: speech.calls.length > 0 ? 'tool_use' : 'end_turn',
    stop_sequence: null,
  }
  const tail = [
    event('message_delta', { delta: stop, usage: { output_tokens: USAGE.output } }),
    event('message_stop', {}),
  ]
  return streamBody(frames, tail, speech.end, 'text/event-stream; charset=utf-8', request)
}

/** Empty input is streamed as one empty piece, as the real API does. */
function argumentPieces(block: JsonObject): string[] {
  const input = object(block['input'], 'input')
  return Object.keys(input).length === 0 ? [''] : ['', ...pieces(JSON.stringify(input), 4)]
}
