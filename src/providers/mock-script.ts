// What the mock provider says: a model name is the script. Everything follows from the request alone, so the same request
// gets the same answer. It knows nothing of HTTP or of streams; `mock-wire` writes what is decided here.

import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type JsonObject,
  type JsonValue,
} from '../core/json.ts'
import { valueForSchema } from './mock-schema.ts'

/** How the transport behaves, besides what is said. */
export type Behaviour =
  | { readonly kind: 'answer'; readonly delayMs: number; readonly dripMs: number }
  | { readonly kind: 'status'; readonly status: number }
  | {
      readonly kind:
        'cut' | 'truncated' | 'error-in-stream' | 'html' | 'bad-json' | 'bad-sse' | 'hang'
    }

export interface Script {
  readonly speech:
    | 'echo'
    | 'tools'
    | 'parallel-tools'
    | 'empty-tool'
    | 'reasoning'
    | 'json'
    | 'refusal'
    | 'long'
    | 'embed'
  readonly behaviour: Behaviour
  /** Words of a `long-N` answer. */
  readonly words: number
}

export interface MockToolCall {
  readonly id: string
  readonly name: string
  /** JSON text, or `''` for a call without arguments. */
  readonly input: string
}

/** One answer. Texts are lists of pieces, which is how they are streamed. */
export interface Speech {
  readonly reasoning: readonly string[]
  readonly content: readonly string[]
  readonly refusal: readonly string[]
  readonly calls: readonly MockToolCall[]
  readonly finish: 'stop' | 'length' | 'tool_calls'
  readonly promptTokens: number
  readonly completionTokens: number
}

/** The most that a name may ask for: more is not a model. */
const WORDS_MAX = 200_000
const DELAY_MS_MAX = 10 * 60_000

const SPEECHES = [
  'echo',
  'tools',
  'parallel-tools',
  'empty-tool',
  'reasoning',
  'json',
  'refusal',
  'embed',
] as const
const FAULTS = [
  'cut',
  'truncated',
  'error-in-stream',
  'html',
  'bad-json',
  'bad-sse',
  'hang',
] as const

/** The model list; of names with a number one example each. */
export const MOCK_MODELS: readonly string[] = [
  ...SPEECHES,
  'long-100',
  'slow-1000',
  'drip-50',
  'status-429',
  'status-500',
  ...FAULTS,
]

const PLAIN: Behaviour = { kind: 'answer', delayMs: 0, dripMs: 0 }

/** The script of a model name; undefined when there is no such model. */
export function parseScript(model: string): Script | undefined {
  const speech = SPEECHES.find((name) => name === model)
  if (speech !== undefined) return { speech, behaviour: PLAIN, words: 0 }
  const fault = FAULTS.find((name) => name === model)
  if (fault !== undefined) return { speech: 'echo', behaviour: { kind: fault }, words: 0 }
  const [, word, digits] = /^(long|slow|drip|status)-(\d{1,6})$/.exec(model) ?? []
  const number = Number(digits)
  switch (word) {
    case 'long':
      return number <= WORDS_MAX ? { speech: 'long', behaviour: PLAIN, words: number } : undefined
    case 'slow':
      return delayed({ kind: 'answer', delayMs: number, dripMs: 0 }, number)
    case 'drip':
      return delayed({ kind: 'answer', delayMs: 0, dripMs: number }, number)
    case 'status':
      return number >= 300 && number <= 599
        ? { speech: 'echo', behaviour: { kind: 'status', status: number }, words: 0 }
        : undefined
    default:
      return undefined
  }
}

function delayed(behaviour: Behaviour, delayMs: number): Script | undefined {
  return delayMs <= DELAY_MS_MAX ? { speech: 'echo', behaviour, words: 0 } : undefined
}

/** Words of a text: the mock's tokens. */
export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}

/** The pieces a text is streamed in: each word with the space before it. Joined they are the text. */
export function pieces(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|^\s+$/g) ?? []
}

/** What a chat gets. */
export function speakChat(script: Script, body: JsonObject): Speech {
  const messages = asArray(body.messages) ?? []
  const last = messages.map(asObject).findLast((message) => message?.role === 'user')
  const prompt = { text: lastText(last?.content), tokens: promptWords(messages) }
  const tools = callableTools(body)
  const results = resultsAfter(messages)
  switch (script.speech) {
    case 'tools':
    case 'parallel-tools':
    case 'empty-tool':
      if (results !== undefined) return say(body, prompt.tokens, `The tool said: ${results}`)
      if (tools.length === 0) return say(body, prompt.tokens, 'There is no tool to call.')
      return call(script, tools, prompt, messages.length)
    case 'json': {
      const format = asObject(asObject(body.response_format)?.json_schema)
      const value =
        format === undefined ? { answer: prompt.text } : valueForSchema(format.schema, prompt.text)
      return say(body, prompt.tokens, JSON.stringify(value))
    }
    case 'refusal':
      return refuse(prompt.tokens)
    case 'reasoning':
      return say(
        body,
        prompt.tokens,
        prompt.text,
        `The user said ${countWords(prompt.text)} words. I repeat them.`,
      )
    default:
      return say(body, prompt.tokens, plainText(script, prompt.text))
  }
}

/** What a legacy completion gets, for one of its prompts. */
export function speakCompletion(script: Script, body: JsonObject, prompt: string): Speech {
  const text = plainText(script, prompt)
  const speech = say(body, countWords(prompt), text)
  return body.echo === true
    ? { ...speech, content: [...pieces(prompt), ...speech.content] }
    : speech
}

function plainText(script: Script, text: string): string {
  if (script.speech !== 'long') return text
  return Array.from({ length: script.words }, (_, index) => `word${index + 1}`).join(' ')
}

function say(body: JsonObject, promptTokens: number, text: string, thought = ''): Speech {
  const limit =
    asNumber(body.max_completion_tokens) ?? asNumber(body.max_tokens) ?? Number.POSITIVE_INFINITY
  const stopped = beforeStop(text, body.stop)
  const thinking = pieces(thought)
  const reasoning = thinking.slice(0, Math.max(0, limit))
  const all = pieces(stopped)
  const content = all.slice(0, Math.max(0, limit - reasoning.length))
  const isCut = reasoning.length < thinking.length || content.length < all.length
  return {
    reasoning,
    content,
    refusal: [],
    calls: [],
    finish: isCut ? 'length' : 'stop',
    promptTokens,
    completionTokens: reasoning.length + content.length,
  }
}

/** The text up to the first stop sequence in it. */
function beforeStop(text: string, stop: JsonValue | undefined): string {
  const sequences = (asArray(stop) ?? [stop]).filter(
    (item) => typeof item === 'string' && item !== '',
  )
  const ends = sequences.map((item) => text.indexOf(String(item))).filter((index) => index >= 0)
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends))
}

function refuse(promptTokens: number): Speech {
  const refusal = pieces('I cannot help with that.')
  return {
    reasoning: [],
    content: [],
    refusal,
    calls: [],
    finish: 'stop',
    promptTokens,
    completionTokens: refusal.length,
  }
}

interface CallableTool {
  readonly name: string
  readonly parameters: JsonValue | undefined
}

/** The tools that `tool_choice` leaves. */
function callableTools(body: JsonObject): CallableTool[] {
  if (body.tool_choice === 'none') return []
  const wanted = asString(asObject(asObject(body.tool_choice)?.function)?.name)
  const tools: CallableTool[] = []
  for (const tool of asArray(body.tools) ?? []) {
    const definition = asObject(asObject(tool)?.function)
    const name = asString(definition?.name)
    if (name === undefined || (wanted !== undefined && wanted !== name)) continue
    tools.push({ name, parameters: definition?.parameters })
  }
  return tools
}

function call(
  script: Script,
  tools: readonly CallableTool[],
  prompt: { text: string; tokens: number },
  turn: number,
): Speech {
  const called = script.speech === 'parallel-tools' ? tools : tools.slice(0, 1)
  const calls = called.map((tool, index) => ({
    id: `call_mock_${turn}_${index}`,
    name: tool.name,
    input:
      script.speech === 'empty-tool'
        ? ''
        : JSON.stringify(argumentsFor(tool.parameters, prompt.text)),
  }))
  const completionTokens = calls.reduce((sum, { input }) => sum + 1 + countWords(input), 0)
  return {
    reasoning: [],
    content: [],
    refusal: [],
    calls,
    finish: 'tool_calls',
    promptTokens: prompt.tokens,
    completionTokens,
  }
}

/** Arguments are an object whatever the schema says. */
function argumentsFor(parameters: JsonValue | undefined, text: string): JsonObject {
  if (parameters === undefined) return {}
  const value = valueForSchema(parameters, text)
  return isObject(value) ? value : {}
}

/** The texts of the tool results that end the conversation, joined; undefined when it does not end with one. */
function resultsAfter(messages: readonly JsonValue[]): string | undefined {
  const texts: string[] = []
  for (const message of messages.toReversed()) {
    const object = asObject(message)
    if (object?.role !== 'tool') break
    texts.unshift(textOf(object.content))
  }
  return texts.length === 0 ? undefined : texts.join(' and ')
}

function textOf(content: JsonValue | undefined): string {
  if (typeof content === 'string') return content
  return (asArray(content) ?? []).map((part) => asString(asObject(part)?.text) ?? '').join('')
}

/** A user turn's text, with a count of what stood beside it: the mock cannot see, but it can count. */
function lastText(content: JsonValue | undefined): string {
  const parts = (asArray(content) ?? []).map((part) => asString(asObject(part)?.type))
  const counts = (
    [
      ['image_url', 'image'],
      ['input_audio', 'sound'],
      ['file', 'file'],
    ] as const
  ).flatMap(([type, word]) => {
    const count = parts.filter((part) => part === type).length
    return count === 0 ? [] : [`[${count} ${word}${count === 1 ? '' : 's'}]`]
  })
  return [textOf(content), ...counts].filter((text) => text !== '').join(' ')
}

function promptWords(messages: readonly JsonValue[]): number {
  return messages.reduce<number>(
    (sum, message) => sum + countWords(textOf(asObject(message)?.content)),
    0,
  )
}
