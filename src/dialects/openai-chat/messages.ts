// Chat Completions messages as IR messages: roles in their order, tool messages as results, the legacy `function` role.
// Wrong types are refused by name (`messages[3].content`), and a value is never repeated in an error.

import { GatewayError } from '../../core/error.ts'
import { normalizeMessages } from '../../core/ir/request.ts'
import type { Block, Message, Role, ToolResultBlock } from '../../core/ir/request.ts'
import {
  asArray,
  asObject,
  asString,
  invalidType,
  isObject,
  optional,
  required,
} from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { decodeCacheControl, decodeContent } from './content.ts'
import { decodeReasoning } from './reasoning.ts'
import { argumentsText, decodeToolCall, makeToolCallId } from './tools.ts'
import { DIALECT, extrasOf, invalidValue, MESSAGE_MEMBERS, TOOL_MESSAGE_MEMBERS } from './wire.ts'

const ROLES: ReadonlySet<string> = new Set(['system', 'developer', 'user', 'assistant'])

/** The ids made for legacy function calls, so that a `function` message finds the call it answers. */
interface LegacyCalls {
  count: number
  readonly lastByName: Map<string, string>
}

/** Throws GatewayError `invalid_request` naming the offending member. */
export function decodeMessages(body: JsonObject): Message[] {
  const list = required(body, 'messages', asArray, 'an array')
  if (list.length === 0) {
    throw new GatewayError('invalid_request', {
      code: 'empty_array',
      param: 'messages',
      message: "Invalid 'messages': expected at least one message.",
    })
  }
  const legacy: LegacyCalls = { count: 0, lastByName: new Map() }
  return normalizeMessages(
    list.map((value, index) => decodeMessage(value, `messages[${index}]`, index, legacy)),
  )
}

function decodeMessage(
  value: JsonValue,
  path: string,
  position: number,
  legacy: LegacyCalls,
): Message {
  if (!isObject(value)) throw invalidType(path, 'an object')
  const role = required(value, 'role', asString, 'a string', path)
  if (role === 'tool') return decodeToolMessage(value, path)
  if (role === 'function') return decodeFunctionMessage(value, path, legacy)
  if (!ROLES.has(role)) {
    throw invalidValue(`${path}.role`, 'system, developer, user, assistant or tool')
  }
  const content =
    role === 'assistant'
      ? decodeAssistant(value, path, position, legacy)
      : decodeContent(value.content, `${path}.content`)
  const message: Message = { role: role as Role, content }
  const cache = decodeCacheControl(value.cache_control)
  const last = content.at(-1)
  if (cache !== undefined && last !== undefined) last.cache = cache
  const name = optional(value, 'name', asString, 'a string', path)
  if (name !== undefined) message.name = name
  const extras = extrasOf(DIALECT, value, MESSAGE_MEMBERS)
  if (extras !== undefined) message.extras = extras
  return message
}

function decodeAssistant(
  value: JsonObject,
  path: string,
  position: number,
  legacy: LegacyCalls,
): Block[] {
  const { blocks: thinking, toolSeals } = decodeReasoning(value)
  const blocks: Block[] = [...thinking, ...decodeContent(value.content, `${path}.content`)]
  const refusal = optional(value, 'refusal', asString, 'a string', path)
  if (refusal !== undefined && refusal !== '') blocks.push({ type: 'refusal', text: refusal })
  const audioId = asString(optional(value, 'audio', asObject, 'an object', path)?.id)
  if (audioId !== undefined && audioId !== '') blocks.push({ type: 'audio', id: audioId })
  const calls = optional(value, 'tool_calls', asArray, 'an array', path) ?? []
  for (const [index, call] of calls.entries()) {
    const callPath = `${path}.tool_calls[${index}]`
    if (!isObject(call)) throw invalidType(callPath, 'an object')
    const block = decodeToolCall(call, () => makeToolCallId('request', position, index))
    if (block === undefined) {
      const definition = required(call, 'function', asObject, 'an object', callPath)
      required(definition, 'name', asString, 'a string', `${callPath}.function`)
    } else {
      if (block.type === 'tool-use') {
        const seal = toolSeals.get(block.id)
        if (seal !== undefined) block.seal = seal
      }
      blocks.push(block)
    }
  }
  const legacyCall = optional(value, 'function_call', asObject, 'an object', path)
  if (legacyCall !== undefined) {
    const name = required(legacyCall, 'name', asString, 'a string', `${path}.function_call`)
    const id = `call_function_${legacy.count++}`
    legacy.lastByName.set(name, id)
    blocks.push({ type: 'tool-use', id, name, input: argumentsText(legacyCall.arguments) })
  }
  return blocks
}

function decodeToolMessage(value: JsonObject, path: string): Message {
  const result: ToolResultBlock = {
    type: 'tool-result',
    toolUseId: required(value, 'tool_call_id', asString, 'a string', path),
    content: decodeContent(value.content, `${path}.content`),
  }
  const name = optional(value, 'name', asString, 'a string', path)
  if (name !== undefined && name !== '') result.toolName = name
  const cache = decodeCacheControl(value.cache_control)
  if (cache !== undefined) result.cache = cache
  const extras = extrasOf(DIALECT, value, TOOL_MESSAGE_MEMBERS)
  if (extras !== undefined) result.extras = extras
  return { role: 'tool', content: [result] }
}

function decodeFunctionMessage(value: JsonObject, path: string, legacy: LegacyCalls): Message {
  const name = required(value, 'name', asString, 'a string', path)
  const id = legacy.lastByName.get(name) ?? `call_function_${legacy.count++}`
  const content = decodeContent(value.content, `${path}.content`)
  return {
    role: 'tool',
    content: [{ type: 'tool-result', toolUseId: id, toolName: name, content }],
  }
}
