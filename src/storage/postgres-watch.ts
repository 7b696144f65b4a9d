// Notices that control data in Postgres changed, whoever changed it: others tell it with NOTIFY in the transaction of their change, on a
// connection that is for this alone. That connection is also asked, twice a second, whether it lives and has missed one, so that a
// pooler that swallows notifications or a firewall that forgets connections costs half a second and nothing else.

import { sql } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import type { AtomicQuery, QueryBuilder } from './atomically.ts'
import { ChangeRuns, type ChangeListener, type StoreWatcher } from './change-runs.ts'
import type { ControlTables } from './control-database.ts'
import { describeFailure, PoolError } from './errors.ts'
import {
  PostgresConnection,
  type PostgresConnectionOptions,
  type PostgresQueries,
} from './postgres-connection.ts'
import { retryDelayMs, type PostgresLocation } from './postgres-options.ts'

const CHANNEL = 'weir_control'
/** The row of `settings` that every change counts up. */
const VERSION_KEY = 'control_version'

const LOOK = `SELECT coalesce((SELECT value FROM settings WHERE key = '${VERSION_KEY}'), '0') AS version, current_setting('transaction_read_only') AS read_only`

export interface PostgresWatcherOptions {
  readonly logger: Logger
  /** `versionOf` when the store was opened. */
  readonly version: number
  /** Throws away the other connections: they lead to a server that takes no changes any more. */
  renew(reason: string): void
  readonly pollIntervalMs?: number
  readonly pollTimeoutMs?: number
}

interface Look {
  readonly version: number
  readonly isReadOnly: boolean
}

/** Watches the control data of one database. */
export class PostgresWatcher implements StoreWatcher {
  private readonly location: PostgresLocation
  private readonly options: PostgresWatcherOptions
  private readonly logger: Logger
  private readonly runs: ChangeRuns
  /** This process, in notifications: what it changed itself it knows. */
  private readonly self = crypto.randomUUID()
  /** Ends the pause that is on. */
  private wake: (() => void) | undefined
  private readonly stopping = new AbortController()
  private watching: Promise<void> | undefined
  private lastVersion: number
  private isReadOnly = false
  private hasBeenUp = false
  private isLost = false
  private trouble: string | undefined

  /** How often control data was changed so far. */
  static async versionOf(queries: PostgresQueries): Promise<number> {
    const [row] = await queries.query<{ version: string }>(LOOK)
    return Number(row?.version)
  }

  /** Connects when it is started. */
  constructor(location: PostgresLocation, options: PostgresWatcherOptions) {
    this.location = location
    this.options = options
    this.logger = options.logger
    this.runs = new ChangeRuns(options.logger)
    this.lastVersion = options.version
  }

  start(listener: ChangeListener): void {
    this.runs.listen(listener)
    this.watching ??= this.watch()
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    this.wake?.()
    await this.watching
    await this.runs.stop()
  }

  changed(): Promise<void> {
    return this.runs.changed()
  }

  private get isStopped(): boolean {
    return this.stopping.signal.aborted
  }

  get problem(): string | undefined {
    return this.trouble
  }

  /** The query that tells others of a change, to be the last of its transaction; its result goes to `marked`. */
  mark(tx: QueryBuilder, { settings }: Pick<ControlTables, 'settings'>): AtomicQuery {
    return tx
      .insert(settings)
      .values({ key: VERSION_KEY, value: '1' })
      .onConflictDoUpdate({
        target: settings.key,
        set: { value: sql`(${settings.value}::bigint + 1)::text` },
      })
      .returning({
        version: settings.value,
        told: sql`pg_notify(${CHANNEL}, ${`${this.self} `} || ${settings.value})`,
      })
  }

  /** What `mark` gave, after the commit. */
  marked(result: unknown): void {
    const [row] = result as readonly { readonly version: string }[]
    if (row !== undefined) this.passOver(Number(row.version))
  }

  /** A change that is known here. One that came before it and is not keeps the versions apart until the next look. */
  private passOver(version: number): void {
    if (version === this.lastVersion + 1) this.lastVersion = version
  }

  private hear(payload: string): void {
    const [from, version] = payload.split(' ')
    if (from === this.self) return
    this.passOver(Number(version))
    void this.runs.changed()
  }

  private async watch(): Promise<void> {
    const timeoutMs = this.options.pollTimeoutMs ?? LIMITS.postgresPollTimeoutMs
    for (let failures = 0; !this.isStopped; failures += 1) {
      let session: Session | undefined
      try {
        session = await Session.open(this.location, timeoutMs, {
          timeouts: undefined,
          hear: (payload) => this.hear(payload),
          signal: this.stopping.signal,
        })
        this.isUp(await session.look())
        failures = 0
        await this.follow(session)
      } catch (error) {
        if (!this.isStopped) this.isDown(describeFailure(error))
      } finally {
        session?.end()
      }
      await this.pause(retryDelayMs(failures))
    }
  }

  /**
   * Until it is stopped, or throws because the session has ended. A read-only server may have a successor under the same name, and one
   * that others have left may tell of no change any more, of which a connection that lives on would never learn.
   */
  private async follow(session: Session): Promise<void> {
    const intervalMs = this.options.pollIntervalMs ?? LIMITS.postgresPollIntervalMs
    void session.closed.then(() => this.wake?.())
    while (!this.isStopped) {
      await this.pause(intervalMs)
      if (this.isStopped) return
      const look = await session.look()
      this.tellReadOnly(look.isReadOnly)
      if (look.version !== this.lastVersion || this.runs.failedLastTime) {
        this.lastVersion = look.version
        void this.runs.changed()
      }
      if (look.isReadOnly || session.isStale) return
    }
  }

  private isUp(look: Look): void {
    // Notifications of the time between were lost, and a restored or failed-over database may count as before.
    const isStill = !this.hasBeenUp || (this.isReadOnly && look.isReadOnly && !this.isLost)
    const isSame = isStill && look.version === this.lastVersion
    if (this.isLost) this.logger.info('Postgres is reached again.')
    this.trouble = undefined
    this.hasBeenUp = true
    this.isLost = false
    this.lastVersion = look.version
    this.tellReadOnly(look.isReadOnly)
    if (!isSame) void this.runs.changed()
  }

  private isDown(reason: string): void {
    this.trouble = `Postgres is not reached (${reason}).`
    if (!this.isLost) {
      this.isLost = true
      this.logger.error('Postgres is not reached; requests go on with what is known.', { reason })
    }
  }

  private tellReadOnly(isReadOnly: boolean): void {
    if (isReadOnly) this.trouble = 'Postgres is read-only now: nothing can be changed or recorded.'
    else if (this.isReadOnly) this.trouble = undefined
    if (isReadOnly === this.isReadOnly) return
    this.isReadOnly = isReadOnly
    if (isReadOnly) this.logger.error('Postgres is read-only now.')
    // After a failover the old connections lead to the wrong server, in either direction.
    this.options.renew(isReadOnly ? 'read-only' : 'writable again')
  }

  private async pause(durationMs: number): Promise<void> {
    if (this.isStopped) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.wake = resolve
    const timer = setTimeout(resolve, durationMs)
    await promise
    clearTimeout(timer)
  }
}

/** One connection that listens. */
class Session {
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  private readonly connection: PostgresConnection
  private readonly timeoutMs: number

  private constructor(connection: PostgresConnection, timeoutMs: number) {
    this.connection = connection
    this.timeoutMs = timeoutMs
    this.closed = connection.ended
  }

  static async open(
    location: PostgresLocation,
    timeoutMs: number,
    options: PostgresConnectionOptions,
  ): Promise<Session> {
    const connection = await PostgresConnection.open(location, options)
    const session = new Session(connection, timeoutMs)
    try {
      await session.answered(connection.query(`LISTEN ${CHANNEL}`))
      return session
    } catch (error) {
      session.end()
      throw error
    }
  }

  /** @throws when it has ended, or does so, or gives no answer in time */
  async look(): Promise<Look> {
    const [row] = await this.answered(
      this.connection.query<{ version: string; read_only: string }>(LOOK),
    )
    return { version: Number(row?.version), isReadOnly: row?.read_only === 'on' }
  }

  get isStale(): boolean {
    return this.connection.isStale
  }

  end(): void {
    this.connection.discard()
  }

  private async answered<T>(asking: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new PoolError('NO_ANSWER')), this.timeoutMs)
    try {
      return await Promise.race([asking, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}
