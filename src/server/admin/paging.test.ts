// Pages of a list: put together they are the list, whatever comes and goes meanwhile, and a cursor is good for its own list alone.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import { checkParameters } from '../../testing/seed.ts'
import { pageOf, type ListQuery } from './paging.ts'

interface Row {
  readonly id: string
  readonly name: string | null
  readonly size: number
}

const rules = {
  id: (row: Row) => row.id,
  sorts: { name: (row: Row) => row.name, size: (row: Row) => row.size },
  text: (row: Row) => [row.name, row.id],
}

const rowsOf = (names: readonly (string | null)[]): Row[] =>
  names.map((name, at) => ({ id: `row-${at}`, name, size: at % 3 }))

const names = fc.array(fc.option(fc.constantFrom('a', 'b', 'B', 'ä', '', 'zz')), { maxLength: 40 })
const queries = fc.record({
  limit: fc.integer({ min: 1, max: 9 }),
  sort: fc.constantFrom('name', 'size'),
  order: fc.constantFrom('asc' as const, 'desc' as const),
})

function walk(pages: (query: ListQuery) => readonly Row[], query: ListQuery): Row[] {
  const seen: Row[] = []
  let cursor: string | undefined
  for (;;) {
    const page = pageOf(
      pages(query),
      { ...query, ...(cursor === undefined ? {} : { cursor }) },
      rules,
    )
    seen.push(...page.rows)
    if (page.next_cursor === null) return seen
    expect(page.rows.length).toBe(query.limit!)
    cursor = page.next_cursor
  }
}

test('pages put together are the list in its order, each row once', () => {
  fc.assert(
    fc.property(names, queries, (list, query) => {
      const rows = rowsOf(list)
      const seen = walk(() => rows, query)
      expect(seen.map(({ id }) => id).toSorted()).toEqual(rows.map(({ id }) => id).toSorted())
      const whole = pageOf(rows, { ...query, limit: 500 }, rules)
      expect(seen).toEqual([...whole.rows])
      expect(whole.total).toBe(rows.length)
    }),
    checkParameters(200),
  )
})

test('rows that stay are shown once, whatever comes and goes between two pages', () => {
  fc.assert(
    fc.property(names, names, queries, (list, others, query) => {
      const staying = rowsOf(list)
      let turn = 0
      const seen = walk(() => {
        turn += 1
        const passing = others
          .filter((_name, at) => at % 4 === turn % 4)
          .map((name, at) => ({ id: `other-${turn}-${at}`, name, size: at % 3 }))
        return turn > 60 ? staying : [...passing, ...staying]
      }, query)
      const ids = seen.map(({ id }) => id).filter((id) => id.startsWith('row-'))
      expect(ids.toSorted()).toEqual(staying.map(({ id }) => id).toSorted())
    }),
    checkParameters(100),
  )
})

test('null goes last in both orders, and what is looked for is found whatever its case', () => {
  const rows = rowsOf([null, 'b', 'A'])
  const idsBy = (query: ListQuery) => pageOf(rows, query, rules).rows.map(({ name }) => name)
  expect(idsBy({})).toEqual(['A', 'b', null])
  expect(idsBy({ order: 'desc' })).toEqual(['b', 'A', null])
  expect(idsBy({ q: 'a' })).toEqual(['A'])
  expect(idsBy({ q: 'ROW-0' })).toEqual([null])
})

test('a cursor of another list, or of none, is refused', () => {
  const rows = rowsOf(['a', 'b', 'c'])
  const { next_cursor: cursor } = pageOf(rows, { limit: 1 }, rules)
  const garbled = ['x', '', '%', 'bnVsbA', Buffer.from('["name asc",{},"a"]').toString('base64url')]
  const wrong: ListQuery[] = [
    { cursor: cursor!, sort: 'size' },
    { cursor: cursor!, order: 'desc' },
    ...garbled.map((each) => ({ cursor: each })),
  ]
  for (const query of wrong) {
    let error: unknown
    try {
      pageOf(rows, query, rules)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(GatewayError)
    expect(error).toMatchObject({ status: 400, code: 'invalid_cursor' })
  }
})
