// Reads a relayed Anthropic answer for the meter and the log: usage, stop reason, model, and whether it came to its end. It
// never changes anything, and what it cannot read it leaves out.

import { asObject, asString, isObject, parseJson } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Frame, Tap, TapReading } from '../dialect.ts'
import { decodeUsage, mergeWireUsage } from './usage.ts'

function readResponse(body: JsonObject): TapReading {
  const finish = asString(body['stop_reason'])
  return reading(
    asObject(body['usage']),
    finish,
    asString(body['model']),
    finish !== undefined,
    body,
  )
}

/** The frames are the first and the last part of a stream; what lies between tells nothing that these do not. */
function readFrames(frames: readonly Frame[]): TapReading {
  let usage: JsonObject | undefined
  let finish: string | undefined
  let model: string | undefined
  let stopped = false
  let failure: JsonObject | undefined
  for (const frame of frames) {
    // Deltas are nearly all of a stream and say nothing here.
    if (frame.event === 'content_block_delta') continue
    const data = parseJson(frame.data)
    if (!isObject(data)) continue
    const message = asObject(data['message'])
    const told = asObject(message?.['usage']) ?? asObject(data['usage'])
    if (told !== undefined) usage = mergeWireUsage(usage, told)
    model = asString(message?.['model']) ?? model
    finish = asString(asObject(data['delta'])?.['stop_reason']) ?? finish
    if (data['type'] === 'message_stop') stopped = true
    if (data['type'] === 'error' || frame.event === 'error') failure = { ...data, type: 'error' }
  }
  return reading(usage, finish, model, stopped || finish !== undefined, failure)
}

function reading(
  wireUsage: JsonObject | undefined,
  finish: string | undefined,
  model: string | undefined,
  complete: boolean,
  body: JsonObject | undefined,
): TapReading {
  const usage = decodeUsage(wireUsage)
  const error = body?.['type'] === 'error' ? asObject(body['error']) : undefined
  const code = asString(error?.['type'])
  return {
    complete: complete && error === undefined,
    ...(usage === undefined ? {} : { usage }),
    ...(finish === undefined ? {} : { finish }),
    ...(model === undefined ? {} : { model }),
    ...(error === undefined
      ? {}
      : {
          error: {
            message: asString(error['message']) ?? 'The provider reported an error.',
            ...(code === undefined ? {} : { code }),
          },
        }),
  }
}

export const tap: Tap = { readResponse, readFrames }
