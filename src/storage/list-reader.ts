// Pages of long lists of control data: the database filters, sorts and cuts behind a place (keyset), and no more than a page is read.
// Neither engine folds or sorts letters beyond ASCII as the lists do, so rows with such letters in what is compared are read in short
// runs of those texts alone, and are put in their places here. It knows no table.

import { and, asc, count, desc, gt, not, or, sql, type SQL } from 'drizzle-orm'
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core'
import { LIMITS } from '../core/limits.ts'
import {
  comparePlaces,
  holdsText,
  type ListAsked,
  type ListOrder,
  type ListPlace,
  type ListValue,
} from '../core/list-page.ts'
import type { ControlDatabase } from './control-database.ts'

/** A list and what of it is asked for. */
export interface ListedRows {
  readonly table: SQLiteTable
  /** The tenant, and what is filtered by. */
  readonly where: SQL | undefined
  /** Unique with the tenant, and ASCII. */
  readonly id: SQLiteColumn
  /** A number that an index has behind the tenant, and that no row changes; absent: the index has the id. */
  readonly indexed?: SQLiteColumn
  /** What it is sorted by: a text, whatever its case, a column of numbers, or what the database does not know. */
  readonly sort:
    | { readonly text: SQL }
    | { readonly number: SQLiteColumn }
    | { readonly aside: (id: string) => ListValue }
  /** What is searched: columns, or texts that are made of some. */
  readonly texts: readonly SQLiteColumn[] | MadeTexts
}

/** Texts that the database does not search. */
interface MadeTexts {
  readonly columns: Readonly<Record<string, SQLiteColumn>>
  /** @param row the columns by their names */
  of(row: Readonly<Record<string, unknown>>): readonly (string | null | undefined)[]
}

/** The places of a page, in order. */
interface ListPlaces {
  readonly places: readonly ListPlace[]
  readonly hasMore: boolean
  readonly total: number
}

/** The last row of a run. */
interface Run {
  readonly id: string
  readonly at: unknown
}

/** What both engines fold and sort alike. NUL is not among it: Postgres has none. */
const PLAIN = /^[\u0001-\u007F]*$/
const NOT_PLAIN = /[^\u0001-\u007F]/
/** Comes after each plain letter, as every letter does that is not plain. */
const BEYOND_PLAIN = '\u00FF'

/** @param asked its texts hold no NUL. @throws GatewayError `storage_unavailable` */
export async function readPlaces(
  database: ControlDatabase,
  list: ListedRows,
  asked: ListAsked,
): Promise<ListPlaces> {
  const reader = new ListReader(database, list, asked)
  return await reader.read()
}

class ListReader {
  private readonly database: ControlDatabase
  private readonly list: ListedRows
  private readonly asked: ListAsked
  private readonly needle: string | undefined
  /** Rows that the database can place. */
  private readonly plain: SQL | 'all' | 'none'

  constructor(database: ControlDatabase, list: ListedRows, asked: ListAsked) {
    this.database = database
    this.list = list
    this.asked = asked
    this.needle = asked.text?.toLowerCase()
    this.plain = this.whichPlain()
  }

  async read(): Promise<ListPlaces> {
    const { after, limit } = this.asked
    const rest = await this.restPlaces()
    const plain = await this.plainPlaces()
    const places = this.merged(plain, rest.places)
    const isAllPlain = after === undefined && plain.length <= limit
    return {
      places: places.slice(0, limit),
      hasMore: places.length > limit,
      total: rest.total + (isAllPlain ? plain.length : await this.countPlain(rest.total)),
    }
  }

  /** How many rows fit of those that the database can place. @param rest how many fit of the others */
  private async countPlain(rest: number): Promise<number> {
    const { list, needle, plain } = this
    if (plain === 'none') return 0
    // Where nothing is searched every row fits, and an index tells how many there are.
    const where = needle === undefined ? list.where : and(list.where, ...this.plainFitting())
    const counted = await this.database.read((db) =>
      db.select({ rows: count() }).from(list.table).where(where),
    )
    const rows = counted[0]?.rows ?? 0
    return needle === undefined ? Math.max(0, rows - rest) : rows
  }

  private async plainPlaces(): Promise<ListPlace[]> {
    const { id, table, where } = this.list
    const { limit, order } = this.asked
    const key = this.key()
    if (key === undefined || this.plain === 'none') return []
    const by = order === 'asc' ? asc : desc
    const rows = await this.database.read((db) =>
      db
        .select({ id, value: key })
        .from(table)
        .where(and(where, ...this.plainFitting(), this.behind(key)))
        .orderBy(sql`${by(key)} nulls last`, by(this.bytewise(id)))
        .limit(limit + 1),
    )
    return rows.map((row) => [row.value as ListValue, row.id as string])
  }

  /** The first places among the rows that are placed here, and how many of them fit. */
  private async restPlaces(): Promise<{
    readonly places: readonly ListPlace[]
    readonly total: number
  }> {
    const { asked, needle, plain } = this
    if (plain === 'all') return { places: [], total: 0 }
    let places: readonly ListPlace[] = []
    let total = 0
    for (let after: Run | undefined; ;) {
      const rows = await this.restRows(plain, after)
      const fitting = rows.filter(({ texts }) => needle === undefined || holdsText(texts, needle))
      total += fitting.length
      const found = fitting
        .map(({ id, value }): ListPlace => {
          return [typeof value === 'string' ? value.toLowerCase() : value, id]
        })
        .filter(
          (place) =>
            asked.after === undefined || comparePlaces(place, asked.after, asked.order) > 0,
        )
      places = this.merged(places, found)
      if (rows.length < LIMITS.listRunRows) return { places, total }
      after = rows.at(-1)
      // On SQLite a run holds the thread that answers requests.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** In an order that an index has, ids as the database sorts them by itself: each row is read once, however many runs there are. */
  private async restRows(plain: SQL | 'none', after: Run | undefined) {
    const { id, indexed, sort, table, texts, where } = this.list
    const isSearched = this.needle !== undefined
    const columns = 'of' in texts ? texts.columns : Object.fromEntries(texts.entries())
    const behind =
      after === undefined
        ? undefined
        : indexed === undefined
          ? gt(id, after.id)
          : sql`(${indexed}, ${id}) > (${after.at}, ${after.id})`
    const rows = await this.database.read((db) =>
      db
        .select({
          id,
          at: indexed ?? sql`null`,
          value: 'text' in sort ? sort.text : 'number' in sort ? sort.number : sql`null`,
          held: isSearched ? columns : { id },
        })
        .from(table)
        .where(and(where, plain === 'none' ? undefined : not(plain), behind))
        .orderBy(...(indexed === undefined ? [] : [asc(indexed)]), asc(id))
        .limit(LIMITS.listRunRows),
    )
    return rows.map(({ at, held, id: rowId, value }) => ({
      id: rowId as string,
      at,
      value: ('aside' in sort ? sort.aside(rowId as string) : value) as ListValue,
      texts:
        isSearched && 'of' in texts ? texts.of(held) : (Object.values(held) as (string | null)[]),
    }))
  }

  /** The first of both in their order, one more than the page has; each id once, though its row was changed between two queries. */
  private merged(some: readonly ListPlace[], others: readonly ListPlace[]): readonly ListPlace[] {
    const { limit, order } = this.asked
    const byId = new Map([...some, ...others].map((place) => [place[1], place]))
    return [...byId.values()].toSorted((a, b) => comparePlaces(a, b, order)).slice(0, limit + 1)
  }

  private key(): SQL | SQLiteColumn | undefined {
    const { sort } = this.list
    if ('aside' in sort) return undefined
    return 'text' in sort ? this.folded(sort.text) : sort.number
  }

  private whichPlain(): SQL | 'all' | 'none' {
    const { sort, texts } = this.list
    const isSearched = this.needle !== undefined
    if ('aside' in sort || (isSearched && 'of' in texts)) return 'none'
    const compared = [
      ...('text' in sort ? [sort.text] : []),
      ...(isSearched && !('of' in texts) ? texts.map((text) => sql`${text}`) : []),
    ]
    return compared.length === 0 ? 'all' : this.isPlain(compared)
  }

  /** What plain rows are that hold the text; none holds one that is not plain. */
  private plainFitting(): (SQL | undefined)[] {
    const { needle, plain } = this
    const { texts } = this.list
    const where = typeof plain === 'string' ? undefined : plain
    if (needle === undefined || 'of' in texts) return [where]
    if (!PLAIN.test(needle)) return [sql`1 = 0`]
    const at = this.database.engine === 'sqlite' ? sql.raw('instr') : sql.raw('strpos')
    return [or(...texts.map((text) => sql`${at}(${this.folded(text)}, ${needle}) > 0`)), where]
  }

  /** Rows behind the place that the page before ended at. */
  private behind(key: SQL | SQLiteColumn): SQL | undefined {
    const { after, order } = this.asked
    if (after === undefined) return undefined
    const [value, afterId] = after
    const than = COMPARED[order]
    const isBehind = sql`${this.bytewise(this.list.id)} ${than} ${amongPlain(afterId)}`
    if (value === null) return sql`(${key} is null and ${isBehind})`
    const place = typeof value === 'string' ? amongPlain(value) : value
    return sql`(${key} ${than} ${place} or (${key} = ${place} and ${isBehind}) or ${key} is null)`
  }

  /** ASCII alone: what this makes of other letters is never looked at. */
  private folded(text: SQL | SQLiteColumn): SQL {
    return sql`lower(${this.bytewise(text)})`
  }

  private bytewise(text: SQL | SQLiteColumn): SQL {
    return this.database.engine === 'sqlite' ? sql`${text}` : sql`(${text} collate "C")`
  }

  private isPlain(texts: readonly SQL[]): SQL {
    const all = sql.join(
      texts.map((text) => sql`coalesce(${text}, '')`),
      sql` || `,
    )
    // A NUL ends SQLite's count of letters, so that a text with one is not plain.
    return this.database.engine === 'sqlite'
      ? sql`length(cast(${all} as blob)) = length(${all})`
      : sql`octet_length(convert_to(${all}, 'UTF8')) = char_length(${all})`
  }
}

const COMPARED: Readonly<Record<ListOrder, SQL>> = { asc: sql.raw('>'), desc: sql.raw('<') }

/** A text that stands where this one does among plain ones. */
function amongPlain(text: string): string {
  const at = text.search(NOT_PLAIN)
  return at === -1 ? text : text.slice(0, at) + BEYOND_PLAIN
}
