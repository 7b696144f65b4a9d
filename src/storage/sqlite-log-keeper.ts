// Deletes old rows of the request log on SQLite, where everything else stands still meanwhile: so in steps of a few milliseconds, each
// as large as the last ones have shown to fit, with pauses in which requests go on. Bodies go with their rows.

import type { Database } from 'bun:sqlite'
import { LIMITS } from '../core/limits.ts'
import { isBusy } from './errors.ts'
import type { LogKeeper } from './log-upkeep.ts'

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
    let rows = FIRST_ROWS
    let deleted = 0
    while (!signal.aborted) {
      const startMs = performance.now()
      const gone = this.step(cutoffMs, rows)
      const tookMs = performance.now() - startMs
      deleted += gone ?? 0
      if (gone !== undefined && gone < rows) return deleted
      rows = nextRows(rows, tookMs)
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
