// The provider of the chaos runs: it says back the nonce of each prompt in pieces, so that an answer that was lost, doubled or
// mixed up shows, and counts how often each nonce was asked. What it does wrong is switched while it runs.

import type { Server } from 'bun'
import { isObject, type JsonObject } from '../../src/core/json.ts'

/** What a prompt asks for. */
export interface Words {
  readonly nonce: string
  readonly pieces: number
  /** Between two pieces of a stream. */
  readonly gapMs: number
  /** Characters of each piece besides its name. */
  readonly fillChars: number
}

export function promptOf({ nonce, pieces, gapMs, fillChars }: Words): string {
  return `say ${nonce} ${pieces} ${gapMs} ${fillChars}`
}

/** The piece of that index: no two of a run are equal. */
export function pieceOf({ nonce, fillChars }: Words, index: number): string {
  return `${nonce}.${index}${'~'.repeat(fillChars)} `
}

/** The whole text of a right answer. */
export function textOf(words: Words): string {
  return Array.from({ length: words.pieces }, (_, index) => pieceOf(words, index)).join('')
}

/** One request as the provider has it. */
export interface Asked {
  readonly words: Words
  /** Counting from 1: how often this nonce was asked here. */
  readonly times: number
  readonly stream: boolean
  /** The key it came with. */
  readonly key: string
  readonly signal: AbortSignal
}

/** A fault: another answer than the right one, or undefined for that. */
export type Fault = (asked: Asked) => Response | undefined | Promise<Response | undefined>

export interface EchoOptions {
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
  /** Before any answer. */
  readonly thinkMs?: number
}

export interface Cancelled {
  readonly nonce: string
  readonly atMs: number
}

export class Echo {
  /** Replaced at will. */
  fault: Fault = () => undefined
  /** Chat requests so far. */
  asked = 0
  /** Most that ran at once. */
  runningMax = 0
  /** By nonce. */
  readonly times = new Map<string, number>()
  /** By key. */
  readonly keys = new Map<string, number>()
  /** Those whose other side left early. */
  readonly cancelled: Cancelled[] = []
  /** Asked for something that no client of the run says. */
  readonly strange: string[] = []
  thinkMs: number
  private running = 0
  private readonly server: Server<undefined>
  private readonly scheme: string

  constructor(options: EchoOptions = {}) {
    const { tls } = options
    this.thinkMs = options.thinkMs ?? 0
    this.scheme = tls === undefined ? 'http' : 'https'
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      idleTimeout: 0,
      development: false,
      ...(tls === undefined
        ? {}
        : { tls: { cert: Bun.file(tls.certFile), key: Bun.file(tls.keyFile) } }),
      fetch: (request) => this.answer(request),
    })
  }

  get port(): number {
    return this.server.port ?? 0
  }

  /** Where its API begins. */
  get baseUrl(): string {
    return `${this.scheme}://127.0.0.1:${this.port}/v1`
  }

  async close(): Promise<void> {
    await this.server.stop(true)
  }

  private async answer(request: Request): Promise<Response> {
    if (request.method === 'GET') return Response.json({ object: 'list', data: [] })
    // The signal is watched before the body is awaited, or a leaving client is missed.
    const { signal } = request
    let nonce = '?'
    let over = false
    this.running += 1
    this.runningMax = Math.max(this.runningMax, this.running)
    const done = () => {
      if (over) return
      over = true
      this.running -= 1
    }
    signal.addEventListener('abort', () => {
      if (over) return
      this.cancelled.push({ nonce, atMs: performance.now() })
      done()
    })
    let text = ''
    try {
      text = await request.text()
    } catch {
      // The other side left within its request: there is nobody to answer.
      done()
      return new Response(null, { status: 400 })
    }
    const body = JSON.parse(text) as JsonObject
    const words = wordsOf(body)
    if (words === undefined) {
      this.strange.push(text.slice(0, 200))
      done()
      return new Response('not a prompt of this run', { status: 400 })
    }
    nonce = words.nonce
    const asked = this.count(words, body, request)
    if (this.thinkMs > 0) await Bun.sleep(this.thinkMs)
    const fault = await this.fault(asked)
    if (fault !== undefined) {
      done()
      return fault
    }
    if (asked.stream) return streamed(words, usageWanted(body), signal, done)
    if (words.gapMs > 0) await Bun.sleep(words.gapMs * words.pieces)
    done()
    return Response.json(wholeOf(words))
  }

  private count(words: Words, body: JsonObject, request: Request): Asked {
    const { nonce } = words
    const key = (request.headers.get('authorization') ?? '').replace(/^Bearer /, '')
    this.asked += 1
    this.times.set(nonce, (this.times.get(nonce) ?? 0) + 1)
    this.keys.set(key, (this.keys.get(key) ?? 0) + 1)
    return {
      words,
      times: this.times.get(nonce)!,
      stream: body['stream'] === true,
      key,
      signal: request.signal,
    }
  }
}

function wordsOf(body: JsonObject): Words | undefined {
  const { messages } = body
  const last = Array.isArray(messages) ? messages.at(-1) : undefined
  const content = isObject(last) ? last['content'] : undefined
  const part = Array.isArray(content) ? content[0] : undefined
  const text = isObject(part) ? part['text'] : content
  const match = /^say (\S+) (\d+) (\d+) (\d+)$/.exec(typeof text === 'string' ? text : '')
  if (match === null) return undefined
  const [, nonce = '', pieces, gapMs, fillChars] = match
  return { nonce, pieces: Number(pieces), gapMs: Number(gapMs), fillChars: Number(fillChars) }
}

function usageWanted(body: JsonObject): boolean {
  const options = body['stream_options']
  return isObject(options) && options['include_usage'] === true
}

const ABOUT = { id: 'chaos', created: 1_700_000_000, model: 'echo' }

function usageOf({ pieces }: Words): JsonObject {
  return { prompt_tokens: 4, completion_tokens: pieces, total_tokens: pieces + 4 }
}

export function wholeOf(words: Words): JsonObject {
  const message = { role: 'assistant', content: textOf(words) }
  return {
    ...ABOUT,
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage: usageOf(words),
  }
}

/** One event of a stream as it goes over the wire. */
export function eventOf(content: string | undefined, finish: string | null = null): string {
  const delta = content === undefined ? {} : { content }
  const choices = [{ index: 0, delta, finish_reason: finish }]
  return `data: ${JSON.stringify({ ...ABOUT, object: 'chat.completion.chunk', choices })}\n\n`
}

export const DONE = 'data: [DONE]\n\n'
export const STREAM_HEADERS = { 'content-type': 'text/event-stream' }

function streamed(words: Words, usage: boolean, signal: AbortSignal, done: () => void): Response {
  const encoder = new TextEncoder()
  let index = 0
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (index > 0 && words.gapMs > 0) await Bun.sleep(words.gapMs)
      if (signal.aborted) return
      if (index < words.pieces) {
        controller.enqueue(encoder.encode(eventOf(pieceOf(words, index))))
        index += 1
        return
      }
      const last = { ...ABOUT, object: 'chat.completion.chunk', choices: [], usage: usageOf(words) }
      const usageEvent = usage ? `data: ${JSON.stringify(last)}\n\n` : ''
      controller.enqueue(encoder.encode(eventOf(undefined, 'stop') + usageEvent + DONE))
      done()
      controller.close()
    },
  })
  return new Response(body, { headers: STREAM_HEADERS })
}
