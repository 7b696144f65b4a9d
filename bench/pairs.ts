// The protocols of a translation as the benchmark speaks them: a request and a stream for each dialect, made by Weir's own
// codecs beforehand, so that the upstream can play any provider and the driver any client. It measures nothing.

import { collect } from '../src/core/ir/collect.ts'
import type { IrEvent } from '../src/core/ir/event.ts'
import { textOf, type ChatRequest, type DialectName } from '../src/core/ir/request.ts'
import type { ChatCodec } from '../src/dialects/dialect.ts'
import { dialects } from '../src/dialects/registry.ts'
import { createFramer } from '../src/dialects/sse.ts'
import type { Expectation } from './connection.ts'
import { WholeAnswer } from './expectations.ts'
import { markOf, UPSTREAM_MODEL, wordOf, type StreamShape } from './payloads.ts'

/** Every dialect a client chats in; each is a provider's as well. */
export const CHAT_DIALECTS = [
  'openai-chat',
  'openai-responses',
  'anthropic',
  'ollama',
  'gemini',
  'cohere',
] as const satisfies readonly DialectName[]

export type ChatDialect = (typeof CHAT_DIALECTS)[number]

/** What a provider of each dialect is configured as, and its model: one that is asked in that dialect alone. */
export const PROVIDERS: Readonly<
  Record<
    ChatDialect,
    {
      readonly type: string
      readonly compatible?: string
      readonly path: string
      readonly model: string
    }
  >
> = {
  'openai-chat': { type: 'custom', compatible: 'openai', path: '/v1', model: UPSTREAM_MODEL },
  'openai-responses': { type: 'openai', path: '/v1', model: 'o3-pro' },
  anthropic: { type: 'anthropic', path: '', model: 'claude-haiku-4-5' },
  ollama: { type: 'ollama', path: '', model: 'llama3.2' },
  gemini: { type: 'gemini', path: '/v1beta', model: 'gemini-2.5-flash' },
  cohere: { type: 'cohere', path: '', model: 'command-a-03-2025' },
}

/** Which dialect a path of the upstream speaks. */
export function dialectOfPath(path: string): ChatDialect {
  if (path.endsWith('/responses')) return 'openai-responses'
  if (path.endsWith('/messages')) return 'anthropic'
  if (path.endsWith('/api/chat')) return 'ollama'
  if (path.includes(':streamGenerateContent')) return 'gemini'
  return path.endsWith('/v2/chat') ? 'cohere' : 'openai-chat'
}

const CREATED_MS = 1_700_000_000_000

function codecOf(dialect: ChatDialect): ChatCodec {
  const codec = dialects[dialect].chat
  if (codec === undefined) throw new Error(`${dialect} has no chat.`)
  return codec
}

/** The answer of `chunks` words as events. */
export function* answerEvents(chunks: number): Generator<IrEvent> {
  const at = { choice: 0, index: 0 }
  yield { type: 'response-start', id: 'bench-1', model: UPSTREAM_MODEL, createdMs: CREATED_MS }
  yield { type: 'block-start', ...at, block: { type: 'text', text: '' } }
  for (let index = 0; index < chunks; index += 1) {
    yield { type: 'text-delta', ...at, text: wordOf(index) }
  }
  yield { type: 'block-end', ...at }
  yield { type: 'finish', choice: 0, finish: { unified: 'stop' } }
  yield { type: 'usage', usage: { inputTokens: 62, outputTokens: chunks } }
}

/** The pieces of a provider's stream in this dialect, one for each event that says something. */
export function streamPieces(dialect: ChatDialect, chunks: number): Uint8Array[] {
  const encoder = codecOf(dialect).createStreamEncoder({
    model: UPSTREAM_MODEL,
    id: 'bench-1',
    nowMs: CREATED_MS,
    streamUsage: true,
  })
  const texts = [...answerEvents(chunks)].map((event) => encoder.push(event))
  return [...texts, encoder.end()]
    .filter((text) => text !== '')
    .map((text) => new TextEncoder().encode(text))
}

const QUESTION = 'Name three rivers that end in the North Sea, with source and length.'

/** A streamed chat as a client of this dialect asks for it: path and body. */
export function chatRequest(
  dialect: ChatDialect,
  model: string,
  shape: StreamShape,
): { path: string; body: string } {
  const request: ChatRequest = {
    form: 'chat',
    model,
    messages: [
      { role: 'system', content: [{ type: 'text', text: `You know rivers. ${markOf(shape)}` }] },
      { role: 'user', content: [{ type: 'text', text: QUESTION }] },
    ],
    stream: true,
    streamUsage: true,
    sampling: {},
    maxTokens: 4_096,
  }
  const target = { model, quirks: {}, defaultMaxTokens: 4_096 }
  const { value } = codecOf(dialect).encodeRequest(request, target)
  return { path: pathOf(dialect, model), body: JSON.stringify(value) }
}

function pathOf(dialect: ChatDialect, model: string): string {
  switch (dialect) {
    case 'openai-chat':
      return '/v1/chat/completions'
    case 'openai-responses':
      return '/v1/responses'
    case 'anthropic':
      return '/v1/messages'
    case 'ollama':
      return '/api/chat'
    case 'gemini':
      return `/v1beta/models/${model}:streamGenerateContent?alt=sse`
    case 'cohere':
      return '/v2/chat'
  }
}

/** Reads one stream in full: through the client's own decoder it must say all the words, in order, and end well. */
export class DecodedStream extends WholeAnswer {
  bytes = 0
  private readonly dialect: ChatDialect
  private readonly chunks: number

  constructor(dialect: ChatDialect, chunks: number) {
    super()
    this.dialect = dialect
    this.chunks = chunks
  }

  override end(): string | undefined {
    const framer = createFramer(dialects[this.dialect].framing)
    const all = this.whole()
    const frames = [...framer.push(all), ...framer.end()]
    const decoder = codecOf(this.dialect).createStreamDecoder()
    const events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()]
    const { response, error } = collect(events)
    this.events = frames.length
    this.bytes = all.length
    if (error !== undefined) return `the stream ends in an error: ${error.message}`
    const said = textOf(response.choices[0]?.blocks ?? [])
    const words = Array.from({ length: this.chunks }, (_, index) => wordOf(index)).join('')
    return said === words ? undefined : `the stream says other words: ${said.slice(0, 100)}…`
  }
}

/** A stream as long as the one that was read in full; ids and times have one length. */
export class AsLong implements Expectation {
  readonly events: number
  private readonly bytes: number
  private seen = 0

  constructor(whole: DecodedStream) {
    this.events = whole.events
    this.bytes = whole.bytes
  }

  begin(): void {
    this.seen = 0
  }

  body(piece: Buffer): void {
    this.seen += piece.length
  }

  end(): string | undefined {
    // Durations told inside an answer (Ollama) may have a digit more or less.
    if (Math.abs(this.seen - this.bytes) <= DIGITS_MAX) return undefined
    return `the stream has ${this.seen} bytes instead of ${this.bytes}`
  }
}

const DIGITS_MAX = 64
