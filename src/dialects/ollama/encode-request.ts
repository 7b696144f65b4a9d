// Writes the IR as an `/api/chat` request. System messages keep their place; what Ollama cannot say is a loss, and an image
// it cannot be given is an error, because an answer about a picture nobody saw would be wrong.

import { GatewayError } from '../../core/error.ts'
import { type Encoded, LossList } from '../../core/ir/loss.ts'
import type { Block, ChatRequest, Message, ToolResultBlock } from '../../core/ir/request.ts'
import type { JsonObject } from '../../core/json.ts'
import type { EncodeTarget } from '../dialect.ts'
import { encodeSettings } from './settings.ts'
import { encodeToolCall, encodeTools, toolNamesById } from './tools.ts'
import {
  CHAT_REQUEST_MEMBERS,
  GENERATE_ONLY_EXTRAS,
  imageData,
  reportBlockMembers,
  takeExtras,
} from './wire.ts'

const RESERVED: ReadonlySet<string> = new Set([...CHAT_REQUEST_MEMBERS, ...GENERATE_ONLY_EXTRAS])
const MESSAGE_RESERVED: ReadonlySet<string> = new Set([
  'role',
  'content',
  'images',
  'thinking',
  'tool_calls',
  'tool_name',
  'tool_call_id',
])

/** Encodes the body of `/api/chat`. Throws GatewayError `unsupported` for an image that is not base64. */
export function encodeChatRequest(request: ChatRequest, target: EncodeTarget): Encoded<JsonObject> {
  const losses = new LossList()
  const settings = encodeSettings(request, target, RESERVED, losses)
  if (request.suffix !== undefined) losses.dropped('suffix', 'suffix')
  const tools = encodeToolSet(request, losses)
  const value: JsonObject = {
    ...settings,
    model: target.model,
    messages: encodeMessages(request.messages, losses),
    stream: request.stream,
    ...(tools === undefined ? {} : { tools }),
  }
  return { value, losses: losses.items }
}

/** Ollama has no `tool_choice`: "none" is said by leaving the tools out, a demanded call cannot be said. */
function encodeToolSet(request: ChatRequest, losses: LossList): JsonObject[] | undefined {
  const { tools, toolChoice } = request
  if (toolChoice?.type === 'none') {
    losses.adapted('tool-choice', 'toolChoice', 'the tools are left out')
    if (tools !== undefined) losses.adapted('tool-choice', 'tools', 'left out')
    return undefined
  }
  if (toolChoice !== undefined && toolChoice.type !== 'auto') {
    losses.dropped('tool-choice', 'toolChoice')
  }
  return tools === undefined ? undefined : encodeTools(tools, losses)
}

function encodeMessages(messages: readonly Message[], losses: LossList): JsonObject[] {
  const names = toolNamesById(messages)
  const result: JsonObject[] = []
  messages.forEach((message, index) => {
    const path = `messages[${index}]`
    const rest: Block[] = []
    message.content.forEach((block, at) => {
      if (block.type !== 'tool-result') {
        rest.push(block)
        return
      }
      const name = block.toolName ?? names.get(block.toolUseId)
      result.push(encodeResult(block, name, `${path}.content[${at}]`, losses))
    })
    const last = result.at(-1)
    const extras = takeExtras(message.extras, MESSAGE_RESERVED, `${path}.extras`, losses)
    if (message.name !== undefined) losses.dropped('name', `${path}.name`)
    if (rest.length < message.content.length && rest.length === 0 && last !== undefined) {
      Object.assign(last, extras)
      return
    }
    const parts = encodeBlocks(rest, message.role, path, losses)
    result.push({ ...extras, role: wireRole(message, path, losses), ...parts })
  })
  return result
}

function wireRole(message: Message, path: string, losses: LossList): string {
  if (message.role !== 'developer') return message.role
  losses.adapted('developer-role', `${path}.role`, 'system')
  return 'system'
}

function encodeResult(
  block: ToolResultBlock,
  name: string | undefined,
  path: string,
  losses: LossList,
): JsonObject {
  reportBlockMembers(block, path, losses)
  if (block.isError === true) losses.dropped('tool-error', `${path}.isError`)
  return {
    role: 'tool',
    ...encodeBlocks(block.content, 'tool', path, losses),
    ...(name === undefined ? {} : { tool_name: name }),
    ...(block.toolUseId === '' ? {} : { tool_call_id: block.toolUseId }),
  }
}

/** The blocks of one message sorted into Ollama's members, which have one place each. */
export interface MessageParts {
  readonly thinking: string[]
  readonly images: string[]
  readonly texts: string[]
  readonly calls: JsonObject[]
}

/** The order in which Ollama puts a message together; a block out of this order moves. */
const RANK: Partial<Record<Block['type'], number>> = {
  thinking: 0,
  image: 1,
  text: 2,
  'tool-use': 3,
}

/** Sorts the blocks of the list at `path` into members. `onImage` decides what an image without base64 is; `answer` numbers the calls. */
export function sortBlocks(
  blocks: readonly Block[],
  path: string,
  losses: LossList,
  options: { readonly onImage: (path: string) => void; readonly answer: boolean },
): MessageParts {
  const parts: MessageParts = { thinking: [], images: [], texts: [], calls: [] }
  let rank = 0
  let moved = false
  blocks.forEach((block, index) => {
    const at = `${path}[${index}]`
    const own = RANK[block.type] ?? RANK.text ?? 0
    moved ||= own < rank
    rank = Math.max(rank, own)
    if (block.type === 'tool-use') {
      const number = options.answer ? parts.calls.length : undefined
      parts.calls.push(encodeToolCall(block, at, losses, number))
      return
    }
    reportBlockMembers(block, at, losses)
    if (block.type === 'image') {
      const data = imageData(block, at, losses)
      if (data === undefined) options.onImage(at)
      else parts.images.push(data)
    } else if (block.type === 'thinking') {
      if (block.seal !== undefined) losses.dropped('seal', `${at}.seal`)
      if (block.text !== '') parts.thinking.push(block.text)
    } else {
      const text = textOfBlock(block, at, losses)
      if (text !== undefined && text !== '') parts.texts.push(text)
    }
  })
  if (moved) losses.adapted('content-order', path)
  if (parts.thinking.length > 1) losses.adapted('thinking-blocks', path, 'joined')
  if (parts.texts.length > 1) losses.adapted('text-blocks', path, 'joined')
  return parts
}

/** What a block says in plain text; undefined (and a loss) when it cannot be said so. */
export function textOfBlock(block: Block, path: string, losses: LossList): string | undefined {
  switch (block.type) {
    case 'text':
      if (block.citations !== undefined) losses.dropped('citations', `${path}.citations`)
      return block.text
    case 'refusal':
      losses.adapted('refusal', path, 'text')
      return block.text
    case 'file':
      if (block.source.kind === 'text') {
        losses.adapted('file', path, 'text')
        return block.source.text
      }
      losses.dropped('file', path)
      return undefined
    case 'audio':
      if (block.transcript !== undefined) {
        losses.adapted('audio', path, 'transcript')
        return block.transcript
      }
      losses.dropped('audio', path)
      return undefined
    case 'opaque':
      losses.dropped('opaque-block', path)
      return undefined
    default:
      losses.dropped(block.type, path)
      return undefined
  }
}

/** An image that Ollama cannot be given. The client's own field is named, never its value. */
export function imageRefused(path: string): never {
  throw new GatewayError('unsupported', {
    param: path,
    message: `The model behind this name takes images as base64 data only ('${path}').`,
  })
}

function encodeBlocks(
  blocks: readonly Block[],
  role: Message['role'],
  path: string,
  losses: LossList,
): JsonObject {
  const parts = sortBlocks(blocks, `${path}.content`, losses, {
    onImage: imageRefused,
    answer: false,
  })
  // A model's own text blocks follow each other without a gap; those of a client are separate paragraphs.
  const content = parts.texts.join(role === 'assistant' ? '' : '\n\n')
  const result: JsonObject = { content }
  if (parts.images.length > 0) result['images'] = parts.images
  if (role === 'assistant') {
    if (parts.thinking.length > 0) result['thinking'] = parts.thinking.join('')
    if (parts.calls.length > 0) result['tool_calls'] = parts.calls
  } else if (parts.thinking.length > 0 || parts.calls.length > 0) {
    losses.dropped('misplaced-block', path)
  }
  return result
}
