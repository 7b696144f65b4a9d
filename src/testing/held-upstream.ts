// A provider of the OpenAI kind whose answers stay open until the test lets them go, and that counts how many it has at once. It
// exists for tests of overload and of stopping, which need requests that run for exactly as long as they say.

import { isObject, type JsonValue } from '../core/json.ts'
import { startUpstream, type CapturedRequest, type Upstream } from './upstream.ts'

export interface HeldUpstream {
  readonly url: string
  /** Answers that are open now, and at their most. */
  readonly running: number
  readonly most: number
  /** Texts of the requests so far, in the order in which they came. */
  readonly asked: readonly string[]
  /** Resolves when so many have come since the start. */
  arrived(count: number): Promise<void>
  /** Resolves when no answer is open any more. */
  idle(): Promise<void>
  /** Lets the oldest answers end well; all of them, and all that come later, unless a count is given. */
  release(count?: number): void
  close(): Promise<void>
}

export function startHeldUpstream(): HeldUpstream {
  return new Held()
}

const CHUNK = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'held' }
const USAGE = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

class Held implements HeldUpstream {
  running = 0
  most = 0
  readonly asked: string[] = []
  private readonly upstream: Upstream
  private readonly held: (() => void)[] = []
  private readonly waiting = new Set<() => void>()
  private isOpen = false

  constructor() {
    this.upstream = startUpstream((request) => this.answer(request))
  }

  get url(): string {
    return this.upstream.url
  }

  arrived(count: number): Promise<void> {
    return this.until(() => this.asked.length >= count)
  }

  idle(): Promise<void> {
    return this.until(() => this.running === 0)
  }

  release(count?: number): void {
    if (count === undefined) this.isOpen = true
    for (const go of this.held.splice(0, count ?? this.held.length)) go()
  }

  close(): Promise<void> {
    this.release()
    return this.upstream.close()
  }

  private until(isSo: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = () => {
      if (!isSo()) return
      this.waiting.delete(look)
      resolve()
    }
    this.waiting.add(look)
    look()
    return promise
  }

  private changed(): void {
    for (const look of this.waiting) look()
  }

  private async answer(request: CapturedRequest): Promise<Response> {
    if (request.method === 'GET') return Response.json({ object: 'list', data: [] })
    const body = request.json()
    this.asked.push(textOf(body))
    this.running += 1
    this.most = Math.max(this.most, this.running)
    const { promise: released, resolve } = Promise.withResolvers<void>()
    if (this.isOpen) resolve()
    else this.held.push(resolve)
    let isOver = false
    const over = () => {
      if (isOver) return
      isOver = true
      this.running -= 1
      const at = this.held.indexOf(resolve)
      if (at >= 0) this.held.splice(at, 1)
      this.changed()
    }
    void request.disconnected.then(over)
    this.changed()
    if (isObject(body) && body['stream'] === true) return streamed(released, over)
    await Promise.race([released, request.disconnected])
    over()
    const message = { role: 'assistant', content: 'Hello there' }
    return Response.json({
      ...CHUNK,
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: USAGE,
    })
  }
}

/** One word at once, the other when it is let go. */
function streamed(released: Promise<void>, over: () => void): Response {
  const event = (value: object) => `data: ${JSON.stringify({ ...CHUNK, ...value })}\n\n`
  const delta = (text: string, finish: string | null = null) =>
    event({ choices: [{ index: 0, delta: { content: text }, finish_reason: finish }] })
  async function* pieces(): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder()
    try {
      yield encoder.encode(delta('Hello'))
      await released
      const end = delta('', 'stop') + event({ choices: [], usage: USAGE })
      yield encoder.encode(`${delta(' there')}${end}data: [DONE]\n\n`)
    } finally {
      over()
    }
  }
  const source = pieces()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      cancel: () => over(),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

/** The text of the last message. */
function textOf(body: JsonValue): string {
  const messages = isObject(body) ? body['messages'] : undefined
  const last = Array.isArray(messages) ? messages.at(-1) : undefined
  const content = isObject(last) ? last['content'] : undefined
  return typeof content === 'string' ? content : JSON.stringify(content ?? body)
}
