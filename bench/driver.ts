// The load driver: closed loops over raw connections, each answer checked, failures counted by their reason. It measures
// what a client sees; processor time and memory of the servers are the measures' own to read.

import { Connection, type Exchange, type Expectation } from './connection.ts'

/** One kind of request to one server. */
export interface Load {
  readonly port: number
  readonly request: Uint8Array
  /** A fresh check for one connection. */
  expect(): Expectation
}

export interface Result {
  readonly requests: number
  readonly events: number
  readonly reads: number
  readonly elapsedMs: number
  /** Sorted, of whole answers. */
  readonly totalsMs: Float64Array
  /** Sorted, to the first byte of the body. */
  readonly firstsMs: Float64Array
  /** Answers that were not right, by reason. */
  readonly failures: ReadonlyMap<string, number>
}

/** When a run is over: a number of requests, or a time. */
export type Until = { readonly requests: number } | { readonly elapsedMs: number }

/** Connections are made this many at a time: a listening socket's queue is short. */
const OPEN_AT_ONCE = 100

/** Connections to one server, opened before a measurement and kept over it. */
export class Pool {
  private readonly load: Load
  private readonly connections: readonly Connection[]

  private constructor(load: Load, connections: readonly Connection[]) {
    this.load = load
    this.connections = connections
  }

  static async open(load: Load, connections: number): Promise<Pool> {
    const opened: Connection[] = []
    while (opened.length < connections) {
      const count = Math.min(OPEN_AT_ONCE, connections - opened.length)
      const more = Array.from({ length: count }, () => Connection.open(load.port))
      opened.push(...(await Promise.all(more)))
    }
    return new Pool(load, opened)
  }

  /** Each connection asks again as soon as it has its answer. */
  async run(until: Until): Promise<Result> {
    const tally = new Tally()
    const startedMs = performance.now()
    const endMs = 'elapsedMs' in until ? startedMs + until.elapsedMs : Number.POSITIVE_INFINITY
    let left = 'requests' in until ? until.requests : Number.POSITIVE_INFINITY
    const loop = async (connection: Connection) => {
      const expectation = this.load.expect()
      while (left > 0 && performance.now() < endMs) {
        left -= 1
        const exchange = await connection.exchange(this.load.request, expectation)
        tally.add(exchange, expectation.events)
        if (exchange.fault !== undefined) return
      }
    }
    await Promise.all(this.connections.map(loop))
    return tally.result(performance.now() - startedMs)
  }

  /** Every connection asks once, all at the same time. */
  async once(): Promise<Result> {
    const tally = new Tally()
    const startedMs = performance.now()
    await Promise.all(
      this.connections.map(async (connection) => {
        const expectation = this.load.expect()
        const exchange = await connection.exchange(this.load.request, expectation)
        tally.add(exchange, expectation.events)
      }),
    )
    return tally.result(performance.now() - startedMs)
  }

  close(): void {
    for (const connection of this.connections) connection.close()
  }
}

class Tally {
  private readonly totals: number[] = []
  private readonly firsts: number[] = []
  private readonly failures = new Map<string, number>()
  private events = 0
  private reads = 0

  add(exchange: Exchange, events: number): void {
    this.totals.push(exchange.totalMs)
    this.firsts.push(exchange.firstMs)
    this.events += events
    this.reads += exchange.reads
    const { fault } = exchange
    if (fault !== undefined) this.failures.set(fault, (this.failures.get(fault) ?? 0) + 1)
  }

  result(elapsedMs: number): Result {
    return {
      requests: this.totals.length,
      events: this.events,
      reads: this.reads,
      elapsedMs,
      totalsMs: Float64Array.from(this.totals).sort(),
      firstsMs: Float64Array.from(this.firsts).sort(),
      failures: this.failures,
    }
  }
}

/** The value below which this share of sorted values lies. */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** The middle value; the mean of the two middle ones where they are even in number. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
