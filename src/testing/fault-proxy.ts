// A TCP proxy in front of any server, with faults that are switched on and off while connections run: what a network does to a
// provider, made on purpose. Without a fault it passes every byte as it is; it must know nothing of HTTP or TLS.

import type { Socket, TCPSocketListener } from 'bun'
import { FaultyWay, type Cut, type WayFaults } from './fault-way.ts'
import { seededRandom } from './seed.ts'

export { bandwidth, type Cut, type WayFaults } from './fault-way.ts'

/** `request` goes from the client to the upstream, `answer` back. */
export type Direction = 'request' | 'answer'

export interface Faults {
  readonly request?: WayFaults
  readonly answer?: WayFaults
}

export const NO_FAULT: Faults = {}
/** Connections are taken and nothing is ever said, until the faults are set anew. */
export const NEVER_ANSWER: Faults = { request: { cut: { atByte: 0, how: 'silence' } } }
/** What is asked from now on is answered by RST; an answer that already comes is left alone. */
export const RESET_REQUESTS: Faults = { request: { cut: { atByte: 0, how: 'reset' } } }

export interface FaultProxyOptions {
  /** Where the upstream listens. */
  readonly port: number
  readonly hostname?: string
  readonly faults?: Faults
  /** For jitter; the run's seed by default. */
  readonly random?: () => number
}

/** One connection through the proxy. Its promises resolve when it closes too, so that no wait outlasts it. */
export interface FaultConnection {
  /** Counting from 0. */
  readonly index: number
  /** Resolves when the cut of its faults has come, and with `closed` when the connection went without one. */
  readonly cut: Promise<Cut | 'closed'>
  readonly closed: Promise<void>
  passedBytes(direction: Direction): number
  /** Resolves once so many bytes have been passed on. */
  passed(direction: Direction, bytes: number): Promise<void>
  /** Replaces the faults of this one. */
  set(faults: Faults): void
  /** RST to both sides. */
  reset(): void
}

/** Starts listening on a free loopback port. */
export function startFaultProxy(options: FaultProxyOptions): FaultProxy {
  return new FaultProxy(options)
}

export class FaultProxy implements Disposable {
  readonly port: number
  /** Connections taken so far. */
  accepted = 0
  private readonly upstream: { readonly hostname: string; readonly port: number }
  private readonly random: () => number
  private faults: Faults
  private nextFaults: Faults[] = []
  private listener: TCPSocketListener<Side> | undefined
  private readonly open = new Set<Proxied>()
  private readonly seen: Proxied[] = []
  private readonly waiting: { index: number; resolve: (connection: FaultConnection) => void }[] = []

  constructor({ port, hostname = '127.0.0.1', faults = NO_FAULT, random }: FaultProxyOptions) {
    this.upstream = { hostname, port }
    this.random = random ?? seededRandom()
    this.faults = faults
    this.listener = this.listen(0)
    this.port = this.listener.port
  }

  /** `http://127.0.0.1:port`, without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Those that are open now. */
  get connections(): readonly FaultConnection[] {
    return [...this.open]
  }

  /** The connection of that index, at once or when it comes. */
  connection(index: number): Promise<FaultConnection> {
    const known = this.seen[index]
    if (known !== undefined) return Promise.resolve(known)
    const { promise, resolve } = Promise.withResolvers<FaultConnection>()
    this.waiting.push({ index, resolve })
    return promise
  }

  /** Replaces the faults of all connections, those that are open included. */
  set(faults: Faults): void {
    this.faults = faults
    for (const connection of this.open) connection.set(faults)
  }

  /** Faults of the next connections, one each; after them those of all. */
  setNext(...faults: Faults[]): void {
    this.nextFaults.push(...faults)
  }

  /** Stops listening: new connections are refused, open ones go on. */
  refuse(): void {
    this.listener?.stop(false)
    this.listener = undefined
  }

  /** Listens again, on the same port. */
  accept(): void {
    this.listener ??= this.listen(this.port)
  }

  /** RST to both sides of everything that is open. */
  resetAll(): void {
    for (const connection of this.open) connection.reset()
  }

  close(): void {
    this.refuse()
    this.resetAll()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private listen(port: number): TCPSocketListener<Side> {
    return Bun.listen<Side>({
      hostname: '127.0.0.1',
      port,
      allowHalfOpen: true,
      socket: { ...HANDLERS, open: (socket) => this.begin(socket) },
    })
  }

  private begin(client: Socket<Side>): void {
    const connection = new Proxied(this.accepted, client, this.random, () =>
      this.open.delete(connection),
    )
    this.accepted += 1
    this.open.add(connection)
    this.seen.push(connection)
    connection.set(this.nextFaults.shift() ?? this.faults)
    for (const { index, resolve } of this.waiting) {
      if (index === connection.index) resolve(connection)
    }
    void connection.connect(this.upstream)
  }
}

/** A socket's part in its connection. */
interface Side {
  take(data: Uint8Array): void
  drained(): void
  ended(): void
  gone(error: boolean): void
}

const HANDLERS = {
  binaryType: 'buffer' as const,
  data: (socket: Socket<Side>, data: Buffer) => socket.data.take(data),
  drain: (socket: Socket<Side>) => socket.data.drained(),
  end: (socket: Socket<Side>) => socket.data.ended(),
  error: (socket: Socket<Side>) => socket.data.gone(true),
  close: (socket: Socket<Side>, error?: Error) => socket.data.gone(error !== undefined),
}

class Proxied implements FaultConnection {
  readonly index: number
  readonly cut: Promise<Cut | 'closed'>
  readonly closed: Promise<void>
  private readonly ways: Readonly<Record<Direction, FaultyWay>>
  private readonly client: Socket<Side>
  private upstream: Socket<Side> | undefined
  private readonly settleCut: (how: Cut | 'closed') => void
  private readonly settleClosed: () => void
  private readonly over: () => void
  private waiting: { direction: Direction; bytes: number; resolve: () => void }[] = []
  private isClosed = false
  /** Directions whose receiver has closed for good. */
  private readonly gone = new Set<Direction>()

  constructor(index: number, client: Socket<Side>, random: () => number, over: () => void) {
    this.index = index
    this.client = client
    this.over = over
    const cut = Promise.withResolvers<Cut | 'closed'>()
    const closed = Promise.withResolvers<void>()
    this.cut = cut.promise
    this.settleCut = cut.resolve
    this.closed = closed.promise
    this.settleClosed = closed.resolve
    this.ways = {
      request: new FaultyWay(
        this.endsOf(
          'request',
          () => this.upstream,
          () => this.client,
        ),
        random,
      ),
      answer: new FaultyWay(
        this.endsOf(
          'answer',
          () => this.client,
          () => this.upstream,
        ),
        random,
      ),
    }
    client.data = this.side('request', 'answer')
  }

  async connect(upstream: { readonly hostname: string; readonly port: number }): Promise<void> {
    try {
      await Bun.connect<Side>({
        ...upstream,
        data: this.side('answer', 'request'),
        allowHalfOpen: true,
        socket: {
          ...HANDLERS,
          open: (socket) => {
            if (this.isClosed) return void socket.terminate()
            this.upstream = socket
            this.ways.request.pump()
          },
        },
      })
    } catch {
      // As far as the client can tell, the upstream has died.
      this.reset()
    }
  }

  passedBytes(direction: Direction): number {
    return this.ways[direction].passedBytes
  }

  passed(direction: Direction, bytes: number): Promise<void> {
    if (this.isClosed || this.passedBytes(direction) >= bytes) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.waiting.push({ direction, bytes, resolve })
    return promise
  }

  set({ request = {}, answer = {} }: Faults): void {
    this.ways.request.set(request)
    this.ways.answer.set(answer)
  }

  reset(): void {
    if (this.isClosed) return
    this.finish()
    this.client.terminate()
    this.upstream?.terminate()
  }

  private finish(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.ways.request.stop()
    this.ways.answer.stop()
    this.over()
    this.settleCut('closed')
    this.settleClosed()
    this.wake()
  }

  private wake(): void {
    this.waiting = this.waiting.filter(({ direction, bytes, resolve }) => {
      const still = !this.isClosed && this.passedBytes(direction) < bytes
      if (!still) resolve()
      return still
    })
  }

  private endsOf(
    direction: Direction,
    sink: () => Socket<Side> | undefined,
    source: () => Socket<Side> | undefined,
  ) {
    return {
      write: (bytes: Uint8Array) => {
        const socket = sink()
        if (socket === undefined) return 0
        const written = socket.write(bytes)
        socket.flush()
        return written
      },
      // True: this end alone; the other goes on.
      finish: () => {
        sink()?.shutdown()
        return sink() !== undefined
      },
      flow: (open: boolean) => {
        if (open) source()?.resume()
        else source()?.pause()
      },
      passed: () => {
        this.ways[direction === 'request' ? 'answer' : 'request'].otherHasSpoken()
        this.wake()
      },
      cut: (how: Cut) => {
        this.settleCut(how)
        if (how === 'reset') this.reset()
      },
    }
  }

  /** What a socket's events mean: it sends into one direction, and takes what comes from the other. */
  private side(sends: Direction, takes: Direction): Side {
    return {
      take: (data) => {
        if (this.gone.has(sends)) return this.reset()
        this.ways[sends].take(data)
      },
      drained: () => this.ways[takes].drained(),
      ended: () => this.ways[sends].sourceEnded(),
      gone: (broken) => {
        if (broken) return this.reset()
        this.ways[sends].sourceEnded()
        this.gone.add(takes)
        if (this.gone.size === 2) this.finish()
      },
    }
  }
}
