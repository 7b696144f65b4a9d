// Errors of every provider that speaks an OpenAI dialect, and the errors a client gets. Decoding takes whatever shape came;
// encoding always has OpenAI's four members. Messages are not scrubbed here; what is encoded holds no cause.

import type { GatewayError } from '../../core/error.ts'
import type { StreamError } from '../../core/ir/response.ts'
import { asArray, asObject, asString, isObject, parseJson } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ErrorCodec, ProviderError } from '../dialect.ts'
import { sseEvent } from '../sse.ts'
import type { DIALECT } from './wire.ts'

/** Plain text longer than this is a page, not a message. */
const PLAIN_TEXT_CHARS_MAX = 500
/** Depth to which one error is looked for inside another. */
const NESTING_MAX = 4

export const openaiErrors: ErrorCodec = {
  decode: decodeError,
  encode: (error) => encodeError(error),
  encodeStream: (error) => sseEvent(JSON.stringify(encodeError(error))),
}

/** Reads an error body; undefined for an empty one, HTML and JSON that says nothing. */
export function decodeError(text: string): ProviderError | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  const value = parseJson(trimmed)
  if (value !== undefined) return decodeErrorValue(value)
  const page = trimmed.startsWith('<') || trimmed.length > PLAIN_TEXT_CHARS_MAX
  // A cut JSON document is no message either.
  return page || trimmed.startsWith('{') || trimmed.startsWith('[')
    ? undefined
    : { message: trimmed }
}

/**
 * Reads the known shapes: OpenAI's `{error:{…}}` (also in a list, Gemini's), `{error:"text", code}` (xAI),
 * `{detail:"text"}` (Mistral) and `{detail:[{loc,msg}]}` (FastAPI), `{message,type,code}` (older vLLM, Cloudflare's
 * `errors` list), a bare string.
 */
export function decodeErrorValue(value: JsonValue, depth = 0): ProviderError | undefined {
  if (depth > NESTING_MAX) return undefined
  if (typeof value === 'string') return value.trim() === '' ? undefined : { message: value.trim() }
  if (Array.isArray(value)) {
    const [first] = value
    return first === undefined ? undefined : decodeErrorValue(first, depth + 1)
  }
  if (!isObject(value)) return undefined
  const { error } = value
  if (isObject(error)) return decodeErrorObject(error, value, depth)
  if (typeof error === 'string' && error !== '') return described(error, value)
  if (Array.isArray(error)) return decodeErrorValue(error, depth + 1)
  const detail = decodeDetailMember(value.detail)
  if (detail !== undefined) return detail
  const errors = asArray(value.errors)
  if (errors !== undefined && errors.length > 0) return decodeErrorValue(errors, depth + 1)
  return isObject(value.message) || typeof value.message === 'string'
    ? decodeErrorObject(value, value, depth)
    : undefined
}

function decodeErrorObject(
  error: JsonObject,
  outer: JsonObject,
  depth: number,
): ProviderError | undefined {
  const own = messageText(error.message, depth)
  const metadata = asObject(error.metadata)
  const raw = asString(metadata?.raw)
  // OpenRouter says "Provider returned error" and keeps the provider's own words in `metadata.raw`.
  const inner = raw === undefined ? undefined : decodeError(raw)?.message
  const message = inner === undefined ? own : own === undefined ? inner : `${own}: ${inner}`
  const told = message ?? asString(error.code) ?? asString(error.type)
  if (told === undefined) return undefined
  const wait = retryDelayMs(error.details ?? outer.details)
  const result = described(told, error)
  return wait === undefined ? result : { ...result, retryAfterMs: wait }
}

/** `message` as text; some gateways put a whole error document into it. */
function messageText(value: JsonValue | undefined, depth: number): string | undefined {
  if (isObject(value)) return decodeErrorValue(value, depth + 1)?.message
  const text = asString(value)
  if (text === undefined || text === '') return undefined
  if (!text.startsWith('{')) return text
  const parsed = parseJson(text)
  return (parsed === undefined ? undefined : decodeErrorValue(parsed, depth + 1)?.message) ?? text
}

function described(message: string, wire: JsonObject): ProviderError {
  const type = asString(wire.type)
  const code = typeof wire.code === 'number' ? String(wire.code) : asString(wire.code)
  const param = asString(wire.param)
  return {
    message,
    ...(type === undefined || type === '' ? {} : { type }),
    ...(code === undefined || code === '' ? {} : { code }),
    ...(param === undefined || param === '' ? {} : { param }),
  }
}

function decodeDetailMember(value: JsonValue | undefined): ProviderError | undefined {
  if (typeof value === 'string' && value !== '') return { message: value }
  if (isObject(value)) return decodeErrorValue(value, 1)
  const first = asObject(asArray(value)?.[0])
  const message = asString(first?.msg)
  if (first === undefined || message === undefined) return undefined
  const location = (asArray(first.loc) ?? []).filter((part) => part !== 'body')
  const param = location.join('.')
  return param === '' ? { message } : { message: `${param}: ${message}`, param }
}

/** Google's `RetryInfo.retryDelay` (`"34.4s"`) in milliseconds. */
function retryDelayMs(value: JsonValue | undefined): number | undefined {
  for (const item of asArray(value) ?? []) {
    const match = /^(\d+(?:\.\d+)?)s$/.exec(asString(asObject(item)?.retryDelay) ?? '')
    if (match?.[1] !== undefined) return Math.ceil(Number(match[1]) * 1000)
  }
  return undefined
}

function encodeError(error: GatewayError): JsonObject {
  return {
    error: { message: error.message, type: error.type, param: error.param, code: error.code },
  }
}

/** An error told inside a stream, from the frame's JSON value or from text that is none. */
export function decodeStreamError(value: JsonValue, dialect: StreamErrorDialect): StreamError {
  const told = decodeErrorValue(value)
  const wire = asObject(asObject(value)?.error) ?? asObject(value)
  const status = [wire?.status_code, wire?.status, wire?.code].find(
    (item) => typeof item === 'number' && item >= 400 && item <= 599,
  )
  return {
    message: told?.message ?? 'The provider reported an error in the stream.',
    ...(told?.type === undefined ? {} : { type: told.type }),
    ...(told?.code === undefined ? {} : { code: told.code }),
    ...(typeof status === 'number' ? { status } : {}),
    raw: { dialect, value },
  }
}

export type StreamErrorDialect = typeof DIALECT | 'openai-completions'

/** The last event of a failed stream; no `[DONE]` follows it. */
export function encodeStreamError(error: StreamError): string {
  const wire = {
    message: error.message,
    type: error.type ?? 'server_error',
    param: null,
    code: error.code ?? null,
  }
  return sseEvent(JSON.stringify({ error: wire }))
}
