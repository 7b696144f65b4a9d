// One connection to Postgres, from its making to its end, and never made anew. postgres.js would reuse the remains of a connection that
// died (half-written bytes, the old error for a new query, the rollback of a lost transaction in somebody else's), or crash writing to
// it; so each of its clients is given one connection and one life, and is asked nothing once that has ended.

import { drizzle } from 'drizzle-orm/postgres-js'
import { connect, type Socket } from 'node:net'
import postgres from 'postgres'
import { LIMITS } from '../core/limits.ts'
import { PoolError } from './errors.ts'
import { postgresOptions, type PostgresLocation, type ServerTimeouts } from './postgres-options.ts'

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

  /** @throws the engine's error, or of the system below it; then nothing is left */
  static async open(
    location: PostgresLocation,
    options: PostgresConnectionOptions,
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
      await Promise.race([connection.query('SELECT 1'), late.promise])
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
