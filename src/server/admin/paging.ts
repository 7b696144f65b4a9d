// Lists of the management API in pages: filtered, sorted, and cut behind a cursor that stands for the last one shown, so that nothing is
// shown twice or passed over when rows come and go. For lists that are read whole; the request log has its own.

import type { TSchema } from '@sinclair/typebox'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import { nullable, oneOf, t } from './contract.ts'

const CURSOR_CHARS_MAX = 1_000

/** Parameters that every list takes. @param sorts names it can be sorted by; the first is the default */
export function listQuery<const S extends readonly [string, ...string[]]>(sorts: S) {
  return {
    limit: t.Optional(
      t.Integer({
        minimum: 1,
        maximum: LIMITS.adminPageRowsMax,
        description: `Rows of a page; ${LIMITS.adminPageRows} unless given.`,
      }),
    ),
    cursor: t.Optional(
      t.String({ maxLength: CURSOR_CHARS_MAX, description: 'Where the page before ended.' }),
    ),
    sort: t.Optional(oneOf(sorts)),
    order: t.Optional(oneOf(['asc', 'desc'])),
    q: t.Optional(
      t.String({ minLength: 1, maxLength: 200, description: 'Text that a row must hold.' }),
    ),
  }
}

/** A page of rows of this schema. */
export function listOf<S extends TSchema>(row: S) {
  return t.Object({
    data: t.Array(row),
    next_cursor: nullable(t.String(), { description: 'Null on the last page.' }),
    total: t.Integer({ description: 'Rows that fit the filters, on all pages.' }),
  })
}

export interface ListQuery {
  readonly limit?: number
  readonly cursor?: string
  readonly sort?: string
  readonly order?: 'asc' | 'desc'
  readonly q?: string
}

export interface ListRules<T> {
  /** Unique in the list. */
  id(row: T): string
  /** What a row is sorted by; null goes last, whichever the order. */
  readonly sorts: Readonly<Record<string, (row: T) => string | number | null>>
  /** What `q` is looked for in, whatever its case. */
  text?(row: T): readonly (string | null | undefined)[]
  /** The order where none is asked for; absent: `asc`. */
  readonly order?: 'asc' | 'desc'
}

export interface Page<T> {
  readonly rows: readonly T[]
  readonly next_cursor: string | null
  readonly total: number
}

type Place = readonly [value: string | number | null, id: string]

/** The page that was asked for. @throws GatewayError `invalid_request` for a cursor that no page of this list gave */
export function pageOf<T>(rows: readonly T[], query: ListQuery, rules: ListRules<T>): Page<T> {
  const [first = ''] = Object.keys(rules.sorts)
  const { cursor, limit = LIMITS.adminPageRows, order = rules.order ?? 'asc', sort = first } = query
  const valueOf = rules.sorts[sort]
  if (valueOf === undefined) throw new GatewayError('invalid_request', { param: 'sort' })
  const needle = query.q?.toLowerCase()
  const fits = (row: T) =>
    needle === undefined ||
    (rules.text?.(row) ?? [rules.id(row)]).some(
      (text) => text?.toLowerCase().includes(needle) === true,
    )
  const placed = rows
    .filter(fits)
    .map((row) => ({ row, place: [valueOf(row), rules.id(row)] as const satisfies Place }))
    .toSorted((a, b) => compare(a.place, b.place, order))
  const list = `${sort} ${order}`
  const after = cursor === undefined ? undefined : placeIn(cursor, list)
  const rest =
    after === undefined ? placed : placed.filter(({ place }) => compare(place, after, order) > 0)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return {
    rows: page.map(({ row }) => row),
    next_cursor: last === undefined || rest.length <= limit ? null : cursorAt(last.place, list),
    total: placed.length,
  }
}

function compare([a, aId]: Place, [b, bId]: Place, order: 'asc' | 'desc'): number {
  if (a !== b) {
    if (a === null) return 1
    if (b === null) return -1
    const isLess = typeof a === typeof b ? a < b : typeof a === 'number'
    return isLess === (order === 'asc') ? -1 : 1
  }
  return aId === bId ? 0 : aId < bId === (order === 'asc') ? -1 : 1
}

function cursorAt([value, id]: Place, list: string): string {
  return Buffer.from(JSON.stringify([list, value, id])).toString('base64url')
}

function placeIn(cursor: string, list: string): Place {
  const parts = partsOf(cursor)
  const [of, value, id] = parts ?? []
  const isValue = value === null || typeof value === 'string' || typeof value === 'number'
  if (parts?.length === 3 && of === list && isValue && typeof id === 'string') return [value, id]
  throw new GatewayError('invalid_request', {
    code: 'invalid_cursor',
    param: 'cursor',
    message: 'Not a cursor of this list in this order. Begin anew without it.',
  })
}

function partsOf(cursor: string): unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(parts) ? parts : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
