// What every repository of control data stands on: reads, atomic writes that tell the watcher afterwards, and errors that
// carry no parameter. The tables are a member because each engine has its own; Postgres' are cast to SQLite's here, which
// schema.test.ts makes safe.

import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import { atomically, type AtomicQuery, type QueryBuilder } from './atomically.ts'
import { toRepositoryError } from './errors.ts'
import * as sqliteTables from './schema.sqlite.ts'

export type ControlTables = Pick<
  typeof sqliteTables,
  'apiKeys' | 'models' | 'providerKeys' | 'providerModels' | 'providers' | 'targets'
>

/** Reads and writes of control data. */
export class ControlDatabase {
  readonly tables: ControlTables = sqliteTables
  private readonly db: BunSQLiteDatabase
  private readonly changed: () => Promise<void>

  /** `changed` is awaited after each committed write, so that what follows already sees it. */
  constructor(db: BunSQLiteDatabase, changed: () => Promise<void>) {
    this.db = db
    this.changed = changed
  }

  /** Runs a query. Throws GatewayError `storage_unavailable`. */
  async read<T>(build: (db: QueryBuilder) => PromiseLike<T>): Promise<T> {
    try {
      return await build(this.db)
    } catch (error) {
      throw toRepositoryError(error)
    }
  }

  /** Runs queries as one transaction. Throws GatewayError `storage_unavailable`, or 409 for a row that exists. */
  async write<const Q extends readonly AtomicQuery[]>(
    build: (tx: QueryBuilder) => Q,
  ): Promise<{ -readonly [K in keyof Q]: Awaited<Q[K]> }> {
    const results = await this.writeUnheard(build)
    await this.changed()
    return results
  }

  /** As `write`, for what no snapshot is made of: this process's listener is not told. Others see that something changed. */
  async writeUnheard<const Q extends readonly AtomicQuery[]>(
    build: (tx: QueryBuilder) => Q,
  ): Promise<{ -readonly [K in keyof Q]: Awaited<Q[K]> }> {
    try {
      return await atomically({ engine: 'sqlite', db: this.db }, build)
    } catch (error) {
      throw toRepositoryError(error)
    }
  }
}
