// Token counts that providers tell in ways that contradict each other: each token in one class, none below zero.

import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../core/json.ts'
import { decodeUsage, encodeUsage } from './usage.ts'

describe('usage', () => {
  const cases: [string, JsonObject, JsonObject | undefined][] = [
    ['nothing told', { prompt_tokens: null, completion_tokens: null }, undefined],
    ['text for a number', { prompt_tokens: '5', completion_tokens: -1 }, undefined],
    [
      'zero is told',
      { prompt_tokens: 0, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 0 } },
      { inputTokens: 0, cacheReadTokens: 0, outputTokens: 0 },
    ],
    [
      'cached is part of the prompt',
      { prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 80 } },
      { inputTokens: 20, cacheReadTokens: 80, outputTokens: 1 },
    ],
    [
      'more cached than prompt (Grok on Azure)',
      {
        prompt_tokens: 7,
        completion_tokens: 1,
        total_tokens: 8,
        prompt_tokens_details: { cached_tokens: 163 },
      },
      { inputTokens: 0, cacheReadTokens: 7, outputTokens: 1 },
    ],
    [
      'cache writes apart (OpenRouter)',
      {
        prompt_tokens: 2572,
        completion_tokens: 100,
        total_tokens: 2672,
        prompt_tokens_details: { cached_tokens: 2240, cache_write_tokens: 329 },
      },
      { inputTokens: 3, cacheReadTokens: 2240, cacheWrite5mTokens: 329, outputTokens: 100 },
    ],
    [
      'reasoning beside completion (xAI)',
      {
        prompt_tokens: 213,
        completion_tokens: 2,
        total_tokens: 471,
        completion_tokens_details: { reasoning_tokens: 256 },
      },
      { inputTokens: 213, outputTokens: 258, reasoningTokens: 256 },
    ],
    [
      'reasoning within completion (OpenAI)',
      {
        prompt_tokens: 10,
        completion_tokens: 50,
        total_tokens: 60,
        completion_tokens_details: { reasoning_tokens: 40 },
      },
      { inputTokens: 10, outputTokens: 50, reasoningTokens: 40 },
    ],
    [
      'untold thinking (Gemini)',
      { prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 },
      { inputTokens: 35, outputTokens: 74, reasoningTokens: 62 },
    ],
    [
      'audio beside the prompt (Mistral)',
      {
        prompt_tokens: 9,
        completion_tokens: 201,
        total_tokens: 585,
        prompt_tokens_details: { audio_tokens: 375 },
      },
      { inputTokens: 384, outputTokens: 201, inputAudioTokens: 375 },
    ],
    ['embeddings', { prompt_tokens: 8, total_tokens: 8 }, { inputTokens: 8 }],
    [
      "DeepSeek's names",
      { prompt_tokens: 10, completion_tokens: 1, prompt_cache_hit_tokens: 4 },
      { inputTokens: 6, cacheReadTokens: 4, outputTokens: 1 },
    ],
  ]
  for (const [name, wire, expected] of cases) {
    test(name, () => {
      expect(decodeUsage(wire)).toEqual(expected as never)
      if (expected === undefined || expected['outputTokens'] === undefined) return
      expect(decodeUsage(encodeUsage(expected))).toEqual(expected as never)
    })
  }
})
