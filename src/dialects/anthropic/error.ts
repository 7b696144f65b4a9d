// Errors of the Messages API, both ways: bodies of failing answers and the `error` event inside a stream. Messages go out as
// they are given; scrubbing and choosing the kind is the gateway's business, and causes never come here.

import type { GatewayError } from '../../core/error.ts'
import type { StreamError } from '../../core/ir/response.ts'
import { asObject, asString, parseJson } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ErrorCodec, ProviderError } from '../dialect.ts'
import { DIALECT } from './wire.ts'

/** Error types with the HTTP status each has at Anthropic. */
const STATUS: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
}

const TYPE_OF_STATUS: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS).map(([type, status]) => [status, type] as const),
)

/** Plain text longer than this is a page, not a message. */
const PLAIN_MESSAGE_CHARS_MAX = 500

/** Reads any error body; `[{"error": …}]`, `{"error": "…"}`, `{"message"}` and `{"detail"}` come from gateways in between. */
function decode(text: string): ProviderError | undefined {
  const body = parseJson(text)
  if (body === undefined) {
    const plain = text.trim()
    const readable =
      plain !== '' && plain.length <= PLAIN_MESSAGE_CHARS_MAX && !plain.startsWith('<')
    return readable ? { message: plain } : undefined
  }
  return fromJson(Array.isArray(body) ? body[0] : body)
}

function fromJson(value: JsonValue | undefined): ProviderError | undefined {
  const body = asObject(value)
  if (body === undefined) return undefined
  const error = asObject(body['error']) ?? body
  const message = asString(error['message']) ?? asString(body['error']) ?? asString(body['detail'])
  if (message === undefined) return undefined
  const type = error === body ? undefined : (asString(error['type']) ?? asString(error['status']))
  const code = error['code']
  const param = asString(error['param'])
  return {
    message,
    ...(type === undefined ? {} : { type }),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(param === undefined ? {} : { param }),
  }
}

function encode(error: GatewayError, requestId: string): JsonObject {
  return {
    type: 'error',
    error: { type: error.anthropicType, message: error.message },
    request_id: requestId,
  }
}

export const errors: ErrorCodec = {
  decode,
  encode,
  encodeStream(error, requestId) {
    return `event: error\ndata: ${JSON.stringify(encode(error, requestId))}\n\n`
  },
}

/** The `error` event of a provider's stream. */
export function streamError(data: JsonObject): StreamError {
  const told = fromJson(data)
  const status =
    told?.type !== undefined && Object.hasOwn(STATUS, told.type) ? STATUS[told.type] : 500
  return {
    message: told?.message ?? 'The provider reported an error without a message.',
    ...(told?.type === undefined ? {} : { type: told.type, code: told.code ?? told.type }),
    status: status ?? 500,
    raw: { dialect: DIALECT, value: data },
  }
}

/** An error of any provider as Anthropic's `error` event: its type where it is one of Anthropic's, else by its status. */
export function streamErrorEvent(error: StreamError): string {
  const own = error.type !== undefined && Object.hasOwn(STATUS, error.type) ? error.type : undefined
  const type = own ?? TYPE_OF_STATUS.get(error.status ?? 500) ?? byClass(error.status ?? 500)
  const body = { type: 'error', error: { type, message: error.message } }
  return `event: error\ndata: ${JSON.stringify(body)}\n\n`
}

function byClass(status: number): string {
  if (status === 503) return 'overloaded_error'
  return status >= 400 && status < 500 ? 'invalid_request_error' : 'api_error'
}
