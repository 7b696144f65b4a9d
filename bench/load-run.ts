// A load on one address: so many requests a second whether answers come or not, each timed from the moment it was due (so that a
// server that stalls cannot hide it), or so many clients that ask one after the other. It judges no figure.

import { Connection, postRequest, type Expectation } from './connection.ts'
import { Histogram } from './load-histogram.ts'

export const PROFILES = ['chat', 'stream', 'embeddings', 'mixed'] as const
export type Profile = (typeof PROFILES)[number]
type Kind = Exclude<Profile, 'mixed'>

export interface LoadOptions {
  /** Of loopback. */
  readonly url: URL
  readonly profile: Profile
  readonly seconds: number
  /** Requests a second; absent: each connection asks as soon as it has its answer. */
  readonly rate?: number
  /** All of a closed loop, the most of an open one. */
  readonly connections: number
  readonly key?: string
  readonly model: string
  readonly embeddingModel: string
  readonly maxTokens: number
  readonly prompt: string
  /** After the last request, before what is out is given up. */
  readonly timeoutMs: number
}

export interface LoadReport {
  readonly requests: number
  readonly answered: number
  readonly perSecond: number
  /** From the moment a request was due (open loop) or sent (closed) to its last byte. */
  readonly total: Histogram
  /** The same to the first byte of its body. */
  readonly first: Histogram
  /** How late requests were sent: what the tool itself could not keep up with. */
  readonly late: Histogram
  /** `200`, `429`, … and in words what gave no status. */
  readonly results: Readonly<Record<string, number>>
  readonly bytes: number
  readonly connections: number
  readonly elapsedMs: number
}

/** The address, once it is known to be this machine's own. @throws Error in words for the user */
export function loopbackUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:')
    throw new Error('--url must be an http:// address of this machine.')
  const { hostname } = url
  const isLoopback =
    hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
  if (isLoopback) return url
  throw new Error(`--url names ${hostname}: this tool loads 127.0.0.1, ::1 and localhost alone.`)
}

export async function load(options: LoadOptions): Promise<LoadReport> {
  const run = new Run(options)
  try {
    return options.rate === undefined ? await run.closed() : await run.open(options.rate)
  } finally {
    run.end()
  }
}

/** Of ten requests of `mixed`. */
const MIX: readonly Kind[] = [
  'chat',
  'stream',
  'chat',
  'chat',
  'stream',
  'chat',
  'embeddings',
  'chat',
  'stream',
  'chat',
]

class Run {
  private readonly options: LoadOptions
  private readonly hostname: string
  private readonly port: number
  private readonly requests: Readonly<Record<Kind, Uint8Array>>
  private readonly idle: Connection[] = []
  private readonly all = new Set<Connection>()
  private opening = 0
  private most = 0
  private readonly total = new Histogram()
  private readonly first = new Histogram()
  private readonly late = new Histogram()
  private readonly results = new Map<string, number>()
  private bytes = 0
  private sent = 0
  private answered = 0
  private startedMs = 0
  private readonly waiting: number[] = []
  private out = 0
  private over: (() => void) | undefined

  constructor(options: LoadOptions) {
    this.options = options
    const { hostname, port } = options.url
    this.hostname = hostname === '[::1]' ? '::1' : hostname === 'localhost' ? '127.0.0.1' : hostname
    this.port = port === '' ? 80 : Number(port)
    this.requests = {
      chat: this.request('chat'),
      stream: this.request('stream'),
      embeddings: this.request('embeddings'),
    }
  }

  private request(kind: Kind): Uint8Array {
    const { embeddingModel, key, maxTokens, model, prompt, url } = this.options
    const body =
      kind === 'embeddings'
        ? { model: embeddingModel, input: prompt }
        : {
            model,
            max_tokens: maxTokens,
            messages: [{ role: 'user', content: prompt }],
            stream: kind === 'stream',
          }
    const path = kind === 'embeddings' ? '/v1/embeddings' : '/v1/chat/completions'
    const base = url.pathname.replace(/\/$/, '').replace(/\/v1$/, '')
    const headers = {
      host: url.host,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    }
    return postRequest(this.port, `${base}${path}`, headers, JSON.stringify(body))
  }

  /** Each connection asks again as soon as it has its answer. */
  async closed(): Promise<LoadReport> {
    const { connections, seconds } = this.options
    this.startedMs = performance.now()
    const endMs = this.startedMs + seconds * 1_000
    const loop = async () => {
      let connection: Connection | undefined
      while (performance.now() < endMs) {
        const sentMs = performance.now()
        const number = this.sent
        this.sent += 1
        connection = await this.ask(number, sentMs, connection)
        // Nobody there: not a hundred thousand times a second.
        if (connection === undefined) await Bun.sleep(10)
      }
    }
    const loops = Promise.all(Array.from({ length: connections }, loop))
    await Promise.race([loops, Bun.sleep(seconds * 1_000 + this.options.timeoutMs)])
    return this.report()
  }

  /** Requests at even distances, whether answers come or not. */
  async open(rate: number): Promise<LoadReport> {
    const { seconds, timeoutMs } = this.options
    const count = Math.round(rate * seconds)
    this.startedMs = performance.now()
    for (let number = 0; number < count;) {
      const due = ((performance.now() - this.startedMs) * rate) / 1_000
      for (; number < count && number <= due; number += 1) this.dispatch(number, rate)
      const waitMs = (number * 1_000) / rate - (performance.now() - this.startedMs)
      await Bun.sleep(Math.max(1, Math.floor(waitMs)))
    }
    if (this.out > 0 || this.waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.over = resolve
      await Promise.race([promise, Bun.sleep(timeoutMs)])
    }
    return this.report()
  }

  /** On a connection that is free, on a new one, or when one is free again. */
  private dispatch(number: number, rate: number): void {
    this.sent += 1
    const dueMs = this.startedMs + (number * 1_000) / rate
    const busy = this.all.size - this.idle.length + this.opening
    if (this.idle.length === 0 && busy >= this.options.connections) this.waiting.push(dueMs)
    else void this.exchange(number, dueMs)
  }

  private async exchange(number: number, dueMs: number): Promise<void> {
    this.out += 1
    let [at, connection] = [dueMs, await this.ask(number, dueMs, this.idle.pop())]
    // Those that waited longest first, on the same connection.
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      at = next
      connection = await this.ask(number, at, connection)
    }
    if (connection !== undefined) this.idle.push(connection)
    this.out -= 1
    if (this.out === 0 && this.waiting.length === 0) this.over?.()
  }

  /** One request; resolves to a connection that can be used again. */
  private async ask(
    number: number,
    dueMs: number,
    given: Connection | undefined,
  ): Promise<Connection | undefined> {
    const kind = this.options.profile === 'mixed' ? MIX[number % MIX.length]! : this.options.profile
    const connection = given?.isClosed === false ? given : await this.connect()
    if (given?.isClosed === true) this.all.delete(given)
    if (connection === undefined) {
      this.count('not connected')
      return undefined
    }
    const sentMs = performance.now()
    this.late.add(sentMs - dueMs)
    const reading = new Reading(kind === 'stream')
    const { fault, firstMs, totalMs } = await connection.exchange(this.requests[kind], reading)
    this.bytes += reading.bytes
    const status = /^http\/1\.1 (\d{3})/.exec(fault ?? '')?.[1]
    this.count(fault === undefined ? '200' : (status ?? fault))
    if (fault === undefined) {
      this.answered += 1
      this.first.add(sentMs - dueMs + firstMs)
      this.total.add(sentMs - dueMs + totalMs)
    }
    if (!connection.isClosed) return connection
    this.all.delete(connection)
    return undefined
  }

  private async connect(): Promise<Connection | undefined> {
    this.opening += 1
    try {
      const connection = await Connection.open(this.port, this.hostname)
      this.all.add(connection)
      this.most = Math.max(this.most, this.all.size)
      return connection
    } catch {
      // Nobody listens, or no more can be opened: counted by who asked.
      return undefined
    } finally {
      this.opening -= 1
    }
  }

  private count(result: string): void {
    this.results.set(result, (this.results.get(result) ?? 0) + 1)
  }

  private report(): LoadReport {
    const elapsedMs = performance.now() - this.startedMs
    const told = [...this.results.values()].reduce((sum, count) => sum + count, 0)
    const results = Object.fromEntries(this.results)
    if (this.sent > told) results['no answer in time'] = this.sent - told
    return {
      requests: this.sent,
      answered: this.answered,
      perSecond: (this.answered * 1_000) / elapsedMs,
      total: this.total,
      first: this.first,
      late: this.late,
      results,
      bytes: this.bytes,
      connections: this.most,
      elapsedMs,
    }
  }

  end(): void {
    for (const connection of this.all) connection.close()
  }
}

const DONE = 'data: [DONE]'
/** What follows the terminator is at most two line ends. */
const TAIL_BYTES = DONE.length + 4

/** Counts the bytes of an answer; of a stream it wants the end that the protocol has. */
class Reading implements Expectation {
  bytes = 0
  readonly events = 0
  private readonly isStream: boolean
  private tail = ''

  constructor(isStream: boolean) {
    this.isStream = isStream
  }

  begin(): void {
    this.bytes = 0
  }

  body(piece: Buffer): void {
    this.bytes += piece.length
    if (!this.isStream) return
    this.tail = (
      this.tail + piece.toString('latin1', Math.max(0, piece.length - TAIL_BYTES))
    ).slice(-TAIL_BYTES)
  }

  end(): string | undefined {
    if (!this.isStream || this.tail.includes(DONE)) return undefined
    return 'a stream without its end'
  }
}
