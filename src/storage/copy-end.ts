// One end of a copy: a store as rows of tables, read in the order of their keys and written again and again with the same result. Both
// engines fulfil it; what is copied and when it is whole is not theirs to know.

import type { CopyRow, CopyTable } from './copy-tables.ts'

/** Values of a table's key. */
export type CopyKey = readonly (string | number | boolean | null)[]

export interface CopySource {
  /** Where it is, for people; without a password. */
  readonly name: string
  /** The next rows behind a key, from the beginning without one; empty at the end. All of them from one state of the store. */
  rowsAfter(table: CopyTable, after: CopyKey | undefined): Promise<CopyRow[]>
  setting(key: string): Promise<string | undefined>
  close(): Promise<void>
}

export interface CopyTarget extends CopySource {
  /** Puts rows in, over those with the same key, and in the same transaction as far as the engine can the setting. */
  write(table: CopyTable, rows: readonly CopyRow[], settings: Settings): Promise<void>
  /** Deletes all rows of these tables, given in an order in which that can be done. */
  clear(tables: readonly CopyTable[], settings: Settings): Promise<void>
  /** Room for rows of the log of these times (UTC milliseconds). */
  makeRoom(timesMs: readonly number[]): Promise<void>
  /** All rows are in: what the engine keeps beside them goes on behind them. */
  finish(tables: readonly CopyTable[]): Promise<void>
}

export type Settings = Readonly<Record<string, string>>

/** The key of a row. */
export function keyOfRow(table: CopyTable, row: CopyRow): CopyKey {
  return table.key.map(
    (name) => row[table.columns.findIndex((column) => column.name === name)] ?? null,
  )
}

export const UPSERT_SETTING =
  'INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value'

/** `ON CONFLICT` for a table with this key: the row that comes is the right one. */
export function upsertOf(table: CopyTable, key: readonly string[]): string {
  const rest = table.columns.filter(({ name }) => !key.includes(name))
  const what =
    rest.length === 0
      ? 'DO NOTHING'
      : `DO UPDATE SET ${rest.map(({ name }) => `"${name}" = excluded."${name}"`).join(', ')}`
  return `ON CONFLICT (${key.map((name) => `"${name}"`).join(', ')}) ${what}`
}

/** `"a", "b"` */
export function namesOf(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}

/** Asks a source for all rows of a table, batch after batch. */
export async function* allBatches(
  source: CopySource,
  table: CopyTable,
  after?: CopyKey,
): AsyncGenerator<CopyRow[]> {
  for (let at = after; ;) {
    const rows = await source.rowsAfter(table, at)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    at = keyOfRow(table, last)
  }
}
