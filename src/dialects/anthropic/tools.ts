// Tools and the choice among them, both ways. Tools with an `input_schema` are the client's functions; everything else with a
// type of its own runs at Anthropic and is handed on as it is, to Anthropic alone.

import { GatewayError } from '../../core/error.ts'
import type { LossList } from '../../core/ir/loss.ts'
import type { ChatRequest, FunctionTool, Tool, ToolChoice } from '../../core/ir/request.ts'
import {
  asBoolean,
  asObject,
  asString,
  compact,
  invalidType,
  optional,
  required,
} from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ModelTraits } from './models.ts'
import { structuredSchema } from './schema.ts'
import { DIALECT, keepUnknown, ownExtras, readCache } from './wire.ts'
import type { CacheHints } from './wire.ts'

const FUNCTION = new Set(['type', 'name', 'description', 'input_schema', 'strict', 'cache_control'])

/** Reads `tools`. Throws GatewayError `invalid_request` naming the path. */
export function decodeTools(list: JsonValue[]): Tool[] {
  return list.map((item, index) => {
    const path = `tools[${index}]`
    const wire = asObject(item)
    if (wire === undefined) throw invalidType(path, 'an object')
    const type = optional(wire, 'type', asString, 'a string', path) ?? 'custom'
    if (type !== 'custom') return { type: 'provider', dialect: DIALECT, value: wire }
    return decodeFunction(wire, path)
  })
}

function decodeFunction(wire: JsonObject, path: string): FunctionTool {
  const description = optional(wire, 'description', asString, 'a string', path)
  const parameters = optional(wire, 'input_schema', asObject, 'an object', path)
  const strict = optional(wire, 'strict', asBoolean, 'a boolean', path)
  return {
    type: 'function',
    name: required(wire, 'name', asString, 'a string', path),
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    ...readCache(wire['cache_control']),
    ...keepUnknown(wire, FUNCTION),
  }
}

/** Reads `tool_choice` with its `disable_parallel_tool_use`. Throws GatewayError `invalid_request` for an unknown type. */
export function decodeToolChoice(
  wire: JsonObject,
): Pick<ChatRequest, 'toolChoice' | 'parallelToolCalls'> {
  const path = 'tool_choice'
  const disabled = optional(wire, 'disable_parallel_tool_use', asBoolean, 'a boolean', path)
  const parallel = disabled === undefined ? {} : { parallelToolCalls: !disabled }
  return { toolChoice: choiceOf(wire, path), ...parallel }
}

function choiceOf(wire: JsonObject, path: string): ToolChoice {
  switch (required(wire, 'type', asString, 'a string', path)) {
    case 'auto':
      return { type: 'auto' }
    case 'none':
      return { type: 'none' }
    case 'any':
      return { type: 'required' }
    case 'tool':
      return { type: 'tool', name: required(wire, 'name', asString, 'a string', path) }
    default:
      throw new GatewayError('invalid_request', {
        param: `${path}.type`,
        message: `Invalid value for '${path}.type': expected auto, any, tool or none.`,
      })
  }
}

/** The `tools` member; undefined when nothing is left to offer. Tools of other providers are the loss `provider-tool`. */
export function encodeTools(
  tools: readonly Tool[] | undefined,
  traits: ModelTraits,
  hints: CacheHints,
  losses: LossList,
): JsonObject[] | undefined {
  const wire: JsonObject[] = []
  tools?.forEach((tool, index) => {
    const path = `tools[${index}]`
    if (tool.type === 'function') wire.push(encodeFunction(tool, path, traits, hints, losses))
    else if (tool.dialect === DIALECT) wire.push(tool.value)
    else losses.dropped('provider-tool', path)
  })
  return wire.length === 0 ? undefined : wire
}

function encodeFunction(
  tool: FunctionTool,
  path: string,
  traits: ModelTraits,
  hints: CacheHints,
  losses: LossList,
): JsonObject {
  return compact({
    name: tool.name,
    description: tool.description,
    input_schema: inputSchema(tool.parameters, path, losses),
    strict: strictOf(tool, path, traits, losses),
    ...hints.write(tool.cache, path),
    ...ownExtras(tool.extras, path, losses),
  })
}

/** Anthropic demands an object schema; one without a type gets it (`$schema` is understood and stays). */
function inputSchema(
  parameters: JsonObject | undefined,
  path: string,
  losses: LossList,
): JsonObject {
  if (parameters === undefined) {
    losses.adapted('tool-schema', `${path}.parameters`, 'an empty one, as none is not allowed')
    return { type: 'object', properties: {} }
  }
  if (parameters['type'] !== undefined) return parameters
  losses.adapted('tool-schema', `${path}.parameters`, 'type object added')
  return { type: 'object', properties: {}, ...parameters }
}

/** `strict` where the model takes it and the schema stays inside what Anthropic's strict mode can hold; else the loss `strict`. */
function strictOf(
  tool: FunctionTool,
  path: string,
  traits: ModelTraits,
  losses: LossList,
): boolean | undefined {
  if (tool.strict === undefined) return undefined
  if (traits.strict && !tool.strict) return false
  const schema = tool.parameters ?? { type: 'object', properties: {}, additionalProperties: false }
  if (traits.strict && structuredSchema(schema) === schema) return true
  losses.dropped('strict', `${path}.strict`)
  return undefined
}

/**
 * The `tool_choice` member. `forced` false means a choice of a certain or any tool is not allowed beside thinking: it becomes
 * `auto` (loss `tool-choice`). Without tools Anthropic takes no choice at all.
 */
export function encodeToolChoice(
  request: ChatRequest,
  hasTools: boolean,
  forced: boolean,
  losses: LossList,
): JsonObject | undefined {
  const { toolChoice, parallelToolCalls } = request
  if (!hasTools) {
    if (toolChoice !== undefined) losses.dropped('tool-choice', 'toolChoice', 'no tools')
    if (parallelToolCalls !== undefined) losses.dropped('parallel-tool-calls', 'parallelToolCalls')
    return undefined
  }
  const choice = wireChoice(toolChoice, forced, losses)
  if (parallelToolCalls === undefined) return choice
  if (choice?.['type'] === 'none') {
    losses.dropped('parallel-tool-calls', 'parallelToolCalls', 'no tool may be called')
    return choice
  }
  return { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: !parallelToolCalls }
}

function wireChoice(
  choice: ToolChoice | undefined,
  forced: boolean,
  losses: LossList,
): JsonObject | undefined {
  if (choice === undefined) return undefined
  if (choice.type === 'auto' || choice.type === 'none') return { type: choice.type }
  if (!forced) {
    losses.adapted('tool-choice', 'toolChoice', 'thinking takes no forced tool')
    return { type: 'auto' }
  }
  return choice.type === 'required' ? { type: 'any' } : { type: 'tool', name: choice.name }
}
