// What the benchmark sends and what comes back, as bytes that both ends know: the upstream serves them and the driver holds
// every relayed answer against them. Made once, always the same; nothing here opens a connection.

/** How the upstream is to answer: `chunks` of text, one write for each `perWrite` of them, `intervalMs` between writes. */
export interface StreamShape {
  readonly chunks: number
  readonly perWrite: number
  /** 0 sends as fast as the reader takes. */
  readonly intervalMs: number
}

export const PLAIN = 'plain'

/** The provider's own name of the model, as it is asked for and as it answers. */
export const UPSTREAM_MODEL = 'gpt-4.1-mini'
const REPORTED_MODEL = 'gpt-4.1-mini-2025-04-14'

/** The mark in the prompt that tells the upstream what to do; it survives every translation. */
export function markOf(shape: StreamShape | typeof PLAIN): string {
  return shape === PLAIN ? '[[plain]]' : `[[${shape.chunks}x${shape.perWrite}x${shape.intervalMs}]]`
}

/** The shape named in a request body; undefined asks for a plain answer. */
export function shapeIn(body: string): StreamShape | undefined {
  const found = /\[\[(\d+)x(\d+)x(\d+)\]\]/.exec(body)
  if (found === null) return undefined
  return { chunks: Number(found[1]), perWrite: Number(found[2]), intervalMs: Number(found[3]) }
}

const QUESTION =
  'Name three rivers that end in the North Sea, and for each the country of its source and its length in kilometres. Answer in one line, without any introduction.'

/** A chat body of about 0.4 KB in the client's dialect. */
export function requestBody(
  dialect: 'openai' | 'anthropic' | 'ollama',
  model: string,
  shape: StreamShape | typeof PLAIN,
  includeUsage = true,
): string {
  const system = `You are a helpful assistant with a good knowledge of geography. ${markOf(shape)}`
  const user = { role: 'user', content: QUESTION }
  const messages = [{ role: 'system', content: system }, user]
  const stream = shape !== PLAIN
  if (dialect === 'anthropic') {
    return JSON.stringify({ model, max_tokens: 4096, stream, system, messages: [user] })
  }
  if (dialect === 'ollama') return JSON.stringify({ model, stream, messages })
  const options = includeUsage ? { stream_options: { include_usage: true } } : {}
  return JSON.stringify({
    model,
    temperature: 0.7,
    max_completion_tokens: 4096,
    user: 'bench',
    messages,
    ...(stream ? { stream, ...options } : {}),
  })
}

const ENCODER = new TextEncoder()
const CREATED = 1_700_000_000
const USAGE_DETAILS = {
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
}

/** A plain chat answer of about 0.64 KB. */
export const PLAIN_ANSWER: Uint8Array = ENCODER.encode(
  JSON.stringify({
    id: 'chatcmpl-9rKfZ0mT4yQwX2bVnL8sHcDe',
    object: 'chat.completion',
    created: CREATED,
    model: REPORTED_MODEL,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content:
            'The Rhine (Switzerland, 1,233 km), the Elbe (Czechia, 1,094 km) and the Weser (Germany, 452 km from where its two rivers meet).',
          refusal: null,
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 62, completion_tokens: 19, total_tokens: 81, ...USAGE_DETAILS },
    service_tier: 'default',
    system_fingerprint: 'fp_0ba0d124f1',
  }),
)

/** The text of chunk number `index`. */
export function wordOf(index: number): string {
  return ` word${index % 1000}`
}

/** An OpenAI stream as events, `[DONE]` last; with `usage` each chunk says `null` and one more carries the numbers. */
export function openaiEvents(chunks: number, usage: boolean): Uint8Array[] {
  const event = (delta: object, finish: string | null) => ({
    id: 'chatcmpl-9rKfZ0mT4yQwX2bVnL8sHcDe',
    object: 'chat.completion.chunk',
    created: CREATED,
    model: REPORTED_MODEL,
    system_fingerprint: 'fp_0ba0d124f1',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...(usage ? { usage: null } : {}),
  })
  const events: object[] = [event({ role: 'assistant', content: '' }, null)]
  for (let index = 0; index < chunks; index += 1) {
    events.push(event({ content: wordOf(index) }, null))
  }
  events.push(event({}, 'stop'))
  if (usage) {
    const numbers = { prompt_tokens: 62, completion_tokens: chunks, total_tokens: 62 + chunks }
    events.push({
      ...event({}, null),
      choices: [],
      usage: { ...numbers, ...USAGE_DETAILS },
    })
  }
  const texts = events.map((value) => `data: ${JSON.stringify(value)}\n\n`)
  return [...texts, 'data: [DONE]\n\n'].map((text) => ENCODER.encode(text))
}

/** What a client that did not ask for usage may see of a stream that carries it. */
export function withoutUsageEvent(events: readonly Uint8Array[]): Uint8Array[] {
  return events.filter((_, index) => index !== events.length - 2)
}
