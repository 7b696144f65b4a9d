// What a page of a list is made of, whoever reads it: a place in the order of the list, and what comes before what. Places are compared
// here alone, so that a page made in memory and one made by a database are the same page. It reads nothing.

/** What a row is sorted by; null goes last, whichever the order. */
export type ListValue = string | number | null

/** Where a row stands in its list. Ids are unique in it. */
export type ListPlace = readonly [value: ListValue, id: string]

export type ListOrder = 'asc' | 'desc'

/** A page that is asked for. */
export interface ListAsked<S extends string = string> {
  readonly sort: S
  readonly order: ListOrder
  /** The place that the page before ended at; absent: the first page. */
  readonly after?: ListPlace
  /** Rows, at least 1. */
  readonly limit: number
  /** Text that a row must hold, whatever its case. */
  readonly text?: string
}

/** A page that was read. */
export interface ListPart<T> {
  readonly rows: readonly T[]
  /** Where it ends; null on the last page. */
  readonly end: ListPlace | null
  /** Rows that fit, on all pages. */
  readonly total: number
}

/** Below zero where `a` comes before `b`. Texts go by their UTF-16 code units. */
export function comparePlaces([a, aId]: ListPlace, [b, bId]: ListPlace, order: ListOrder): number {
  if (a !== b) {
    if (a === null) return 1
    if (b === null) return -1
    const isLess = typeof a === typeof b ? a < b : typeof a === 'number'
    return isLess === (order === 'asc') ? -1 : 1
  }
  return aId === bId ? 0 : aId < bId === (order === 'asc') ? -1 : 1
}

/** Whether one of the texts holds the needle. @param needle in lower case */
export function holdsText(texts: readonly (string | null | undefined)[], needle: string): boolean {
  return texts.some((text) => text?.toLowerCase().includes(needle) === true)
}
