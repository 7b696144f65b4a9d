// One connection to Postgres, from its making to its end, and never made anew. postgres.js would reuse the remains of a connection that
// died (half-written bytes, the old error for a new query, the rollback of a lost transaction in somebody else's), or crash writing to
// it; so each of its clients is given one connection and one life, and is asked nothing once that has ended.

import { drizzle } from 'drizzle-orm/postgres-js'
import { connect, type Socket } from 'node:net'
import postgres from 'postgres'
import { LIMITS } from '../core/limits.ts'
import { PoolError, ServersError, StorageError } from './errors.ts'
import {
  postgresOptions,
  serversOf,
  targetOf,
  type PostgresLocation,
  type PostgresTarget,
  type ServerTimeouts,
} from './postgres-options.ts'

export type PostgresValue = string | number | boolean | null

/** Runs SQL with `$1`, `$2`, …; 64-bit integers come back as numbers, jsonb as objects. */
export interface PostgresQueries {
  query<Row extends object>(text: string, values?: readonly PostgresValue[]): Promise<Row[]>
}

export type PostgresClient = postgres.Sql<Record<string, never>>

export interface PostgresConnectionOptions {
  /** Undefined where the server takes none with the connection. */
  readonly timeouts: ServerTimeouts | undefined
  /** For each of the two steps: the socket, and the words with the server until it is ready. */
  readonly connectTimeoutMs?: number
  /** What notifications bring, once something is listened to. */
  readonly hear?: (payload: string) => void
  /** Ends it at once, made or not. */
  readonly signal?: AbortSignal
}

/** The socket, and the words with the server. */
const CONNECT_STEPS = 2

/** As libpq judges them: a primary may be read-only by its settings. */
const UNFIT: Readonly<Record<PostgresTarget, string>> = {
  any: 'false',
  primary: 'pg_is_in_recovery()',
  'read-write': `current_setting('transaction_read_only') = 'on'`,
}

/** Of the servers of a location the one that was right last: a black hole before it is waited for once and not each time. */
const lastRight = new WeakMap<PostgresLocation, number>()

/** A connection that is there; once it has ended every question is refused. */
export class PostgresConnection implements PostgresQueries {
  readonly openedMs = performance.now()
  /** Resolves when it has ended, by whatever. */
  readonly ended: Promise<void>
  private readonly client: PostgresClient
  private readonly end: () => void
  private socket: Socket | undefined
  private hasEnded = false
  private readonly waiting = new Set<(error: Error) => void>()
  private isPassedOver = () => false

  private constructor(location: PostgresLocation, options: PostgresConnectionOptions) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.end = resolve
    let isMade = false
    const connectTimeoutMs = options.connectTimeoutMs ?? LIMITS.postgresConnectTimeoutMs
    const settings = {
      ...postgresOptions(location, options.timeouts),
      connect_timeout: connectTimeoutMs / 1_000,
      types: { safe: { to: 20, from: [20], parse: safeInteger, serialize: String } },
      onclose: () => this.tellEnd(),
      onnotify: (_channel: string, payload: string) => options.hear?.(payload),
      socket: async (): Promise<Socket> => {
        if (isMade) throw new PoolError('CLOSED')
        isMade = true
        this.socket = await reach(location, connectTimeoutMs)
        if (!this.hasEnded) return this.socket
        this.socket.destroy()
        throw new PoolError('CLOSED')
      },
    }
    this.client = postgres(settings) as unknown as PostgresClient
    // It teaches the client to leave jsonb and times to the query builder.
    drizzle(this.client)
    const discard = (): void => this.discard()
    options.signal?.addEventListener('abort', discard)
    void promise.then(() => options.signal?.removeEventListener('abort', discard))
    if (options.signal?.aborted === true) discard()
  }

  /**
   * A connection to the server of the location, or to the first of several that is the primary.
   * @throws the engine's error, or of the system below it; then nothing is left
   */
  static async open(
    location: PostgresLocation,
    options: PostgresConnectionOptions,
  ): Promise<PostgresConnection> {
    const target = targetOf(location)
    const servers = serversOf(location)
    const first = lastRight.get(location) ?? 0
    const failures: unknown[] = []
    for (let nth = 0; nth < servers.length; nth += 1) {
      const index = (first + nth) % servers.length
      const server = servers[index]
      if (server === undefined || (nth > 0 && options.signal?.aborted === true)) continue
      try {
        const connection = await PostgresConnection.openOne(server, options, target)
        lastRight.set(location, index)
        if (target !== 'any') connection.isPassedOver = () => lastRight.get(location) !== index
        return connection
      } catch (error) {
        // What the URL itself lacks, the next one lacks too.
        if (error instanceof StorageError) throw error
        failures.push(error)
      }
    }
    throw failures.length === 1 ? failures[0] : new ServersError(failures)
  }

  private static async openOne(
    location: PostgresLocation,
    options: PostgresConnectionOptions,
    target: PostgresTarget,
  ): Promise<PostgresConnection> {
    const connection = new PostgresConnection(location, options)
    const late = Promise.withResolvers<never>()
    const { connectTimeoutMs = LIMITS.postgresConnectTimeoutMs } = options
    // A pooler lets in at once, and keeps the first question until it has a server: the client itself waits for that without end.
    const timer = setTimeout(
      () => late.reject(new PoolError('CONNECT_TIMEOUT')),
      CONNECT_STEPS * connectTimeoutMs,
    )
    try {
      const asking = connection.query<{ unfit: boolean }>(`SELECT ${UNFIT[target]} AS unfit`)
      const [row] = await Promise.race([asking, late.promise])
      if (row?.unfit === true) throw new PoolError('NOT_PRIMARY')
      return connection
    } catch (error) {
      connection.discard()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  get isOver(): boolean {
    return this.hasEnded
  }

  /**
   * Another connection of the same location was led to another server since: this one may lead to one that was the primary once and
   * has not noticed. Two at once would be given half of the changes each.
   */
  get isStale(): boolean {
    return this.isPassedOver()
  }

  async query<Row extends object>(
    text: string,
    values: readonly PostgresValue[] = [],
  ): Promise<Row[]> {
    return [...(await this.ask(text, values))] as unknown as Row[]
  }

  /** As `query`, with the client's own result; rows are arrays where that is wished. */
  async ask(
    text: string,
    values: readonly PostgresValue[],
    form: 'objects' | 'arrays' = 'objects',
  ): Promise<postgres.RowList<postgres.Row[]>> {
    if (this.hasEnded) throw new PoolError('CLOSED')
    const query = this.client.unsafe(text, [...values])
    const { promise, reject, resolve } = Promise.withResolvers<unknown>()
    this.waiting.add(reject)
    const asked: PromiseLike<unknown> = form === 'arrays' ? query.values() : query
    asked.then(resolve, reject)
    try {
      return (await promise) as postgres.RowList<postgres.Row[]>
    } finally {
      this.waiting.delete(reject)
    }
  }

  /** Ends it at once, whatever it does; the server is told where it still listens. */
  discard(): void {
    this.tellEnd()
    // What is left of it can fail no more than it has.
    this.client.end({ timeout: 0 }).then(
      () => this.socket?.destroySoon(),
      () => this.socket?.destroy(),
    )
  }

  private tellEnd(): void {
    this.hasEnded = true
    this.end()
    // What was asked between the error of a socket and its end, the library never answers.
    for (const reject of this.waiting) reject(new PoolError('CLOSED'))
  }
}

function safeInteger(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw new RangeError('a 64-bit integer of the store is no safe integer')
}

/** A socket that is connected. */
async function reach(location: PostgresLocation, timeoutMs: number): Promise<Socket> {
  const { host, path, port } = postgresOptions(location, undefined)
  const socket =
    path === undefined ? connect({ host: String(host), port: Number(port) }) : connect({ path })
  const { promise, reject, resolve } = Promise.withResolvers<Socket>()
  const timer = setTimeout(() => reject(new PoolError('CONNECT_TIMEOUT')), timeoutMs)
  socket.on('error', reject)
  socket.on('connect', () => resolve(socket))
  socket.setNoDelay(true)
  try {
    return await promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
