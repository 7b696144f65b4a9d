// The conversation from the IR to Anthropic's two places: the top-level `system` and the `messages`. It keeps what the API
// demands: a user turn first, tool results at the head of the user turn that follows, no empty message.

import { GatewayError } from '../../core/error.ts'
import type { Message } from '../../core/ir/request.ts'
import type { JsonObject } from '../../core/json.ts'
import type { BlockWriter } from './encode-blocks.ts'
import { at, ownExtras } from './wire.ts'

export interface WireConversation {
  readonly system: JsonObject[]
  readonly messages: JsonObject[]
}

interface WireMessage {
  role: 'user' | 'assistant'
  content: JsonObject[]
  extras: JsonObject | undefined
  /** Holds tool results and waits for the user's words after them. */
  open: boolean
}

/**
 * Splits the conversation. Adjacent turns of one role stay apart, as the API joins them itself. Throws GatewayError
 * `unsupported` when nothing but system messages is left, for what the blocks cannot say either.
 */
export function encodeConversation(
  messages: readonly Message[],
  writer: BlockWriter,
): WireConversation {
  const { losses } = writer
  const system: JsonObject[] = []
  const wire: WireMessage[] = []
  let leading = true
  messages.forEach((message, index) => {
    const path = `messages[${index}]`
    if (message.name !== undefined) losses.dropped('name', at(path, 'name'))
    if (message.role === 'system' || message.role === 'developer') {
      if (message.role === 'developer') losses.adapted('role', at(path, 'role'), 'said as system')
      if (!leading) losses.adapted('system-position', path)
      else if (index > 0) losses.adapted('system-joined', path)
      system.push(...encodeSystem(message, path, writer))
      ownExtras(message.extras, path, losses)
      return
    }
    leading = false
    append(wire, message, path, writer)
  })
  if (wire.length === 0) throw nothingToAnswer()
  if (wire[0]?.role === 'assistant') {
    losses.adapted('first-message', 'messages', 'a user turn added in front')
    wire.unshift(userTurn())
  }
  return {
    system,
    messages: wire.map(({ role, content, extras }) => ({ ...extras, role, content })),
  }
}

function encodeSystem(message: Message, path: string, writer: BlockWriter): JsonObject[] {
  const kept = message.content.filter((block, index) => {
    if (block.type === 'text') return true
    writer.losses.dropped('system-content', `${path}.content[${index}]`, block.type)
    return false
  })
  return writer.blocks(kept, `${path}.content`)
}

function append(wire: WireMessage[], message: Message, path: string, writer: BlockWriter): void {
  const content = writer.blocks(message.content, `${path}.content`)
  const extras = ownExtras(message.extras, path, writer.losses)
  if (content.length === 0) {
    writer.losses.dropped('empty-message', path)
    return
  }
  const last = wire.at(-1)
  // What stood between two messages of tool results was left out or moved: they are one turn now.
  if (message.role === 'tool' && last?.open === true && extras === undefined) {
    writer.losses.adapted('turns-joined', path)
    last.content.push(...content)
    return
  }
  if (message.role === 'user' && last?.open === true) {
    last.content.push(...content)
    last.extras = extras
    last.open = false
    return
  }
  const role = message.role === 'assistant' ? 'assistant' : 'user'
  wire.push({ role, content, extras, open: message.role === 'tool' && extras === undefined })
}

function userTurn(): WireMessage {
  return { role: 'user', content: [{ type: 'text', text: '.' }], extras: undefined, open: false }
}

function nothingToAnswer(): GatewayError {
  return new GatewayError('unsupported', {
    code: 'invalid_value',
    param: 'messages',
    message: 'The model behind this name needs at least one message of a user that is not empty.',
  })
}

/** A line for the system prompt that asks for what the wire cannot demand. */
export function systemLine(text: string): JsonObject {
  return { type: 'text', text }
}

/** `system` as the shortest form: nothing, a string for one plain text, else blocks. */
export function systemMember(blocks: readonly JsonObject[]): { system?: string | JsonObject[] } {
  const [first] = blocks
  if (first === undefined) return {}
  const plain = blocks.length === 1 && Object.keys(first).length === 2
  return { system: plain ? String(first['text']) : [...blocks] }
}
