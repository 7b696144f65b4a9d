// Pages of a list: put together they are the list, whatever comes and goes meanwhile, and a cursor is good for its own list alone.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import { checkParameters } from '../../testing/seed.ts'
import { askedOf, pageEnd, pageOf, type ListQuery } from './paging.ts'

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

test('a list that the store cuts goes on from its own cursors, and from none that a store cannot be asked for', () => {
  const sorts = { name: 'text', size: 'number' } as const
  const places = fc.tuple(fc.oneof(fc.string(), fc.constant(null)), fc.string())
  fc.assert(
    fc.property(places, fc.constantFrom('asc' as const, 'desc' as const), (end, order) => {
      fc.pre(!`${end[0]}${end[1]}`.includes('\u0000'))
      const asked = askedOf({ order }, sorts)
      const { next_cursor: cursor } = pageEnd(asked, { rows: [], end, total: 9 })
      expect(askedOf({ order, cursor: cursor! }, sorts).after).toEqual(end)
    }),
    checkParameters(50),
  )
  expect(pageEnd(askedOf({}, sorts), { rows: [], end: null, total: 3 })).toEqual({
    next_cursor: null,
    total: 3,
  })
  const forged: [sort: 'name' | 'size', value: unknown, id: unknown][] = [
    ['name', 5, 'a'],
    ['name', 'a\u0000', 'a'],
    ['name', 'a', '\u0000'],
    ['name', null, 5],
    ['name', ['a'], 'a'],
    ['size', 'a', 'a'],
    ['size', 1.5, 'a'],
    ['size', 1e300, 'a'],
  ]
  for (const [sort, value, id] of forged) {
    const cursor = Buffer.from(JSON.stringify([`${sort} asc`, value, id])).toString('base64url')
    const refused = expect.objectContaining({ status: 400, code: 'invalid_cursor' })
    expect(() => askedOf({ sort, cursor }, sorts)).toThrow(refused)
  }
})

test('a part of a list is gone on with behind its end, though rows of it were renamed or are gone', () => {
  const named = (name: string): Row => ({ id: `row-${name}`, name, size: 0 })
  const query = { sort: 'name', order: 'asc', limit: 2 } as const
  // The store placed b, c and d, and there is more; a and z are known beside it, and c was renamed since.
  const rows = ['a', 'z', 'b', 'd', '0'].map(named)
  const cursor = pageOf(['a', 'b'].map(named), { ...query, limit: 1 }, rules).next_cursor!
  const page = pageOf(rows, { ...query, cursor }, rules, ['d', 'row-d'])
  expect(page.rows.map(({ name }) => name)).toEqual(['b', 'd'])
  expect(page.next_cursor).not.toBeNull()
  const next = pageOf(['a', 'e', 'z'].map(named), { ...query, cursor: page.next_cursor! }, rules)
  expect(next.rows.map(({ name }) => name)).toEqual(['e', 'z'])
  // None of it is left: what is beside it and comes later is not shown before its turn.
  const empty = pageOf([named('z')], query, rules, ['d', 'row-d'])
  expect(empty.rows).toEqual([])
  expect(pageOf([named('z')], { ...query, cursor: empty.next_cursor! }, rules)).toMatchObject({
    rows: [named('z')],
    next_cursor: null,
  })
})
