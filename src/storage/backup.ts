// Saves a store to a file while it is in use, and fills an empty one from such a file. Either engine can be restored from the other's
// file; nothing is written anywhere before the whole file has been proven.

import type { CopyRow, CopyTable, Sum } from './copy-tables.ts'
import { COPY_TABLES, isOwn, Summing } from './copy-tables.ts'
import { type BackupHead, BackupReader, BackupWriter } from './backup-file.ts'
import { type CopyReport, type CopyStep, fillStore } from './copy.ts'
import { allBatches, type CopySource, type CopyTarget } from './copy-end.ts'
import { COPY_SETTING, requireWhole } from './copy-state.ts'
import { StorageError } from './errors.ts'

const COLUMNS: BackupHead['tables'] = Object.fromEntries(
  COPY_TABLES.map(({ columns, name }) => [name, columns.map((column) => column.name)]),
)

export interface BackupOptions {
  readonly path: string
  readonly version: string
  readonly engine: BackupHead['engine']
  readonly nowMs: number
  tell?(step: CopyStep): void
}

export interface BackupReport {
  readonly bytes: number
  readonly rows: number
}

/**
 * Writes all that a store holds, as it was at one moment, to a new file.
 * @throws StorageError in words for the operator; then there is no file
 */
export async function backUpStore(
  source: CopySource,
  options: BackupOptions,
): Promise<BackupReport> {
  requireWhole(await source.setting(COPY_SETTING), source.name)
  const { engine, nowMs: createdMs, path, version } = options
  const writer = new BackupWriter(path, { version, createdMs, engine, tables: COLUMNS })
  try {
    const sums: Record<string, Sum> = {}
    let rows = 0
    for (const table of COPY_TABLES) {
      const summing = new Summing()
      for await (const batch of allBatches(source, table)) {
        const theirs = batch.filter((row) => !isOwn(table, row))
        for (const row of theirs) summing.add(table, row)
        if (theirs.length > 0) writer.rows({ table: table.name, rows: theirs })
        options.tell?.({ phase: 'copying', table: table.name, rows: summing.sum.rows })
      }
      sums[table.name] = summing.sum
      rows += summing.sum.rows
    }
    return { bytes: writer.finish(sums), rows }
  } catch (error) {
    writer.abandon()
    throw error
  }
}

export interface RestoreOptions {
  readonly path: string
  /** Called when the file has been proven, and not before: a target that is not needed is not made. */
  open(): Promise<CopyTarget>
  tell?(step: CopyStep): void
}

export interface RestoreReport extends CopyReport {
  readonly head: BackupHead
}

/**
 * Fills an empty store from a file, or goes on where that was broken off.
 * @throws StorageError in words for the operator
 */
export async function restoreStore(options: RestoreOptions): Promise<RestoreReport> {
  const reader = new BackupReader(options.path)
  try {
    requireSameColumns(reader.head, options.path)
    const target = await options.open()
    try {
      const { tell } = options
      const supply = {
        what: 'restore' as const,
        from: reader.identity,
        batches: (table: CopyTable) => rowsOf(reader, table),
        sumOf: (table: CopyTable) => sumIn(reader, table),
      }
      const report = await fillStore(supply, { target, ...(tell === undefined ? {} : { tell }) })
      return { ...report, head: reader.head }
    } finally {
      await target.close()
    }
  } finally {
    reader.close()
  }
}

async function* rowsOf(reader: BackupReader, table: CopyTable): AsyncGenerator<readonly CopyRow[]> {
  yield* reader.rows(table.name)
}

function sumIn(reader: BackupReader, table: CopyTable): Promise<Sum> {
  return Promise.resolve(reader.sums[table.name] ?? new Summing().sum)
}

function requireSameColumns(head: BackupHead, path: string): void {
  const names = (tables: BackupHead['tables']): string =>
    JSON.stringify(
      Object.entries(tables)
        .map(([table, columns]) => [table, columns])
        .toSorted(),
    )
  if (names(head.tables) === names(COLUMNS)) return
  const message = `${path} was written by Weir ${head.version}, whose tables are not those of this version. Restore it with that version, and start this one on the result.`
  throw new StorageError('newer_schema', message)
}
