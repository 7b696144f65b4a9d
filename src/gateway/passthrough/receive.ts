// A client's upload taken in: read no faster than it can be put away, scanned on the way, within its size and its time.
// It is complete before anything is sent on, so that the model is known, its name is the only one, and an attempt that
// fails can be followed by another.

import { endReason } from '../../core/end-reason.ts'
import { GatewayError } from '../../core/error.ts'
import type { Edit } from '../../core/json-span.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Deadlines, StreamedBody } from '../../core/ports.ts'
import { boundaryOf, formType } from './multipart-head.ts'
import { MultipartScanner, type FormFields } from './multipart-scanner.ts'
import type { Spool, SpoolRoom } from './spool.ts'

/** A request's body as the server has it. */
export interface Incoming {
  readonly headers: Headers
  readonly body: ReadableStream<Uint8Array> | null
  readonly signal: AbortSignal
}

export interface ReceiveDeps {
  readonly room: SpoolRoom
  readonly deadlines: Deadlines
  /** Largest upload, in bytes. */
  uploadBytesMax(): number
}

/** A whole body, in memory or on disk. Whoever gets one disposes of it. */
export class ReceivedBody {
  readonly contentType: string | undefined
  private readonly spool: Spool

  constructor(spool: Spool, contentType: string | undefined) {
    this.spool = spool
    this.contentType = contentType
  }

  get bytes(): number {
    return this.spool.bytes
  }

  content(edits: readonly Edit[] = []): Uint8Array | StreamedBody {
    return this.spool.body(edits)
  }

  dispose(): Promise<void> {
    return this.spool.dispose()
  }
}

/** A form with the fields that matter here. */
export class ReceivedForm extends ReceivedBody {
  readonly fields: FormFields
  private readonly boundary: string

  constructor(spool: Spool, boundary: string, fields: FormFields) {
    super(spool, formType(boundary))
    this.boundary = boundary
    this.fields = fields
  }

  /** The form with another value in this field, or with the field where there was none. */
  withField(name: string, value: string): Uint8Array | StreamedBody {
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u001f\u007f]/.test(value) || value.includes(`--${this.boundary}`)) {
      throw new GatewayError('unsupported', { param: name, message: `'${name}' fits in no form.` })
    }
    const field = this.fields.get(name)
    if (field !== undefined)
      return this.content([{ start: field.start, end: field.end, text: value }])
    const part = `--${this.boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    return this.content([{ start: 0, end: 0, text: part }])
  }
}

/** Fields of a form that are looked for; each may come once. */
const WANTED_FIELDS: ReadonlySet<string> = new Set(['model', 'stream'])

/**
 * Takes in a form.
 * @throws GatewayError `unsupported_media_type`, `invalid_request` for broken framing, `request_too_large`,
 * `request_timeout`, `storage_unavailable`, `client_closed`
 */
export async function receiveForm(incoming: Incoming, deps: ReceiveDeps): Promise<ReceivedForm> {
  const boundary = boundaryOf(incoming.headers.get('content-type'))
  const scanner = new MultipartScanner(boundary, WANTED_FIELDS)
  return await receive(
    incoming,
    deps,
    (chunk) => scanner.push(chunk),
    (spool) => new ReceivedForm(spool, boundary, scanner.end()),
  )
}

/** Takes in a body of any kind, unread. Throws as `receiveForm` does. */
export function receiveBody(incoming: Incoming, deps: ReceiveDeps): Promise<ReceivedBody> {
  const type = incoming.headers.get('content-type') ?? undefined
  return receive(
    incoming,
    deps,
    () => undefined,
    (spool) => new ReceivedBody(spool, type),
  )
}

async function receive<T>(
  incoming: Incoming,
  deps: ReceiveDeps,
  onChunk: (chunk: Uint8Array) => void,
  done: (spool: Spool) => T,
): Promise<T> {
  const length = declaredLength(incoming.headers, deps.uploadBytesMax())
  const spool = deps.room.create()
  try {
    if (incoming.body !== null) await readInto(spool, incoming, incoming.body, deps, onChunk)
    if (incoming.signal.aborted) throw endReason(incoming.signal)
    if (length !== undefined && spool.bytes !== length) throw unreadable(undefined)
    await spool.finish()
    return done(spool)
  } catch (error) {
    await spool.dispose()
    throw error
  }
}

function declaredLength(headers: Headers, bytesMax: number): number | undefined {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (encoding !== '' && encoding !== 'identity') {
    throw new GatewayError('unsupported_media_type', {
      message: 'Compressed request bodies are not supported.',
    })
  }
  const text = headers.get('content-length')
  if (text === null) return undefined
  const length = Number(text)
  if (length > bytesMax) throw tooLarge(bytesMax)
  return length
}

async function readInto(
  spool: Spool,
  incoming: Incoming,
  body: ReadableStream<Uint8Array>,
  deps: ReceiveDeps,
  onChunk: (chunk: Uint8Array) => void,
): Promise<void> {
  const { signal } = incoming
  const reader = body.getReader()
  let late: GatewayError | undefined
  const stop = (reason: GatewayError) => {
    late ??= reason
    void Promise.allSettled([reader.cancel(reason)])
  }
  const giveUp = () => stop(new GatewayError('request_timeout'))
  const leave = () => stop(endReason(signal))
  signal.addEventListener('abort', leave, { once: true })
  const total = deps.deadlines.after(LIMITS.uploadTotalTimeoutMs, giveUp)
  let idle = deps.deadlines.after(LIMITS.uploadIdleTimeoutMs, giveUp)
  const bytesMax = deps.uploadBytesMax()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late !== undefined) throw late
      if (done) return
      idle.cancel()
      if (spool.bytes + value.length > bytesMax) throw tooLarge(bytesMax)
      onChunk(value)
      await spool.write(value)
      idle = deps.deadlines.after(LIMITS.uploadIdleTimeoutMs, giveUp)
    }
  } catch (error) {
    // The rest is not wanted: the connection is told so, whatever went wrong.
    void Promise.allSettled([reader.cancel(error)])
    if (error instanceof GatewayError) throw error
    if (signal.aborted) throw endReason(signal)
    throw unreadable(error)
  } finally {
    idle.cancel()
    total.cancel()
    signal.removeEventListener('abort', leave)
  }
}

function unreadable(cause: unknown): GatewayError {
  return new GatewayError('invalid_request', {
    message: 'The body could not be read to its end.',
    cause,
  })
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError('request_too_large', {
    message: `The upload is larger than the ${bytesMax} bytes this server takes.`,
  })
}
