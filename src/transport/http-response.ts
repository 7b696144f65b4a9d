// A provider's answer as the rest of the program sees it: its body inflated and bounded, its connection closed by whoever has had
// enough of it. It sends nothing and reads nothing ahead.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Deadlines, UpstreamResponse } from '../core/ports.ts'
import { RestartedDeadline } from './deadlines.ts'
import { asGatewayError, timeoutError } from './failures.ts'
import { inflate, isCompressed } from './inflate.ts'

/** How long nothing may come while a body is read to its end. */
export interface Silence {
  readonly deadlines: Deadlines
  readonly idleMs: number
}

export class HttpResponse implements UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  private readonly response: Response
  private readonly controller: AbortController
  private readonly release: () => void
  private readonly silence: Silence
  private stream: ReadableStream<Uint8Array> | null | undefined

  constructor(
    response: Response,
    controller: AbortController,
    release: () => void,
    silence: Silence,
  ) {
    this.silence = silence
    this.response = response
    this.controller = controller
    this.release = release
    this.status = response.status
    this.headers = response.headers
  }

  /** Made when it is asked for: a stream that `bytes` would have to empty again costs as much as the rest of a request. */
  get body(): ReadableStream<Uint8Array> | null {
    this.stream ??= inflate(this.response)
    return this.stream
  }

  async bytes(maxBytes: number): Promise<Uint8Array> {
    const { deadlines, idleMs } = this.silence
    const quiet = new RestartedDeadline(deadlines, idleMs, () =>
      this.cancel(timeoutError('more of the answer')),
    )
    try {
      const length = Number(this.headers.get('content-length') ?? Number.NaN)
      if (length > maxBytes) throw tooLarge()
      const plain = !isCompressed(this.headers)
      // Read as one piece it does not tell of its progress: what is short has to be there within one silence.
      if (plain && length <= LIMITS.wholeReadBytesMax) return await this.response.bytes()
      return await readBounded(this.body, maxBytes, () => quiet.restart())
    } catch (error) {
      this.cancel()
      throw asGatewayError(error, this.controller.signal)
    } finally {
      quiet.cancel()
      this.release()
    }
  }

  cancel(reason?: unknown): void {
    this.release()
    if (!this.controller.signal.aborted) this.controller.abort(reason)
  }
}

async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  onProgress: () => void,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    onProgress()
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
}

function tooLarge(): GatewayError {
  return new GatewayError('upstream_bad_response', {
    message: 'The provider sent an answer larger than this server takes.',
  })
}
