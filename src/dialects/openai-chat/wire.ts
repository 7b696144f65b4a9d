// The wire names of OpenAI's Chat Completions: which members of each object have a word in the IR, and the few readers and
// writers of `extras` that every file here and the two sister dialects need. It holds no translation of its own.

import { GatewayError } from '../../core/error.ts'
import type { DialectName, Extras } from '../../core/ir/request.ts'
import { isObject, unknownMembers } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'

export const DIALECT = 'openai-chat' as const

export const REQUEST_MEMBERS: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'stream',
  'stream_options',
  'temperature',
  'top_p',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'top_k',
  'min_p',
  'repetition_penalty',
  'repeat_penalty',
  'max_tokens',
  'max_completion_tokens',
  'stop',
  'n',
  'tools',
  'tool_choice',
  'functions',
  'function_call',
  'parallel_tool_calls',
  'response_format',
  'reasoning_effort',
  'reasoning',
  'logprobs',
  'top_logprobs',
  'user',
])

export const MESSAGE_MEMBERS: ReadonlySet<string> = new Set([
  'role',
  'content',
  'name',
  'refusal',
  'tool_calls',
  'function_call',
  'audio',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'cache_control',
])

/** `name` of a tool message becomes the result's `toolName`. */
export const TOOL_MESSAGE_MEMBERS: ReadonlySet<string> = new Set([
  'role',
  'content',
  'name',
  'tool_call_id',
  'cache_control',
])

export const RESPONSE_MEMBERS: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created',
  'model',
  'choices',
  'usage',
  // Padding against traffic analysis (OpenAI, Mistral), an echo of the request (LiteLLM), an error beside an answer.
  'obfuscation',
  'p',
  'stream_options',
  'error',
  // NeMo Guardrails: see `rails.ts`.
  'guardrails',
])

/** Unknown members as `Extras` of a dialect; undefined when there are none but nulls, which say nothing. */
export function extrasOf(
  dialect: DialectName,
  body: JsonObject,
  known: ReadonlySet<string>,
): Extras | undefined {
  const rest = withoutNulls(unknownMembers(body, known))
  return rest === undefined ? undefined : { [dialect]: rest }
}

/** A copy without null members, as SDKs send nulls for unset fields; undefined when nothing is left. */
export function withoutNulls(members: JsonObject | undefined): JsonObject | undefined {
  if (members === undefined) return undefined
  const entries = Object.entries(members).filter(([, value]) => value !== null)
  // `fromEntries` defines members, so that one named `__proto__` stays a member.
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** Sets members on a wire object without letting one named `__proto__` reach the prototype. */
export function assignMembers(target: JsonObject, members: JsonObject | undefined): JsonObject {
  if (members === undefined) return target
  for (const key of Object.keys(members)) {
    Object.defineProperty(target, key, {
      value: members[key],
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return target
}

/** The error for a value of the right type that means nothing here. */
export function invalidValue(param: string, wanted: string): GatewayError {
  return new GatewayError('invalid_request', {
    param,
    message: `Invalid value for '${param}': expected ${wanted}.`,
  })
}

/** The error for a provider's answer that is no answer of this dialect. */
export function badResponse(what: string): GatewayError {
  return new GatewayError('upstream_bad_response', { cause: new Error(what) })
}

/** The last second that a Date can hold. */
const CREATED_SECONDS_MAX = 8_640_000_000_000

/** Seconds of the wire as milliseconds; zero and nonsense (Snowflake, Azure's first chunk) count as not told. */
export function createdMs(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= CREATED_SECONDS_MAX
    ? Math.trunc(value) * 1000
    : undefined
}

export function createdSeconds(ms: number): number {
  return Math.trunc(ms / 1000)
}

/** The members of `value` if it is an object with at least one that is neither null nor empty. */
export function meaningful(value: JsonValue | undefined): JsonObject | undefined {
  if (!isObject(value)) return undefined
  const told = Object.values(value).some(
    (member) => member !== null && member !== '' && member !== 0,
  )
  return told ? value : undefined
}
