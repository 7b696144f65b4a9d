// One connection made layer by layer, each on its own and timed by its caller: name, TCP, forward proxy, TLS, a bare question. It is
// there to find out which layer fails and why; requests go through `http-transport`. It judges nothing and presents no key.

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { LIMITS } from '../core/limits.ts'
import { type CertificateFacts, readChain } from './probe-certificate.ts'
import type { TlsMaterial } from './tls-files.ts'

// Loaded with the first question: a start that nobody asks one of would pay for them otherwise.
const net = () => process.getBuiltinModule('node:net')
const tls = () => process.getBuiltinModule('node:tls')
const dns = () => process.getBuiltinModule('node:dns/promises')

/**
 * What a layer did instead of working. `code` is the system's (`ECONNREFUSED`), BoringSSL's (`ERR_SSL_…`), or one of our own:
 * `timeout` (nothing came within the limit), `closed` (the other side closed before it had said what was waited for), `not-http`.
 */
export class ProbeError extends Error {
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Whatever ends one layer's wait: an event that came, an error, an end, or the limit. */
function waitOn<T>(
  socket: Socket,
  timeoutMs: number,
  listen: (done: (value: T) => void, fail: (error: ProbeError) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let unlisten = () => {}
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      socket.off('error', onError)
      socket.off('close', onClose)
      unlisten()
      finish()
    }
    const fail = (error: ProbeError) => {
      settle(() => {
        // What comes after the end of a layer has nobody to tell it to.
        socket.on('error', () => {})
        socket.destroy()
        reject(error)
      })
    }
    const onError = (error: Error) => {
      fail(asProbeError(error))
    }
    const onClose = () => {
      fail(new ProbeError('closed', 'the connection was closed'))
    }
    const timer = setTimeout(
      () => fail(new ProbeError('timeout', `nothing within ${timeoutMs} ms`)),
      timeoutMs,
    )
    socket.on('error', onError)
    socket.on('close', onClose)
    unlisten = listen((value) => settle(() => resolve(value)), fail)
  })
}

function asProbeError(error: unknown): ProbeError {
  if (error instanceof ProbeError) return error
  const { code, message } = error as { code?: unknown; message?: unknown }
  return new ProbeError(
    typeof code === 'string' ? code : 'unknown',
    typeof message === 'string' ? message : String(error),
    error,
  )
}

/** A host as a URL writes it, without the brackets of an IPv6 address. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/** The addresses of a name by the system's resolver, in its order. @throws ProbeError `ENOTFOUND`, `EAI_AGAIN`, `timeout` */
export async function resolveName(host: string, timeoutMs: number): Promise<string[]> {
  if (net().isIP(host) !== 0) return [host]
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProbeError('timeout', 'no answer of DNS')), timeoutMs)
  })
  try {
    const answers = await Promise.race([dns().lookup(host, { all: true, verbatim: true }), limit])
    return answers.map((answer) => answer.address)
  } catch (error) {
    throw asProbeError(error)
  } finally {
    clearTimeout(timer)
  }
}

export interface Connected {
  readonly socket: Socket
  readonly address: string
  /** Addresses tried before it, with what they failed with. */
  readonly failed: readonly { readonly address: string; readonly code: string }[]
}

/**
 * Connects to the first address that takes it; of many only the first few are tried.
 * @param timeoutMs for one address; several share twice as much
 * @throws ProbeError of the last address
 */
export async function connectTcp(
  addresses: readonly string[],
  port: number,
  timeoutMs: number,
): Promise<Connected> {
  const failed: { address: string; code: string }[] = []
  let last = new ProbeError('ENOTFOUND', 'no address')
  const tried = addresses.slice(0, LIMITS.probeAddressesMax)
  const shareMs = Math.max((2 * timeoutMs) / tried.length, LIMITS.probeAddressMinMs)
  const addressMs = Math.round(Math.min(timeoutMs, shareMs))
  for (const address of tried) {
    try {
      const socket = net().connect({ host: address, port })
      await waitOn<void>(socket, addressMs, (done) => {
        const connected = () => done()
        socket.once('connect', connected)
        return () => socket.off('connect', connected)
      })
      return { socket, address, failed }
    } catch (error) {
      last = asProbeError(error)
      failed.push({ address, code: last.code })
    }
  }
  throw last
}

/** The head of an answer and the beginning of its body. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** What a request line is sent with; values are written as they are. */
export interface Question {
  readonly method: 'CONNECT' | 'GET'
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Waits for a body too, up to the bound or the end of the connection. */
  readonly withBody: boolean
}

/** Sends one request on a connection and reads its answer within bounds. @throws ProbeError */
export async function ask(socket: Socket, question: Question): Promise<HttpAnswer> {
  const { headers, method, target, timeoutMs, withBody } = question
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const pieces: Buffer[] = []
  let size = 0
  let headEnd = -1
  const answer = waitOn<void>(socket, timeoutMs, (done, fail) => {
    const onData = (piece: Buffer) => {
      pieces.push(piece)
      size += piece.length
      if (headEnd < 0) headEnd = Buffer.concat(pieces).indexOf('\r\n\r\n')
      const isWhole = headEnd >= 0 && (!withBody || isComplete(Buffer.concat(pieces), headEnd))
      if (isWhole) done()
      else if (size > LIMITS.probeAnswerBytesMax) {
        if (headEnd >= 0) done()
        else fail(new ProbeError('not-http', 'no answer of HTTP'))
      }
    }
    const onEnd = () => {
      if (headEnd >= 0) done()
      else fail(new ProbeError('closed', 'the connection was closed without an answer'))
    }
    socket.on('data', onData)
    socket.on('end', onEnd)
    return () => {
      socket.off('data', onData)
      socket.off('end', onEnd)
    }
  })
  socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
  await answer
  return readAnswer(Buffer.concat(pieces), headEnd)
}

/** Whether the body is there as far as its length is told. */
function isComplete(bytes: Buffer, headEnd: number): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.subarray(0, headEnd).toString('latin1'))
  return length !== null && bytes.length - headEnd - 4 >= Number(length[1])
}

function readAnswer(bytes: Buffer, headEnd: number): HttpAnswer {
  const [first = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]
  if (status === undefined) throw new ProbeError('not-http', 'no answer of HTTP')
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    if (colon > 0 && /^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
      headers.append(name, line.slice(colon + 1).trim())
    }
  }
  return { status: Number(status), headers, body: bytes.subarray(headEnd + 4).toString('utf8') }
}

export interface TlsSettings extends TlsMaterial {
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

export interface Secured {
  readonly socket: TLSSocket
  /** `TLSv1.3` */
  readonly protocol: string
  readonly cipher: string
  /** `http/1.1`; absent where the server chose none. */
  readonly alpn?: string
  /** From the server's own to the last that was sent or found. */
  readonly chain: readonly CertificateFacts[]
  /** Why the chain does not hold, in OpenSSL's word; absent when it does. */
  readonly chainProblem?: string
  /** The certificate is for other names than the host. */
  readonly isWrongHost: boolean
}

/**
 * The TLS handshake, whatever the certificate; what is wrong with that is told in the result.
 * @throws ProbeError when it broke off: a TLS alert, no TLS at all, an end, the limit
 */
export async function handshake(
  socket: Socket,
  host: string,
  settings: TlsSettings,
  timeoutMs: number,
): Promise<Secured> {
  const secured = tls().connect({
    socket,
    ...(net().isIP(host) === 0 ? { servername: host } : { host }),
    // Not in place of the check, which `chainProblem` and `isWrongHost` tell: a reason is wanted, and not only a refusal.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['http/1.1'],
    ...settings,
  })
  await waitOn<void>(secured, timeoutMs, (done) => {
    const connected = () => done()
    secured.once('secureConnect', connected)
    return () => secured.off('secureConnect', connected)
  })
  const peer = secured.getPeerCertificate(true)
  const problem: unknown = secured.authorizationError
  const code = problem instanceof Error ? (problem as { code?: string }).code : problem
  return {
    socket: secured,
    protocol: secured.getProtocol() ?? 'unknown',
    cipher: secured.getCipher()?.name ?? 'unknown',
    ...(typeof secured.alpnProtocol === 'string' ? { alpn: secured.alpnProtocol } : {}),
    chain: readChain(peer),
    ...(typeof code === 'string' && code !== 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? { chainProblem: code }
      : {}),
    isWrongHost: tls().checkServerIdentity(host, peer) !== undefined,
  }
}
