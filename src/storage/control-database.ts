// What every repository of control data stands on: reads, atomic changes that are recorded in the audit in the same transaction and
// told to the watcher afterwards, and errors that carry no parameter. The tables are a member because each engine has its own;
// Postgres' are cast to SQLite's here, which schema.test.ts makes safe.

import type { Actor, AuditEvent } from '../core/audit.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import {
  atomically,
  readTogether,
  type AtomicQuery,
  type QueryBuilder,
  type StoreDatabase,
} from './atomically.ts'
import type { AuditChain } from './audit-chain.ts'
import { isAuditRace, toRepositoryError } from './errors.ts'
import type * as sqliteTables from './schema.sqlite.ts'

export type ControlTables = typeof sqliteTables

/** A change: what is recorded of it, and the queries it is made of. */
export interface AuditedChange<Q extends readonly AtomicQuery[]> {
  /** At least one. */
  readonly events: readonly AuditEvent[]
  /** Must only build: it may be called again. */
  readonly build: (tx: QueryBuilder) => Q
}

export interface ControlDatabaseOptions {
  readonly database: StoreDatabase
  readonly queries: QueryBuilder
  readonly tables: ControlTables
  readonly chain: AuditChain
  readonly clock: Clock
  /** Awaited after each committed write, so that what follows already sees it. */
  changed(): Promise<void>
  /** Where other processes do not see a change by themselves: a query of its transaction that tells them. */
  readonly marker?: ChangeMarker
}

export interface ChangeMarker {
  mark(tx: QueryBuilder, tables: ControlTables): AtomicQuery
  /** What that query gave, once it is committed. */
  marked(result: unknown): void
}

/** Whether other processes are to learn of it at once. */
type Telling = 'told' | 'untold'

type Results<Q extends readonly AtomicQuery[]> = { -readonly [K in keyof Q]: Awaited<Q[K]> }

/** Reads and writes of control data. */
export class ControlDatabase {
  readonly tables: ControlTables
  readonly chain: AuditChain
  private readonly options: ControlDatabaseOptions
  private changing: Promise<unknown> = Promise.resolve()

  constructor(options: ControlDatabaseOptions) {
    this.options = options
    this.tables = options.tables
    this.chain = options.chain
  }

  /** For the few words that the engines have each their own for. */
  get engine(): StoreDatabase['engine'] {
    return this.options.database.engine
  }

  /** Wall clock of the store. */
  nowMs(): number {
    return this.options.clock.nowMs()
  }

  /** Runs a query. Throws GatewayError `storage_unavailable`. */
  async read<T>(build: (db: QueryBuilder) => PromiseLike<T>): Promise<T> {
    try {
      return await build(this.options.queries)
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /** Runs queries on one state of the database. Throws GatewayError `storage_unavailable`. */
  async readTogether<const Q extends readonly AtomicQuery[]>(
    build: (tx: QueryBuilder) => Q,
  ): Promise<Results<Q>> {
    try {
      return await readTogether(this.options.database, build)
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /**
   * Makes a change and records it, both or neither. `plan` reads what there is and says what is to be done; where anything else was
   * changed in between, it is asked again, so that what it read is what the change was made on.
   * @returns undefined when `plan` does: there was nothing to do, and nothing is recorded
   * @throws GatewayError `storage_unavailable`, or 409 for a row that exists
   */
  async change<const Q extends readonly AtomicQuery[]>(
    by: Actor,
    plan: () => AuditedChange<Q> | undefined | Promise<AuditedChange<Q> | undefined>,
  ): Promise<Results<Q> | undefined> {
    const results = await this.inTurn(() => this.changeNow(by, plan, 'told'))
    if (results !== undefined) await this.options.changed()
    return results
  }

  /**
   * As `change`, for what no snapshot is made of: this process's listener is not told.
   * @param build what is written beside it
   */
  async record(
    by: Actor,
    events: readonly AuditEvent[],
    build: (tx: QueryBuilder) => readonly AtomicQuery[] = () => [],
  ): Promise<void> {
    await this.inTurn(() => this.changeNow(by, () => ({ events, build }), 'untold'))
  }

  /**
   * One after the other within this process: changes would only meet at the end of the chain. Whoever has waited for long behind one that
   * the store did not take does not try as well: each would wait as long again, and those behind it for all of them.
   */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now()
    const done = Promise.allSettled([this.changing]).then(async ([before]) => {
      const waitedMs = performance.now() - startedMs
      if (waitedMs > LIMITS.changeQueueTimeoutMs && isUnavailable(before)) throw before.reason
      return await work()
    })
    this.changing = done
    return done
  }

  private async changeNow<const Q extends readonly AtomicQuery[]>(
    by: Actor,
    plan: () => AuditedChange<Q> | undefined | Promise<AuditedChange<Q> | undefined>,
    tell: Telling,
  ): Promise<Results<Q> | undefined> {
    const { chain, clock, queries, tables } = this.options
    for (let tries = 0; ; tries += 1) {
      try {
        const end = await chain.end(queries, tables)
        // Behind the end of the chain: whatever else is changed from here on makes this change begin anew.
        await by.precondition?.()
        const planned = await plan()
        if (planned === undefined) return undefined
        if (planned.events.length === 0) throw new GatewayError('internal', { cause: 'no event' })
        const links = chain.links(end, planned.events, by, clock.nowMs())
        const head = chain.head(links.at(-1) ?? end)
        const build = (tx: QueryBuilder) => [
          tx.insert(tables.audit).values(links),
          tx
            .insert(tables.settings)
            .values(head)
            .onConflictDoUpdate({ target: tables.settings.key, set: { value: head.value } }),
          ...planned.build(tx),
        ]
        const results = await this.run(build, tell)
        return results.slice(2) as unknown as Results<Q>
      } catch (error) {
        // Another process has put its link where ours should be.
        if (!isAuditRace(error) || tries >= LIMITS.auditRaceRetriesMax) {
          throw toRepositoryError(error)
        }
      }
    }
  }

  /**
   * Runs queries as one transaction that nothing is recorded of: for what people do not decide, as sessions and what providers list.
   * This process’s listener is not told. Others may be (SQLite counts every write) or not (Postgres): what every replica must learn
   * of at once is no such write.
   * @throws GatewayError `storage_unavailable`, or 409 for a row that exists
   */
  async writeUnheard<const Q extends readonly AtomicQuery[]>(
    build: (tx: QueryBuilder) => Q,
  ): Promise<Results<Q>> {
    try {
      return await this.run(build, 'untold')
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /** As `writeUnheard`, and the listener is told. */
  async write<const Q extends readonly AtomicQuery[]>(
    build: (tx: QueryBuilder) => Q,
  ): Promise<Results<Q>> {
    let results: Results<Q>
    try {
      results = await this.run(build, 'told')
    } catch (error) {
      throw toRepositoryError(error)
    }
    await this.options.changed()
    return results
  }

  /** One transaction, and in it the word to other processes where they need one. */
  private async run<const Q extends readonly AtomicQuery[]>(
    build: (tx: QueryBuilder) => Q,
    tell: Telling,
  ): Promise<Results<Q>> {
    const { database, marker, tables } = this.options
    if (marker === undefined || tell === 'untold') return await atomically(database, build)
    // Last of all: whoever waits for the same row waits no longer than the commit.
    const results: unknown[] = await atomically(database, (tx) => [
      ...build(tx),
      marker.mark(tx, tables),
    ])
    marker.marked(results.pop())
    return results as Results<Q>
  }
}

function isUnavailable(
  before: PromiseSettledResult<unknown> | undefined,
): before is PromiseRejectedResult {
  if (before?.status !== 'rejected') return false
  return before.reason instanceof GatewayError && before.reason.kind === 'storage_unavailable'
}
