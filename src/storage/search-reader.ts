// How the searches of the request log reach their database, whichever it is: one statement at a time, read only, and never on the thread
// that serves requests where the engine would hold it. What is asked is the searches' own.

import type { PostgresPool } from './postgres-pool.ts'

export type SearchValue = string | number | boolean | null

/** Asks the database of a store. */
export interface SearchReader {
  readonly engine: 'sqlite' | 'postgres'
  /**
   * The rows of one SELECT. Parameters are written as `placeholder` says.
   * @throws the engine's error, or GatewayError `storage_unavailable` where nobody can be asked
   */
  rows<Row extends object>(text: string, values: readonly SearchValue[]): Promise<Row[]>
  close(): Promise<void>
}

/** Over the pool that everything else uses: the server does the work. */
export function postgresReader(pool: PostgresPool): SearchReader {
  return {
    engine: 'postgres',
    rows: (text, values) => pool.query(text, values),
    close: () => Promise.resolve(),
  }
}
