// Content blocks from the wire to the IR, for requests and answers alike. A block that only Anthropic knows (server tools,
// search results, compaction…) becomes an opaque block, so that it goes back as it came; nothing is interpreted twice.

import type {
  Block,
  FileBlock,
  ImageBlock,
  MediaSource,
  Seal,
  TextBlock,
  ThinkingBlock,
  ToolResultBlock,
  ToolUseBlock,
} from '../../core/ir/request.ts'
import {
  asArray,
  asBoolean,
  asObject,
  asString,
  invalidType,
  optional,
  required,
} from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { sealFromSignature } from './seal.ts'
import { DIALECT, at, keepUnknown, readCache } from './wire.ts'

const BASE = ['type', 'cache_control']
const TEXT = new Set([...BASE, 'text', 'citations'])
const IMAGE = new Set([...BASE, 'source'])
const DOCUMENT = new Set([...BASE, 'source', 'title'])
const THINKING = new Set([...BASE, 'thinking', 'signature'])
const REDACTED = new Set([...BASE, 'data'])
const TOOL_USE = new Set([...BASE, 'id', 'name', 'input'])
const TOOL_RESULT = new Set([...BASE, 'tool_use_id', 'content', 'is_error'])

/**
 * A message's or tool result's content: a string is one text block, `''` none. Throws GatewayError `invalid_request` naming
 * the path of what has the wrong type.
 */
export function decodeContent(value: JsonValue | undefined, path: string): Block[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }]
  const list = asArray(value)
  if (list === undefined) throw invalidType(path, 'a string or an array of content blocks')
  return list.map((item, index) => decodeBlock(item, `${path}[${index}]`))
}

/** One content block. Throws GatewayError `invalid_request` naming the path. */
export function decodeBlock(value: JsonValue, path: string): Block {
  const wire = asObject(value)
  if (wire === undefined) throw invalidType(path, 'an object')
  const type = required(wire, 'type', asString, 'a string', path)
  switch (type) {
    case 'text':
      return decodeText(wire, path)
    case 'image':
      return decodeImage(wire, path)
    case 'document':
      return decodeDocument(wire, path)
    case 'thinking':
      return decodeThinking(wire, path)
    case 'redacted_thinking': {
      const data = required(wire, 'data', asString, 'a string', path)
      return thinkingBlock(wire, '', { dialect: DIALECT, kind: 'redacted', value: data }, REDACTED)
    }
    case 'tool_use':
      return decodeToolUse(wire, path)
    case 'tool_result':
      return decodeToolResult(wire, path)
    default:
      return { type: 'opaque', dialect: DIALECT, value: wire }
  }
}

function decodeText(wire: JsonObject, path: string): TextBlock {
  const text = required(wire, 'text', asString, 'a string', path)
  const citations = optional(wire, 'citations', asArray, 'an array', path)
  return {
    type: 'text',
    text,
    ...(citations === undefined || citations.length === 0
      ? {}
      : { citations: { dialect: DIALECT, value: citations } }),
    ...readCache(wire['cache_control']),
    ...keepUnknown(wire, TEXT),
  }
}

function decodeImage(wire: JsonObject, path: string): Block {
  const source = mediaSource(
    required(wire, 'source', asObject, 'an object', path),
    at(path, 'source'),
  )
  if (source === undefined) return { type: 'opaque', dialect: DIALECT, value: wire }
  const block: ImageBlock = { type: 'image', source }
  return { ...block, ...readCache(wire['cache_control']), ...keepUnknown(wire, IMAGE) }
}

/** Undefined for a kind of source that the IR has no word for. */
function mediaSource(wire: JsonObject, path: string): MediaSource | undefined {
  switch (required(wire, 'type', asString, 'a string', path)) {
    case 'base64':
      return {
        kind: 'base64',
        mediaType: required(wire, 'media_type', asString, 'a string', path),
        data: required(wire, 'data', asString, 'a string', path),
      }
    case 'url':
      return { kind: 'url', url: required(wire, 'url', asString, 'a string', path) }
    case 'file':
      return { kind: 'file-id', fileId: required(wire, 'file_id', asString, 'a string', path) }
    default:
      return undefined
  }
}

function decodeDocument(wire: JsonObject, path: string): Block {
  const source = documentSource(
    required(wire, 'source', asObject, 'an object', path),
    at(path, 'source'),
  )
  if (source === undefined) return { type: 'opaque', dialect: DIALECT, value: wire }
  const title = optional(wire, 'title', asString, 'a string', path)
  const block: FileBlock = { type: 'file', source, ...(title === undefined ? {} : { title }) }
  // A document of blocks is told to others as its text; its own dialect gets the blocks back, as citations count them.
  const known = asObject(wire['source'])?.['type'] === 'content' ? withoutSource : DOCUMENT
  return { ...block, ...readCache(wire['cache_control']), ...keepUnknown(wire, known) }
}

const withoutSource: ReadonlySet<string> = new Set([...DOCUMENT].filter((key) => key !== 'source'))

function documentSource(wire: JsonObject, path: string): FileBlock['source'] | undefined {
  const type = required(wire, 'type', asString, 'a string', path)
  if (type === 'text') {
    return { kind: 'text', text: required(wire, 'data', asString, 'a string', path) }
  }
  if (type !== 'content') return mediaSource(wire, path)
  const blocks = decodeContent(wire['content'], at(path, 'content'))
  const texts = blocks.map((block) => (block.type === 'text' ? block.text : undefined))
  return texts.includes(undefined) ? undefined : { kind: 'text', text: texts.join('\n') }
}

function decodeThinking(wire: JsonObject, path: string): ThinkingBlock {
  const text = optional(wire, 'thinking', asString, 'a string', path) ?? ''
  const signature = optional(wire, 'signature', asString, 'a string', path) ?? ''
  return thinkingBlock(wire, text, sealFromSignature(signature), THINKING)
}

function thinkingBlock(
  wire: JsonObject,
  text: string,
  seal: Seal | undefined,
  known: ReadonlySet<string>,
): ThinkingBlock {
  return {
    type: 'thinking',
    text,
    ...(seal === undefined ? {} : { seal }),
    ...readCache(wire['cache_control']),
    ...keepUnknown(wire, known),
  }
}

function decodeToolUse(wire: JsonObject, path: string): ToolUseBlock {
  return {
    type: 'tool-use',
    id: required(wire, 'id', asString, 'a string', path),
    name: required(wire, 'name', asString, 'a string', path),
    input: toolInputText(wire['input']),
    ...readCache(wire['cache_control']),
    ...keepUnknown(wire, TOOL_USE),
  }
}

/** The arguments as JSON text; `''` for none, as a streamed call without arguments has no piece of text at all. */
function toolInputText(input: JsonValue | undefined): string {
  if (input === undefined || input === null) return ''
  const text = JSON.stringify(input)
  return text === '{}' ? '' : text
}

function decodeToolResult(wire: JsonObject, path: string): ToolResultBlock {
  const content = wire['content']
  const isError = optional(wire, 'is_error', asBoolean, 'a boolean', path)
  return {
    type: 'tool-result',
    toolUseId: required(wire, 'tool_use_id', asString, 'a string', path),
    content:
      content === undefined || content === null ? [] : decodeContent(content, at(path, 'content')),
    ...(isError === undefined ? {} : { isError }),
    ...readCache(wire['cache_control']),
    ...keepUnknown(wire, TOOL_RESULT),
  }
}
