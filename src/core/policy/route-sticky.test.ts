import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import { rendezvousScore } from './route-sticky.ts'

const NAMES = ['a/m', 'b/m', 'c/m', 'd/m'] as const
type Weights = readonly (readonly [name: string, weight: number])[]

function winner(value: string, targets: Weights): string | undefined {
  const scored = targets.map(([name, weight]) => ({
    name,
    score: rendezvousScore(value, name, weight),
  }))
  return scored.toSorted((a, b) => b.score - a.score)[0]?.name
}

function shares(targets: Weights, count: number): Map<string, number> {
  const won = new Map<string, number>()
  for (let index = 0; index < count; index += 1) {
    const name = winner(`tenant\nsession-${index}`, targets) ?? ''
    won.set(name, (won.get(name) ?? 0) + 1 / count)
  }
  return won
}

describe('rendezvousScore', () => {
  test('is positive and finite for any text and weight', () => {
    const weight = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), weight, (value, name, given) => {
        const score = rendezvousScore(value, name, given)
        expect(score).toBeGreaterThan(0)
        expect(Number.isFinite(score)).toBe(true)
        expect(rendezvousScore(value, name, given)).toBe(score)
      }),
      checkParameters(200),
    )
  })

  test('taking a target away moves its own values alone, and the one that comes takes only for itself', () => {
    const targets = NAMES.map((name, index) => [name, 1 + index] as const)
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...NAMES), (value, gone) => {
        const before = winner(value, targets)
        const after = winner(
          value,
          targets.filter(([name]) => name !== gone),
        )
        if (before !== gone) expect(after).toBe(before)
        else expect(after).not.toBe(gone)
      }),
      checkParameters(200),
    )
  })

  test('values are shared by weight', () => {
    const won = shares(
      [
        ['a/m', 1],
        ['b/m', 3],
        ['c/m', 6],
      ],
      20_000,
    )
    expect(won.get('a/m')).toBeCloseTo(0.1, 1.7)
    expect(won.get('b/m')).toBeCloseTo(0.3, 1.7)
    expect(won.get('c/m')).toBeCloseTo(0.6, 1.7)
  })

  test('values that differ in one character are no neighbours', () => {
    const won = shares(
      [
        ['a/m', 1],
        ['b/m', 1],
      ],
      20_000,
    )
    expect(won.get('a/m')).toBeGreaterThan(0.48)
    expect(won.get('a/m')).toBeLessThan(0.52)
  })

  test('what loses a target of its weight goes to the others by their weights', () => {
    const all: Weights = [
      ['a/m', 2],
      ['b/m', 1],
      ['c/m', 3],
    ]
    const moved = { b: 0, c: 0 }
    for (let index = 0; index < 20_000; index += 1) {
      const value = `s${index}`
      if (winner(value, all) !== 'a/m') continue
      if (winner(value, all.slice(1)) === 'b/m') moved.b += 1
      else moved.c += 1
    }
    expect(moved.c / (moved.b + moved.c)).toBeCloseTo(0.75, 1.7)
  })
})
