// Proves that both schemas mean the same rows, that the hand-written insert of the log names the schema's columns, and that the
// migrations folder holds what it says and makes these tables.

import { afterAll, describe, expect, test } from 'bun:test'
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core'
import { getTableConfig as getPostgresConfig, type PgTable } from 'drizzle-orm/pg-core'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { REQUEST_COLUMNS } from './log-row.ts'
import { readJournal } from './migration-journal.ts'
import * as logPostgres from './schema-log.postgres.ts'
import * as logSqlite from './schema-log.sqlite.ts'
import * as controlPostgres from './schema.postgres.ts'
import * as controlSqlite from './schema.sqlite.ts'
import {
  migratedDatabase,
  MIGRATIONS_FOLDER,
  removeFolders,
  temporaryFolder,
} from './test-store.ts'

afterAll(removeFolders)

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

type Rows<Tables> = {
  [Name in keyof Tables]: Tables[Name] extends {
    $inferSelect: infer Select
    $inferInsert: infer Insert
  }
    ? { select: { [K in keyof Select]: Select[K] }; insert: { [K in keyof Insert]: Insert[K] } }
    : never
}

// Each line stops compiling when a column, its type or its being optional differs; the last ones show that the proof can fail.
const equalRows: [
  Equal<Rows<typeof controlSqlite>, Rows<typeof controlPostgres>>,
  Equal<Rows<typeof logSqlite>, Rows<typeof logPostgres>>,
] = [true, true]
const unequalRows: [
  Equal<Rows<typeof controlSqlite>['models'], Rows<typeof controlPostgres>['targets']>,
  Equal<{ a: number | null }, { a: number }>,
  Equal<{ a?: number }, { a: number }>,
] = [false, false, false]

const pairs: [string, Record<string, SQLiteTable>, Record<string, PgTable>][] = [
  ['control', { ...controlSqlite }, { ...controlPostgres }],
  ['log', { ...logSqlite }, { ...logPostgres }],
]

/** By hand in Postgres' migrations, as drizzle knows no partitions. */
const PARTITIONED = ['requests', 'requestBodies']

interface Keyed {
  readonly columns: readonly { readonly name: string; readonly primary: boolean }[]
  readonly primaryKeys: readonly {
    readonly columns: readonly { readonly name: string }[]
  }[]
}

function keyOf({ columns, primaryKeys }: Keyed): string[] {
  const single = columns.filter(({ primary }) => primary)
  return [...single, ...primaryKeys.flatMap((key) => key.columns)].map(({ name }) => name)
}

describe('schema', () => {
  test('the rows of both engines are equal at compile time', () => {
    expect(equalRows.every((equal) => equal)).toBe(true)
    expect(unequalRows.some((equal) => equal)).toBe(false)
  })

  test.each(pairs)(
    '%s: tables, columns and their nullability are equal',
    (_kind, sqlite, postgres) => {
      const shape = (columns: readonly { name: string; notNull: boolean }[]) =>
        columns.map(({ name, notNull }) => ({ name, notNull }))
      expect(Object.keys(sqlite).length).toBeGreaterThan(1)
      expect(Object.keys(postgres).toSorted()).toEqual(Object.keys(sqlite).toSorted())
      for (const [name, table] of Object.entries(sqlite)) {
        const other = postgres[name]
        if (other === undefined) throw new Error(`${name} is missing in Postgres`)
        const [left, right] = [getTableConfig(table), getPostgresConfig(other)]
        expect(right.name).toBe(left.name)
        expect(shape(right.columns)).toEqual(shape(left.columns))
        // A partitioned table's key must hold what it is parted by; the rows it tells apart are the same.
        const parted = PARTITIONED.includes(name) ? ['timestamp_ms'] : []
        expect(keyOf(left).length).toBeGreaterThan(0)
        expect(keyOf(right)).toEqual([...keyOf(left), ...parted])
      }
    },
  )

  test('the prepared insert names every column of requests but the sequence, in order', () => {
    const columns = getTableConfig(logSqlite.requests).columns.map((column) => column.name)
    expect(columns[0]).toBe('sequence')
    expect([...REQUEST_COLUMNS] as string[]).toEqual(columns.slice(1))
  })

  test('requests has at most two indexes', () => {
    expect(getTableConfig(logSqlite.requests).indexes.length).toBeLessThanOrEqual(2)
    expect(getPostgresConfig(logPostgres.requests).indexes.length).toBeLessThanOrEqual(2)
  })
})

describe('migrations', () => {
  test.each(['sqlite', 'sqlite-log', 'postgres', 'postgres-log'])(
    '%s: every step of the journal has its file, and times grow',
    (name) => {
      const folder = join(MIGRATIONS_FOLDER, name)
      const journal = readJournal(folder)
      expect(journal.length).toBeGreaterThan(0)
      for (const { tag } of journal) expect(existsSync(join(folder, `${tag}.sql`))).toBe(true)
    },
  )

  test.each(pairs)(
    '%s: a migrated file has the tables and columns of the schema',
    (kind, sqlite) => {
      const path = join(temporaryFolder(), 'made.db')
      const database = migratedDatabase(path, kind === 'control' ? 'control' : 'log')
      for (const table of Object.values(sqlite)) {
        const { name, columns, indexes } = getTableConfig(table)
        const made = database.query<{ name: string }, []>(`PRAGMA table_info(${name})`).all()
        // A later migration's columns stand behind those that were there, wherever the schema names them.
        expect(made.map((column) => column.name).toSorted()).toEqual(
          columns.map((column) => column.name).toSorted(),
        )
        const madeIndexes = database
          .query<{ name: string }, []>(`PRAGMA index_list(${name})`)
          .all()
          .map((index) => index.name)
        for (const { config } of indexes) expect(madeIndexes).toContain(config.name)
      }
      database.close()
    },
  )
})
