// A whole answer of a provider, read and checked before anything is sent to the client: it must be an answer of its dialect
// and not an error in disguise. A provider that streams although it was not asked is folded into one.

import { GatewayError } from '../core/error.ts'
import { collect } from '../core/ir/collect.ts'
import type { EmbeddingResponse } from '../core/ir/embedding.ts'
import type { ChatResponse } from '../core/ir/response.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { UpstreamResponse } from '../core/ports.ts'
import type { Framing } from '../dialects/dialect.ts'
import { createFramer } from '../dialects/sse.ts'
import type { GatewayDeps } from './deps.ts'
import {
  upstreamChatCodec,
  upstreamEmbeddingCodec,
  type RequestForms,
  type TargetPlan,
} from './plan.ts'
import { AttemptFailure, bytesInTime } from './upstream.ts'

export interface WholeAnswer {
  /** The provider's bytes, for relay; absent when the provider streamed instead. */
  readonly bytes?: Uint8Array
  /** The same where it did. */
  readonly streamed?: Uint8Array
  readonly body?: JsonObject
  /** In the IR, where it has to be said in another form than it came. */
  readonly chat?: ChatResponse
  readonly embedding?: EmbeddingResponse
}

const decoder = new TextDecoder()

/**
 * Reads the body to its end.
 * @throws GatewayError `upstream_bad_response` for what is no answer, AttemptFailure for an error under a good status.
 */
export async function readWhole(
  plan: TargetPlan,
  forms: RequestForms,
  response: UpstreamResponse,
  streamed: boolean,
  deps: Pick<GatewayDeps, 'clock' | 'deadlines'>,
): Promise<WholeAnswer> {
  const elapsedMs = deps.clock.monotonicMs() - forms.inbound.arrivedMonotonicMs
  const leftMs = Math.max(1, plan.provider.timeouts.totalMs - elapsedMs)
  const bytes = await bytesInTime(response, LIMITS.responseBodyBytesMax, leftMs, deps)
  const mayBeFramed = streamed && plan.operation !== 'embedding'
  if (mayBeFramed && looksFramed(bytes, plan.upstream.framing)) {
    return { chat: fold(plan, bytes), streamed: bytes }
  }
  const text = decoder.decode(bytes)
  const body = answerObject(text)
  if (isErrorBody(body)) {
    const told = plan.upstream.errors.decode(text) ?? { message: 'the answer holds an error' }
    throw new AttemptFailure({ status: 200, body: told })
  }
  // A stream was asked for: whatever the mode, the answer must be unfolded, and so understood.
  if (plan.mode === 'relay' && !forms.peeked.stream) return { bytes, body }
  return plan.operation === 'embedding'
    ? { bytes, body, embedding: upstreamEmbeddingCodec(plan).decodeResponse(body) }
    : { bytes, body, chat: upstreamChatCodec(plan).decodeResponse(body) }
}

/**
 * An SSE body starts with a field name, an NDJSON one holds more than one document; a JSON answer is a single one, on however many
 * lines, and servers that name no type send it without a line's end.
 */
function looksFramed(bytes: Uint8Array, framing: Framing): boolean {
  if (!decoder.decode(bytes.subarray(0, 64)).trimStart().startsWith('{')) return true
  const line = bytes.indexOf(0x0a)
  if (line < 0) return framing === 'ndjson'
  return line < bytes.length - 1 && parseJson(decoder.decode(bytes)) === undefined
}

function fold(plan: TargetPlan, bytes: Uint8Array): ChatResponse {
  const framer = createFramer(plan.upstream.framing)
  const decoderOfStream = upstreamChatCodec(plan).createStreamDecoder()
  const frames = [...framer.push(bytes), ...framer.end()]
  const events = frames.flatMap((frame) => decoderOfStream.push(frame))
  const { response, error } = collect([...events, ...decoderOfStream.end()])
  if (error === undefined) return response
  if (error.code === 'truncated') {
    throw new GatewayError('upstream_bad_response', {
      cause: 'the answer is no stream of its dialect',
    })
  }
  const body = {
    message: error.message,
    ...(error.code === undefined ? {} : { code: error.code }),
    ...(error.type === undefined ? {} : { type: error.type }),
  }
  throw new AttemptFailure({ status: 200, body })
}

/** `{"error": …}` with nothing of an answer beside it; some providers say `"error": null` in good ones. */
function isErrorBody(body: JsonObject): boolean {
  const { error } = body
  if (error === undefined || error === null || error === '') return body['type'] === 'error'
  return (
    !('choices' in body) && !('content' in body) && !('message' in body && body['done'] === true)
  )
}

/** The object a JSON text holds. @throws GatewayError `upstream_bad_response` for anything else. */
function answerObject(text: string): JsonObject {
  const value = parseJson(text)
  if (isObject(value)) return value
  throw new GatewayError('upstream_bad_response', { cause: 'the answer is not a JSON object' })
}
