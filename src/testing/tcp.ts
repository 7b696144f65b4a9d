// One side of a TCP connection for tests, as client or as server: exact bytes out, exact bytes in, FIN and RST at will.
// It exists so that broken connections can be made on purpose; it must know nothing of HTTP.

import type { Socket, TCPSocketListener } from 'bun'

/** How a connection went away. */
export type ClosedBy = 'end' | 'reset'

interface Waiting {
  readonly predicate: (raw: string) => boolean
  readonly resolve: (raw: string) => void
}

/** One connection. Every wait ends when the other side closes, so nothing hangs for longer than that. */
export class TcpPeer {
  /** Resolves once the other side has sent FIN or RST, or this side has closed. */
  readonly closed: Promise<ClosedBy>
  private readonly settleClosed: (how: ClosedBy) => void
  private socket: Socket<TcpPeer> | undefined
  private outgoing: Uint8Array[] = []
  private ending = false
  private raw = ''
  private gone = false
  private waiting: Waiting[] = []

  constructor() {
    const { promise, resolve } = Promise.withResolvers<ClosedBy>()
    this.closed = promise
    this.settleClosed = resolve
  }

  /** Sends bytes; text goes as UTF-8. */
  write(data: string | Uint8Array): void {
    this.outgoing.push(typeof data === 'string' ? new TextEncoder().encode(data) : data)
    this.flush()
  }

  /** Sends FIN after what was written. */
  end(): void {
    this.ending = true
    this.flush()
  }

  /** Sends RST; what was not yet sent is lost. */
  reset(): void {
    this.socket?.terminate()
    this.finish('reset')
  }

  /** Resolves with all bytes so far (as Latin-1) once `predicate` holds for them, or once the other side has closed. */
  received(predicate: (raw: string) => boolean): Promise<string> {
    if (this.gone || predicate(this.raw)) return Promise.resolve(this.raw)
    const { promise, resolve } = Promise.withResolvers<string>()
    this.waiting.push({ predicate, resolve })
    return promise
  }

  /** Called by the socket's handlers only. */
  attach(socket: Socket<TcpPeer>): void {
    this.socket = socket
    this.flush()
  }

  /** Called by the socket's handlers only. */
  take(data: Buffer): void {
    this.raw += data.toString('latin1')
    this.wake()
  }

  /** Called by the socket's handlers only. */
  finish(how: ClosedBy): void {
    if (this.gone) return
    this.gone = true
    this.settleClosed(how)
    this.wake()
  }

  /** Called by the socket's handlers only. */
  flush(): void {
    const socket = this.socket
    if (socket === undefined) return
    for (let next = this.outgoing[0]; next !== undefined; next = this.outgoing[0]) {
      const written = socket.write(next)
      if (written < next.length) {
        if (written > 0) this.outgoing[0] = next.subarray(written)
        return
      }
      this.outgoing.shift()
    }
    socket.flush()
    if (this.ending) socket.shutdown()
  }

  private wake(): void {
    const still: Waiting[] = []
    for (const waiting of this.waiting) {
      if (this.gone || waiting.predicate(this.raw)) waiting.resolve(this.raw)
      else still.push(waiting)
    }
    this.waiting = still
  }
}

const HANDLERS = {
  binaryType: 'buffer' as const,
  data: (socket: Socket<TcpPeer>, data: Buffer) => socket.data.take(data),
  drain: (socket: Socket<TcpPeer>) => socket.data.flush(),
  end: (socket: Socket<TcpPeer>) => socket.data.finish('end'),
  error: (socket: Socket<TcpPeer>) => socket.data.finish('reset'),
  close: (socket: Socket<TcpPeer>, error?: Error) => socket.data.finish(error ? 'reset' : 'end'),
}

/** Connects. Rejects when nobody listens. */
export async function connectTcp(port: number, hostname = '127.0.0.1'): Promise<TcpPeer> {
  const peer = new TcpPeer()
  const handlers = {
    ...HANDLERS,
    open: (socket: Socket<TcpPeer>) => peer.attach(socket),
  }
  await Bun.connect<TcpPeer>({ hostname, port, data: peer, socket: handlers })
  return peer
}

/** Listens on a free loopback port and hands each new connection to `accept`. */
export function listenTcp(accept: (peer: TcpPeer) => void): TCPSocketListener<TcpPeer> {
  return Bun.listen<TcpPeer>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      ...HANDLERS,
      open: (socket) => {
        const peer = new TcpPeer()
        socket.data = peer
        peer.attach(socket)
        accept(peer)
      },
    },
  })
}
