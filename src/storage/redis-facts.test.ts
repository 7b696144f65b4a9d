import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { LIMITS } from '../core/limits.ts'
import type { HealthChange } from '../core/ports.ts'
import { checkParameters } from '../testing/seed.ts'
import { readFact, readMember, writeFact, writeMembers } from './redis-facts.ts'

test.each([
  '',
  'null',
  '[]',
  '{',
  '{"from":"a"}',
  '{"kind":"circuit","providerId":"p","model":"m","state":"open","untilMs":1}',
  '{"from":"a","kind":"circuit","providerId":"p","model":"m","state":"ajar","untilMs":1}',
  '{"from":"a","kind":"circuit","providerId":"p","keyId":"m","state":"open","untilMs":1}',
  '{"from":"a","kind":"key","providerId":"p","keyId":"k","state":"open","untilMs":1}',
  '{"from":"a","kind":"key","providerId":7,"keyId":"k","state":"fit","untilMs":1}',
  '{"from":"a","kind":"key","providerId":"p","keyId":"k","state":"fit","untilMs":"1"}',
  '{"from":"a","kind":"key","providerId":"p","keyId":"k","state":"fit","untilMs":1e999}',
])('what is no fact is passed over: %s', (text) => {
  expect(readFact(text)).toBeUndefined()
})

test('what is too long is not even looked at', () => {
  const fact = (from: string) =>
    `{"from":"${from}","kind":"key","providerId":"p","keyId":"k","state":"fit","untilMs":1}`
  expect(readFact(fact('a'))).toBeDefined()
  expect(readFact(fact('a'.repeat(LIMITS.redisFactCharsMax)))).toBeUndefined()
})

test.each(['', '{}', '[]', '["circuit","p","m"]', '["key","p","k","open"]', 'circuit'])(
  'what is no member is passed over: %s',
  (text) => expect(readMember(text, 1)).toBeUndefined(),
)

const change: fc.Arbitrary<HealthChange> = fc.oneof(
  fc.record({
    kind: fc.constant('circuit' as const),
    providerId: fc.string(),
    model: fc.string(),
    state: fc.constantFrom('open' as const, 'closed' as const),
    untilMs: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('key' as const),
    providerId: fc.string(),
    keyId: fc.string(),
    state: fc.constantFrom('limited' as const, 'refused' as const, 'fit' as const),
    untilMs: fc.nat(),
  }),
)

test('what is written is read back, whatever the names', () => {
  fc.assert(
    fc.property(change, (told) => {
      expect(readFact(writeFact(told, 'me'))).toEqual({ from: 'me', change: told })
      const { ends, holds } = writeMembers(told)
      if (told.state === 'closed' || told.state === 'fit') expect(holds).toBeUndefined()
      else {
        expect(ends).toContain(holds ?? '')
        expect(readMember(holds ?? '', told.untilMs)).toEqual(told)
      }
    }),
    checkParameters(200),
  )
})
