// Rows of one table that several kinds share, told apart by how their keys begin. It is here because what sorts between two texts is not the same
// in every database: a Postgres in a language of people puts `setting:x` behind `setting;`. It must not be used where an index has to help.

import { sql, type SQL } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'

/** Whether a text begins with another, on either engine and whatever the database sorts by. @param prefix ASCII alone */
export function beginsWith(text: SQLiteColumn, prefix: string): SQL {
  return sql`substr(${text}, 1, ${sql.raw(String(prefix.length))}) = ${prefix}`
}
