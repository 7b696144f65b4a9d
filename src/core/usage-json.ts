// What one request used, as JSON for people and programs outside: in the log and its exports, and in the management API. Stable members.
// Pure; it adds nothing and hides nothing.

import type { Usage } from './ir/usage.ts'

/** Token classes; null was not told, 0 was. */
export interface UsageJson {
  readonly input_tokens: number | null
  readonly cache_read_tokens: number | null
  readonly cache_write_5m_tokens: number | null
  readonly cache_write_1h_tokens: number | null
  /** Reasoning included. */
  readonly output_tokens: number | null
  readonly reasoning_tokens: number | null
  readonly input_audio_tokens: number | null
  readonly output_audio_tokens: number | null
  /** The numbers are Weir's own, not the provider's. */
  readonly estimated: boolean
}

export function usageJson(usage: Usage = {}): UsageJson {
  return {
    input_tokens: usage.inputTokens ?? null,
    cache_read_tokens: usage.cacheReadTokens ?? null,
    cache_write_5m_tokens: usage.cacheWrite5mTokens ?? null,
    cache_write_1h_tokens: usage.cacheWrite1hTokens ?? null,
    output_tokens: usage.outputTokens ?? null,
    reasoning_tokens: usage.reasoningTokens ?? null,
    input_audio_tokens: usage.inputAudioTokens ?? null,
    output_audio_tokens: usage.outputAudioTokens ?? null,
    estimated: usage.estimated ?? false,
  }
}
