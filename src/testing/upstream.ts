// A provider for tests: a real server on a loopback port that plays scripted answers and keeps what it was asked.
// It stands where a provider stands, so that no module is ever mocked; it must not sleep to be right.

import type { Server } from 'bun'
import type { JsonValue } from '../core/json.ts'

/** One request as it arrived. */
export interface CapturedRequest {
  /** Counting from 0. */
  readonly index: number
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
  readonly text: string
  /** Parses the body; throws when it is not JSON. */
  json(): JsonValue
  /** Resolves when the other side leaves before its answer has ended. */
  readonly disconnected: Promise<void>
}

/** Answers one request. Throwing closes nothing: the server answers 500 and `failures` keeps what was thrown. */
export type Answer = (request: CapturedRequest) => Response | Promise<Response>

export interface Upstream {
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly url: string
  readonly port: number
  readonly requests: readonly CapturedRequest[]
  /** What answers threw, in order. */
  readonly failures: readonly unknown[]
  /** The request of that index, at once or when it comes. */
  request(index: number): Promise<CapturedRequest>
  /** Replaces what is left of the script. */
  play(...answers: Answer[]): void
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts an upstream. The first request gets the first answer and so on; the last answer is repeated. With no answer at
 * all it says 501, so that a request no test expected is seen.
 */
export function startUpstream(...script: Answer[]): Upstream {
  return new ScriptedUpstream(script)
}

class ScriptedUpstream implements Upstream {
  readonly requests: CapturedRequest[] = []
  readonly failures: unknown[] = []
  private script: Answer[]
  private readonly server: Server<undefined>
  private readonly waiting = new Map<number, (request: CapturedRequest) => void>()
  private readonly promised = new Map<number, Promise<CapturedRequest>>()

  constructor(script: readonly Answer[]) {
    this.script = [...script]
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      // Held streams are quiet for as long as the test wants.
      idleTimeout: 0,
      development: false,
      maxRequestBodySize: 1024 * 1024 * 1024,
      fetch: (request) => this.handle(request),
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    return this.server.port ?? 0
  }

  request(index: number): Promise<CapturedRequest> {
    const known = this.requests[index]
    if (known !== undefined) return Promise.resolve(known)
    const promised = this.promised.get(index)
    if (promised !== undefined) return promised
    const { promise, resolve } = Promise.withResolvers<CapturedRequest>()
    this.waiting.set(index, resolve)
    this.promised.set(index, promise)
    return promise
  }

  play(...answers: Answer[]): void {
    this.script = answers
  }

  async close(): Promise<void> {
    await this.server.stop(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private async handle(request: Request): Promise<Response> {
    // The signal must be watched before the body is awaited, or a leaving client is missed.
    const { promise: disconnected, resolve } = Promise.withResolvers<void>()
    request.signal.addEventListener('abort', () => resolve(), { once: true })
    let bytes: Uint8Array
    try {
      bytes = await request.bytes()
    } catch (error) {
      this.failures.push(error)
      return new Response(null, { status: 400 })
    }
    const captured = capture(request, this.requests.length, bytes, disconnected)
    this.requests.push(captured)
    this.waiting.get(captured.index)?.(captured)
    const answer = this.script.length > 1 ? this.script.shift() : this.script[0]
    if (answer === undefined) return new Response('no answer was scripted', { status: 501 })
    try {
      return await answer(captured)
    } catch (error) {
      this.failures.push(error)
      return new Response('the scripted answer threw', { status: 500 })
    }
  }
}

function capture(
  request: Request,
  index: number,
  bytes: Uint8Array,
  disconnected: Promise<void>,
): CapturedRequest {
  const text = new TextDecoder().decode(bytes)
  return {
    index,
    method: request.method,
    target: targetOf(request.url),
    headers: Object.fromEntries(request.headers.entries()),
    bytes,
    text,
    json: () => JSON.parse(text) as JsonValue,
    disconnected,
  }
}

/** Path and query of a URL whose host may be anything: `new URL` throws for hosts that tests send on purpose. */
function targetOf(url: string): string {
  return /^https?:\/\/[^/]*(\/.*)$/s.exec(url)?.[1] ?? url
}
