// The one text that stands for all ways to write the same request: members in order, no white space, numbers by their value, and
// without what changes no answer. What is kept apart here is kept apart in the cache: 0, false, '' and null, and what is not there.
// It decides nothing about who shares what.

import type { DialectName } from '../../core/ir/request.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'

/**
 * Members at the top of a body that change no answer: who asks, labels for bills and abuse, how the answer is sent. The model is said
 * apart, as its name may stand in the path.
 */
export const LEFT_OUT: Readonly<Record<DialectName, readonly string[]>> = {
  'openai-chat': [
    'model',
    'stream',
    'stream_options',
    'user',
    'metadata',
    'safety_identifier',
    'prompt_cache_key',
    'prompt_cache_retention',
    'store',
  ],
  'openai-completions': ['model', 'stream', 'stream_options', 'user'],
  'openai-responses': [
    'model',
    'stream',
    'stream_options',
    'user',
    'metadata',
    'safety_identifier',
    'prompt_cache_key',
    'prompt_cache_retention',
    'store',
  ],
  'openai-embeddings': ['model', 'user'],
  anthropic: ['model', 'stream', 'metadata'],
  ollama: ['model', 'stream', 'keep_alive'],
  gemini: ['model', 'labels'],
  cohere: ['model', 'stream'],
  bedrock: ['requestMetadata'],
}

/**
 * The canonical text of a body. Undefined where there is none: a whole number beyond 2^53, or any beyond a double, is read by one parser as
 * another, so that two requests that differ would be one.
 */
export function canonicalBody(body: JsonObject, dialect: DialectName): string | undefined {
  const leftOut = LEFT_OUT[dialect]
  const parts: string[] = []
  for (const name of Object.keys(body).sort()) {
    if (leftOut.includes(name)) continue
    const value = canonicalJson(body[name])
    if (value === undefined) return undefined
    parts.push(`${JSON.stringify(name)}:${value}`)
  }
  return `{${parts.join(',')}}`
}

/** The same of any value. */
export function canonicalJson(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) return undefined
    if (!Number.isFinite(value)) return undefined
    return JSON.stringify(value)
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const parts: string[] = []
  if (Array.isArray(value)) {
    for (const item of value) {
      const text = canonicalJson(item)
      if (text === undefined) return undefined
      parts.push(text)
    }
    return `[${parts.join(',')}]`
  }
  for (const name of Object.keys(value).sort()) {
    const text = canonicalJson(value[name])
    if (text === undefined) return undefined
    parts.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${parts.join(',')}}`
}
