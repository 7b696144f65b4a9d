// What was asked and answered, as attributes of a span (https://github.com/open-telemetry/semantic-conventions-genai: messages of roles and
// parts). It reads only what the record kept of bodies, which is nothing unless the policy keeps content, and after that redacted it. Bodies
// may be cut or be of any protocol: what is not understood goes as one text.

import type { JsonObject, JsonValue } from '../core/json.ts'
import { asObject, parseJson } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'

interface Part {
  readonly type: 'text'
  readonly content: string
}

interface Message {
  readonly role: string
  readonly parts: readonly Part[]
  readonly finish_reason?: string
}

/** `gen_ai.input.messages`, `gen_ai.output.messages` and `gen_ai.system_instructions` as JSON text; without bodies, none. */
export function contentAttributes(outcome: Outcome): Record<string, string> {
  const { finish, requestBody, responseBody } = outcome
  const result: Record<string, string> = {}
  if (requestBody !== undefined && requestBody !== '') {
    const { instructions, messages } = inputOf(requestBody)
    result['gen_ai.input.messages'] = written(messages)
    if (instructions.length > 0) {
      result['gen_ai.system_instructions'] = JSON.stringify(partsOf(instructions))
    }
  }
  if (responseBody !== undefined && responseBody !== '') {
    const text = answerText(responseBody)
    const message: Message = {
      role: 'assistant',
      parts: partsOf([text]),
      ...(finish === undefined ? {} : { finish_reason: finish }),
    }
    result['gen_ai.output.messages'] = written([message])
  }
  return result
}

function inputOf(body: string): {
  readonly instructions: readonly string[]
  readonly messages: readonly Message[]
} {
  const json = asObject(jsonOf(body))
  if (json === undefined) return { instructions: [], messages: [messageOf('user', [body])] }
  const instructions = textsOf(json['system'] ?? json['instructions'] ?? json['systemInstruction'])
  const listed = json['messages'] ?? json['contents'] ?? json['input'] ?? json['prompt']
  const items = Array.isArray(listed) ? listed : [listed ?? null]
  const messages = items.map((item) => {
    const object = asObject(item)
    const role = typeof object?.['role'] === 'string' ? object['role'] : 'user'
    return messageOf(role, textsOf(item))
  })
  return { instructions, messages: messages.filter(({ parts }) => parts.length > 0) }
}

/** The text of an answer: of a whole one, or of the events of a stream in turn. */
function answerText(body: string): string {
  const whole = asObject(jsonOf(body))
  if (whole !== undefined) return textsOf(answered(whole)).join('')
  const pieces: string[] = []
  for (const line of body.split('\n')) {
    const data = line.startsWith('data:') ? line.slice(5) : line
    const event = asObject(jsonOf(data.trim()))
    if (event !== undefined) pieces.push(...textsOf(answered(event)))
  }
  return pieces.length === 0 ? body : pieces.join('')
}

/** Where an answer or an event has its words; the last event of a stream that repeats them all has none. */
function answered(json: JsonObject): JsonValue | undefined {
  const { choices, candidates, content, delta, message, output, response } = json
  if (Array.isArray(choices)) {
    return choices.map((choice) => {
      const object = asObject(choice)
      return object?.['delta'] ?? object?.['message'] ?? object?.['text'] ?? null
    })
  }
  if (Array.isArray(candidates)) return candidates.map((one) => asObject(one)?.['content'] ?? null)
  if (json['type'] === 'response.completed') return undefined
  return (
    delta ?? message ?? content ?? output ?? (typeof response === 'string' ? response : undefined)
  )
}

/** Deeper than any message; a provider's answer may be anything. */
const DEPTH_MAX = 32

/** Every text in a value, in its order, by the names that protocols give to texts. */
function textsOf(value: JsonValue | undefined, depth = 0): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (depth > DEPTH_MAX) return []
  const inner = (member: JsonValue | undefined) => textsOf(member, depth + 1)
  if (Array.isArray(value)) return value.flatMap(inner)
  const object = asObject(value)
  if (object === undefined) return []
  const {
    arguments: args,
    content,
    function: called,
    input,
    parts,
    text,
    tool_calls: calls,
  } = object
  const own = text ?? content ?? parts ?? args
  return [
    ...inner(own),
    ...inner(calls),
    ...(own === undefined ? inner(called) : []),
    ...(own === undefined && asObject(input) !== undefined ? [JSON.stringify(input)] : []),
  ]
}

function messageOf(role: string, texts: readonly string[]): Message {
  return { role, parts: partsOf(texts) }
}

function partsOf(texts: readonly string[]): Part[] {
  return texts.map((content) => ({ type: 'text', content: cut(content) }))
}

/** JSON text within its bound: the last messages, which are what was asked. */
function written(messages: readonly Message[]): string {
  let left: number = LIMITS.traceContentCharsMax
  const kept: Message[] = []
  for (const message of messages.toReversed()) {
    left -= JSON.stringify(message).length
    if (left < 0 && kept.length > 0) break
    kept.unshift(message)
  }
  return JSON.stringify(kept)
}

function cut(text: string): string {
  return text.slice(0, LIMITS.traceContentCharsMax / 2).toWellFormed()
}

function jsonOf(text: string): JsonValue | undefined {
  const first = text.trimStart()[0]
  return first === '{' || first === '[' ? parseJson(text) : undefined
}
