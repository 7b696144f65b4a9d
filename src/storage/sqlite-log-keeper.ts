// Deletes old rows of the request log on SQLite, where everything else stands still meanwhile: so in steps of a few milliseconds, each
// as large as the last ones have shown to fit, with pauses in which requests go on. Bodies go with their rows.

import type { Database } from 'bun:sqlite'
import { LIMITS } from '../core/limits.ts'
import { isBusy } from './errors.ts'
import { SIZE_TARGET, type LogKeeper } from './log-upkeep.ts'

/** Rows of the first step: with bodies of the largest size it takes as long as a step may. */
const FIRST_ROWS = 8
/** Requests have this many times as long as the deletion before them. */
const PAUSE_FACTOR = 4

// Bodies first and by their own statement: rows from before bodies had a time are found by their number.
const DELETE_BODIES =
  'DELETE FROM request_bodies WHERE sequence IN (SELECT sequence FROM requests WHERE timestamp_ms < ?1 ORDER BY timestamp_ms LIMIT ?2)'
const DELETE_ROWS =
  'DELETE FROM requests WHERE sequence IN (SELECT sequence FROM requests WHERE timestamp_ms < ?1 ORDER BY timestamp_ms LIMIT ?2)'

export class SqliteLogKeeper implements LogKeeper {
  private readonly database: Database

  /** The writer's own connection: what one thread does in turns needs no lock. */
  constructor(database: Database) {
    this.database = database
  }

  /** A file grows by itself. */
  makeRoom(): Promise<void> {
    return Promise.resolve()
  }

  async deleteBefore(cutoffMs: number, signal: AbortSignal): Promise<number> {
    return await this.deleteOldest(() => (signal.aborted ? 0 : Infinity), cutoffMs)
  }

  /** Of the file; what waits in its write-ahead log is bounded by itself. Pages that rows have left are used again before it grows. */
  async shrinkTo(rowBytesMax: number, signal: AbortSignal): Promise<number> {
    if (this.pages().used <= rowBytesMax) return 0
    // Answers that are kept for later requests have a bound of their own: rows that went for them would make no room.
    const bytesMax = rowBytesMax + this.keptBytes()
    if (this.pages().used <= bytesMax) return 0
    const target = bytesMax - rowBytesMax * (1 - SIZE_TARGET)
    const rowBytes = this.pages().used / Math.max(1, this.rows())
    const surplus = () =>
      signal.aborted ? 0 : Math.max(0, Math.ceil((this.pages().used - target) / rowBytes))
    const deleted = await this.deleteOldest(surplus, Number.MAX_SAFE_INTEGER)
    // Where the file was made without this, it stays as large as it was and grows no more.
    for (let size = this.pages(); size.file > bytesMax && !signal.aborted;) {
      const startMs = performance.now()
      this.database.query(`PRAGMA incremental_vacuum(${LIMITS.logVacuumPagesMax})`).all()
      await pause(Math.max(1, (performance.now() - startMs) * PAUSE_FACTOR))
      const now = this.pages()
      if (now.file >= size.file) break
      size = now
    }
    return deleted
  }

  /** Bytes of the file, and of its pages that hold something. */
  private pages(): { readonly file: number; readonly used: number } {
    const of = (name: string) =>
      Object.values(
        this.database.query<Record<string, number>, []>(`PRAGMA ${name}`).get() ?? {},
      )[0] ?? 0
    const size = of('page_size')
    const all = of('page_count')
    return { file: all * size, used: (all - of('freelist_count')) * size }
  }

  /** What a covering index tells. */
  private keptBytes(): number {
    const kept = this.database
      .query<{ n: number | null }, []>('SELECT sum(value_bytes) AS n FROM kept')
      .get()
    return kept?.n ?? 0
  }

  /** About how many rows there are: their numbers follow each other but for those that were refused. */
  private rows(): number {
    const counted = this.database
      .query<{ n: number | null }, []>(
        'SELECT max(sequence) - min(sequence) + 1 AS n FROM requests',
      )
      .get()
    return counted?.n ?? 0
  }

  /** @param most how many may go now; 0 ends it */
  private async deleteOldest(most: () => number, cutoffMs: number): Promise<number> {
    let fitting = FIRST_ROWS
    let deleted = 0
    for (let left = most(); left > 0; left = most()) {
      const rows = Math.min(fitting, left)
      const startMs = performance.now()
      const gone = this.step(cutoffMs, rows)
      const tookMs = performance.now() - startMs
      deleted += gone ?? 0
      if (gone !== undefined && gone < rows) return deleted
      fitting = nextRows(rows, tookMs)
      await pause(Math.max(1, tookMs * PAUSE_FACTOR))
    }
    return deleted
  }

  /** Rows deleted; undefined when another process holds the lock. */
  private step(cutoffMs: number, rows: number): number | undefined {
    try {
      this.database.run('BEGIN IMMEDIATE')
      this.database.run(DELETE_BODIES, [cutoffMs, rows])
      const { changes } = this.database.run(DELETE_ROWS, [cutoffMs, rows])
      this.database.run('COMMIT')
      return changes
    } catch (error) {
      if (this.database.inTransaction) this.database.run('ROLLBACK')
      if (isBusy(error)) return undefined
      throw error
    }
  }
}

/** So many that a step takes about as long as it may; never more than twice as many as before. */
function nextRows(rows: number, tookMs: number): number {
  const { logDeletionStepMs, logDeletionStepRows } = LIMITS
  const fitting = Math.floor((rows * logDeletionStepMs) / Math.max(tookMs, 0.1))
  return Math.max(1, Math.min(fitting, rows * 2, logDeletionStepRows))
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
