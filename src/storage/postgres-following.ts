// Following the request log in Postgres: numbers are given out before rows are there, so of two replicas the one with the larger number
// may be seen first, and who follows by number would pass over the other for ever. So a reader that follows waits for an instant until
// nobody writes, and sees every row below the last one it gets.

import { sql } from 'drizzle-orm'
import type { QueryBuilder, StoreDatabase } from './atomically.ts'

/** `weir` in ASCII and a 3: migrations have 1, months 2. */
const LOCK = 0x77_65_69_72_03

/** Before a writer's first row takes its number. Writers do not wait for each other. */
export const BEFORE_ROWS = `SELECT pg_advisory_xact_lock_shared(${LOCK})`

/** How `Requests` reads what follows. */
export type Following = <T>(read: (db: QueryBuilder) => PromiseLike<T>) => Promise<T>

/** Reads while nobody writes; those who come meanwhile wait for it. */
export function followingOn(database: StoreDatabase): Following {
  return async <T>(read: (db: QueryBuilder) => PromiseLike<T>): Promise<T> => {
    if (database.engine === 'sqlite') return await read(database.db)
    return await database.db.transaction(async (tx) => {
      await tx
        .select({ lock: sql`pg_advisory_xact_lock(${sql.raw(String(LOCK))})::text` })
        .from(sql`(SELECT 1) AS one`)
      return await read(tx)
    })
  }
}
