// Which columns hold sealed values, found in the schema itself, and the place each value is bound to. Rotation goes over all of them:
// a column whose name begins with `sealed_` cannot be forgotten.

import { getTableColumns, getTableName, is } from 'drizzle-orm'
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import * as controlTables from './schema.sqlite.ts'
import type { SealPlace } from './seal.ts'

const PREFIX = 'sealed_'

export interface SealedColumn {
  /** Name of the table's export, the same in both schemas. */
  readonly tableName: keyof typeof controlTables
  /** SQLite's, on both engines: what names the place of a value. */
  readonly described: SQLiteTable
  /** Property of the row, and the column's own name. */
  readonly property: string
  readonly column: string
  /** Properties of the primary key, in its order. */
  readonly keyProperties: readonly string[]
}

/** Every sealed column of the control tables. */
export function sealedColumns(): readonly SealedColumn[] {
  return Object.entries(controlTables).flatMap(([name, table]) => {
    if (!is(table, SQLiteTable)) return []
    const columns = Object.entries(getTableColumns(table))
    const sealed = columns.filter(([, column]) => column.name.startsWith(PREFIX))
    if (sealed.length === 0) return []
    const keyProperties = keyPropertiesOf(table)
    return sealed.map(([property, column]) => ({
      tableName: name as keyof typeof controlTables,
      described: table,
      property,
      column: column.name,
      keyProperties,
    }))
  })
}

function keyPropertiesOf(table: SQLiteTable): readonly string[] {
  const columns = Object.entries(getTableColumns(table))
  const composite = getTableConfig(table).primaryKeys[0]?.columns ?? []
  const keys =
    composite.length > 0
      ? composite.map(({ name }) => columns.find(([, column]) => column.name === name)!)
      : columns.filter(([, column]) => column.primary)
  return keys.map(([property]) => property)
}

/**
 * The place of a row's sealed value: its tenant, its table, what else identifies the row, its column. Whoever seals and whoever rotates
 * must mean the same.
 */
export function sealPlaceOf(
  table: SQLiteTable,
  column: string,
  row: Readonly<Record<string, unknown>>,
): SealPlace {
  const keys = keyPropertiesOf(table).filter((property) => property !== 'tenantId')
  const tenantId = row['tenantId']
  return {
    tenantId: typeof tenantId === 'string' ? tenantId : PLATFORM_TENANT_ID,
    table: getTableName(table),
    row: keys.map((property) => String(row[property])),
    column,
  }
}
