import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { costNanoUsd } from './price.ts'

/** Claude Sonnet 4.5: $3, $15, $0.30, $3.75 and $6 per million, doubled above 200,000 tokens. */
const SONNET = {
  input: 3000,
  output: 15000,
  cacheRead: 300,
  cacheWrite: 3750,
  cacheWrite1h: 6000,
  steps: [
    { aboveInputTokens: 200_000, input: 6000, output: 22500, cacheRead: 600, cacheWrite: 7500 },
  ],
}

describe('costNanoUsd', () => {
  test('unknown stays unknown', () => {
    expect(costNanoUsd(undefined, SONNET)).toBeUndefined()
    expect(costNanoUsd({ inputTokens: 1, outputTokens: 1 }, undefined)).toBeUndefined()
    expect(costNanoUsd({}, SONNET)).toBeUndefined()
    expect(costNanoUsd({ inputTokens: 5 }, SONNET)).toBeUndefined()
    expect(costNanoUsd({ outputTokens: 5 }, SONNET)).toBeUndefined()
    expect(costNanoUsd({ inputTokens: 1, outputTokens: 1 }, { input: 5 })).toBeUndefined()
    expect(
      costNanoUsd({ inputTokens: 1, cacheReadTokens: 1, outputTokens: 0 }, { input: 5, output: 5 }),
    ).toBeUndefined()
    expect(
      costNanoUsd({ inputTokens: 10, inputAudioTokens: 4, outputTokens: 0 }, SONNET),
    ).toBeUndefined()
    expect(
      costNanoUsd(
        { inputTokens: 1, inputAudioTokens: 4, outputTokens: 0 },
        { ...SONNET, inputAudio: 9 },
      ),
    ).toBeUndefined()
    expect(
      costNanoUsd({ inputTokens: 1, outputTokens: 1 }, { input: Number.NaN, output: 1 }),
    ).toBeUndefined()
    expect(
      costNanoUsd({ inputTokens: 1, outputTokens: 1 }, { input: -1, output: 1 }),
    ).toBeUndefined()
  })

  test('zero is a price and zero is a count', () => {
    expect(costNanoUsd({ inputTokens: 9, outputTokens: 9 }, { input: 0, output: 0 })).toBe(0)
    expect(costNanoUsd({ inputTokens: 0, outputTokens: 0 }, SONNET)).toBe(0)
    expect(
      costNanoUsd({ inputTokens: 9, cacheReadTokens: 0, outputTokens: 0 }, { input: 2, output: 3 }),
    ).toBe(18)
    expect(costNanoUsd({ inputTokens: 9 }, { input: 20 })).toBe(180)
  })

  test('each class is charged once, reasoning within the output', () => {
    const usage = {
      inputTokens: 100,
      cacheReadTokens: 1000,
      cacheWrite5mTokens: 10,
      cacheWrite1hTokens: 1,
      outputTokens: 50,
      reasoningTokens: 40,
    }
    expect(costNanoUsd(usage, SONNET)).toBe(300_000 + 300_000 + 37_500 + 6_000 + 750_000)
  })

  test('audio is a part of its side, not on top of it', () => {
    const price = { input: 100, output: 200, inputAudio: 1000, outputAudio: 2000 }
    const usage = { inputTokens: 10, inputAudioTokens: 4, outputTokens: 8, outputAudioTokens: 8 }
    expect(costNanoUsd(usage, price)).toBe(600 + 4000 + 16_000)
  })

  test('a long prompt changes the price of everything, counted over all input classes', () => {
    const at = { inputTokens: 100_000, cacheReadTokens: 100_000, outputTokens: 10 }
    expect(costNanoUsd(at, SONNET)).toBe(300_000_000 + 30_000_000 + 150_000)
    const above = { ...at, inputTokens: 100_001 }
    expect(costNanoUsd(above, SONNET)).toBe(100_001 * 6000 + 100_000 * 600 + 225_000)
  })

  test('fractions of a nano-dollar are summed exactly and rounded once', () => {
    expect(costNanoUsd({ inputTokens: 3, outputTokens: 0 }, { input: 37.5, output: 0 })).toBe(113)
    expect(costNanoUsd({ inputTokens: 1, outputTokens: 1 }, { input: 0.25, output: 0.25 })).toBe(1)
    expect(costNanoUsd({ inputTokens: 1, outputTokens: 0 }, { input: 0.1 + 0.2, output: 0 })).toBe(
      0,
    )
    expect(
      costNanoUsd({ inputTokens: 1_000_000, outputTokens: 0 }, { input: 0.1 + 0.2, output: 0 }),
    ).toBe(300_000)
  })

  test('always a whole number, and never less for more tokens', () => {
    const count = fc.nat(10_000_000)
    fc.assert(
      fc.property(
        count,
        count,
        count,
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        (input, output, more, price) => {
          const book = { input: price, output: price }
          const less = costNanoUsd({ inputTokens: input, outputTokens: output }, book)
          const greater = costNanoUsd({ inputTokens: input + more, outputTokens: output }, book)
          if (less === undefined || greater === undefined) return
          expect(Number.isSafeInteger(less)).toBe(true)
          expect(greater).toBeGreaterThanOrEqual(less)
        },
      ),
    )
    expect(
      costNanoUsd({ inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 0 }, SONNET),
    ).toBeUndefined()
  })
})
