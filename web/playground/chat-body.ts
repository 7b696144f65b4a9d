// The request of a conversation: a body for Chat Completions out of what was said and set. Pure; what cannot be sent is said with the name of the
// field where it stands.

import type { Answer, Picture, Settings, Step, Turn } from './types.ts'

/** A field that cannot be sent as it is. */
export class SettingsProblem extends Error {
  readonly field: 'tools' | 'schema'

  constructor(field: 'tools' | 'schema', words: string) {
    super(words)
    this.field = field
  }
}

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type Members = Readonly<Record<string, Json>>

/**
 * The body of a request for one model.
 * @param turns what was said so far, with the answers of `column` alone
 * @throws SettingsProblem
 */
export function chatBody(
  model: string,
  settings: Settings,
  turns: readonly Turn[],
  column: string,
): Members {
  const { effort, maxTokens, seed, stop, stream, temperature, toolChoice, topP } = settings
  const tools = toolsOf(settings.tools)
  return {
    model,
    messages: messagesOf(settings.system, turns, column),
    ...(temperature === null ? {} : { temperature }),
    ...(maxTokens === null ? {} : { [maxTokensMember(model)]: maxTokens }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(seed === null ? {} : { seed }),
    ...(stop.length === 0 ? {} : { stop }),
    ...(effort === '' ? {} : { reasoning_effort: effort }),
    ...formatOf(settings),
    ...(tools.length === 0 ? {} : { tools }),
    ...(tools.length === 0 || toolChoice === '' ? {} : { tool_choice: toolChoice }),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  }
}

/** Models that reason know the newer name alone, most others the older. */
function maxTokensMember(model: string): string {
  return /(?:^|\/)(?:o\d|gpt-5)/.test(model) ? 'max_completion_tokens' : 'max_tokens'
}

function formatOf({ format, schema }: Settings): Members {
  if (format === 'text') return {}
  if (format === 'json_object') return { response_format: { type: 'json_object' } }
  const parsed = jsonIn(schema, 'schema')
  if (!isObject(parsed)) throw new SettingsProblem('schema', 'Must be a JSON object.')
  // Either the schema itself, or as the API has it: with its name.
  const named = isObject(parsed['schema'])
    ? parsed
    : { name: 'answer', strict: true, schema: parsed }
  return { response_format: { type: 'json_schema', json_schema: named } }
}

/** The tools that are defined, as the API has them or as functions alone. @throws SettingsProblem */
export function toolsOf(text: string): readonly Members[] {
  if (text.trim() === '') return []
  const parsed = jsonIn(text, 'tools')
  const list = Array.isArray(parsed) ? (parsed as readonly Json[]) : [parsed]
  return list.map((each) => {
    if (!isObject(each)) throw new SettingsProblem('tools', 'Must be a list of objects.')
    const isWhole = typeof each['type'] === 'string' && isObject(each['function'])
    const named = isWhole ? (each['function'] as Members) : each
    if (typeof named['name'] !== 'string') {
      throw new SettingsProblem('tools', 'Every tool needs a name.')
    }
    return isWhole ? each : { type: 'function', function: each }
  })
}

function jsonIn(text: string, field: 'tools' | 'schema'): Json {
  try {
    return JSON.parse(text) as Json
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown
    throw new SettingsProblem(field, `This is not JSON: ${thrown.message}.`)
  }
}

function isObject(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function messagesOf(system: string, turns: readonly Turn[], column: string): readonly Json[] {
  const said = turns.flatMap(({ answers, pictures, text }): Json[] => [
    { role: 'user', content: contentOf(text, pictures) },
    ...answered(answers[column]),
  ])
  return system.trim() === '' ? said : [{ role: 'system', content: system }, ...said]
}

function contentOf(text: string, pictures: readonly Picture[]): Json {
  if (pictures.length === 0) return text
  const images = pictures.map(({ url }) => ({ type: 'image_url', image_url: { url } }))
  return text === '' ? images : [{ type: 'text', text }, ...images]
}

function answered(answer: Answer | undefined): Json[] {
  return (answer?.steps ?? []).flatMap(({ calls, refusal, results, text }: Step): Json[] => {
    const words = text === '' ? refusal : text
    // A call without its result would be refused, and an answer that never came is none.
    const done = calls.filter(({ id }) => results[id] !== undefined)
    if (words === '' && done.length === 0) return []
    return [
      {
        role: 'assistant',
        content: words === '' ? null : words,
        ...(done.length === 0
          ? {}
          : {
              tool_calls: done.map(({ args, id, name }) => ({
                id,
                type: 'function',
                function: { name, arguments: args },
              })),
            }),
      },
      ...done.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: results[id] ?? '' })),
    ]
  })
}
