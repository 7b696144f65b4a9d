// One keep-alive HTTP/1.1 connection of the load driver, on a raw socket: it sends prepared bytes and cuts the answer into body
// pieces. It knows content-length and chunked bodies and nothing else of HTTP, so that it costs less than what it measures.

import type { Socket } from 'bun'

/** What an answer must be. One object serves a connection, one answer after the other. */
export interface Expectation {
  begin(): void
  /** A piece of the body; valid only during the call. */
  body(piece: Buffer): void
  /** The answer is over: what is wrong with it, or undefined. */
  end(): string | undefined
  /** Events seen in this answer. */
  readonly events: number
}

export interface Exchange {
  /** Undefined when all is well. */
  readonly fault: string | undefined
  /** From sending to the first byte of the body, and to the last. */
  readonly firstMs: number
  readonly totalMs: number
  /** Reads of the socket that held a part of the body. */
  readonly reads: number
}

type State = 'idle' | 'head' | 'fixed' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer'

const EMPTY = Buffer.alloc(0)

export class Connection {
  private socket: Socket<Connection> | undefined
  private expectation: Expectation | undefined
  private resolve: ((exchange: Exchange) => void) | undefined
  private state: State = 'idle'
  /** Bytes of the body or of the chunk that are still to come. */
  private left = 0
  private rest = EMPTY
  private unsent: Uint8Array = EMPTY
  private fault: string | undefined
  private closed = false
  private startedMs = 0
  private firstMs = 0
  private reads = 0

  /** Connects. Rejects when nobody listens. */
  static async open(port: number, hostname = '127.0.0.1'): Promise<Connection> {
    const connection = new Connection()
    connection.socket = await Bun.connect<Connection>({
      hostname,
      port,
      data: connection,
      socket: HANDLERS,
    })
    return connection
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** Sends one request and reads its answer. Never rejects: what went wrong is told in the exchange. */
  exchange(request: Uint8Array, expectation: Expectation): Promise<Exchange> {
    this.expectation = expectation
    this.fault = this.closed ? 'the connection is closed' : undefined
    this.state = 'head'
    this.startedMs = performance.now()
    this.firstMs = this.reads = 0
    expectation.begin()
    return new Promise((resolve) => {
      this.resolve = resolve
      if (this.closed) return this.finish()
      this.unsent = request
      this.flush()
    })
  }

  close(): void {
    this.closed = true
    this.socket?.terminate()
  }

  /** Called by the socket's handlers only. */
  flush(): void {
    if (this.unsent.length === 0) return
    const written = this.socket!.write(this.unsent)
    this.unsent = this.unsent.subarray(Math.max(0, written))
  }

  /** Called by the socket's handlers only. */
  gone(): void {
    this.closed = true
    if (this.state === 'idle') return
    this.fault ??= `the connection was cut in the ${this.state} of an answer`
    this.finish()
  }

  /** Called by the socket's handlers only. */
  take(read: Buffer): void {
    if (this.state === 'idle') {
      this.close()
      return
    }
    let data = this.rest.length === 0 ? read : Buffer.concat([this.rest, read])
    this.rest = EMPTY
    const before = this.reads
    while (data.length > 0 && !this.isIdle()) {
      const used = this.step(data)
      if (used === 0) {
        // A cut in the middle of a line: it waits for its end. The buffer itself belongs to the socket.
        this.rest = Buffer.from(data)
        break
      }
      data = data.subarray(used)
    }
    if (this.reads > before) this.reads = before + 1
  }

  /** A step may have finished the answer, which the type of `state` cannot show. */
  private isIdle(): boolean {
    return this.state === 'idle'
  }

  /** Takes what it can from the front; resolves to how many bytes that were. */
  private step(data: Buffer): number {
    switch (this.state) {
      case 'head':
        return this.head(data)
      case 'fixed':
      case 'chunk-data':
        return this.bytes(data)
      case 'chunk-size': {
        const end = data.indexOf('\r\n')
        if (end < 0) return 0
        this.left = Number.parseInt(data.toString('latin1', 0, end), 16)
        if (!(this.left >= 0)) return this.broken('a chunk without a size', data)
        this.state = this.left === 0 ? 'trailer' : 'chunk-data'
        return end + 2
      }
      case 'chunk-end':
        if (data.length < 2) return 0
        if (data[0] !== 0x0d || data[1] !== 0x0a) return this.broken('a chunk past its size', data)
        this.state = 'chunk-size'
        return 2
      default:
        if (data.length < 2) return 0
        if (data[0] !== 0x0d || data[1] !== 0x0a) return this.broken('trailer fields', data)
        this.finish()
        return 2
    }
  }

  private head(data: Buffer): number {
    const end = data.indexOf('\r\n\r\n')
    if (end < 0) return 0
    const head = data.toString('latin1', 0, end + 2).toLowerCase()
    if (!head.startsWith('http/1.1 200')) this.fault = head.slice(0, head.indexOf('\r\n'))
    const length = /\r\ncontent-length: *(\d+)\r\n/.exec(head)
    if (length !== null) {
      this.left = Number(length[1])
      this.state = 'fixed'
      if (this.left === 0) this.finish()
    } else if (head.includes('\r\ntransfer-encoding: chunked\r\n')) this.state = 'chunk-size'
    else return this.broken('an answer without a length', data)
    return end + 4
  }

  private bytes(data: Buffer): number {
    if (this.firstMs === 0) this.firstMs = performance.now()
    this.reads += 1
    const piece = data.length > this.left ? data.subarray(0, this.left) : data
    this.expectation!.body(piece)
    this.left -= piece.length
    if (this.left > 0) return piece.length
    if (this.state === 'fixed') this.finish()
    else this.state = 'chunk-end'
    return piece.length
  }

  private broken(fault: string, data: Buffer): number {
    this.fault ??= fault
    this.close()
    this.finish()
    return data.length
  }

  private finish(): void {
    const nowMs = performance.now()
    const fault = this.fault ?? this.expectation?.end()
    const { resolve } = this
    this.state = 'idle'
    this.resolve = undefined
    this.rest = EMPTY
    resolve?.({
      fault,
      firstMs: (this.firstMs === 0 ? nowMs : this.firstMs) - this.startedMs,
      totalMs: nowMs - this.startedMs,
      reads: this.reads,
    })
  }
}

const HANDLERS = {
  binaryType: 'buffer' as const,
  data: (socket: Socket<Connection>, data: Buffer) => socket.data.take(data),
  drain: (socket: Socket<Connection>) => socket.data.flush(),
  end: (socket: Socket<Connection>) => socket.data.gone(),
  close: (socket: Socket<Connection>) => socket.data.gone(),
  error: (socket: Socket<Connection>) => socket.data.gone(),
}

/** A whole POST request as bytes. */
export function postRequest(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Uint8Array {
  const fields = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/json',
    accept: '*/*',
    'user-agent': 'weir-bench',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return new TextEncoder().encode(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`)
}
