// Several queries as one transaction, the same way on both engines. There is no async callback on purpose: on bun:sqlite a
// transaction with one commits at its first await and rolls nothing back. Read-modify-write is one conditional
// `UPDATE … RETURNING` instead.

import type { BunSQLiteDatabase } from 'drizzle-orm/bun-sqlite'
import type { ExecuteResultSync } from 'drizzle-orm/sqlite-core'
import { LIMITS } from '../core/limits.ts'
import { isBusy, isSerializationFailure } from './errors.ts'
import { pause } from './pause.ts'

/** What builds queries. Postgres' builder is cast to this type: the repositories use only what both have. */
export type QueryBuilder = Pick<
  BunSQLiteDatabase,
  'select' | 'selectDistinct' | 'insert' | 'update' | 'delete' | '$count'
>

/** A built query that has not run yet. */
export interface AtomicQuery<T = unknown> extends PromiseLike<T> {
  prepare(): { execute(): ExecuteResultSync<unknown> }
}

/** Postgres' drizzle database, as far as it is used here. */
interface AsyncTransactions {
  transaction<T>(
    run: (tx: QueryBuilder) => Promise<T>,
    config?: { readonly isolationLevel: 'repeatable read'; readonly accessMode: 'read only' },
  ): Promise<T>
}

export type StoreDatabase =
  | { readonly engine: 'sqlite'; readonly db: BunSQLiteDatabase }
  | { readonly engine: 'postgres'; readonly db: AsyncTransactions }

type Results<Q extends readonly AtomicQuery[]> = { -readonly [K in keyof Q]: Awaited<Q[K]> }

async function onSqlite<const Q extends readonly AtomicQuery[]>(
  db: BunSQLiteDatabase,
  build: (tx: QueryBuilder) => Q,
  timeoutMs: number,
): Promise<Results<Q>> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    try {
      // IMMEDIATE takes the write lock first, where waiting for it is possible; a lock wanted halfway fails at once.
      const results = db.transaction(
        (tx) => build(tx).map((query) => query.prepare().execute().sync()),
        { behavior: 'immediate' },
      )
      return results as Results<Q>
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadlineMs) throw error
    }
    // The engine's own wait stops every request, so it is short and the rest is waited here.
    await pause(LIMITS.controlBusyTimeoutMs)
  }
}

async function onPostgres<const Q extends readonly AtomicQuery[]>(
  db: AsyncTransactions,
  build: (tx: QueryBuilder) => Q,
  timeoutMs: number,
): Promise<Results<Q>> {
  const deadlineMs = performance.now() + timeoutMs
  for (let tries = 0; ; tries += 1) {
    try {
      return await db.transaction(async (tx) => {
        const results: unknown[] = []
        for (const query of build(tx)) results.push(await query)
        return results as Results<Q>
      })
    } catch (error) {
      const isOver =
        tries >= LIMITS.postgresTransactionRetriesMax || performance.now() >= deadlineMs
      if (!isSerializationFailure(error) || isOver) throw error
    }
    // By chance, so that the same two do not meet again.
    await pause(Math.random() * 2 ** Math.min(tries + 2, 6))
  }
}

/**
 * Runs the built queries in order in one transaction and gives their results; if one fails, none has happened. `build` must
 * only build: it is called again while another process holds SQLite's lock, up to `timeoutMs`, and where two transactions of Postgres
 * stopped each other. Throws the engine's error.
 */
export async function atomically<const Q extends readonly AtomicQuery[]>(
  database: StoreDatabase,
  build: (tx: QueryBuilder) => Q,
  timeoutMs: number = LIMITS.controlWriteTimeoutMs,
): Promise<Results<Q>> {
  if (database.engine === 'sqlite') return onSqlite(database.db, build, timeoutMs)
  return onPostgres(database.db, build, timeoutMs)
}

/** Runs queries that only read, all on one state of the database, and gives their results. Throws the engine's error. */
export async function readTogether<const Q extends readonly AtomicQuery[]>(
  database: StoreDatabase,
  build: (tx: QueryBuilder) => Q,
): Promise<Results<Q>> {
  if (database.engine === 'sqlite') {
    const results = database.db.transaction(
      (tx) => build(tx).map((query) => query.prepare().execute().sync()),
      { behavior: 'deferred' },
    )
    return results as Results<Q>
  }
  return await database.db.transaction(
    async (tx) => {
      const results: unknown[] = []
      for (const query of build(tx)) results.push(await query)
      return results as Results<Q>
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  )
}
