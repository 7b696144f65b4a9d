// How the request log of a SQLite store is changed off the way of requests: a few statements in one transaction, whose time is told. On a
// thread of its own it is the search reader's; here are what both sides say to each other, and the same on a connection at hand.

import type { Database } from 'bun:sqlite'
import { isBusy } from './errors.ts'
import type { SearchValue } from './search-reader.ts'

export interface Change {
  readonly text: string
  readonly values: readonly SearchValue[]
}

export interface Changed {
  /** Rows that the first statement changed. */
  readonly changes: number
  /** For so long others could not write. */
  readonly tookMs: number
}

export interface LogHand {
  /** The rows of one SELECT. */
  rows<Row extends object>(text: string, values: readonly SearchValue[]): Promise<Row[]>
  /** All of it or nothing; undefined while another process holds the lock. */
  change(statements: readonly Change[]): Promise<Changed | undefined>
  /** Brings what was written into the file. @param isLast and cuts the write-ahead log off, if nobody reads it */
  checkpoint(isLast: boolean): Promise<void>
}

/** One transaction. @throws what it failed at; nothing is changed then */
export function changeIn(database: Database, statements: readonly Change[]): Changed {
  database.run('BEGIN IMMEDIATE')
  const startMs = performance.now()
  try {
    const [changes = 0] = statements.map(({ text, values }) => changedBy(database, text, values))
    database.run('COMMIT')
    return { changes, tookMs: performance.now() - startMs }
  } catch (error) {
    if (database.inTransaction) database.run('ROLLBACK')
    throw error
  }
}

/** Texts with holds differ: none of them is kept prepared. */
function changedBy(database: Database, text: string, values: readonly SearchValue[]): number {
  const statement = database.prepare<unknown, SearchValue[]>(text)
  try {
    return statement.run(...values).changes
  } finally {
    statement.finalize()
  }
}

/** On a connection at hand, whose thread stands still meanwhile. */
export function handOn(database: Database): LogHand {
  return {
    rows: (text, values) => {
      const statement = database.prepare<never, SearchValue[]>(text)
      try {
        return Promise.resolve(statement.all(...values))
      } finally {
        statement.finalize()
      }
    },
    change: (statements) => {
      try {
        return Promise.resolve(changeIn(database, statements))
      } catch (error) {
        if (isBusy(error)) return Promise.resolve(undefined)
        throw error
      }
    },
    checkpoint: (isLast) => {
      // Without a thread of its own the writer does it, now and then.
      if (isLast) forgetWritten(database)
      return Promise.resolve()
    },
  }
}

/** What was written before it was deleted stands in the write-ahead log until that is cut off. While somebody reads, it is the next time. */
export function forgetWritten(database: Database): void {
  if (!database.inTransaction) database.query('PRAGMA wal_checkpoint(TRUNCATE)').all()
}
