// Reads usage and the end of a relayed Ollama answer without touching it. Frames come from the first and the last part of a
// stream only, so some may be cut in half; what cannot be read is passed over.

import { type JsonObject, asObject, asString, parseJson } from '../../core/json.ts'
import type { Frame, Tap, TapReading } from '../dialect.ts'
import { readError } from './error.ts'
import { decodeUsage } from './usage.ts'

function readBody(body: JsonObject): TapReading {
  const usage = decodeUsage(body)
  const finish = asString(body['done_reason'])
  const model = asString(body['model'])
  const error = body['error'] === null ? undefined : readError(body['error'])
  const vectors = Array.isArray(body['embeddings']) || Array.isArray(body['embedding'])
  return {
    complete: error === undefined && (body['done'] === true || vectors),
    ...(usage === undefined ? {} : { usage }),
    ...(finish === undefined ? {} : { finish }),
    ...(model === undefined ? {} : { model }),
    ...(error === undefined ? {} : { error: briefError(error) }),
  }
}

function briefError(error: { message: string; code?: string }): NonNullable<TapReading['error']> {
  const { message, code } = error
  return code === undefined ? { message } : { message, code }
}

/** The last line that ends the stream, well or with an error, is what counts; it is nearly always the very last one. */
function readFrames(frames: readonly Frame[]): TapReading {
  let model: string | undefined
  for (let at = frames.length - 1; at >= 0; at--) {
    const body = asObject(parseJson(frames[at]?.data ?? ''))
    if (body === undefined) continue
    const reading = readBody(body)
    if (reading.complete || reading.error !== undefined) {
      return reading.model === undefined && model !== undefined ? { ...reading, model } : reading
    }
    model ??= reading.model
  }
  return model === undefined ? { complete: false } : { complete: false, model }
}

export const tap: Tap = { readResponse: readBody, readFrames }
