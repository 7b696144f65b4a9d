import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { ModelPrice } from './catalog.ts'
import type { Usage } from './ir/usage.ts'
import { costNanoUsd, priceAt, worstCostNanoUsd } from './price.ts'

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

/** A price with every class. */
const prices: fc.Arbitrary<ModelPrice> = fc.record({
  input: fc.nat(100_000),
  output: fc.nat(100_000),
  cacheRead: fc.nat(100_000),
  cacheWrite: fc.nat(100_000),
  cacheWrite1h: fc.nat(100_000),
  inputAudio: fc.nat(100_000),
  outputAudio: fc.nat(100_000),
  reasoning: fc.nat(100_000),
  request: fc.nat(1_000_000_000),
})

/** Usage whose parts are parts. */
const usages: fc.Arbitrary<Usage> = fc
  .record({
    inputTokens: fc.nat(100_000),
    cacheReadTokens: fc.nat(100_000),
    cacheWrite5mTokens: fc.nat(100_000),
    cacheWrite1hTokens: fc.nat(100_000),
    outputTokens: fc.nat(100_000),
    reasoningShare: fc.nat(50),
    audioInShare: fc.nat(100),
    audioOutShare: fc.nat(50),
  })
  .map(({ audioInShare, audioOutShare, reasoningShare, ...counts }) => ({
    ...counts,
    reasoningTokens: Math.floor((counts.outputTokens * reasoningShare) / 100),
    inputAudioTokens: Math.floor((counts.inputTokens * audioInShare) / 100),
    outputAudioTokens: Math.floor((counts.outputTokens * audioOutShare) / 100),
  }))

describe('laws of costs', () => {
  test('with whole prices a cost is the sum of its classes, each counted once', () => {
    fc.assert(
      fc.property(usages, prices, (usage, price) => {
        const audioIn = usage.inputAudioTokens ?? 0
        const audioOut = usage.outputAudioTokens ?? 0
        const reasoning = usage.reasoningTokens ?? 0
        expect(costNanoUsd(usage, price)).toBe(
          (usage.inputTokens! - audioIn) * price.input! +
            audioIn * price.inputAudio! +
            usage.cacheReadTokens! * price.cacheRead! +
            usage.cacheWrite5mTokens! * price.cacheWrite! +
            usage.cacheWrite1hTokens! * price.cacheWrite1h! +
            (usage.outputTokens! - audioOut - reasoning) * price.output! +
            reasoning * price.reasoning! +
            audioOut * price.outputAudio! +
            price.request!,
        )
      }),
    )
  })

  test('more tokens of a class, or a higher price of one, never cost less', () => {
    const classes = [
      'input',
      'output',
      'cacheRead',
      'cacheWrite',
      'cacheWrite1h',
      'request',
    ] as const
    const counts = ['inputTokens', 'cacheReadTokens', 'cacheWrite5mTokens', 'outputTokens'] as const
    fc.assert(
      fc.property(
        usages,
        prices,
        fc.constantFrom(...classes),
        fc.constantFrom(...counts),
        fc.nat(1_000),
        (usage, price, name, count, more) => {
          const cost = costNanoUsd(usage, price)!
          const dearer = { ...price, [name]: price[name]! + more }
          expect(costNanoUsd(usage, dearer)).toBeGreaterThanOrEqual(cost)
          const longer = { ...usage, [count]: usage[count]! + more }
          expect(costNanoUsd(longer, price)).toBeGreaterThanOrEqual(cost)
        },
      ),
    )
  })

  test('of two requests together: what both cost, but for one price by the request', () => {
    fc.assert(
      fc.property(usages, usages, prices, (one, other, price) => {
        const sum = Object.fromEntries(
          Object.keys(one).map((name) => [
            name,
            (one[name as 'inputTokens'] ?? 0) + (other[name as 'inputTokens'] ?? 0),
          ]),
        )
        expect(costNanoUsd(sum, price)).toBe(
          costNanoUsd(one, price)! + costNanoUsd(other, price)! - price.request!,
        )
      }),
    )
  })

  test('hostile numbers never make a cost of NaN, a fraction or below zero', () => {
    const hostile = fc.oneof(
      fc.constantFrom(Number.NaN, -1, 0.5, Infinity, -Infinity, 1e308, 2 ** 53, -0),
      fc.nat(),
    )
    const usage = fc.record(
      {
        inputTokens: hostile,
        cacheReadTokens: hostile,
        outputTokens: hostile,
        reasoningTokens: hostile,
        inputAudioTokens: hostile,
        outputAudioTokens: hostile,
      },
      { requiredKeys: [] },
    )
    const price = fc.record(
      { input: hostile, output: hostile, reasoning: hostile, request: hostile, cacheRead: hostile },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(usage, price, (used, asked) => {
        const cost = costNanoUsd(used, asked)
        if (cost === undefined) return
        expect(Number.isSafeInteger(cost)).toBe(true)
        expect(cost).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 2_000 },
    )
  })

  test('nothing that stays within what was expected costs more than the worst case', () => {
    fc.assert(
      fc.property(usages, prices, (usage, price) => {
        const inputTokens =
          usage.inputTokens! +
          usage.cacheReadTokens! +
          usage.cacheWrite5mTokens! +
          usage.cacheWrite1hTokens!
        // Reading from a cache is never dearer than sending anew.
        const sane = { ...price, cacheRead: Math.min(price.cacheRead!, price.input!) }
        const expected = {
          inputTokens,
          outputTokens: usage.outputTokens!,
          writesCache: true,
          hasAudio: true,
        }
        expect(worstCostNanoUsd(expected, sane)!).toBeGreaterThanOrEqual(costNanoUsd(usage, sane)!)
      }),
    )
  })
})

describe('reasoning and requests', () => {
  test('reasoning has a price of its own where one is told, else it is output like any other', () => {
    const usage = { inputTokens: 0, outputTokens: 10, reasoningTokens: 4 }
    expect(costNanoUsd(usage, { input: 1, output: 100 })).toBe(1_000)
    expect(costNanoUsd(usage, { input: 1, output: 100, reasoning: 10 })).toBe(640)
    expect(costNanoUsd(usage, { input: 1, output: 100, reasoning: 0 })).toBe(600)
    // More reasoning than output: the two cannot both be true.
    const contradiction = { ...usage, reasoningTokens: 11 }
    expect(costNanoUsd(contradiction, { input: 1, output: 1, reasoning: 2 })).toBeUndefined()
    expect(costNanoUsd(contradiction, { input: 1, output: 1 })).toBe(10)
  })

  test('a price by the request alone needs no usage, any other does', () => {
    expect(costNanoUsd(undefined, { request: 7 })).toBe(7)
    expect(costNanoUsd(undefined, { request: 7, input: 0, output: 0 })).toBe(7)
    expect(costNanoUsd(undefined, { request: 7, input: 1 })).toBeUndefined()
    expect(
      costNanoUsd({ inputTokens: 1, outputTokens: 1 }, { request: 7, input: 1, output: 1 }),
    ).toBe(9)
    // What has tokens and no price for them is unknown.
    expect(costNanoUsd({ inputTokens: 1, outputTokens: 1 }, { request: 7 })).toBeUndefined()
  })

  test('the worst case is unknown where a price that it needs is', () => {
    const expected = { inputTokens: 5, outputTokens: 5, writesCache: false, hasAudio: false }
    expect(worstCostNanoUsd(expected, undefined)).toBeUndefined()
    expect(worstCostNanoUsd(expected, { input: 5 })).toBeUndefined()
    expect(worstCostNanoUsd({ ...expected, outputTokens: 0 }, { input: 5 })).toBe(25)
    expect(worstCostNanoUsd(expected, { request: 9 })).toBe(9)
    expect(worstCostNanoUsd(expected, { input: 0, output: 0 })).toBe(0)
  })
})

describe('priceAt', () => {
  const changes = [
    { fromMs: 100, price: { input: 2 } },
    { fromMs: 200, price: { input: 3 } },
  ]

  test('the price of the moment, however the changes are ordered', () => {
    for (const priceChanges of [changes, changes.toReversed()]) {
      const model = { price: { input: 1 }, priceChanges }
      expect([99, 100, 199, 200, 1e15].map((at) => priceAt(model, at)?.input)).toEqual([
        1, 2, 2, 3, 3,
      ])
    }
  })

  test('before the first change, and without any price, there is none', () => {
    expect(priceAt({ priceChanges: changes }, 99)).toBeUndefined()
    expect(priceAt({ priceChanges: changes }, 100)).toEqual({ input: 2 })
    expect(priceAt({}, 100)).toBeUndefined()
  })
})
