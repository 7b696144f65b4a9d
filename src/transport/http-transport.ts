// The way out: the only place that calls fetch. Redirects are refused, the environment's proxy is ignored, compressed
// bodies are inflated here within bounds, and every wait has its deadline. It knows no dialect and adds no header of its own
// beyond what HTTP needs.

import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type {
  Clock,
  Deadline,
  Deadlines,
  StreamedBody,
  Transport,
  UpstreamRequest,
  UpstreamResponse,
} from '../core/ports.ts'
import { SharedDeadlines } from './deadlines.ts'
import { inflate, isCompressed } from './inflate.ts'
import { AddressGuard } from './resolve.ts'
import { TlsFiles } from './tls-files.ts'

interface ParsedUrl {
  readonly url: URL
  /** Without the brackets of an IPv6 address. */
  readonly host: string
}

/** Errors of a connection that was never made: the next address may be better. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL'])

export class HttpTransport implements Transport {
  private readonly guard: AddressGuard
  private readonly deadlines: Deadlines
  private readonly tlsFiles = new TlsFiles()
  private readonly parsed = new Map<string, ParsedUrl>()

  constructor(guard: AddressGuard, deadlines: Deadlines) {
    this.guard = guard
    this.deadlines = deadlines
  }

  async send(request: UpstreamRequest): Promise<UpstreamResponse> {
    if (request.signal.aborted) throw new GatewayError('client_closed')
    const { url, host } = this.parse(request.url)
    const { proxy } = request.network
    // Behind a proxy the proxy resolves names; only what is written as an address can be judged here.
    const addresses =
      proxy === undefined
        ? await this.guard.addresses(host, request.network.allowPrivate === true)
        : [host]
    let failure: unknown
    for (const address of addresses) {
      try {
        const response = await this.attempt(request, url, host, address)
        if (address !== host) this.guard.prefer(host, address)
        return response
      } catch (error) {
        failure = error
        if (!NOT_CONNECTED.has(causeCode(error))) break
      }
    }
    throw failure
  }

  /** A provider's URLs are few and parsing one costs more than the rest of this method. */
  private parse(text: string): ParsedUrl {
    let parsed = this.parsed.get(text)
    if (parsed === undefined) {
      const url = new URL(text)
      parsed = { url, host: url.hostname.replace(/^\[|\]$/g, '') }
      if (this.parsed.size >= LIMITS.parsedUrlEntriesMax) this.parsed.clear()
      this.parsed.set(text, parsed)
    }
    return parsed
  }

  private async attempt(
    request: UpstreamRequest,
    url: URL,
    host: string,
    address: string,
  ): Promise<UpstreamResponse> {
    const controller = new AbortController()
    const leave = () => controller.abort(new GatewayError('client_closed'))
    request.signal.addEventListener('abort', leave, { once: true })
    const release = () => request.signal.removeEventListener('abort', leave)
    const firstByte = new RestartedDeadline(this.deadlines, request.timeouts.firstByteMs, () =>
      controller.abort(timeoutError('first byte')),
    )
    const probe = this.probeConnection(request, url, address, controller)
    try {
      const response = await fetch(
        pinnedUrl(url, host, address),
        this.init(request, url, host, address, controller.signal, () => firstByte.restart()),
      )
      if (response.status >= 300 && response.status < 400) {
        controller.abort()
        throw new GatewayError('upstream_redirect')
      }
      return new HttpResponse(response, controller, release)
    } catch (error) {
      release()
      throw asGatewayError(error, controller.signal)
    } finally {
      firstByte.cancel()
      probe?.cancel()
    }
  }

  private init(
    request: UpstreamRequest,
    url: URL,
    host: string,
    address: string,
    signal: AbortSignal,
    onProgress: () => void,
  ): BunFetchRequestInit {
    const { network } = request
    const headers = { ...request.headers, 'accept-encoding': 'identity' } as Record<string, string>
    if (address !== host) headers['host'] = url.host
    const init: BunFetchRequestInit = {
      method: request.method,
      headers,
      redirect: 'manual',
      decompress: false,
      signal,
      proxy: network.proxy === undefined ? false : { url: network.proxy, respectNoProxy: false },
    } as BunFetchRequestInit
    if (isStreamed(request.body)) {
      // Without it the body would go out chunked, which many a provider refuses.
      headers['content-length'] = String(request.body.bytes)
      init.body = watched(request.body, onProgress) as unknown as NonNullable<typeof init.body>
    } else if (request.body !== undefined) {
      init.body = request.body as NonNullable<typeof init.body>
    }
    if (url.protocol === 'https:') {
      init.tls = {
        ...this.tlsFiles.options(network),
        ...(address === host ? {} : { serverName: host }),
      }
    }
    return init
  }

  /**
   * fetch does not tell when it has connected. Half-way to the connect limit without an answer, one bare TCP connection
   * is tried: when that cannot be made either by the limit, the host is a black hole and the request ends as timed out.
   */
  private probeConnection(
    request: UpstreamRequest,
    url: URL,
    address: string,
    controller: AbortController,
  ): Deadline | undefined {
    const half = request.timeouts.connectMs / 2
    if (request.network.proxy !== undefined || half >= request.timeouts.firstByteMs)
      return undefined
    return this.deadlines.after(half, () => {
      let connected = false
      const limit = this.deadlines.after(half, () => {
        if (!connected) controller.abort(timeoutError('connection'))
      })
      const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
      void Bun.connect({
        hostname: address,
        port,
        socket: {
          open(socket) {
            connected = true
            limit.cancel()
            socket.end()
          },
          data() {},
        },
      }).catch(() => {
        // Refused or reset: fetch will say so itself, and in better words than a probe could.
        limit.cancel()
      })
    })
  }
}

/** The wait for an answer begins anew with each piece of a body that takes its time to send. */
class RestartedDeadline implements Deadline {
  private readonly deadlines: Deadlines
  private readonly delayMs: number
  private readonly fire: () => void
  private running: Deadline
  private over = false

  constructor(deadlines: Deadlines, delayMs: number, fire: () => void) {
    this.deadlines = deadlines
    this.delayMs = delayMs
    this.fire = fire
    this.running = deadlines.after(delayMs, fire)
  }

  restart(): void {
    if (this.over) return
    this.running.cancel()
    this.running = this.deadlines.after(this.delayMs, this.fire)
  }

  cancel(): void {
    this.over = true
    this.running.cancel()
  }
}

function isStreamed(body: UpstreamRequest['body']): body is StreamedBody {
  return typeof body === 'object' && 'open' in body
}

/** The body's own stream, saying each time that more of it is wanted. */
function watched(body: StreamedBody, onProgress: () => void): ReadableStream<Uint8Array> {
  const reader = body.open().getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        onProgress()
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

class HttpResponse implements UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  private readonly response: Response
  private readonly controller: AbortController
  private readonly release: () => void
  private stream: ReadableStream<Uint8Array> | null | undefined

  constructor(response: Response, controller: AbortController, release: () => void) {
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
    try {
      const length = Number(this.headers.get('content-length') ?? Number.NaN)
      if (length > maxBytes) throw tooLarge()
      const plain = !isCompressed(this.headers)
      if (plain && Number.isFinite(length)) return await this.response.bytes()
      return await readBounded(this.body, maxBytes)
    } catch (error) {
      this.cancel()
      throw asGatewayError(error, this.controller.signal)
    } finally {
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
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
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

function timeoutError(what: string): GatewayError {
  return new GatewayError('upstream_timeout', { cause: `no ${what} within its limit` })
}

/** The URL with the judged address in place of the name. */
function pinnedUrl(url: URL, host: string, address: string): string {
  if (address === host) return url.href
  const pinned = new URL(url.href)
  pinned.hostname = address.includes(':') ? `[${address}]` : address
  return pinned.href
}

/** What fetch threw, in our words: our own abort reasons come through as they are. */
export function asGatewayError(error: unknown, signal?: AbortSignal): GatewayError {
  if (error instanceof GatewayError) return error
  if (signal?.aborted && signal.reason instanceof GatewayError) return signal.reason
  const code = errorCode(error)
  if (code === 'ERR_PROXY_TUNNEL') {
    return new GatewayError('upstream_error', {
      message: 'The forward proxy refused the connection to the provider.',
      cause: error,
    })
  }
  if (
    /^Z_|^ERR_ZLIB|^ZSTD_|BROTLI|Decompress/i.test(
      `${code} ${(error as Error | undefined)?.message ?? ''}`,
    )
  ) {
    return new GatewayError('upstream_bad_response', { cause: error })
  }
  if (/CERT|VERIFY|SELF_SIGNED|ALTNAME|TLS|SSL/.test(code)) {
    return new GatewayError('upstream_error', {
      message: "The provider's TLS certificate could not be verified.",
      cause: error,
    })
  }
  return new GatewayError('upstream_error', {
    message: 'The connection to the provider failed.',
    cause: error,
  })
}

/** The system's code behind a thrown value (`ECONNREFUSED`), or ''. */
function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** The system's code behind a GatewayError's cause. */
export function causeCode(error: unknown): string {
  return error instanceof GatewayError ? errorCode(error.cause) : errorCode(error)
}

/** The transport of the running program, with the system's resolver and clock. */
export function createTransport(
  clock: Clock,
  deadlines: Deadlines = new SharedDeadlines(clock),
): HttpTransport {
  return new HttpTransport(new AddressGuard(() => clock.monotonicMs()), deadlines)
}
