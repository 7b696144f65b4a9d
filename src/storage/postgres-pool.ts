// Connections to Postgres, bounded in number, in who waits for one and in how long anything may take. A server that has gone away
// without a word costs its queries and never the process: what gives no answer in time is thrown away and made anew. It knows no table.

import { drizzle } from 'drizzle-orm/postgres-js'
import type postgres from 'postgres'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import type { QueryBuilder, StoreDatabase } from './atomically.ts'
import { describeFailure, isDeadConnection, isReadOnlyRefusal, PoolError } from './errors.ts'
import {
  PostgresConnection,
  type PostgresClient,
  type PostgresQueries,
  type PostgresValue,
} from './postgres-connection.ts'
import { SERVER_TIMEOUTS, type PostgresLocation, type ServerTimeouts } from './postgres-options.ts'
import { Places } from './postgres-places.ts'

export type { PostgresQueries, PostgresValue } from './postgres-connection.ts'

export interface PostgresPoolOptions {
  /** At most so many connections. */
  readonly connections: number
  readonly logger: Logger
  /** What Postgres itself gives up; the usual unless given, none where undefined is. */
  readonly timeouts?: ServerTimeouts | undefined
  /** Other bounds than core/limits.ts', for tests and for work that takes long. */
  readonly answerTimeoutMs?: number
  readonly queueTimeoutMs?: number
  readonly queueMax?: number
}

interface Idle {
  readonly connection: PostgresConnection
  readonly timer: ReturnType<typeof setTimeout>
}

type Ask = PostgresConnection['ask']

/** A pool of connections to one database. Every error it throws is the engine's own; `toRepositoryError` makes it presentable. */
export class PostgresPool implements PostgresQueries {
  /** Queries outside a transaction. Postgres' builder, cast to SQLite's: the repositories use only what both have. */
  readonly queries: QueryBuilder
  readonly database: StoreDatabase
  private readonly location: PostgresLocation
  private readonly logger: Logger
  private readonly timeouts: ServerTimeouts | undefined
  private readonly answerTimeoutMs: number
  private readonly places: Places
  /** Not in use, the one used last at the end. */
  private idle: Idle[] = []
  private readonly busy = new Set<PostgresConnection>()
  private closing: Promise<void> | undefined

  /** Connects when first asked. */
  constructor(location: PostgresLocation, options: PostgresPoolOptions) {
    this.location = location
    this.logger = options.logger
    this.timeouts = 'timeouts' in options ? options.timeouts : SERVER_TIMEOUTS
    this.answerTimeoutMs = options.answerTimeoutMs ?? LIMITS.postgresAnswerTimeoutMs
    this.places = new Places(
      options.connections,
      options.queueMax ?? LIMITS.postgresQueueMax,
      options.queueTimeoutMs ?? LIMITS.postgresQueueTimeoutMs,
    )
    const db = drizzle(this.asClient())
    this.queries = db as unknown as QueryBuilder
    this.database = {
      engine: 'postgres',
      db: db as unknown as Extract<StoreDatabase, { engine: 'postgres' }>['db'],
    }
  }

  /** One statement, in a transaction of its own. */
  async query<Row extends object>(
    text: string,
    values: readonly PostgresValue[] = [],
  ): Promise<Row[]> {
    return [...(await this.ask(text, values))] as unknown as Row[]
  }

  /** Several statements, all or none. What `work` throws rolls them back and is thrown. */
  async transaction<T>(work: (queries: PostgresQueries) => Promise<T>): Promise<T> {
    return await this.begin((ask) =>
      work({
        query: async <Row extends object>(text: string, values: readonly PostgresValue[] = []) =>
          [...(await ask(text, values))] as unknown as Row[],
      }),
    )
  }

  /** Throws away every connection: those in use fail, and the next query makes a new one. */
  renew(reason: string): void {
    this.logger.debug('The connections to Postgres are made anew.', { reason })
    this.discardIdle()
    for (const connection of this.busy) connection.discard()
  }

  /** Ends the connections; what still runs has a moment to end. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  private async finish(): Promise<void> {
    this.discardIdle()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, LIMITS.postgresCloseTimeoutMs)
    await Promise.race([this.places.allFree(), late])
    clearTimeout(timer)
    for (const connection of this.busy) connection.discard()
  }

  private async run<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    if (this.closing !== undefined) throw new PoolError('CLOSED')
    await this.places.enter()
    try {
      const connection = await this.take()
      this.busy.add(connection)
      try {
        return await this.answered(connection, work(connection))
      } finally {
        this.busy.delete(connection)
        this.giveBack(connection)
      }
    } catch (error) {
      // Where one has died the others have as a rule, and only nobody has noticed.
      // And one that takes no changes any more may lead to yesterday's server.
      if (isDeadConnection(error) || isReadOnlyRefusal(error)) this.discardIdle()
      throw error
    } finally {
      this.places.leave()
    }
  }

  private async take(): Promise<PostgresConnection> {
    for (let next = this.idle.pop(); next !== undefined; next = this.idle.pop()) {
      clearTimeout(next.timer)
      if (!next.connection.isOver && !next.connection.isStale) return next.connection
      next.connection.discard()
    }
    return await PostgresConnection.open(this.location, {
      timeouts: this.timeouts,
      connectTimeoutMs: Math.min(LIMITS.postgresConnectTimeoutMs, this.answerTimeoutMs),
    })
  }

  private giveBack(connection: PostgresConnection): void {
    if (connection.isOver) return
    const ageMs = performance.now() - connection.openedMs
    if (this.closing !== undefined || ageMs > LIMITS.postgresConnectionLifetimeMs) {
      connection.discard()
      return
    }
    const timer = setTimeout(() => {
      this.idle = this.idle.filter((each) => each.connection !== connection)
      connection.discard()
    }, LIMITS.postgresIdleTimeoutMs)
    timer.unref()
    this.idle.push({ connection, timer })
  }

  private discardIdle(): void {
    for (const { connection, timer } of this.idle.splice(0)) {
      clearTimeout(timer)
      connection.discard()
    }
  }

  private async answered<T>(connection: PostgresConnection, working: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      late.reject(new PoolError('NO_ANSWER'))
      connection.discard()
      this.discardIdle()
      this.logger.warn('Postgres gives no answer; its connections are made anew.')
    }, this.answerTimeoutMs)
    try {
      return await Promise.race([working, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  private ask(...[text, values, form]: Parameters<Ask>): ReturnType<Ask> {
    const isRead = /^select\b/i.test(text)
    return this.pastDeadOne(
      () => this.run((connection) => connection.ask(text, values, form)),
      () => isRead,
    )
  }

  private async begin<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    let isBegun = false
    const transact = async (connection: PostgresConnection): Promise<T> => {
      await connection.query('BEGIN')
      isBegun = true
      let result: T
      try {
        result = await work((...asked) => connection.ask(...asked))
      } catch (error) {
        await this.rollBack(connection)
        throw error
      }
      // A transaction that failed inside is rolled back by this, and no error says so.
      const { command } = await connection.ask('COMMIT', [])
      if (command === 'COMMIT') return result
      throw new Error('a transaction was rolled back at its end')
    }
    return await this.pastDeadOne(
      () => this.run(transact),
      () => !isBegun,
    )
  }

  private async rollBack(connection: PostgresConnection): Promise<void> {
    if (connection.isOver) return
    try {
      await connection.query('ROLLBACK')
    } catch (error) {
      this.logger.debug('A transaction was left to its end.', { reason: describeFailure(error) })
      connection.discard()
    }
  }

  /**
   * A connection that died while nobody used it is noticed by the first to use it. What has certainly not happened is asked once more,
   * on a new one; a connection that cannot be made is no such case.
   */
  private async pastDeadOne<T>(work: () => Promise<T>, isSafe: () => boolean): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isSafe() || !isDeadConnection(error)) throw error
      return await work()
    }
  }

  /** What drizzle uses of a client. */
  private asClient(): PostgresClient {
    const begin = (work: (inner: unknown) => Promise<unknown>) =>
      this.begin((ask) => work({ options: OPTIONS, unsafe: lazily(ask) }))
    const ask: Ask = (...asked) => this.ask(...asked)
    return { options: OPTIONS, unsafe: lazily(ask), begin } as unknown as PostgresClient
  }
}

/** Drizzle writes into them; the connections' own clients have theirs. */
const OPTIONS = { parsers: {}, serializers: {} }

interface Lazy extends PromiseLike<unknown> {
  values(): PromiseLike<unknown>
}

function lazily(ask: Ask): (text: string, values?: postgres.ParameterOrJSON<never>[]) => Lazy {
  return (text, values = []) => {
    const given = values as PostgresValue[]
    let asked: Promise<unknown> | undefined
    return {
      // oxlint-disable-next-line unicorn/no-thenable -- postgres.js asks the server when it is awaited, and so does this
      then: (resolve, reject) => (asked ??= ask(text, given)).then(resolve, reject),
      values: () => ask(text, given, 'arrays'),
    }
  }
}
