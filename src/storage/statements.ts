// Several statements as one transaction where each may depend on what those before it gave, written once for both engines. On bun:sqlite
// nothing may be waited for between them, so they are a generator: it says a statement and is given its rows. It knows no table.

import type { Database } from 'bun:sqlite'
import { LIMITS } from '../core/limits.ts'
import { isBusy } from './errors.ts'
import type { PostgresPool } from './postgres-pool.ts'

export type StatementValue = string | number | null

/** Parameters are `$1`, `$2`, …, numbered in the order in which they first appear. */
export interface Statement {
  readonly text: string
  readonly values: readonly StatementValue[]
}

export type Row = Readonly<Record<string, unknown>>

/** Says statements, is given their rows, and ends with a result. It may be begun again, so it must do nothing else. */
export type Script<T> = Generator<Statement, T, readonly Row[]>

/** Runs scripts on one database. */
export interface Scripts {
  readonly engine: 'sqlite' | 'postgres'
  /** All of its statements or none. @throws the engine's error */
  run<T>(script: () => Script<T>): Promise<T>
}

/** The values of a JSON text of numbers, to be compared with `IN`. @param place of its parameter */
export function numbersIn(engine: Scripts['engine'], place: number): string {
  return engine === 'sqlite'
    ? `(SELECT value FROM json_each($${place}))`
    : `(SELECT value::bigint FROM json_array_elements_text($${place}::text::json))`
}

/** @param database not in a transaction whenever this is called: the log writer's own is such */
export function sqliteScripts(database: Database): Scripts {
  const once = <T>(script: () => Script<T>): T => {
    database.run('BEGIN IMMEDIATE')
    try {
      const running = script()
      let next = running.next([])
      while (next.done !== true) {
        const { text, values } = next.value
        // Not kept prepared: none of them runs often.
        const statement = database.prepare<Row, StatementValue[]>(text)
        try {
          next = running.next(statement.all(...values))
        } finally {
          statement.finalize()
        }
      }
      database.run('COMMIT')
      return next.value
    } catch (error) {
      if (database.inTransaction) database.run('ROLLBACK')
      throw error
    }
  }
  return {
    engine: 'sqlite',
    async run(script) {
      const deadlineMs = performance.now() + LIMITS.controlWriteTimeoutMs
      for (;;) {
        try {
          return once(script)
        } catch (error) {
          if (!isBusy(error) || performance.now() >= deadlineMs) throw error
        }
        await new Promise((resolve) => setTimeout(resolve, LIMITS.controlBusyTimeoutMs))
      }
    },
  }
}

export function postgresScripts(pool: PostgresPool): Scripts {
  return {
    engine: 'postgres',
    run: (script) =>
      pool.transaction(async (tx) => {
        const running = script()
        let next = running.next([])
        while (next.done !== true) {
          const { text, values } = next.value
          next = running.next(await tx.query<Row>(text, values))
        }
        return next.value
      }),
  }
}
