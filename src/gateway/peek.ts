// The first look at a request's bytes: is it JSON within bounds, which model, streamed or not, and where in the bytes
// the members stand that relay may have to change. It parses once; nobody parses the client's body again.

import { GatewayError } from '../core/error.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { scanTopLevel, type Scan, type ScanProblem } from '../core/json-span.ts'
import { LIMITS } from '../core/limits.ts'
import type { Inbound } from './inbound.ts'
import type { EarlierTurns } from './kept-responses.ts'

export interface PeekedBody {
  /** The received bytes, without a byte order mark. */
  readonly bytes: Uint8Array
  readonly body: JsonObject
  readonly scan: Scan
}

export interface Peeked extends PeekedBody {
  /** The model as the client names it: from the path, else from the body. */
  readonly model: string
  readonly stream: boolean
  /** Turns that the body refers to, once they are found; they may be in `body` then, but never in `bytes`. */
  readonly earlier?: EarlierTurns
}

/** Members whose spans relay may need; naming one twice is refused, as two parsers could read two values. */
const WANTED: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'stream_options',
  // What defaults may be put into.
  'options',
  'generationConfig',
  'generation_config',
  'reasoning',
  'text',
])

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads what every later step needs.
 * @throws GatewayError `invalid_json` or `invalid_request` (with `param`), never echoing a value of the client's.
 */
export function peek(inbound: Inbound): Peeked {
  const peeked = peekBody(inbound.bytes)
  const { body } = peeked
  return {
    ...peeked,
    model: readModel(body, inbound.hints.model),
    stream: readStream(body, inbound.streamByDefault) && inbound.operation !== 'embedding',
  }
}

/**
 * The same for a body of any JSON route, whatever it may mean.
 * @throws GatewayError `invalid_json`
 */
export function peekBody(received: Uint8Array): PeekedBody {
  const bytes = withoutByteOrderMark(received)
  if (bytes.length === 0) throw invalidJson('The body is empty; a JSON object is expected.')
  const scan = scanTopLevel(bytes, WANTED, LIMITS.requestJsonDepthMax)
  if (typeof scan === 'string' && scan !== 'malformed') throw scanError(scan)
  const body = parse(bytes)
  if (typeof scan === 'string') throw invalidJson('The body is not valid JSON.')
  return { bytes, body, scan }
}

function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function parse(bytes: Uint8Array): JsonObject {
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch {
    throw invalidJson('The body is not valid UTF-8.')
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own words quote the body, which may hold a secret.
    throw invalidJson('The body is not valid JSON.')
  }
  if (!isObject(value)) throw scanError('not-an-object')
  return value
}

/** The model a request names. @throws GatewayError `invalid_request` naming `model` */
export function readModel(body: JsonObject, fromPath: string | undefined): string {
  const named = body['model']
  if (named !== undefined && named !== null && typeof named !== 'string') {
    throw new GatewayError('invalid_request', {
      code: 'invalid_type',
      param: 'model',
      message: "Invalid type for 'model': expected a string.",
    })
  }
  const model = fromPath ?? named
  if (model === undefined || model === null || model === '') {
    throw new GatewayError('invalid_request', {
      code: 'missing_required_parameter',
      param: 'model',
      message: "Missing required parameter: 'model'.",
    })
  }
  return model
}

/** Whether a stream is asked for. @throws GatewayError `invalid_request` naming `stream` */
export function readStream(body: JsonObject, byDefault: boolean): boolean {
  const value = body['stream']
  if (value === undefined || value === null) return byDefault
  if (typeof value === 'boolean') return value
  throw new GatewayError('invalid_request', {
    code: 'invalid_type',
    param: 'stream',
    message: "Invalid type for 'stream': expected a boolean.",
  })
}

function scanError(problem: Exclude<ScanProblem, 'malformed'>): GatewayError {
  switch (problem) {
    case 'not-an-object':
      return invalidJson('The body must be a JSON object.')
    case 'too-deep':
      return invalidJson(`The body is nested deeper than ${LIMITS.requestJsonDepthMax} levels.`)
    case 'duplicate-key':
      return invalidJson('The body names one of model, stream, stream_options, options twice.')
  }
}

function invalidJson(message: string): GatewayError {
  return new GatewayError('invalid_json', { message })
}
