// Errors of Google's APIs, both ways: bodies of failing answers, and the frame that tells one inside a stream. Messages go
// out as they are given; scrubbing and choosing the kind is the gateway's business, and causes never come here.

import type { GatewayError } from '../../core/error.ts'
import type { StreamError } from '../../core/ir/response.ts'
import { asArray, asObject, asString, parseJson } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ErrorCodec, ProviderError } from '../dialect.ts'
import { sseEvent } from '../sse.ts'
import { DIALECT } from './wire.ts'

/** Google's canonical words by the HTTP status each has. */
const WORDS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  412: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

const STATUS_OF_WORD: ReadonlyMap<string, number> = new Map(
  Object.entries(WORDS).map(([status, word]) => [word, Number(status)] as const),
)

/** Plain text longer than this is a page, not a message. */
const PLAIN_MESSAGE_CHARS_MAX = 500

/** A protobuf duration in seconds, as RetryInfo has it. */
const DURATION = /^(\d{1,9}(?:\.\d{1,9})?)s$/

/** Reads any error body; a stream without `alt=sse` fails with the error in a list, gateways in between say it in their way. */
function decode(text: string): ProviderError | undefined {
  const body = parseJson(text)
  if (body !== undefined) return errorOf(body)
  const plain = text.trim()
  const readable = plain !== '' && plain.length <= PLAIN_MESSAGE_CHARS_MAX && !/^[<{[]/.test(plain)
  return readable ? { message: plain } : undefined
}

function errorOf(value: JsonValue | undefined): ProviderError | undefined {
  const body = asObject(Array.isArray(value) ? value[0] : value)
  if (body === undefined) return undefined
  const error = asObject(body['error']) ?? body
  const message = [error['message'], body['error'], body['detail'], error['status']].find(
    (item) => typeof item === 'string' && item !== '',
  )
  if (typeof message !== 'string') return undefined
  const details = (asArray(error['details']) ?? []).map(asObject)
  const type = asString(error['status'])
  const reason = details
    .map((detail) => asString(detail?.['reason']))
    .find((word) => word !== undefined)
  const field = details
    .flatMap((detail) => asArray(detail?.['fieldViolations']) ?? [])
    .map((violation) => asString(asObject(violation)?.['field']))
    .find((name) => name !== undefined && name !== '')
  const number = error['code']
  const code = reason ?? (typeof number === 'string' || typeof number === 'number' ? number : type)
  const wait = details.map(retryDelayMs).find((delay) => delay !== undefined)
  return {
    message,
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code: String(code) }),
    ...(field === undefined ? {} : { param: field }),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  }
}

/** `retryDelay` of a RetryInfo in milliseconds, rounded up: asking too early is refused again. */
function retryDelayMs(detail: JsonObject | undefined): number | undefined {
  const seconds = DURATION.exec(asString(detail?.['retryDelay']) ?? '')?.[1]
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1_000)
}

function encode(error: GatewayError, requestId: string): JsonObject {
  const details: JsonObject[] = []
  const add = (name: string, value: JsonObject) =>
    details.push({ '@type': `type.googleapis.com/google.rpc.${name}`, ...value })
  if (error.code !== null) {
    add('ErrorInfo', { reason: error.code.toUpperCase(), domain: 'weir' })
  }
  if (error.param !== null) {
    add('BadRequest', {
      fieldViolations: [{ field: error.param, description: error.message }],
    })
  }
  if (error.retryAfterMs !== undefined) {
    add('RetryInfo', { retryDelay: `${Math.ceil(error.retryAfterMs) / 1_000}s` })
  }
  add('RequestInfo', { requestId })
  const { status, message } = error
  return { error: { code: status, message, status: wordOf(status), details } }
}

export const errors: ErrorCodec = {
  decode,
  encode,
  encodeStream: (error, requestId) => sseEvent(JSON.stringify(encode(error, requestId))),
}

function wordOf(status: number): string {
  const word = WORDS[status]
  if (word !== undefined) return word
  return status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT'
}

/** The error that a frame of a provider's stream tells; undefined for a frame without one. */
export function streamError(frame: JsonValue): StreamError | undefined {
  const body = asObject(Array.isArray(frame) ? frame[0] : frame)
  if (body === undefined || (body['error'] ?? null) === null) return undefined
  const told = errorOf(body)
  const number = asObject(body['error'])?.['code']
  const status =
    typeof number === 'number' && number >= 400 && number <= 599
      ? number
      : (STATUS_OF_WORD.get(told?.type ?? '') ?? 500)
  return {
    message: told?.message ?? 'The provider reported an error without a message.',
    ...(told?.type === undefined ? {} : { type: told.type }),
    ...(told?.code === undefined ? {} : { code: told.code }),
    status,
    raw: { dialect: DIALECT, value: body },
  }
}

/** An error of any provider as the last frame of a stream: Google's word where it is one, else by its status. */
export function streamErrorFrame(error: StreamError): string {
  const own = error.type !== undefined && STATUS_OF_WORD.has(error.type) ? error.type : undefined
  const status = error.status ?? (own === undefined ? 500 : STATUS_OF_WORD.get(own)!)
  const body = { code: status, message: error.message, status: own ?? wordOf(status) }
  return sseEvent(JSON.stringify({ error: body }))
}
