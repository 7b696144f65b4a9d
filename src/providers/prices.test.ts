import { beforeAll, describe, expect, test } from 'bun:test'
import type { Usage } from '../core/ir/usage.ts'
import { costNanoUsd, worstCostNanoUsd } from '../core/price.ts'
import { PriceBook } from './prices.ts'

const NOW_MS = Date.UTC(2026, 5, 1)
const OPENAI = { type: 'openai', baseUrl: 'https://api.openai.com/v1' } as const
const ANTHROPIC = { type: 'anthropic', baseUrl: 'https://api.anthropic.com' } as const

test('before it is warm the book knows nothing, and does not remember that', async () => {
  const book = new PriceBook()
  expect(book.isWarm).toBe(false)
  expect(book.lookup(OPENAI, 'gpt-5-mini', NOW_MS)).toBeUndefined()
  await Promise.all([book.warm(), book.warm()])
  expect(book.isWarm).toBe(true)
  expect(book.lookup(OPENAI, 'gpt-5-mini', NOW_MS)?.contextWindow).toBe(400_000)
})

test('the built-in models are known to be free, warm or not, whatever they used and were not told to have used', async () => {
  const book = new PriceBook()
  const mock = { type: 'mock', baseUrl: 'http://mock.invalid/v1' } as const
  const cold = book.lookup(mock, 'echo', NOW_MS)?.price
  await book.warm()
  const price = book.lookup(mock, 'echo', NOW_MS)?.price
  expect(price).toBe(cold as object)
  const usages: (Usage | undefined)[] = [
    undefined,
    {},
    { inputTokens: 5, outputTokens: 7 },
    { inputTokens: 9, inputAudioTokens: 4, outputTokens: 9, outputAudioTokens: 4 },
    { inputTokens: 1, cacheReadTokens: 2, cacheWrite5mTokens: 3, cacheWrite1hTokens: 4 },
    { inputTokens: 1, outputTokens: 9, reasoningTokens: 8 },
  ]
  for (const usage of usages) expect(costNanoUsd(usage, price)).toBe(0)
  const expected = { inputTokens: 1, outputTokens: 2, writesCache: true, hasAudio: true }
  expect(worstCostNanoUsd(expected, price)).toBe(0)
})

describe('PriceBook', () => {
  const book = new PriceBook()
  beforeAll(() => book.warm())

  test('unknown models, local servers and foreign addresses have no price', () => {
    expect(book.lookup(OPENAI, 'no-such-model', NOW_MS)).toEqual({})
    expect(
      book.lookup({ type: 'ollama', baseUrl: 'http://127.0.0.1:11434' }, 'llama3', NOW_MS),
    ).toEqual({})
    expect(
      book.lookup({ type: 'openai', baseUrl: 'http://127.0.0.1:8000/v1' }, 'gpt-4o', NOW_MS),
    ).toEqual({})
    expect(book.lookup({ type: 'custom', baseUrl: '(' }, '(', NOW_MS)).toEqual({})
  })

  test('prices are nano-dollars per token, without noise', () => {
    expect(book.lookup(OPENAI, 'gpt-5-mini', NOW_MS)?.price).toEqual({
      input: 250,
      output: 2000,
      cacheRead: 25,
    })
    expect(book.lookup(ANTHROPIC, 'claude-haiku-4-5', NOW_MS)?.price).toEqual({
      input: 1000,
      output: 5000,
      cacheRead: 100,
      cacheWrite: 1250,
      cacheWrite1h: 2000,
    })
    expect(book.lookup(OPENAI, 'text-embedding-3-small', NOW_MS)?.price).toEqual({ input: 20 })
  })

  test('a step for long prompts is kept', () => {
    const price = book.lookup(ANTHROPIC, 'claude-sonnet-4-5', NOW_MS)?.price
    expect(price?.steps?.map((step) => step.aboveInputTokens)).toEqual([200_000])
    const short = costNanoUsd({ inputTokens: 200_000, outputTokens: 0 }, price)
    const long = costNanoUsd({ inputTokens: 200_001, outputTokens: 0 }, price)
    expect(short).toBe(600_000_000)
    expect(long).toBe(200_001 * 6000)
  })

  test('a model of Gemini has its price under either name', () => {
    const gemini = { type: 'gemini', baseUrl: 'https://generativelanguage.googleapis.com' } as const
    const known = book.lookup(gemini, 'gemini-2.5-pro', NOW_MS)
    expect(known?.price).toBeDefined()
    expect(book.lookup(gemini, 'models/gemini-2.5-pro', NOW_MS)).toEqual(known!)
  })

  test("another vendor's OpenAI-compatible address is known by the address", () => {
    const groq = book.lookup(
      { type: 'custom', baseUrl: 'https://api.groq.com/openai/v1' },
      'llama-3.3-70b-versatile',
      NOW_MS,
    )
    expect(groq?.price?.input).toBeGreaterThan(0)
  })

  test('the same question gets the same object until it may have changed', () => {
    const first = book.lookup(OPENAI, 'gpt-4o', NOW_MS)
    expect(book.lookup(OPENAI, 'gpt-4o', NOW_MS + 1)).toBe(first as object)
  })

  test('a price that starts on a date is found from that date on, by a book that was asked before', () => {
    const provider = { type: 'custom', baseUrl: 'https://api.deepseek.com' } as const
    const earlier = book.lookup(provider, 'deepseek-reasoner', Date.UTC(2024, 0, 1))
    const later = book.lookup(provider, 'deepseek-reasoner', NOW_MS)
    expect(earlier?.price).toBeDefined()
    expect(later?.price).toBeDefined()
    expect(later).not.toBe(earlier as object)
  })

  test('what is remembered is bounded', () => {
    const first = book.lookup(ANTHROPIC, 'claude-haiku-4-5', NOW_MS)
    for (let index = 0; index < 2_001; index += 1) {
      book.lookup({ type: 'ollama', baseUrl: 'http://ollama.invalid' }, `m${index}`, NOW_MS)
    }
    const again = book.lookup(ANTHROPIC, 'claude-haiku-4-5', NOW_MS)
    expect(again).toEqual(first as object)
    expect(again).not.toBe(first as object)
  })
})
