import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../testing/seed.ts'
import { flagsInOrder } from './flag-order.ts'
import { FLAGS, flagProblem, Flags, isFlagName, type FlagName, type FlagRule } from './flags.ts'

const NAMES = Object.keys(FLAGS) as FlagName[]

function rule(over: Partial<FlagRule> = {}): FlagRule {
  return { flag: 'hedging', value: false, percent: 100, origin: 'store', ...over }
}

/** Whether a flag that is true by default is off for a seed. */
function isOff(percent: number, seed: string, flag: 'hedging' | 'continuation' = 'hedging') {
  return !new Flags([rule({ flag, percent })]).value(flag, 't', seed)
}

describe('percentages', () => {
  test('whoever is within one is within every greater one; 0 is nobody, 100 everybody', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.double({ min: 0, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (seed, one, other) => {
          const [less, more] = [Math.min(one, other), Math.max(one, other)]
          if (isOff(less, seed)) expect(isOff(more, seed)).toBe(true)
          expect(isOff(0, seed)).toBe(false)
          expect(isOff(100, seed)).toBe(true)
          expect(isOff(less, seed)).toBe(isOff(less, seed))
        },
      ),
      checkParameters(300),
    )
  })

  test.each([1, 10, 33, 50, 90])('%d of a hundred are about as many of ten thousand', (percent) => {
    for (const name of [
      (n: number) => `user:${n}`,
      (n: number) => `${n}`,
      (n: number) => `key-${n * 7}`,
    ]) {
      const within = Array.from({ length: 10_000 }, (_, n) => name(n)).filter((seed) =>
        isOff(percent, seed),
      ).length
      // Five standard deviations.
      const spread = 5 * Math.sqrt(10_000 * (percent / 100) * (1 - percent / 100))
      expect(Math.abs(within - percent * 100)).toBeLessThan(spread)
    }
  })

  test('each flag deals anew', () => {
    const seeds = Array.from({ length: 2_000 }, (_, n) => `user:${n}`)
    const both = seeds.filter((seed) => isOff(50, seed) && isOff(50, seed, 'continuation')).length
    expect(Math.abs(both - 500)).toBeLessThan(100)
  })
})

describe('which rule decides', () => {
  test('the first that concerns a request; else the default', () => {
    const flags = new Flags([
      rule({ tenantId: 'a', value: true, percent: 0 }),
      rule({ tenantId: 'a', value: false }),
      rule({ flag: 'cache_similarity', value: 0.5 }),
    ])
    expect(flags.value('hedging', 'a', 's')).toBe(false)
    expect(flags.value('hedging', 'b', 's')).toBe(true)
    expect(flags.value('cache_similarity', 'b', 's')).toBe(0.5)
    expect(flags.value('trace_sampling', 'a', 's')).toBe('configured')
  })

  test('a tenant’s before everybody’s, the file before the store; what is none any more is passed over', () => {
    const declared = [
      rule({ origin: 'file', value: false }),
      rule({ origin: 'file', tenantId: 'a' }),
    ]
    const stored = [
      { ...rule({ tenantId: 'a', value: true }), origin: 'store' as const },
      { ...rule({ tenantId: 'b', value: true }), origin: 'store' as const },
      { ...rule({ value: true }), origin: 'store' as const },
      { flag: 'gone', value: true, percent: 100, origin: 'store' as const },
      { ...rule({ value: 'yes' }), origin: 'store' as const },
    ]
    const all = flagsInOrder(declared, stored)
    expect(all.map(({ origin, tenantId, value }) => [origin, tenantId, value])).toEqual([
      ['file', 'a', false],
      ['store', 'a', true],
      ['store', 'b', true],
      ['file', undefined, false],
      ['store', undefined, true],
    ])
    const flags = new Flags(all)
    expect(['a', 'b', 'c'].map((tenant) => flags.value('hedging', tenant, 's'))).toEqual([
      false,
      true,
      false,
    ])
  })
})

test('every default is a value of its flag, and names are the table’s own', () => {
  for (const name of NAMES) {
    expect([name, flagProblem(name, FLAGS[name].default)]).toEqual([name, undefined])
    expect(isFlagName(name)).toBe(true)
    for (const value of [undefined, null, {}, [], Number.NaN, 'no such value', -1]) {
      expect(flagProblem(name, value)).toBeString()
    }
  }
  for (const name of ['toString', '__proto__', 'constructor', ''])
    expect(isFlagName(name)).toBe(false)
})
