// A provider that breaks its connection: bytes of HTTP over a bare socket, for what a proper server never does. Each play
// is one connection's whole life; the request is read first unless the play says otherwise.

import type { TCPSocketListener } from 'bun'
import { listenTcp, type TcpPeer } from './tcp.ts'

/** What happens on one connection. */
export type Play = (peer: TcpPeer) => void | Promise<void>

export interface RawUpstream {
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly url: string
  readonly port: number
  /** Every connection so far, in order. */
  readonly peers: readonly TcpPeer[]
  /** What plays threw. */
  readonly failures: readonly unknown[]
  /** The connection of that index, at once or when it comes. */
  peer(index: number): Promise<TcpPeer>
  close(): void
  [Symbol.dispose](): void
}

/** Listens and plays: the first connection gets the first play and so on; the last one is repeated. */
export function startRawUpstream(...script: [Play, ...Play[]]): RawUpstream {
  return new PlayedUpstream(script)
}

class PlayedUpstream implements RawUpstream {
  readonly peers: TcpPeer[] = []
  readonly failures: unknown[] = []
  private readonly script: Play[]
  private readonly listener: TCPSocketListener<TcpPeer>
  private readonly waiting: { index: number; resolve: (peer: TcpPeer) => void }[] = []

  constructor(script: readonly Play[]) {
    this.script = [...script]
    this.listener = listenTcp((peer) => this.accept(peer))
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    return this.listener.port
  }

  peer(index: number): Promise<TcpPeer> {
    const known = this.peers[index]
    if (known !== undefined) return Promise.resolve(known)
    const { promise, resolve } = Promise.withResolvers<TcpPeer>()
    this.waiting.push({ index, resolve })
    return promise
  }

  close(): void {
    this.listener.stop(true)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private accept(peer: TcpPeer): void {
    const index = this.peers.push(peer) - 1
    for (const waiting of this.waiting) if (waiting.index === index) waiting.resolve(peer)
    const play = this.script.length > 1 ? this.script.shift() : this.script[0]
    void Promise.resolve(peer)
      .then(play)
      .catch((error: unknown) => this.failures.push(error))
  }
}

/** Waits for one whole request (head, and the body its content-length announces) and returns its bytes as Latin-1. */
export function readRequest(peer: TcpPeer): Promise<string> {
  return peer.received((raw) => {
    const headEnd = raw.indexOf('\r\n\r\n')
    if (headEnd < 0) return false
    const head = raw.slice(0, headEnd)
    const length = /^content-length: *(\d+)/im.exec(head)?.[1]
    if (length !== undefined) return raw.length >= headEnd + 4 + Number(length)
    return /^transfer-encoding: *chunked/im.test(head) ? raw.endsWith('\r\n0\r\n\r\n') : true
  })
}

const OK = 'HTTP/1.1 200 OK\r\n'

function chunkOf(text: string): string {
  return `${new TextEncoder().encode(text).length.toString(16)}\r\n${text}\r\n`
}

/** Head and chunks of a stream without its last chunk. */
function unfinished(parts: readonly string[], contentType: string): string {
  const head = `${OK}content-type: ${contentType}\r\ntransfer-encoding: chunked\r\n\r\n`
  return head + parts.map(chunkOf).join('')
}

/** Sends these bytes after the request and leaves the connection open. */
export function bytes(data: string | Uint8Array): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(data)
  }
}

/** A chunked stream that ends with FIN before its last chunk. */
export function finMidStream(parts: readonly string[], contentType = 'text/event-stream'): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(unfinished(parts, contentType))
    peer.end()
  }
}

/**
 * A chunked stream that ends with RST. `delivered` must resolve once the other side has the parts, since an RST may
 * overtake and destroy bytes that are still on their way.
 */
export function resetMidStream(
  parts: readonly string[],
  delivered: Promise<unknown>,
  contentType = 'text/event-stream',
): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(unfinished(parts, contentType))
    await delivered
    peer.reset()
  }
}

/** RST instead of an answer. */
export const resetAtOnce: Play = async (peer) => {
  await readRequest(peer)
  peer.reset()
}

/** FIN instead of an answer. */
export const finAtOnce: Play = async (peer) => {
  await readRequest(peer)
  peer.end()
}

/** A body shorter than the content-length before it, then FIN. */
export function shortBody(
  body: string,
  announcedBytes: number,
  contentType = 'application/json',
): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(
      `${OK}content-type: ${contentType}\r\ncontent-length: ${announcedBytes}\r\n\r\n${body}`,
    )
    peer.end()
  }
}

/** A body with no length at all, ended by FIN: a cut here cannot be seen from the framing. */
export function closeDelimited(body: string, contentType = 'text/event-stream'): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(`${OK}content-type: ${contentType}\r\nconnection: close\r\n\r\n${body}`)
    peer.end()
  }
}

/** The head of a stream and then nothing. */
export function headThenSilence(contentType = 'text/event-stream'): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(unfinished([], contentType))
  }
}

/** Takes the connection and never says anything. */
export const silent: Play = () => undefined

/** Header bytes one at a time, `intervalMs` apart, for ever: for tests of deadlines. Stops when the other side leaves. */
export function dripHeaders(intervalMs: number): Play {
  return async (peer) => {
    await readRequest(peer)
    peer.write(OK)
    const state = { open: true }
    void peer.closed.then(() => {
      state.open = false
    })
    for (let count = 0; state.open; count += 1) {
      peer.write(`x-drip-${count}: 1\r\n`)
      await Promise.race([Bun.sleep(intervalMs), peer.closed])
    }
  }
}
