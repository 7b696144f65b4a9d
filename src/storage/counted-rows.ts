// Requests that the log only counts leave no row in the store by which a second writing could be seen. This remembers which of them
// this process has counted lately, and finds out whether a transaction whose answer was lost has happened. It outlives no process.

import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import { PoolError, postgresCode } from './errors.ts'
import type { PostgresQueries } from './postgres-pool.ts'

/** What may be sent again is the last batch, in pieces where it comes back from the disk. */
const IDS_MAX = 4 * LIMITS.logFlushRows

export class CountedRows {
  private readonly ids = new Set<string>()
  private doubt: { readonly transaction: string; readonly ids: readonly string[] } | undefined

  has({ logId }: Outcome): boolean {
    return this.ids.has(logId)
  }

  /** In the transaction that counts them, before its end. */
  async begin(tx: PostgresQueries, rows: readonly Outcome[]): Promise<void> {
    if (rows.length === 0) return
    const [row] = await tx.query<{ id: string }>('SELECT txid_current()::text AS id')
    if (row !== undefined) this.doubt = { transaction: row.id, ids: rows.map((each) => each.logId) }
  }

  /** Before anything is sent again. @throws while the server still works at it, and the engine's error when it cannot be asked */
  async resolve(queries: PostgresQueries): Promise<void> {
    if (this.doubt === undefined) return
    const status = await statusOf(queries, this.doubt.transaction)
    if (status === 'in progress') throw new PoolError('NO_ANSWER')
    if (status === 'committed') this.committed()
    this.doubt = undefined
  }

  /** What was begun has happened. */
  committed(): void {
    for (const id of this.doubt?.ids ?? []) this.ids.add(id)
    this.doubt = undefined
    for (const id of this.ids) {
      if (this.ids.size <= IDS_MAX) return
      this.ids.delete(id)
    }
  }
}

async function statusOf(queries: PostgresQueries, transaction: string): Promise<string | null> {
  try {
    const rows = await queries.query<{ status: string | null }>(
      'SELECT txid_status($1::text::bigint) AS status',
      [transaction],
    )
    return rows[0]?.status ?? null
  } catch (error) {
    // One of a server that is no more: its successor has never heard of it.
    if (postgresCode(error) === '22023') return null
    throw error
  }
}
