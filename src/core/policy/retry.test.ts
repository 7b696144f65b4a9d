import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { backoffMs, retryWaitMs } from './retry.ts'

const SETTINGS = { max: 2, baseMs: 250, capMs: 8_000 }
const ALMOST_ONE = 1 - Number.EPSILON

test('backoff doubles up to its cap and jitters over the whole of it', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 2000].map((retry) =>
    backoffMs(retry, SETTINGS, ALMOST_ONE),
  )
  expect(ceilings).toEqual([249, 499, 999, 1999, 3999, 7999, 7999, 7999])
  expect(backoffMs(3, SETTINGS, 0)).toBe(0)
  fc.assert(
    fc.property(
      fc.nat(5000),
      fc.double({ min: 0, max: ALMOST_ONE, noNaN: true }),
      (retry, random) => {
        const waitMs = backoffMs(retry, SETTINGS, random)
        expect(waitMs).toBeGreaterThanOrEqual(0)
        expect(waitMs).toBeLessThan(SETTINGS.capMs)
      },
    ),
  )
})

describe('retryWaitMs', () => {
  const ask = (more: Partial<Parameters<typeof retryWaitMs>[0]>) =>
    retryWaitMs({ retries: 0, settings: SETTINGS, remainingMs: 60_000, random: 0.5, ...more })

  test('stops when the retries are used up', () => {
    expect(ask({ retries: 1 })).toBe(250)
    expect(ask({ retries: 2 })).toBeUndefined()
    expect(ask({ settings: { ...SETTINGS, max: 0 } })).toBeUndefined()
  })

  test("waits at least what the provider asked for, its zero too, or doesn't retry", () => {
    expect(ask({ retryAfterMs: 0 })).toBe(125)
    expect(ask({ retryAfterMs: 30_000 })).toBe(30_125)
    expect(ask({ retryAfterMs: 60_000 })).toBeUndefined()
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.nat(100_000),
        fc.nat(2),
        (retryAfterMs, remainingMs, retries) => {
          const waitMs = ask({ retryAfterMs, remainingMs, retries })
          if (waitMs === undefined) return
          expect(waitMs).toBeGreaterThanOrEqual(retryAfterMs)
          expect(waitMs).toBeLessThan(remainingMs)
        },
      ),
    )
  })

  test('does not wait past the end', () => expect(ask({ remainingMs: 0 })).toBeUndefined())
})
