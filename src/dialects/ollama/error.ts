// Ollama's errors: `{"error":"…"}` as a body and as a line of a stream. Ollama Cloud and old proxies answer in OpenAI's form,
// and unknown paths in plain text; all are read, and one is written.

import type { GatewayError } from '../../core/error.ts'
import type { StreamError } from '../../core/ir/response.ts'
import { type JsonObject, asObject, asString, parseJson } from '../../core/json.ts'
import type { ErrorCodec, ProviderError } from '../dialect.ts'
import { ndjsonLine } from '../sse.ts'

/** Longest plain-text body taken for a message; a page of HTML is none. */
const PLAIN_TEXT_CHARS_MAX = 500

/** The text of an `error` member of either form; undefined where there is no error. */
export function errorText(error: unknown): string | undefined {
  if (typeof error === 'string') return error
  const object = asObject(error)
  if (object === undefined) return undefined
  return asString(object['message']) ?? JSON.stringify(object)
}

/** An `error` member as what a provider says. Codes are given to the two sentences that callers must tell apart. */
export function readError(error: unknown): ProviderError | undefined {
  const message = errorText(error)
  if (message === undefined) return undefined
  const object = asObject(error) ?? {}
  const code = asString(object['code']) ?? numberText(object['code']) ?? codeOf(message)
  const type = asString(object['type'])
  const param = asString(object['param'])
  return {
    message,
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
  }
}

function numberText(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : undefined
}

function codeOf(message: string): string | undefined {
  const text = message.slice(0, PLAIN_TEXT_CHARS_MAX)
  if (/exceed\w* (the |max |maximum )?(max )?context length/i.test(text)) {
    return 'context_length_exceeded'
  }
  return /^model .*not found/i.test(text) ? 'model_not_found' : undefined
}

/** The same inside a stream. */
export function streamError(error: JsonObject['error'] & {}): StreamError {
  const read = readError(error) ?? { message: 'The provider reported an error.' }
  return {
    message: read.message,
    ...(read.type === undefined ? {} : { type: read.type }),
    ...(read.code === undefined ? {} : { code: read.code }),
    raw: { dialect: 'ollama', value: error },
  }
}

/** The error line of a stream; nothing follows it. */
export function errorLine(message: string): string {
  return ndjsonLine({ error: message })
}

export const errors: ErrorCodec = {
  decode(text: string): ProviderError | undefined {
    const body = parseJson(text)
    const object = asObject(body)
    if (object !== undefined) return readError(object['error'] ?? object['message'])
    const plain = text.trim()
    const isText = body === undefined && plain !== '' && plain.length <= PLAIN_TEXT_CHARS_MAX
    return isText && !plain.startsWith('<') && !plain.startsWith('{') ? readError(plain) : undefined
  },
  encode(error: GatewayError): JsonObject {
    return { error: error.message }
  },
  encodeStream(error: GatewayError): string {
    return errorLine(error.message)
  },
}
