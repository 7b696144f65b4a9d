// What a relayed OpenAI answer tells of itself: usage, finish, model, an error inside. It reads copies and changes nothing;
// only the frames that can hold one of these are parsed, for most of a stream is text.

import { mergeUsage } from '../../core/ir/usage.ts'
import type { Usage } from '../../core/ir/usage.ts'
import { asArray, asObject, asString, parseJson } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Frame, Tap, TapReading } from '../dialect.ts'
import { decodeError, decodeErrorValue } from './error.ts'
import { decodeUsage } from './usage.ts'

const TELLING = /"usage"\s*:\s*\{|"finish_reason"\s*:\s*"|"error"\s*:|"object"\s*:\s*"error"/

export const openaiTap: Tap = { readResponse, readFrames }

interface Reading {
  usage: Usage | undefined
  finish: string | undefined
  model: string | undefined
  complete: boolean
  error: { message: string; code?: string } | undefined
}

function readResponse(body: JsonObject): TapReading {
  const reading = emptyReading()
  read(body, undefined, reading)
  // An embedding and an answer without a finish reason are whole all the same: the body was.
  reading.complete = reading.error === undefined
  return result(reading)
}

function readFrames(frames: readonly Frame[]): TapReading {
  const reading = emptyReading()
  for (const { data, event } of frames) {
    if (data.trim() === '[DONE]') {
      reading.complete = true
      continue
    }
    if (reading.model !== undefined && event !== 'error' && !TELLING.test(data)) continue
    const chunk = asObject(parseJson(data))
    if (chunk !== undefined) read(chunk, event, reading)
    else if (event === 'error') {
      reading.error = { message: decodeError(data)?.message ?? 'The provider reported an error.' }
    }
  }
  if (reading.error !== undefined) reading.complete = false
  return result(reading)
}

function emptyReading(): Reading {
  return {
    usage: undefined,
    finish: undefined,
    model: undefined,
    complete: false,
    error: undefined,
  }
}

function read(chunk: JsonObject, event: string | undefined, reading: Reading): void {
  const model = asString(chunk.model)
  if (reading.model === undefined && model !== undefined && model !== '') reading.model = model
  const usage = decodeUsage(chunk.usage)
  if (usage !== undefined) reading.usage = mergeUsage(reading.usage, usage)
  for (const item of asArray(chunk.choices) ?? []) {
    const finish = asString(asObject(item)?.finish_reason)
    if (finish === undefined || finish === '') continue
    reading.finish ??= finish
    reading.complete = true
  }
  const failed = (chunk.error ?? null) !== null || event === 'error' || chunk.object === 'error'
  if (!failed) return
  const error = decodeErrorValue(chunk)
  reading.error = {
    message: error?.message ?? 'The provider reported an error.',
    ...(error?.code === undefined ? {} : { code: error.code }),
  }
}

function result(reading: Reading): TapReading {
  const { usage, finish, model, complete, error } = reading
  return {
    complete,
    ...(usage === undefined ? {} : { usage }),
    ...(finish === undefined ? {} : { finish }),
    ...(model === undefined ? {} : { model }),
    ...(error === undefined ? {} : { error }),
  }
}
