// Lists of the management API in pages: filtered, sorted, and cut behind a cursor that stands for the last one shown, so that nothing is
// shown twice or passed over when rows come and go. Short lists are read whole and cut here, long ones by the store; the request log has
// its own.

import type { TSchema } from '@sinclair/typebox'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import {
  comparePlaces,
  holdsText,
  type ListAsked,
  type ListPart,
  type ListPlace,
} from '../../core/list-page.ts'
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

/**
 * The page that was asked for.
 * @param end where rows end that are not all there are; absent or null: there are no others
 * @throws GatewayError `invalid_request` for a cursor that no page of this list gave
 */
export function pageOf<T>(
  rows: readonly T[],
  query: ListQuery,
  rules: ListRules<T>,
  end: ListPlace | null = null,
): Page<T> {
  const [first = ''] = Object.keys(rules.sorts)
  const { cursor, limit = LIMITS.adminPageRows, order = rules.order ?? 'asc', sort = first } = query
  const valueOf = rules.sorts[sort]
  if (valueOf === undefined) throw new GatewayError('invalid_request', { param: 'sort' })
  const needle = query.q?.toLowerCase()
  const fits = (row: T) =>
    needle === undefined || holdsText(rules.text?.(row) ?? [rules.id(row)], needle)
  const placed = rows
    .filter(fits)
    .map((row) => ({ row, place: [valueOf(row), rules.id(row)] as const satisfies ListPlace }))
    .toSorted((a, b) => comparePlaces(a.place, b.place, order))
  const list = `${sort} ${order}`
  const after = cursor === undefined ? undefined : placeIn(cursor, list)
  const rest = placed.filter(
    ({ place }) =>
      (after === undefined || comparePlaces(place, after, order) > 0) &&
      (end === null || comparePlaces(place, end, order) <= 0),
  )
  const page = rest.slice(0, limit)
  const last = rest.length <= limit ? end : (page.at(-1)?.place ?? null)
  return {
    rows: page.map(({ row }) => row),
    next_cursor: last === null ? null : cursorAt(last, list),
    total: placed.length,
  }
}

/** What a list that the store cuts is asked for. @param sorts the first is the default */
export function askedOf<S extends string>(
  query: ListQuery & { readonly sort?: S },
  sorts: Readonly<Record<S, 'text' | 'number'>>,
): ListAsked<S> {
  const [first] = Object.keys(sorts) as S[]
  const { cursor, limit = LIMITS.adminPageRows, order = 'asc', q, sort = first } = query
  if (sort === undefined) throw new GatewayError('invalid_request', { param: 'sort' })
  const after = cursor === undefined ? undefined : placeIn(cursor, `${sort} ${order}`)
  if (after !== undefined && !isStored(after, sorts[sort])) throw refusedCursor()
  return {
    sort,
    order,
    limit,
    ...(after === undefined ? {} : { after }),
    ...(q === undefined ? {} : { text: q }),
  }
}

/** What is said of a page besides its rows. */
export function pageEnd({ order, sort }: ListAsked, { end, total }: ListPart<unknown>) {
  return { next_cursor: end === null ? null : cursorAt(end, `${sort} ${order}`), total }
}

/** Whether a store may be asked for it: it has no NUL, and no number that is not whole. */
function isStored([value, id]: ListPlace, kind: 'text' | 'number'): boolean {
  if (id.includes('\u0000')) return false
  if (value === null) return true
  if (kind === 'number') return Number.isSafeInteger(value)
  return typeof value === 'string' && !value.includes('\u0000')
}

function cursorAt([value, id]: ListPlace, list: string): string {
  return Buffer.from(JSON.stringify([list, value, id])).toString('base64url')
}

function placeIn(cursor: string, list: string): ListPlace {
  const parts = partsOf(cursor)
  const [of, value, id] = parts ?? []
  const isValue = value === null || typeof value === 'string' || typeof value === 'number'
  if (parts?.length === 3 && of === list && isValue && typeof id === 'string') return [value, id]
  throw refusedCursor()
}

function refusedCursor(): GatewayError {
  return new GatewayError('invalid_request', {
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
