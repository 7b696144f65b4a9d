// A client's body as bytes, within its size and its time. Elysia parses nothing on these routes: the decoder of the protocol
// validates, and a body that never ends must not be waited for.

import { endReason } from '../core/end-reason.ts'
import { GatewayError } from '../core/error.ts'
import type { Deadlines } from '../core/ports.ts'
import type { Shutdown } from '../gateway/shutdown.ts'

/** What breaks a request off: its signal, and the end of this process where that is near. */
export interface Ending {
  readonly signal: AbortSignal
  readonly shutdown?: Pick<Shutdown, 'onCut'>
}

/**
 * Reads the whole body.
 * @throws GatewayError `request_too_large` (before reading where the length is declared), `request_timeout`,
 * `unsupported_media_type`, what the signal fires with, or `invalid_request` for broken framing
 */
export async function readBody(
  request: Request,
  maxBytes: number,
  timeoutMs: number,
  deadlines: Deadlines,
  ending: Ending = { signal: request.signal },
): Promise<Uint8Array> {
  const { headers } = request
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding !== '' && encoding.toLowerCase() !== 'identity') {
    throw new GatewayError('unsupported_media_type', {
      message: 'Compressed request bodies are not supported.',
    })
  }
  const length = headers.get('content-length')
  if (length === null && !headers.has('transfer-encoding')) return new Uint8Array()
  if (length !== null && Number(length) > maxBytes) throw tooLarge(maxBytes)
  try {
    return await inTime(read(request, length, maxBytes), timeoutMs, deadlines, ending)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    if (ending.signal.aborted) throw endReason(ending.signal)
    throw new GatewayError('invalid_request', {
      message: 'The body could not be read to its end.',
      cause: error,
    })
  }
}

function read(request: Request, length: string | null, maxBytes: number): Promise<Uint8Array> {
  // With its length declared and judged it comes as it is; making a stream of it costs more than reading it.
  if (length !== null || request.body === null) return request.bytes()
  return readChunked(request.body, maxBytes)
}

function inTime<T>(
  reading: Promise<T>,
  timeoutMs: number,
  deadlines: Deadlines,
  { signal, shutdown }: Ending,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = deadlines.after(timeoutMs, () => {
      off?.()
      reject(new GatewayError('request_timeout'))
    })
    // Told by itself and not by the signal: a listener for each body costs as much as reading it, and a client that leaves ends it.
    const off = shutdown?.onCut(() => {
      limit.cancel()
      reject(endReason(signal))
    })
    reading.then(
      (value) => {
        limit.cancel()
        off?.()
        resolve(value)
      },
      (error: unknown) => {
        limit.cancel()
        off?.()
        reject(error as Error)
      },
    )
  })
}

async function readChunked(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('request_too_large', {
    message: `The body is larger than the ${maxBytes} bytes this server takes.`,
  })
}

/**
 * The type of a JSON route's body. Clients of the Ollama API (curl above all) send JSON under curl's default type, which no
 * page can do without an Origin, so there it is taken from callers that are no browser.
 * @throws GatewayError `unsupported_media_type`
 */
export function requireJsonType(headers: Headers, lenient: boolean): void {
  const type = headers.get('content-type')?.toLowerCase() ?? ''
  if (type === 'application/json') return
  const [media, ...parameters] = type.split(';').map((part) => part.trim())
  const json = media === 'application/json' || (media?.endsWith('+json') ?? false)
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))
  const utf8 = charset === undefined || /^charset="?(utf-8|utf8|us-ascii)"?$/.test(charset)
  if (json && utf8) return
  const browser = headers.has('origin') || headers.has('sec-fetch-site')
  if (lenient && !browser && (type === '' || media === 'application/x-www-form-urlencoded')) return
  throw new GatewayError('unsupported_media_type', {
    message: "The body must be JSON: send it with 'content-type: application/json'.",
  })
}
