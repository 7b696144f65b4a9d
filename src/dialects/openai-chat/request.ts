// The Chat Completions request, both directions: what the client asked as IR, and the IR as what a provider takes, bent
// by the provider's quirks. Every member without a word in the IR is kept in `extras` and comes home on encode.

import { LossList } from '../../core/ir/loss.ts'
import type { Encoded } from '../../core/ir/loss.ts'
import type { ChatRequest, Reasoning, Sampling } from '../../core/ir/request.ts'
import {
  asArray,
  asBoolean,
  asNumber,
  asObject,
  asString,
  invalidType,
  isObject,
  optional,
  required,
  unknownMembers,
} from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { EncodeTarget, Quirks, RequestHints } from '../dialect.ts'
import { decodeMessages } from './messages.ts'
import { callsWithoutThinking } from './reasoning.ts'
import { encodeMessages } from './messages-encode.ts'
import { isEarlyReasoningModel, isReasoningModel, refusesEffort } from './models.ts'
import { decodeResponseFormat, encodeResponseFormat, tellSchema } from './response-format.ts'
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools } from './tools.ts'
import { ownExtras } from '../extras.ts'
import { assignMembers, DIALECT, REQUEST_MEMBERS, withoutNulls } from './wire.ts'

/** Throws GatewayError `invalid_request` naming `param`; null members count as absent. */
export function decodeRequest(body: JsonObject, hints: RequestHints): ChatRequest {
  const extras: JsonObject = { ...withoutNulls(unknownMembers(body, REQUEST_MEMBERS)) }
  const request: ChatRequest = {
    form: 'chat',
    model: hints.model ?? required(body, 'model', asString, 'a string'),
    messages: decodeMessages(body),
    stream: optional(body, 'stream', asBoolean, 'a boolean') ?? false,
    sampling: decodeSampling(body),
  }
  decodeShared(body, request, extras)
  const maxTokens =
    optional(body, 'max_completion_tokens', asNumber, 'an integer') ??
    optional(body, 'max_tokens', asNumber, 'an integer')
  if (maxTokens !== undefined) request.maxTokens = maxTokens
  const tools = decodeTools(body)
  if (tools !== undefined) request.tools = tools
  if ((body.functions ?? null) !== null && (body.tools ?? null) === null) {
    request.legacyFunctions = true
  }
  const { choice, raw } = decodeToolChoice(body)
  if (choice !== undefined) request.toolChoice = choice
  if (raw !== undefined) extras.tool_choice = raw
  const parallel = optional(body, 'parallel_tool_calls', asBoolean, 'a boolean')
  if (parallel !== undefined) request.parallelToolCalls = parallel
  const format = decodeResponseFormat(body, extras)
  if (format !== undefined) request.responseFormat = format
  const reasoning = decodeReasoningOptions(body, extras)
  if (reasoning !== undefined) request.reasoning = reasoning
  const logprobs = optional(body, 'logprobs', asBoolean, 'a boolean')
  const top = optional(body, 'top_logprobs', asNumber, 'an integer')
  if (logprobs !== undefined || top !== undefined) {
    request.logprobs = { enabled: logprobs ?? false, ...(top === undefined ? {} : { top }) }
  }
  if (Object.keys(extras).length > 0) request.extras = { [DIALECT]: extras }
  return request
}

/** Members that chat and legacy completions have in common: `stream_options`, `stop`, `n`, `user`. */
export function decodeShared(body: JsonObject, request: ChatRequest, extras: JsonObject): void {
  const options = optional(body, 'stream_options', asObject, 'an object')
  if (options !== undefined) {
    const usage = optional(options, 'include_usage', asBoolean, 'a boolean', 'stream_options')
    if (usage !== undefined) request.streamUsage = usage
    const rest = withoutNulls(unknownMembers(options, new Set(['include_usage'])))
    if (rest !== undefined) extras.stream_options = rest
  }
  const stop = decodeStop(body.stop)
  if (stop !== undefined) request.stop = stop
  const n = optional(body, 'n', asNumber, 'an integer')
  if (n !== undefined) request.n = n
  const user = optional(body, 'user', asString, 'a string')
  if (user !== undefined) request.user = user
}

export function decodeSampling(body: JsonObject): Sampling {
  const sampling: Sampling = {}
  const temperature = optional(body, 'temperature', asNumber, 'a number')
  const topP = optional(body, 'top_p', asNumber, 'a number')
  const seed = optional(body, 'seed', asNumber, 'an integer')
  const frequencyPenalty = optional(body, 'frequency_penalty', asNumber, 'a number')
  const presencePenalty = optional(body, 'presence_penalty', asNumber, 'a number')
  if (temperature !== undefined) sampling.temperature = temperature
  if (topP !== undefined) sampling.topP = topP
  if (seed !== undefined) sampling.seed = seed
  if (frequencyPenalty !== undefined) sampling.frequencyPenalty = frequencyPenalty
  if (presencePenalty !== undefined) sampling.presencePenalty = presencePenalty
  // Not OpenAI's: OpenRouter, vLLM, SGLang, llama.cpp, LM Studio and Together take them beside OpenAI's own.
  const topK = optional(body, 'top_k', asNumber, 'an integer')
  const minP = optional(body, 'min_p', asNumber, 'a number')
  const repeatPenalty =
    optional(body, 'repetition_penalty', asNumber, 'a number') ??
    optional(body, 'repeat_penalty', asNumber, 'a number')
  if (topK !== undefined) sampling.topK = topK
  if (minP !== undefined) sampling.minP = minP
  if (repeatPenalty !== undefined) sampling.repeatPenalty = repeatPenalty
  return sampling
}

function decodeStop(value: JsonValue | undefined): string[] | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return [value]
  const list = asArray(value)
  if (list === undefined) throw invalidType('stop', 'a string or an array of strings')
  return list.map((item, index) => {
    if (typeof item !== 'string') throw invalidType(`stop[${index}]`, 'a string')
    return item
  })
}

/** `reasoning_effort`, and OpenRouter's `reasoning: {effort, max_tokens, enabled, …}`. */
function decodeReasoningOptions(body: JsonObject, extras: JsonObject): Reasoning | undefined {
  const wire = optional(body, 'reasoning', asObject, 'an object')
  const reasoning: Reasoning = {}
  const effort =
    optional(body, 'reasoning_effort', asString, 'a string') ??
    (wire === undefined ? undefined : optional(wire, 'effort', asString, 'a string', 'reasoning'))
  if (effort !== undefined) reasoning.effort = effort
  if (wire !== undefined) {
    const budget = optional(wire, 'max_tokens', asNumber, 'an integer', 'reasoning')
    const enabled = optional(wire, 'enabled', asBoolean, 'a boolean', 'reasoning')
    if (budget !== undefined) reasoning.budgetTokens = budget
    if (enabled !== undefined) reasoning.enabled = enabled
    const rest = withoutNulls(unknownMembers(wire, new Set(['effort', 'max_tokens', 'enabled'])))
    if (rest !== undefined) extras.reasoning = rest
  }
  return Object.keys(reasoning).length === 0 ? undefined : reasoning
}

/** Throws GatewayError `unsupported` for media that cannot be sent; all else that does not fit is a loss. */
export function encodeRequest(request: ChatRequest, target: EncodeTarget): Encoded<JsonObject> {
  const losses = new LossList()
  const { quirks } = target
  const body: JsonObject = {
    model: target.model,
    messages: encodeMessages(request, quirks, losses),
  }
  encodeToolOptions(request, target, body, losses)
  if (request.responseFormat !== undefined) {
    body.response_format = encodeResponseFormat(request.responseFormat)
  }
  if (request.maxTokens !== undefined) {
    body[maxTokensField(target)] = request.maxTokens
  }
  encodeSampling(request, target, body, losses)
  encodeReasoningOptions(request, target, body, losses)
  encodeShared(request, target, body)
  if (request.logprobs !== undefined) encodeLogprobOptions(request.logprobs, target, body, losses)
  if (request.suffix !== undefined) losses.dropped('suffix', 'suffix')
  if (request.echo === true) losses.dropped('echo', 'echo')
  addExtras(body, ownExtras(request.extras, DIALECT, '', losses))
  if (quirks.noJsonSchema === true && request.responseFormat?.type === 'json-schema') {
    tellSchema(body, request.responseFormat.schema, losses)
  }
  dropRefused(body, quirks.refusedFields, losses)
  return { value: quirks.shape?.(body) ?? body, losses: losses.items }
}

function maxTokensField({ model, quirks }: EncodeTarget): string {
  const field = quirks.maxTokensField ?? 'max_completion_tokens'
  if (field !== 'auto') return field
  return isReasoningModel(model) ? 'max_completion_tokens' : 'max_tokens'
}

function encodeToolOptions(
  request: ChatRequest,
  { quirks }: EncodeTarget,
  body: JsonObject,
  losses: LossList,
): void {
  const tools = encodeTools(request.tools ?? [], quirks, losses)
  if (tools.length > 0) body.tools = tools
  if (tools.length > 0 || request.tools === undefined) {
    if (request.toolChoice !== undefined) {
      body.tool_choice = encodeToolChoice(request.toolChoice, quirks)
    }
    if (request.parallelToolCalls !== undefined) {
      body.parallel_tool_calls = request.parallelToolCalls
    }
    return
  }
  // Of tools that are all lost there is nothing to choose, and OpenAI refuses both without tools.
  if (request.toolChoice !== undefined) losses.dropped('tool-choice', 'toolChoice', 'no tools')
  if (request.parallelToolCalls !== undefined) {
    losses.dropped('parallel-tool-calls', 'parallelToolCalls', 'no tools')
  }
}

/**
 * Sampling options; those without an OpenAI word are losses, and so are those that OpenAI's reasoning models answer with
 * a 400 which the client could do nothing about.
 */
function encodeSampling(
  request: ChatRequest,
  target: EncodeTarget,
  body: JsonObject,
  losses: LossList,
): void {
  const { sampling } = request
  const refused = isEarlyReasoningModel(target.model, request.reasoning?.effort)
  const put = (key: string, name: keyof Sampling, feature: string): void => {
    const value = sampling[name]
    if (value === undefined) return
    if (refused && !(key === 'temperature' && value === 1)) {
      // The model samples all the same, in its own way.
      losses.adapted(feature, `sampling.${name}`, 'refused by reasoning models')
    } else body[key] = value
  }
  put('temperature', 'temperature', 'temperature')
  put('top_p', 'topP', 'top-p')
  put('frequency_penalty', 'frequencyPenalty', 'frequency-penalty')
  put('presence_penalty', 'presencePenalty', 'presence-penalty')
  if (sampling.seed !== undefined) body[target.quirks.seedField ?? 'seed'] = sampling.seed
  encodeMoreSampling(sampling, target.quirks, body, losses)
}

const MORE_SAMPLING = [
  ['topK', 'top-k'],
  ['minP', 'min-p'],
  ['repeatPenalty', 'repeat-penalty'],
] as const

/** The options that OpenAI has no word for: under the provider's names for them, or as losses. */
export function encodeMoreSampling(
  sampling: Sampling,
  quirks: Quirks,
  body: JsonObject,
  losses: LossList,
): void {
  for (const [name, feature] of MORE_SAMPLING) {
    const value = sampling[name]
    if (value === undefined) continue
    const field = quirks.samplingFields?.[name]
    if (field === undefined) losses.dropped(feature, `sampling.${name}`)
    else body[field] = value
  }
}

function encodeReasoningOptions(
  { reasoning, messages }: ChatRequest,
  { model, quirks }: EncodeTarget,
  body: JsonObject,
  losses: LossList,
): void {
  if (reasoning === undefined) return
  const { effort, budgetTokens, enabled, adaptive } = reasoning
  if (quirks.reasoningDetails === true) {
    // OpenRouter's own object says all but `adaptive`.
    const wire: JsonObject = {}
    if (effort !== undefined) wire.effort = effort
    if (budgetTokens !== undefined) wire.max_tokens = budgetTokens
    if (enabled !== undefined) wire.enabled = enabled
    if (enabled !== false && effort !== 'none' && callsWithoutThinking(messages)) {
      losses.dropped('reasoning', 'reasoning', 'tool calls without thinking in the open turn')
      body.reasoning = { enabled: false }
      return
    }
    if (Object.keys(wire).length > 0) body.reasoning = wire
  } else if (quirks.reasoningEfforts !== undefined) {
    encodeEffort(reasoning, quirks.reasoningEfforts, body, losses)
  } else {
    if (effort !== undefined) {
      if (refusesEffort(model)) losses.dropped('reasoning-effort', 'reasoning.effort')
      else body.reasoning_effort = effort
    }
    if (budgetTokens !== undefined) losses.dropped('reasoning-budget', 'reasoning.budgetTokens')
    if (enabled !== undefined) losses.dropped('reasoning-enabled', 'reasoning.enabled')
  }
  if (adaptive !== undefined) losses.dropped('reasoning-adaptive', 'reasoning.adaptive')
}

/** Thinking or none, where an effort has no more words than these. */
function encodeEffort(
  { effort, budgetTokens, enabled, adaptive }: Reasoning,
  words: NonNullable<EncodeTarget['quirks']['reasoningEfforts']>,
  body: JsonObject,
  losses: LossList,
): void {
  const asked = enabled ?? (effort !== undefined || budgetTokens !== undefined ? true : adaptive)
  if (asked === undefined) return
  const word = asked && effort !== 'none' ? words.on : words.off
  body.reasoning_effort = word
  if (effort !== undefined && effort !== word) {
    losses.adapted('reasoning-effort', 'reasoning.effort', word)
  }
  if (budgetTokens !== undefined) losses.dropped('reasoning-budget', 'reasoning.budgetTokens')
  if (enabled !== undefined) losses.adapted('reasoning-enabled', 'reasoning.enabled', word)
}

/** Members that chat and legacy completions have in common. */
export function encodeShared(
  request: ChatRequest,
  { quirks }: EncodeTarget,
  body: JsonObject,
): void {
  if (request.stop !== undefined) body.stop = request.stop
  if (request.n !== undefined) body.n = request.n
  if (request.user !== undefined) body.user = request.user
  if (!request.stream) return
  body.stream = true
  // Usage is metered on every stream; the chunk is withheld from a client that did not ask.
  if (quirks.noStreamOptions !== true) body.stream_options = { include_usage: true }
}

function encodeLogprobOptions(
  logprobs: NonNullable<ChatRequest['logprobs']>,
  { model }: EncodeTarget,
  body: JsonObject,
  losses: LossList,
): void {
  if (logprobs.enabled && isEarlyReasoningModel(model, undefined)) {
    losses.dropped('logprobs', 'logprobs', 'refused by reasoning models')
    return
  }
  body.logprobs = logprobs.enabled
  if (logprobs.top !== undefined) body.top_logprobs = logprobs.top
}

/** Puts kept members back; those that hold the rest of a known object are merged into it. */
export function addExtras(body: JsonObject, extras: JsonObject | undefined): void {
  if (extras === undefined) return
  for (const key of Object.keys(extras)) {
    const value = extras[key]
    if (key === 'stream_options' || key === 'reasoning') {
      if (key === 'stream_options' && body.stream_options === undefined) continue
      if (isObject(value)) body[key] = { ...asObject(body[key]), ...value }
    } else assignMembers(body, { [key]: value })
  }
}

/** Takes out what the upstream refuses; the loss `refused-field` names each. */
export function dropRefused(
  body: JsonObject,
  refused: readonly string[] | undefined,
  losses: LossList,
): void {
  for (const key of refused ?? []) {
    if (body[key] === undefined) continue
    delete body[key]
    losses.dropped('refused-field', key)
  }
}
