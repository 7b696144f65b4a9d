// The way out: the only place that calls fetch. Redirects are refused, the environment's proxy is ignored, compressed
// bodies are inflated here within bounds, and every wait has its deadline. It knows no dialect and adds no header of its own
// beyond what HTTP needs.

import type { NetworkSettings } from '../core/catalog.ts'
import { endReason } from '../core/end-reason.ts'
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
import { RestartedDeadline, SharedDeadlines } from './deadlines.ts'
import { asGatewayError, isNotConnected, timeoutError, type Way } from './failures.ts'
import { firstToConnect } from './first-to-connect.ts'
import { HttpResponse } from './http-response.ts'
import {
  fetchProxy,
  type ForwardProxy,
  isProxyAnswer,
  portOf,
  proxyFor,
  proxyRefused,
} from './proxy.ts'
import { AddressGuard } from './resolve.ts'
import { FetchSessions } from './sessions.ts'

interface ParsedUrl {
  readonly url: URL
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly port: number
  /** The URL with the address that was asked last in place of the name. */
  pinned?: { readonly address: string; readonly href: string }
}

/** How a request reaches its host. */
interface Route {
  readonly parsed: ParsedUrl
  readonly proxy: ForwardProxy | undefined
  readonly way: Way
  /** What is connected to: the host, or the proxy. */
  readonly place: string
  readonly placePort: number
}

export class HttpTransport implements Transport {
  private readonly guard: AddressGuard
  private readonly deadlines: Deadlines
  private readonly sessions: FetchSessions
  private readonly parsed = new Map<string, Route>()

  constructor(guard: AddressGuard, deadlines: Deadlines, monotonicMs: () => number) {
    this.guard = guard
    this.deadlines = deadlines
    this.sessions = new FetchSessions(monotonicMs)
  }

  async send(request: UpstreamRequest): Promise<UpstreamResponse> {
    if (request.signal.aborted) throw endReason(request.signal)
    const route = this.route(request)
    // Of nearly every request they are known: nothing is waited for.
    const addresses = this.knownAddresses(request, route) ?? (await this.addresses(request, route))
    try {
      return await this.tryEach(request, route, addresses)
    } catch (error) {
      // Where nobody is at any address that is remembered, the name may have moved.
      if (!isNotConnected(error) || !this.guard.forget(route.place)) throw error
      const moved = (await this.addresses(request, route)).filter(
        (address) => !addresses.includes(address),
      )
      if (moved.length === 0) throw error
      return await this.tryEach(request, route, moved)
    }
  }

  private route(request: UpstreamRequest): Route {
    const direct = this.parse(request.url)
    const { parsed } = direct
    const proxy = proxyFor(request.network, parsed.host, parsed.port)
    if (proxy === undefined) return direct
    // The proxy resolves names; only what is written as an address can be judged here.
    this.guard.judgeLiteral(parsed.host, request.network.allowPrivate === true)
    const way = proxy.isTls ? 'tls-proxy' : 'proxy'
    // fetch looks up the name in its certificate by itself: what it finds may not be what was judged.
    const isJudged =
      mayBePrivate(request.network, way) || this.guard.judgeLiteral(proxy.host, false)
    if (proxy.isTls && !isJudged) {
      throw new GatewayError('upstream_error', {
        message:
          'The forward proxy is not one this server may connect to: it begins with https://.',
        cause: `${proxy.host} cannot be held to the address that was judged`,
        shouldRetry: false,
      })
    }
    return { parsed, proxy, way, place: proxy.host, placePort: proxy.port }
  }

  /** The way without a proxy. A provider's URLs are few and parsing one costs more than the rest of this method. */
  private parse(text: string): Route {
    let direct = this.parsed.get(text)
    if (direct === undefined) {
      const url = new URL(text)
      const parsed = { url, host: url.hostname.replace(/^\[|\]$/g, ''), port: portOf(url) }
      const { host, port } = parsed
      direct = { parsed, proxy: undefined, way: 'direct', place: host, placePort: port }
      if (this.parsed.size >= LIMITS.parsedUrlEntriesMax) this.parsed.clear()
      this.parsed.set(text, direct)
    }
    return direct
  }

  /** Addresses of which nothing has to be asked or tried; undefined where something has. */
  private knownAddresses(
    { network }: UpstreamRequest,
    { place, way }: Route,
  ): readonly string[] | undefined {
    const known = this.guard.known(place, mayBePrivate(network, way))
    if (known === undefined || known.length < 2) return known
    return this.guard.isProven(place) ? known : undefined
  }

  /** Addresses to connect to, judged, best first. */
  private async addresses(request: UpstreamRequest, route: Route): Promise<readonly string[]> {
    const { place, placePort, way } = route
    const allowPrivate = mayBePrivate(request.network, way)
    const { connectMs } = request.timeouts
    const known = this.guard.known(place, allowPrivate)
    const found = known ?? (await this.limited(request, this.guard.addresses(place, allowPrivate)))
    if (found.length < 2 || this.guard.isProven(place)) return found
    const first = await firstToConnect(found, placePort, this.deadlines, connectMs, request.signal)
    if (request.signal.aborted) throw endReason(request.signal)
    // Refused by all: fetch says it in better words.
    if (first === undefined) return found
    return [first, ...found.filter((address) => address !== first)]
  }

  /** A resolver may take minutes to give up. */
  private async limited<T>(request: UpstreamRequest, looking: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const leave = () => reject(endReason(request.signal))
    request.signal.addEventListener('abort', leave, { once: true })
    const limit = this.deadlines.after(request.timeouts.connectMs, () =>
      reject(timeoutError('connection (its name could not be looked up)')),
    )
    try {
      return await Promise.race([looking, promise])
    } finally {
      limit.cancel()
      request.signal.removeEventListener('abort', leave)
    }
  }

  private async tryEach(
    request: UpstreamRequest,
    route: Route,
    addresses: readonly string[],
  ): Promise<UpstreamResponse> {
    let failure: unknown
    for (const address of addresses) {
      try {
        const response = await this.attempt(request, route, address)
        if (address !== route.place) this.guard.prefer(route.place, address)
        return response
      } catch (error) {
        failure = error
        if (!isNotConnected(error)) break
      }
    }
    throw failure
  }

  private async attempt(
    request: UpstreamRequest,
    route: Route,
    address: string,
  ): Promise<UpstreamResponse> {
    const controller = new AbortController()
    const leave = () => controller.abort(endReason(request.signal))
    request.signal.addEventListener('abort', leave, { once: true })
    const release = () => request.signal.removeEventListener('abort', leave)
    const firstByte = new RestartedDeadline(this.deadlines, request.timeouts.firstByteMs, () =>
      controller.abort(timeoutError('first byte')),
    )
    const probe = this.probeConnection(request, route, address, controller)
    try {
      const response = await fetch(
        route.way === 'direct' ? pinnedUrl(route.parsed, address) : route.parsed.url.href,
        this.init(request, route, address, controller.signal, () => firstByte.restart()),
      )
      if (response.status >= 300 && response.status < 400) {
        controller.abort()
        throw new GatewayError('upstream_redirect')
      }
      // What comes out of a tunnel is the provider's; what is sent in clear, the proxy may answer itself.
      if (
        route.way !== 'direct' &&
        route.parsed.url.protocol === 'http:' &&
        isProxyAnswer(response)
      ) {
        controller.abort()
        throw proxyRefused(response.status)
      }
      return new HttpResponse(response, controller, release, {
        deadlines: this.deadlines,
        idleMs: request.timeouts.idleMs,
      })
    } catch (error) {
      release()
      throw asGatewayError(error, controller.signal, route.way)
    } finally {
      firstByte.cancel()
      probe?.cancel()
    }
  }

  private init(
    request: UpstreamRequest,
    route: Route,
    address: string,
    signal: AbortSignal,
    onProgress: () => void,
  ): BunFetchRequestInit {
    const { parsed, proxy } = route
    const { host, url } = parsed
    const isPinned = proxy === undefined && address !== host
    const headers = { ...request.headers, 'accept-encoding': 'identity' } as Record<string, string>
    if (isPinned) headers['host'] = url.host
    const init: BunFetchRequestInit = {
      method: request.method,
      headers,
      redirect: 'manual',
      decompress: false,
      signal,
      proxy: proxy === undefined ? false : fetchProxy(proxy, proxy.isTls ? proxy.host : address),
    } as BunFetchRequestInit
    if (isStreamed(request.body)) {
      // Without it the body would go out chunked, which many a provider refuses.
      headers['content-length'] = String(request.body.bytes)
      init.body = watched(request.body, onProgress) as unknown as NonNullable<typeof init.body>
    } else if (request.body !== undefined) {
      init.body = request.body as NonNullable<typeof init.body>
    }
    if (url.protocol === 'https:' || proxy !== undefined) {
      init.session = this.sessions.of(request.network, isPinned ? host : undefined)
    }
    return init
  }

  /**
   * fetch does not tell when it has connected. Half-way to the connect limit without an answer, one bare TCP connection
   * is tried: when that cannot be made either by the limit, the host is a black hole and the request ends as timed out.
   * A handshake is no such sign: a server that is busy with this very request may be too busy for another one's.
   */
  private probeConnection(
    request: UpstreamRequest,
    route: Route,
    address: string,
    controller: AbortController,
  ): Deadline | undefined {
    const half = request.timeouts.connectMs / 2
    if (half >= request.timeouts.firstByteMs) return undefined
    let running = this.deadlines.after(half, () => {
      const limit = this.deadlines.after(half, () => {
        this.guard.forget(route.place)
        const where = route.way === 'direct' ? '' : ' to the forward proxy'
        controller.abort(timeoutError(`connection${where}`))
      })
      running = limit
      void Bun.connect({
        hostname: address,
        port: route.placePort,
        socket: {
          open(socket) {
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
    // What has answered is connected, whatever becomes of the probe.
    return { cancel: () => running.cancel() }
  }
}

/** A proxy stands where the operator says, and that is mostly inside; one that others say is judged as a provider is. */
function mayBePrivate({ allowPrivate, allowPrivateProxy }: NetworkSettings, way: Way): boolean {
  return way === 'direct' ? allowPrivate === true : allowPrivateProxy !== false
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

/** The URL with the judged address in place of the name. */
function pinnedUrl(parsed: ParsedUrl, address: string): string {
  const { host, pinned, url } = parsed
  if (address === host) return url.href
  if (pinned?.address === address) return pinned.href
  const made = new URL(url.href)
  made.hostname = address.includes(':') ? `[${address}]` : address
  parsed.pinned = { address, href: made.href }
  return made.href
}

/** The transport of the running program, with the system's resolver and clock. */
export function createTransport(
  clock: Clock,
  deadlines: Deadlines = new SharedDeadlines(clock),
): HttpTransport {
  const monotonicMs = () => clock.monotonicMs()
  return new HttpTransport(new AddressGuard(monotonicMs), deadlines, monotonicMs)
}
