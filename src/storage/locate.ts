// Where a store is: two SQLite files beside each other, or a Postgres database.

import { join, resolve } from 'node:path'

export interface StoreFiles {
  readonly control: string
  readonly log: string
}

/** `weir.db` → `weir-log.db`, in the same folder. */
function logFileBeside(control: string): string {
  const bare = control.endsWith('.db') ? control.slice(0, -'.db'.length) : control
  return `${bare}-log.db`
}

/** Where a store is, as the configuration says it. */
export type StoreLocation =
  | {
      readonly engine: 'sqlite'
      /** Absolute path of the control database. */
      readonly file: string
    }
  | {
      readonly engine: 'postgres'
      /** Holds a password. */
      readonly url: string
      readonly connections: number
      /** Authorities beside the usual ones. */
      readonly caFile?: string
    }

/** The files of a SQLite store: the log lies beside the control database, which is `weir.db` in the data folder unless named. */
export function storeFiles(dataFolder: string, file?: string): StoreFiles {
  const control = file ?? join(resolve(dataFolder), 'weir.db')
  return { control, log: logFileBeside(control) }
}
