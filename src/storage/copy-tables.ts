// Every table and column of a store, read from the schemas themselves, so that none can be forgotten where a store is copied or saved;
// and a row of them in one form for both engines, with a checksum that does not depend on the engine or the order.

import { getTableColumns, is } from 'drizzle-orm'
import { getTableConfig as postgresConfig, PgTable } from 'drizzle-orm/pg-core'
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { fitForPostgres } from './postgres-log-row.ts'
import * as logPostgres from './schema-log.postgres.ts'
import * as logTables from './schema-log.sqlite.ts'
import * as controlPostgres from './schema.postgres.ts'
import * as controlTables from './schema.sqlite.ts'

export type CopyPart = 'control' | 'log'

export interface CopyColumn {
  readonly name: string
  readonly kind: 'text' | 'number' | 'boolean' | 'json' | 'bytes'
  readonly isNullable: boolean
}

export interface CopyTable {
  readonly part: CopyPart
  readonly name: string
  readonly columns: readonly CopyColumn[]
  /** What tells its rows apart, in the order in which they are read. */
  readonly key: readonly string[]
  /** The same in Postgres, where a partitioned table's key is longer. */
  readonly postgresKey: readonly string[]
  /** Column that Postgres numbers from a sequence, which must go on behind the copied rows. */
  readonly numbered: string | undefined
  /** Tables that its rows refer to. */
  readonly parents: readonly string[]
}

/** Values in the order of the columns; JSON as its text, bytes as base64. */
export type CopyRow = readonly (string | number | boolean | null)[]

/** Tables of one engine alone that no copy takes along: counters of the last minutes, which begin anew elsewhere. */
export const NOT_COPIED: readonly string[] = ['limit_counters', 'limit_holders']

/** Facts of one store about itself, which another one must not believe: how often it was changed, what is being copied into it. */
export const OWN_SETTINGS: readonly string[] = ['control_version', 'copy']

const KINDS: Readonly<Record<string, CopyColumn['kind']>> = {
  string: 'text',
  number: 'number',
  boolean: 'boolean',
  json: 'json',
  buffer: 'bytes',
}

function describe(part: CopyPart, table: SQLiteTable, other: PgTable): CopyTable {
  const config = getTableConfig(table)
  const columns = Object.values(getTableColumns(table)).map((column): CopyColumn => {
    const kind = KINDS[column.dataType]
    if (kind === undefined) throw new Error(`${config.name}.${column.name} has no known kind`)
    return { name: column.name, kind, isNullable: !column.notNull }
  })
  const numbered = postgresConfig(other).columns.find((each) => /serial/.test(each.getSQLType()))
  return {
    part,
    name: config.name,
    columns,
    key: keyOf(config),
    postgresKey: keyOf(postgresConfig(other)),
    numbered: numbered?.name,
    parents: config.foreignKeys.map((each) => getTableConfig(each.reference().foreignTable).name),
  }
}

interface Keyed {
  readonly columns: readonly { readonly name: string; readonly primary: boolean }[]
  readonly primaryKeys: readonly { readonly columns: readonly { readonly name: string }[] }[]
}

function keyOf({ columns, primaryKeys }: Keyed): string[] {
  const single = columns.filter(({ primary }) => primary)
  return [...single, ...primaryKeys.flatMap((key) => key.columns)].map(({ name }) => name)
}

function tablesOf(
  part: CopyPart,
  tables: Readonly<Record<string, unknown>>,
  others: Readonly<Record<string, unknown>>,
): CopyTable[] {
  return Object.entries(tables).flatMap(([name, table]) => {
    const other = others[name]
    return is(table, SQLiteTable) && is(other, PgTable) ? [describe(part, table, other)] : []
  })
}

/** Parents before those that refer to them. */
function inOrder(tables: readonly CopyTable[]): CopyTable[] {
  const ordered: CopyTable[] = []
  const rest = new Set(tables)
  while (rest.size > 0) {
    const next = [...rest].find(({ name, parents }) =>
      parents.every((parent) => parent === name || ![...rest].some((each) => each.name === parent)),
    )
    if (next === undefined) throw new Error('tables refer to each other in a circle')
    rest.delete(next)
    ordered.push(next)
  }
  return ordered
}

/** Every table of a store, in an order in which rows can be put in. */
export const COPY_TABLES: readonly CopyTable[] = inOrder([
  ...tablesOf('control', controlTables, controlPostgres),
  ...tablesOf('log', logTables, logPostgres),
])

/** Whether a row is of the store it lies in alone, and stays there. */
export function isOwn(table: CopyTable, row: CopyRow): boolean {
  return table.name === 'settings' && OWN_SETTINGS.includes(String(row[0]))
}

/** Objects with their names in order: engines keep JSON in different ones. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return Object.fromEntries(entries.map(([name, inner]) => [name, canonical(inner)]))
}

/** How many rows, and a sum over them that is the same in any order. */
export interface Sum {
  readonly rows: number
  /** Hex. */
  readonly checksum: string
}

/** Adds rows up. What Postgres cannot hold is counted as what stands for it there. */
export class Summing {
  private rows = 0
  private total = 0n

  add(table: CopyTable, row: CopyRow): void {
    const values = table.columns.map(({ kind }, at) => {
      const value = row[at] ?? null
      if (value === null) return null
      return kind === 'json' ? canonical(JSON.parse(String(value))) : value
    })
    this.rows += 1
    const text = JSON.stringify(fitForPostgres(values))
    this.total = BigInt.asUintN(64, this.total + Bun.hash.xxHash64(text))
  }

  get sum(): Sum {
    return { rows: this.rows, checksum: this.total.toString(16).padStart(16, '0') }
  }
}
