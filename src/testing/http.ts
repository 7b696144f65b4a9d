// An HTTP client made of a bare TCP socket, for what `fetch` refuses to say: odd Host headers, broken framing, bodies that
// drip or never end. It must not correct what a test gives it.

import type { TCPSocketListener } from 'bun'
import { connectTcp, type TcpPeer } from './tcp.ts'

export interface RawResponse {
  readonly status: number
  readonly reason: string
  /** Lower-case names; repeated fields joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The body with chunked framing undone. */
  readonly body: string
  /** False when the connection ended before the body's announced end. */
  readonly complete: boolean
  /** Everything received, byte for byte, as Latin-1. */
  readonly raw: string
}

/** Reads one whole response from what the peer sends; `from` is where in its bytes the response begins. */
export async function readResponse(peer: TcpPeer, from = 0): Promise<RawResponse> {
  const raw = await peer.received((text) => parseResponse(text.slice(from))?.complete === true)
  const response = parseResponse(raw.slice(from), true)
  if (response !== undefined) return response
  throw new Error(`No HTTP response came: ${JSON.stringify(raw.slice(from, from + 80))}`)
}

/** Sends exactly these bytes and reads one response. The connection is closed afterwards. */
export async function rawRequest(
  port: number,
  bytes: string | Uint8Array,
  hostname = '127.0.0.1',
): Promise<RawResponse> {
  const peer = await connectTcp(port, hostname)
  peer.write(bytes)
  try {
    return await readResponse(peer)
  } finally {
    peer.reset()
  }
}

/** The text of a request. `headers` go out as they are and in order; nothing is added but `content-length` for a body. */
export function requestText(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
  body?: string,
): string {
  const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const length =
    body === undefined ? '' : `content-length: ${new TextEncoder().encode(body).length}\r\n`
  return `${method} ${target} HTTP/1.1\r\n${fields}${length}\r\n${body ?? ''}`
}

/**
 * Reads one response from the front of some text; undefined while the head is not there. A body without any framing is
 * complete only once the connection has `ended`.
 */
export function parseResponse(text: string, ended = false): RawResponse | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const match = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine)
  if (match === null) return undefined
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  const status = Number(match[1])
  const rest = text.slice(headEnd + 4)
  const { body, used, complete } = readBody(rest, headers, status, ended)
  const raw = text.slice(0, headEnd + 4 + used)
  return {
    status,
    reason: match[2] ?? '',
    headers,
    body: Buffer.from(body, 'latin1').toString('utf8'),
    complete,
    raw,
  }
}

function readBody(
  rest: string,
  headers: Readonly<Record<string, string>>,
  status: number,
  ended: boolean,
): { body: string; used: number; complete: boolean } {
  if (status === 204 || status === 304 || status < 200) return { body: '', used: 0, complete: true }
  if (headers['transfer-encoding']?.includes('chunked') === true) return readChunked(rest)
  const announced = headers['content-length']
  if (announced === undefined) return { body: rest, used: rest.length, complete: ended }
  const length = Number(announced)
  const body = rest.slice(0, length)
  return { body, used: body.length, complete: body.length === length }
}

function readChunked(rest: string): { body: string; used: number; complete: boolean } {
  const parts: string[] = []
  let at = 0
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at)
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(rest.slice(at, lineEnd), 16)
    if (Number.isNaN(size)) return { body: parts.join(''), used: rest.length, complete: false }
    const start = lineEnd + 2
    if (size === 0) {
      const end = rest.indexOf('\r\n', start)
      const complete = end >= 0
      return { body: parts.join(''), used: complete ? end + 2 : rest.length, complete }
    }
    parts.push(rest.slice(start, start + size))
    if (rest.length < start + size + 2) {
      return { body: parts.join(''), used: rest.length, complete: false }
    }
    at = start + size + 2
  }
}

/** A port that was free a moment ago, for servers that must be told theirs. */
export function freePort(): number {
  const listener: TCPSocketListener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: () => undefined },
  })
  const { port } = listener
  listener.stop(true)
  return port
}
