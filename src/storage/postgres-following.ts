// Following the request log in Postgres: numbers are given out before rows are there, so of two replicas the one with the larger number
// may be seen first, and who follows by number would pass over the other for ever. So a reader that follows waits for an instant until
// nobody writes, and reads up to the number that was given out last by then.

import { sql } from 'drizzle-orm'
import type { StoreDatabase } from './atomically.ts'

/** `weir` in ASCII and a 3: migrations have 1, months 2. */
const LOCK = 0x77_65_69_72_03

/** Before a writer's first row takes its number. Writers do not wait for each other. */
export const BEFORE_ROWS = `SELECT pg_advisory_xact_lock_shared(${LOCK})`

/** Up to which number no row is still to come; undefined where rows are there in the order of their numbers. */
export type Settled = () => Promise<number | undefined>

/** Waits for those who write now. It holds up nobody for longer than that: what is read afterwards is read without a lock. */
export function settledOn(database: StoreDatabase): Settled {
  return async () => {
    if (database.engine === 'sqlite') return undefined
    const [row] = await database.db.transaction(async (tx) => {
      await tx
        .select({ lock: sql`pg_advisory_xact_lock(${sql.raw(String(LOCK))})::text` })
        .from(sql`(SELECT 1) AS one`)
      return await tx.select({ last: sql<string>`last_value` }).from(sql`requests_sequence_seq`)
    })
    return Number(row?.last)
  }
}
