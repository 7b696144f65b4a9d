// What is written together with rows of the request log, in the same transaction: totals, last uses, settled budgets. The seam
// between the two log writers and those who count; a companion only says statements, and never touches a connection itself.

import type { Outcome } from '../core/outcome.ts'

/** What a parameter can be on both engines. Booleans arrive as 0 and 1 in SQLite. */
export type LogValue = string | number | boolean | null

/** One statement that both engines understand. */
export interface LogStatement {
  /**
   * SQL of the tables in schema-log: `INSERT … ON CONFLICT (…) DO UPDATE SET x = usage_hourly.x + excluded.x` and plain UPDATEs mean the
   * same on both. Parameters are `$1`, `$2`, …, numbered in the order in which they first appear; each may be used again. A constant: it is
   * prepared once and kept, so values belong into parameters, and a number of rows that varies into several statements.
   */
  readonly text: string
  /** As many as the highest number in the text. */
  readonly values: readonly LogValue[]
}

/**
 * Somebody who counts what the log records. The writers promise that for each outcome whose row is in the store, what the companion
 * said of it has happened exactly once, and for none else: a batch whose commit was answered too late is not counted twice.
 */
export interface LogCompanion {
  /** Named in reports. */
  readonly name: string
  /**
   * The statements for rows that the open transaction has just inserted, in order. It may be called again with the same outcomes (a
   * transaction that failed is made anew) and with any part of them, or with copies, so it must not remember that it was asked. Must sum rows that
   * go to the same place and say its statements sorted by their keys: replicas that lock rows in different orders stop each other.
   * Where one is refused, the rows are tried one by one, and one that is still refused is kept without what is counted with it.
   */
  statementsFor(batch: readonly Outcome[]): readonly LogStatement[]
  /** These are in the store now, statements and all; rows that an earlier process left may be among them. Must not throw. */
  committed?(batch: readonly Outcome[]): void
  /** These will never be: their rows were refused, or were dropped because nothing could be written. Must not throw. */
  lost?(batch: readonly Outcome[]): void
}
