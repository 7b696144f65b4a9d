// How a client of each protocol asks, and what it reads in an answer: the text, the arguments of its tool call, the proper end, an
// error. Read by hand and not by Weir's codecs, so that what they get wrong both ways is seen here.

import { isObject, parseJson } from '../src/core/json.ts'
import type { ChatDialect } from './pairs.ts'
import { promptOf, type Plan } from './soak-plan.ts'

/** What came of an answer's body. */
export interface Heard {
  readonly text: string
  /** Of the tool call, as JSON text; '' without one. */
  readonly input: string
  /** The end that the protocol has for an answer that is whole. */
  readonly ended: boolean
  /** Code or type of an error told in the protocol's own way. */
  readonly error: string | undefined
  /** An event was no JSON: half of one that a provider broke off within, or a gateway's own fault. It tells nobody of an error. */
  readonly isUnreadable: boolean
}

/** Path and body of a request. */
export function askFor(
  client: ChatDialect,
  model: string,
  plan: Plan,
  stream: boolean,
): { readonly path: string; readonly body: string } {
  const prompt = promptOf(plan)
  const messages = [{ role: 'user', content: prompt }]
  switch (client) {
    case 'openai-chat':
      return made('/v1/chat/completions', { model, stream, messages, max_tokens: plan.pieces })
    case 'openai-responses':
      return made('/v1/responses', { model, stream, input: prompt, store: false })
    case 'anthropic':
      return made('/v1/messages', { model, stream, messages, max_tokens: 4_096 })
    case 'ollama':
      return made('/api/chat', { model, stream, messages })
    case 'gemini': {
      const name = encodeURIComponent(model)
      const verb = stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
      const contents = [{ role: 'user', parts: [{ text: prompt }] }]
      return made(`/v1beta/models/${name}:${verb}`, { contents })
    }
    case 'cohere':
      return made('/v2/chat', { model, stream, messages })
  }
}

function made(path: string, body: object) {
  return { path, body: JSON.stringify(body) }
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<string | number, unknown>)[step]
  }
  return here
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    // Judged as what no client can read.
    return undefined
  }
}

/** What a read adds to what was heard. */
class Ear {
  readonly texts: string[] = []
  readonly inputs: string[] = []
  ended = false
  error: string | undefined
  isUnreadable = false
  /** Of protocols that say why an answer has ended before they end it. */
  hasReason = false

  text(value: unknown): void {
    if (typeof value === 'string') this.texts.push(value)
  }

  input(value: unknown): void {
    if (typeof value === 'string') this.inputs.push(value)
    else if (isObject(value)) this.inputs.push(JSON.stringify(value))
  }

  fail(value: unknown): void {
    if (value === undefined || value === null) return
    const code = at(value, 'code') ?? at(value, 'type') ?? at(value, 'status')
    this.error ??= typeof code === 'string' ? code : 'error'
  }

  heard(): Heard {
    return {
      text: this.texts.join(''),
      input: this.inputs.join(''),
      ended: this.ended,
      error: this.error,
      isUnreadable: this.isUnreadable,
    }
  }
}

type Reader = (ear: Ear, json: unknown) => void

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** One event of a stream, by the protocol. */
const EVENTS: Readonly<Record<ChatDialect, Reader>> = {
  'openai-chat'(ear, json) {
    ear.fail(at(json, 'error'))
    if (typeof at(json, 'choices', 0, 'finish_reason') === 'string') ear.hasReason = true
    const delta = at(json, 'choices', 0, 'delta')
    ear.text(at(delta, 'content'))
    for (const call of list(at(delta, 'tool_calls'))) ear.input(at(call, 'function', 'arguments'))
  },
  'openai-responses'(ear, json) {
    const type = at(json, 'type')
    if (type === 'response.output_text.delta') ear.text(at(json, 'delta'))
    if (type === 'response.function_call_arguments.delta') ear.input(at(json, 'delta'))
    if (type === 'response.completed') ear.ended = true
    if (type === 'error') ear.fail(at(json, 'error') ?? json)
    if (type === 'response.failed') ear.fail(at(json, 'response', 'error') ?? json)
  },
  anthropic(ear, json) {
    const type = at(json, 'type')
    ear.text(at(json, 'delta', 'text'))
    ear.input(at(json, 'delta', 'partial_json'))
    if (type === 'message_stop') ear.ended = true
    if (type === 'error') ear.fail(at(json, 'error') ?? json)
  },
  ollama(ear, json) {
    if (typeof at(json, 'error') === 'string') ear.error ??= 'error'
    ear.text(at(json, 'message', 'content'))
    for (const call of list(at(json, 'message', 'tool_calls'))) {
      ear.input(at(call, 'function', 'arguments'))
    }
    if (at(json, 'done') === true) ear.ended = true
  },
  gemini(ear, json) {
    ear.fail(at(json, 'error'))
    const candidate = at(json, 'candidates', 0)
    for (const part of list(at(candidate, 'content', 'parts'))) {
      ear.text(at(part, 'text'))
      ear.input(at(part, 'functionCall', 'args'))
    }
    if (typeof at(candidate, 'finishReason') === 'string') ear.ended = true
  },
  cohere(ear, json) {
    const type = at(json, 'type')
    const message = at(json, 'delta', 'message')
    if (type === 'content-delta') ear.text(at(message, 'content', 'text'))
    if (type === 'tool-call-start' || type === 'tool-call-delta') {
      ear.input(at(message, 'tool_calls', 'function', 'arguments'))
    }
    if (type !== 'message-end') return
    if (at(json, 'delta', 'finish_reason') === 'ERROR') ear.error ??= 'error'
    else ear.ended = true
  },
}

/** Reads a whole stream. */
export function heardStream(client: ChatDialect, body: string): Heard {
  const ear = new Ear()
  const isLines = client === 'ollama'
  for (const frame of body.split(isLines ? '\n' : '\n\n')) {
    const data = isLines ? frame : /^data: ?(.*)$/m.exec(frame)?.[1]
    if (data === undefined || data.trim() === '') continue
    if (data === '[DONE]') {
      // An error and then this is an end all the same: the one beside the other is judged.
      ear.ended ||= client === 'openai-chat' && (ear.hasReason || ear.error !== undefined)
      continue
    }
    const json = parsed(data)
    if (json === undefined) ear.isUnreadable = true
    else EVENTS[client](ear, json)
  }
  return ear.heard()
}

const WHOLES: Readonly<Record<ChatDialect, Reader>> = {
  'openai-chat'(ear, json) {
    const message = at(json, 'choices', 0, 'message')
    ear.text(at(message, 'content'))
    for (const call of list(at(message, 'tool_calls'))) ear.input(at(call, 'function', 'arguments'))
  },
  'openai-responses'(ear, json) {
    for (const item of list(at(json, 'output'))) {
      ear.input(at(item, 'arguments'))
      for (const part of list(at(item, 'content'))) ear.text(at(part, 'text'))
    }
  },
  anthropic(ear, json) {
    for (const block of list(at(json, 'content'))) {
      ear.text(at(block, 'text'))
      ear.input(at(block, 'input'))
    }
  },
  ollama: EVENTS.ollama,
  gemini: EVENTS.gemini,
  cohere(ear, json) {
    for (const part of list(at(json, 'message', 'content'))) ear.text(at(part, 'text'))
    for (const call of list(at(json, 'message', 'tool_calls'))) {
      ear.input(at(call, 'function', 'arguments'))
    }
  },
}

/** Reads an answer in one piece; what is whole JSON has its end. */
export function heardWhole(client: ChatDialect, body: string): Heard {
  const ear = new Ear()
  const json = parsed(body)
  if (json !== undefined) WHOLES[client](ear, json)
  ear.ended = json !== undefined
  return ear.heard()
}

/** Code of an error answer in any protocol; undefined for what has none of their forms. */
export function errorCode(body: string): string | undefined {
  const json = parsed(body)
  const error = at(json, 'error')
  const code = at(error, 'code') ?? at(error, 'type')
  if (typeof code === 'string') return code
  if (typeof code === 'number' || typeof error === 'string') return 'error'
  return typeof at(json, 'message') === 'string' ? 'error' : undefined
}
