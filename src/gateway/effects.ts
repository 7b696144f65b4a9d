// Whether a request may do more at its provider than write an answer: run in the background, add to a conversation kept there, call
// tools that the provider runs against other systems. Sending such a request a second time could do all that twice.

import { asArray, asObject, asString, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Inbound } from './inbound.ts'

/**
 * Tools that a provider runs against something that keeps what they did. Searching the web or drawing leaves nothing behind, and what
 * the client runs (`local_shell`, `apply_patch`, `bash_…`, `computer_…`) runs once, however often it is asked for.
 */
const ACTING_TOOL = /^(?:mcp|connector|code_interpreter|code_execution)/

/** True for a request whose repetition could repeat more than its answer. */
export function hasEffects(inbound: Pick<Inbound, 'dialect'>, body: JsonObject): boolean {
  switch (inbound.dialect) {
    case 'openai-responses':
      if (body['background'] === true || isGiven(body['conversation'])) return true
      break
    case 'anthropic':
      if (isGiven(body['mcp_servers']) || isGiven(body['container'])) return true
      break
    default:
      return false
  }
  const tools = asArray(body['tools'])
  if (tools === undefined) return false
  return tools.some((tool) => {
    const object = asObject(tool)
    // A tool with a schema of its own is the client's, whatever it is called.
    if (object === undefined || isGiven(object['input_schema']) || isGiven(object['parameters'])) {
      return false
    }
    const type = asString(object['type']) ?? ''
    // A shell is the client's own unless it stands in a container of the provider's.
    if (type === 'shell') return isContainer(object['environment'])
    return ACTING_TOOL.test(type)
  })
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function isContainer(environment: JsonValue | undefined): boolean {
  return asString(asObject(environment)?.['type'])?.startsWith('container') === true
}
