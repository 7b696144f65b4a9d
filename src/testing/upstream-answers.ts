// The answers a fixture upstream can play: plain JSON, streams in any chunking, held streams, compressed bodies, and the
// odd things providers and their proxies do. Each is a function of the request and keeps no state between tests.

import { createGzip } from 'node:zlib'
import type { JsonValue } from '../core/json.ts'
import type { Recording } from './recordings.ts'
import { seededInteger } from './seed.ts'
import type { Answer, CapturedRequest } from './upstream.ts'

export interface AnswerOptions {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

type Chunk = string | Uint8Array

const encoder = new TextEncoder()

function toBytes(chunk: Chunk): Uint8Array {
  return typeof chunk === 'string' ? encoder.encode(chunk) : chunk
}

/** A JSON answer. */
export function json(value: JsonValue, options: AnswerOptions = {}): Answer {
  return text(JSON.stringify(value), {
    ...options,
    headers: { 'content-type': 'application/json', ...options.headers },
  })
}

/** An answer of any text; without a content type unless the options name one. */
export function text(body: string, options: AnswerOptions = {}): Answer {
  return () =>
    new Response(encoder.encode(body), {
      status: options.status ?? 200,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    })
}

/** The 200 page of a captive proxy where JSON was expected. */
export function html(status = 200): Answer {
  const page = '<!doctype html><html><head><title>Sign in</title></head><body>Proxy</body></html>'
  return text(page, { status, headers: { 'content-type': 'text/html; charset=utf-8' } })
}

/** A redirect to another place, with no body. */
export function redirect(status: 301 | 302 | 303 | 307 | 308, location: string): Answer {
  return () => new Response(null, { status, headers: { location } })
}

/** 429 as OpenAI says it. `retryAfter` is the header's value: seconds or an HTTP date. */
export function rateLimited(retryAfter?: string): Answer {
  const error = {
    message: 'Rate limit reached.',
    type: 'requests',
    param: null,
    code: 'rate_limit_exceeded',
  }
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
  return json({ error }, { status: 429, headers })
}

/** Holds another answer back until `released` resolves: a slow first byte, without a timer. */
export function after(released: Promise<unknown>, answer: Answer): Answer {
  return async (request) => {
    await released
    return answer(request)
  }
}

/** The same answer, after a real delay: only for tests of deadlines. */
export function delayed(delayMs: number, answer: Answer): Answer {
  return async (request) => {
    await Bun.sleep(delayMs)
    return answer(request)
  }
}

/**
 * A stream of the given pieces, each one written by itself and only when the reader asks: an endless generator is stopped
 * by back-pressure.
 */
export function stream(
  chunks: Iterable<Chunk> | AsyncIterable<Chunk>,
  options: AnswerOptions = {},
): Answer {
  return () => {
    const iterator = iterate(chunks)
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const next = await iterator.next()
        if (next.done === true) controller.close()
        else controller.enqueue(toBytes(next.value))
      },
      async cancel() {
        await iterator.return?.(undefined)
      },
    })
    return new Response(body, {
      status: options.status ?? 200,
      headers: { 'content-type': 'text/event-stream', ...options.headers },
    })
  }
}

async function* iterate(chunks: Iterable<Chunk> | AsyncIterable<Chunk>): AsyncGenerator<Chunk> {
  yield* chunks
}

/** The pieces of some text when it is cut every `size` bytes, inside characters too. */
export function everyBytes(body: string, size: number): Uint8Array[] {
  const bytes = encoder.encode(body)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

/** The pieces of some text when it is cut at `cuts` random places. */
export function atRandom(body: string, cuts: number, random: () => number): Uint8Array[] {
  const bytes = encoder.encode(body)
  const places = Array.from({ length: cuts }, () => seededInteger(random, bytes.length + 1))
  const pieces: Uint8Array[] = []
  let from = 0
  for (const place of [...places.sort((a, b) => a - b), bytes.length]) {
    if (place > from) pieces.push(bytes.subarray(from, place))
    from = Math.max(from, place)
  }
  return pieces
}

const NOT_REPLAYED = new Set([
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'connection',
])

/** A recorded answer: JSON in one piece, a stream cut by `chunking` (whole by default). */
export function recorded(
  recording: Recording,
  chunking: (body: string) => Iterable<Chunk> = (body) => [body],
): Answer {
  const { status, headers, body, raw, raw_base64: base64 } = recording.response
  const kept = Object.fromEntries(
    Object.entries(headers).filter(([name]) => !NOT_REPLAYED.has(name.toLowerCase())),
  )
  if (raw !== undefined) return stream(chunking(raw), { status, headers: kept })
  if (base64 !== undefined) {
    return stream([Buffer.from(base64, 'base64')], { status, headers: kept })
  }
  return json(body ?? null, { status, headers: kept })
}

/** A gzip body that says so. */
export function gzipped(body: string, contentType = 'application/json'): Answer {
  return () =>
    new Response(Bun.gzipSync(encoder.encode(body)), {
      headers: { 'content-type': contentType, 'content-encoding': 'gzip' },
    })
}

/** A gzip body cut in the middle, with a content-length that matches the cut. */
export function gzipCut(body: string): Answer {
  return () => {
    const bytes = Bun.gzipSync(encoder.encode(body))
    return new Response(bytes.subarray(0, bytes.length >> 1), {
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    })
  }
}

/** A small gzip body that inflates to `inflatedBytes` of spaces inside a JSON string. Made without holding them. */
export async function gzipBomb(inflatedBytes: number): Promise<Answer> {
  const zip = createGzip({ level: 9 })
  const parts: Buffer[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  zip.on('data', (part: Buffer) => parts.push(part))
  zip.on('end', () => resolve())
  zip.on('error', reject)
  const filler = Buffer.alloc(1024 * 1024, ' ')
  zip.write('{"filler":"')
  for (let left = inflatedBytes; left > 0; left -= filler.length) {
    const piece = left < filler.length ? filler.subarray(0, left) : filler
    if (!zip.write(piece)) await new Promise<void>((drained) => zip.once('drain', drained))
  }
  zip.end('"}')
  await promise
  const bytes = Buffer.concat(parts)
  return () =>
    new Response(bytes, {
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    })
}

/**
 * A stream that a test writes by hand, for one request. Bun sends the head of an answer with the first byte of its body,
 * so write before awaiting the head; for a head followed by silence there is `headThenSilence` of the raw upstream.
 */
export class HeldStream {
  /** The request that this stream answers. */
  readonly opened: Promise<CapturedRequest>
  /** Resolves when the reader has cancelled or its connection is gone. */
  readonly cancelled: Promise<void>
  private readonly settleOpened: (request: CapturedRequest) => void
  private readonly settleCancelled: () => void
  private readonly options: AnswerOptions
  private readonly body: ReadableStream<Uint8Array>
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(options: AnswerOptions = {}) {
    this.options = options
    const opened = Promise.withResolvers<CapturedRequest>()
    const cancelled = Promise.withResolvers<void>()
    this.opened = opened.promise
    this.settleOpened = opened.resolve
    this.cancelled = cancelled.promise
    this.settleCancelled = cancelled.resolve
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller
      },
      cancel: () => this.settleCancelled(),
    })
  }

  /** To be scripted once; a second request for it is refused. */
  readonly answer: Answer = (request) => {
    if (this.body.locked) throw new Error('A held stream answers one request.')
    this.settleOpened(request)
    void request.disconnected.then(() => this.settleCancelled())
    return new Response(this.body, {
      status: this.options.status ?? 200,
      headers: { 'content-type': 'text/event-stream', ...this.options.headers },
    })
  }

  /** Writes without waiting for the reader. Throws once the stream has ended or was cancelled. */
  write(chunk: Chunk): void {
    this.controller?.enqueue(toBytes(chunk))
  }

  end(): void {
    this.controller?.close()
  }

  /** Breaks the connection. */
  fail(): void {
    this.controller?.error(new Error('the test broke this stream'))
  }
}
