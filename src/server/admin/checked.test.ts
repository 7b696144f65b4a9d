// What is checked of a request to the management API: any value against a schema of every kind, wrong ones named where they stand, and
// nothing of a value in the words of a refusal.

import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import { checkParameters } from '../../testing/seed.ts'
import { check, queryOf } from './checked.ts'
import { moment, nullable, oneOf, strict, t, words } from './contract.ts'

const CANARY = 'CANARYvalueCANARY'

const schema = strict({
  name: words(20),
  kind: oneOf(['one', 'two']),
  at: t.Optional(moment()),
  count: t.Optional(t.Integer({ minimum: 0, maximum: 9 })),
  share: t.Optional(nullable(t.Number({ minimum: 0 }))),
  on: t.Optional(t.Boolean()),
  targets: t.Optional(t.Array(strict({ model: words(10) }), { maxItems: 2 })),
})
const good = { name: 'a b', kind: 'one' }

function refusal(run: () => unknown): GatewayError | undefined {
  try {
    run()
    return undefined
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown
    throw thrown
  }
}

describe('a body', () => {
  test('that is right is let through as it is', () => {
    for (const more of [
      {},
      { at: '2027-01-31T12:00:00Z' },
      { count: 0, share: null, on: false },
      { share: 0.5, targets: [{ model: 'm' }, { model: 'n' }] },
      { name: 'é ☃ x' },
    ]) {
      check(schema, { ...good, ...more })
    }
  })

  test.each([
    [{ kind: 'one' }, 'name', 'missing_required_parameter'],
    [{ ...good, name: '' }, 'name', 'invalid_value'],
    [{ ...good, name: ` ${CANARY}` }, 'name', 'invalid_value'],
    [{ ...good, name: 'a\u0000b' }, 'name', 'invalid_value'],
    [{ ...good, name: 'a\u2028b' }, 'name', 'invalid_value'],
    [{ ...good, name: CANARY.repeat(2) }, 'name', 'invalid_value'],
    [{ ...good, name: 7 }, 'name', 'invalid_value'],
    [{ ...good, kind: CANARY }, 'kind', 'invalid_value'],
    [{ ...good, at: '2027-01-31' }, 'at', 'invalid_value'],
    [{ ...good, at: '2027-01-31T12:00:00' }, 'at', 'invalid_value'],
    [{ ...good, at: '2027-13-31T12:00:00Z' }, 'at', 'invalid_value'],
    [{ ...good, count: 1.5 }, 'count', 'invalid_value'],
    [{ ...good, count: 10 }, 'count', 'invalid_value'],
    [{ ...good, count: null }, 'count', 'invalid_value'],
    [{ ...good, share: CANARY }, 'share', 'invalid_value'],
    [{ ...good, share: -1 }, 'share', 'invalid_value'],
    [{ ...good, on: 'true' }, 'on', 'invalid_value'],
    [{ ...good, [CANARY.toLowerCase()]: 1 }, 'canaryvaluecanary', 'unknown_parameter'],
    [{ ...good, targets: [{ model: 'm' }, { model: 1 }] }, 'targets[1].model', 'invalid_value'],
    [{ ...good, targets: [{ model: 'm', modle: 1 }] }, 'targets[0].modle', 'unknown_parameter'],
    [{ ...good, targets: [1, 2, 3] }, 'targets', 'invalid_value'],
    [[], null, 'invalid_value'],
    [CANARY, null, 'invalid_value'],
    [null, null, 'invalid_value'],
  ])('%j is refused where it is wrong', (value, param, code) => {
    const error = refusal(() => check(schema, value))
    expect(error).toMatchObject({ status: 400, param, code })
    expect(error?.message).not.toContain(CANARY)
    expect(error?.message.length).toBeGreaterThan(5)
  })

  test('of any kind is let through or refused by one error without its values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
        const body = { ...good, share: value, targets: other }
        const error = refusal(() => check(schema, body))
        if (error === undefined) return
        expect(error.status).toBe(400)
        expect(error.param).toMatch(/^(?:share|targets)/)
      }),
      checkParameters(300),
    )
  })
})

describe('a query', () => {
  const query = strict({
    limit: t.Optional(t.Integer({ minimum: 1, maximum: 50 })),
    on: t.Optional(t.Boolean()),
    by: t.Optional(t.Array(oneOf(['a', 'b']))),
    q: t.Optional(t.String({ minLength: 1, maxLength: 5 })),
  })
  const ask = (text: string, isTenants = false) =>
    queryOf(new Request(`http://localhost/admin/x?${text}`), query, isTenants)

  test('is read as its schema means it', () => {
    expect(ask('limit=5&on=false&by=a,b&q=007')).toEqual({
      limit: 5,
      on: false,
      by: ['a', 'b'],
      q: '007',
    })
    expect(ask('by=a&by=b')).toEqual({ by: ['a', 'b'] })
    expect(ask('')).toEqual({})
    expect(ask('tenant=acme', true)).toEqual({})
  })

  test.each([
    ['limit=0', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=0x5', 'limit'],
    ['limit=', 'limit'],
    ['limit=5&limit=6', 'limit'],
    ['on=1', 'on'],
    ['by=a,c', 'by[1]'],
    ['q=', 'q'],
    ['tenant=acme', 'tenant'],
    ['limt=5', 'limt'],
    ['__proto__=5', '__proto__'],
    ['constructor=5', 'constructor'],
  ])('%s is refused where it is wrong', (text, param) => {
    expect(refusal(() => ask(text))).toMatchObject({ status: 400, param })
  })
})
