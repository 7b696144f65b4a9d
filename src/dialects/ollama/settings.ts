// What `/api/chat` and `/api/generate` share beside their prompt: `options`, `format`, `think`, `logprobs`. Both ways.
// Options the IR has no word for (num_ctx, mirostat…) are extras; nothing here may know messages.

import { GatewayError } from '../../core/error.ts'
import type { LossList } from '../../core/ir/loss.ts'
import type { ChatRequest, Reasoning, ResponseFormat, Sampling } from '../../core/ir/request.ts'
import {
  type JsonObject,
  asBoolean,
  asNumber,
  asObject,
  invalidType,
  isObject,
  optional,
} from '../../core/json.ts'
import type { EncodeTarget } from '../dialect.ts'
import { otherMembers, takeExtras } from './wire.ts'

const SAMPLING: readonly (readonly [string, keyof Sampling])[] = [
  ['temperature', 'temperature'],
  ['top_p', 'topP'],
  ['top_k', 'topK'],
  ['min_p', 'minP'],
  ['seed', 'seed'],
  ['repeat_penalty', 'repeatPenalty'],
  ['presence_penalty', 'presencePenalty'],
  ['frequency_penalty', 'frequencyPenalty'],
]
const OPTION_MEMBERS: ReadonlySet<string> = new Set([
  ...SAMPLING.map(([wire]) => wire),
  'num_predict',
  'stop',
])

type Settings = Pick<
  ChatRequest,
  'sampling' | 'maxTokens' | 'stop' | 'responseFormat' | 'reasoning' | 'logprobs' | 'extras'
>

/**
 * Reads the shared members; those outside `known` and the unknown options become `extras.ollama`. Nulls count as absent,
 * as in Go. Throws `invalid_request` naming the parameter.
 */
export function decodeSettings(body: JsonObject, known: ReadonlySet<string>): Settings {
  const settings: Settings = { sampling: {} }
  const options = optional(body, 'options', asObject, 'an object')
  const restOptions = options === undefined ? undefined : decodeOptions(options, settings)
  const responseFormat = decodeFormat(body['format'])
  if (responseFormat !== undefined) settings.responseFormat = responseFormat
  const reasoning = decodeThink(body['think'])
  if (reasoning !== undefined) settings.reasoning = reasoning
  const enabled = optional(body, 'logprobs', asBoolean, 'a boolean')
  const top = optional(body, 'top_logprobs', asNumber, 'a number')
  if (enabled !== undefined || top !== undefined) {
    settings.logprobs = { enabled: enabled ?? false, ...(top === undefined ? {} : { top }) }
  }
  const rest = otherMembers(body, known)
  if (rest !== undefined || restOptions !== undefined) {
    settings.extras = { ollama: { ...rest, ...(restOptions && { options: restOptions }) } }
  }
  return settings
}

/** Fills the sampling, the limit and the stop words; returns what the IR has no word for. */
function decodeOptions(options: JsonObject, settings: Settings): JsonObject | undefined {
  for (const [wire, name] of SAMPLING) {
    const value = optional(options, wire, asNumber, 'a number', 'options')
    if (value !== undefined) settings.sampling[name] = value
  }
  const rest = otherMembers(options, OPTION_MEMBERS) ?? {}
  const limit = optional(options, 'num_predict', asNumber, 'a number', 'options')
  // 0 and -1 are "no limit" and -2 "until the context is full": none of them is a limit elsewhere.
  if (limit !== undefined && limit >= 1) settings.maxTokens = Math.trunc(limit)
  else if (limit !== undefined) rest['num_predict'] = limit
  const stop = optional(options, 'stop', readStop, 'an array of strings', 'options')
  // An empty list only takes away the model's own stop words, which no other API can say.
  if (stop !== undefined && stop.length > 0) settings.stop = stop
  else if (stop !== undefined) rest['stop'] = stop
  return Object.keys(rest).length === 0 ? undefined : rest
}

function readStop(value: unknown): string[] | undefined {
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value)) return undefined
  return value.every((word): word is string => typeof word === 'string') ? value : undefined
}

function decodeFormat(value: unknown): ResponseFormat | undefined {
  // Older clients always send `format: ""`.
  if (value === undefined || value === null || value === '') return undefined
  if (value === 'json') return { type: 'json' }
  if (isObject(value)) return { type: 'json-schema', schema: value }
  if (typeof value !== 'string') throw invalidType('format', "'json' or a JSON schema")
  throw new GatewayError('invalid_request', {
    param: 'format',
    message: "Invalid value for 'format': expected 'json' or a JSON schema.",
  })
}

function decodeThink(value: unknown): Reasoning | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'boolean') return { enabled: value }
  if (typeof value === 'string') return { enabled: true, effort: value }
  throw invalidType('think', "a boolean or one of 'low', 'medium', 'high'")
}

/** The shared members for the wire, known extras of this dialect among them. `reserved` names cannot come from extras. */
export function encodeSettings(
  request: ChatRequest,
  target: EncodeTarget,
  reserved: ReadonlySet<string>,
  losses: LossList,
): JsonObject {
  const { options: restOptions, ...extras } = takeOllamaExtras(request, reserved, losses)
  const body: JsonObject = { ...extras }
  const options = encodeOptions(request, asObject(restOptions), losses)
  if (Object.keys(options).length > 0) body['options'] = options
  const format = encodeFormat(request.responseFormat, losses)
  if (format !== undefined) body['format'] = format
  const think = encodeThink(request.reasoning, target, losses)
  if (think !== undefined) body['think'] = think
  if (request.logprobs !== undefined) {
    body['logprobs'] = request.logprobs.enabled
    if (request.logprobs.top !== undefined) body['top_logprobs'] = request.logprobs.top
  }
  reportUnsayable(request, losses)
  return body
}

function takeOllamaExtras(
  request: ChatRequest,
  reserved: ReadonlySet<string>,
  losses: LossList,
): JsonObject {
  const withoutOptions = new Set(reserved)
  withoutOptions.delete('options')
  return takeExtras(request.extras, withoutOptions, 'extras', losses)
}

function encodeOptions(
  request: ChatRequest,
  rest: JsonObject | undefined,
  losses: LossList,
): JsonObject {
  const options: JsonObject = { ...rest }
  for (const [wire, name] of SAMPLING) {
    const value = request.sampling[name]
    if (value !== undefined) options[wire] = value
  }
  if (request.maxTokens !== undefined) {
    // Ollama reads 0 as "no limit", the opposite of what was asked.
    if (request.maxTokens < 1) losses.adapted('max-tokens', 'maxTokens', '1 is the least')
    options['num_predict'] = Math.max(1, request.maxTokens)
  }
  if (request.stop !== undefined && request.stop.length > 0) options['stop'] = request.stop
  return options
}

function encodeFormat(
  format: ResponseFormat | undefined,
  losses: LossList,
): 'json' | JsonObject | undefined {
  if (format === undefined || format.type === 'text') return undefined
  if (format.type === 'json') return 'json'
  for (const name of ['name', 'description', 'strict'] as const) {
    if (format[name] !== undefined) losses.dropped(`schema-${name}`, `responseFormat.${name}`)
  }
  return format.schema
}

const LEVELS: ReadonlySet<string> = new Set(['low', 'medium', 'high'])

/**
 * `think`. Levels go to gpt-oss alone: servers answer 400 to a level for any other model, and to `true` for one that
 * cannot think, so a level or an adaptive wish by itself leaves the model's own default.
 */
function encodeThink(
  reasoning: Reasoning | undefined,
  target: EncodeTarget,
  losses: LossList,
): boolean | string | undefined {
  if (reasoning === undefined) return undefined
  const { enabled, effort, budgetTokens, adaptive } = reasoning
  if (budgetTokens !== undefined) losses.dropped('reasoning-budget', 'reasoning.budgetTokens')
  if (adaptive !== undefined) losses.dropped('reasoning-adaptive', 'reasoning.adaptive')
  if (enabled === false || (effort === 'none' && enabled === undefined)) {
    if (effort !== undefined) losses.adapted('reasoning-effort', 'reasoning.effort')
    return false
  }
  const level = effort === undefined ? undefined : nearestLevel(effort)
  if (level !== undefined && /gpt-?oss/i.test(target.model)) {
    if (level !== effort || enabled === undefined) {
      losses.adapted('reasoning-effort', 'reasoning.effort', level)
    }
    return level
  }
  if (effort !== undefined) losses.dropped('reasoning-effort', 'reasoning.effort')
  return enabled
}

function nearestLevel(effort: string): string | undefined {
  if (LEVELS.has(effort)) return effort
  if (effort === 'minimal') return 'low'
  return effort === 'xhigh' || effort === 'max' ? 'high' : undefined
}

/** Members no Ollama endpoint has. One choice, no user and a parallel hint of true are what Ollama does anyway. */
function reportUnsayable(request: ChatRequest, losses: LossList): void {
  if (request.n !== undefined && request.n !== 1) losses.dropped('n', 'n')
  if (request.parallelToolCalls === false)
    losses.dropped('parallel-tool-calls', 'parallelToolCalls')
  if (request.user !== undefined) losses.dropped('user', 'user')
  if (request.echo === true) losses.dropped('echo', 'echo')
}
