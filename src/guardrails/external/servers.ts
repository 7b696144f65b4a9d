// The services that checks ask: each with a bound on how much it is asked at once, a queue before it and a circuit. Rules that name the same
// service share it. Everything goes out through the `Transport` port under the address guard; answers are bounded and read as JSON.

import type { NetworkSettings } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import { type JsonValue, parseJson } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Clock, Transport, UpstreamResponse } from '../../core/ports.ts'
import { type CircuitState, ServerCircuit } from './server-circuit.ts'
import { asUnavailable, isLate, unavailable } from './unavailable.ts'

/** What checks that ask others are given. */
export interface ServerPorts {
  readonly transport: Transport
  readonly clock: Clock
  /** How an address of that origin may be reached, with what the rule says of its own (`outboundNetwork`). */
  network(url: string, isOperators: boolean, own: NetworkSettings): NetworkSettings
}

/** Where a service is and who says so. */
export interface ServerPlace {
  readonly url: string
  readonly isOperators: boolean
  readonly tenantId: string | undefined
  readonly own: NetworkSettings
}

export interface ServerCall {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** A JSON answer with its status: what a service refuses it may explain. */
export interface ServerAnswer {
  readonly status: number
  readonly body: JsonValue | undefined
}

/** How a service is, for gauges. */
export interface ServerState {
  /** Host and port; no path, which may hold a token. */
  readonly host: string
  readonly state: CircuitState
  readonly running: number
  readonly waiting: number
}

export class GuardServers {
  private readonly servers = new Map<string, GuardServer>()
  private readonly ports: ServerPorts

  constructor(ports: ServerPorts) {
    this.ports = ports
  }

  /** The service at a place. Tenants share none: what one does to it is not felt by another. */
  at(place: ServerPlace): GuardServer {
    const { isOperators, own, tenantId, url } = place
    const origin = new URL(url).origin
    const key = JSON.stringify([tenantId ?? null, isOperators, origin, own])
    const known = this.servers.get(key)
    if (known !== undefined) return known
    if (this.servers.size >= LIMITS.guardServersMax) this.forgetIdle()
    const server = new GuardServer(place, this.ports)
    this.servers.set(key, server)
    return server
  }

  /** Of every service that rules have named, in the order they were first named. */
  states(): readonly ServerState[] {
    return [...this.servers.values()].map((server) => server.state())
  }

  /** Rules that still hold one keep it: only its numbers are shown no more. */
  private forgetIdle(): void {
    for (const [key, server] of this.servers) if (server.isIdle) this.servers.delete(key)
  }
}

export class GuardServer {
  private readonly place: ServerPlace
  private readonly ports: ServerPorts
  private readonly circuit = new ServerCircuit()
  private readonly waiters = new Set<() => void>()
  private running = 0

  constructor(place: ServerPlace, ports: ServerPorts) {
    this.place = place
    this.ports = ports
  }

  get isIdle(): boolean {
    return this.running === 0 && this.waiters.size === 0
  }

  state(): ServerState {
    return {
      host: new URL(this.place.url).host,
      state: this.circuit.state(this.ports.clock.monotonicMs()),
      running: this.running,
      waiting: this.waiters.size,
    }
  }

  /**
   * Posts a question.
   * @returns what came with a status of 200 to 499; its `body` is undefined where it is no JSON
   * @throws GatewayError `guardrail_unavailable`; `client_closed` and `shutting_down` from the signal
   */
  async ask(call: ServerCall): Promise<ServerAnswer> {
    await this.enter(call.signal)
    try {
      const waitMs = this.circuit.enter(this.ports.clock.monotonicMs())
      if (waitMs > 0) throw unavailable('it is left alone after failures in a row', waitMs)
      return await this.judged(call)
    } finally {
      this.leave()
    }
  }

  private async judged(call: ServerCall): Promise<ServerAnswer> {
    try {
      const answer = await this.answered(call)
      if (answer.status >= 500 || answer.status === 429) {
        throw unavailable(`it answered with status ${answer.status}`)
      }
      this.circuit.succeeded()
      return answer
    } catch (thrown) {
      const error = asUnavailable(thrown)
      const isOurs = call.signal.aborted && !isLate(call.signal)
      if (error.kind !== 'guardrail_unavailable' || isOurs) this.circuit.leftOpen()
      else this.circuit.failed(this.ports.clock.monotonicMs())
      throw error
    }
  }

  private async answered(call: ServerCall): Promise<ServerAnswer> {
    const response = await this.sent(call)
    if (response.status >= 500) {
      response.cancel()
      return { status: response.status, body: undefined }
    }
    const bytes = await response.bytes(LIMITS.guardAnswerBytesMax)
    return { status: response.status, body: parseJson(new TextDecoder().decode(bytes)) }
  }

  /** A connection that was kept may have been closed meanwhile: it is tried once more, since a question changes nothing. */
  private async sent(call: ServerCall): Promise<UpstreamResponse> {
    try {
      return await this.send(call)
    } catch (error) {
      const isConnection = error instanceof GatewayError && error.kind === 'upstream_error'
      if (!isConnection || call.signal.aborted) throw error
      return await this.send(call)
    }
  }

  private send({ body, headers, signal, timeoutMs, url }: ServerCall): Promise<UpstreamResponse> {
    const { network, transport } = this.ports
    return transport.send({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body,
      timeouts: {
        connectMs: timeoutMs,
        firstByteMs: timeoutMs,
        idleMs: timeoutMs,
        totalMs: timeoutMs,
      },
      network: network(url, this.place.isOperators, this.place.own),
      signal,
    })
  }

  private async enter(signal: AbortSignal): Promise<void> {
    if (this.running < LIMITS.guardCallsMax) {
      this.running += 1
      return
    }
    if (this.waiters.size >= LIMITS.guardQueueMax) {
      throw unavailable('too many questions wait for it already')
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      this.waiters.delete(resolve)
      reject(signal.reason)
    }
    this.waiters.add(resolve)
    signal.addEventListener('abort', leave, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** The place goes to who has waited longest. */
  private leave(): void {
    const [next] = this.waiters
    if (next === undefined) {
      this.running -= 1
      return
    }
    this.waiters.delete(next)
    next()
  }
}
