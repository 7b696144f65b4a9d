// Token counts, both ways. Anthropic tells input, cache reads and cache writes apart already, so the classes map one to one;
// what else its usage object holds (server tools, service tier, iterations) is kept as extras.

import type { LossList } from '../../core/ir/loss.ts'
import { tokenCount } from '../../core/ir/usage.ts'
import type { Usage } from '../../core/ir/usage.ts'
import { asObject, compact } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'

const COUNTED: ReadonlySet<string> = new Set([
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cache_creation',
  'output_tokens_details',
])

/**
 * Two reports of one stream as one wire object, the later member winning: `message_delta` repeats totals, but leaves out the
 * split of cache writes that `message_start` gave.
 */
export function mergeWireUsage(earlier: JsonObject | undefined, later: JsonObject): JsonObject {
  const merged: JsonObject = { ...earlier }
  for (const key in later) if (later[key] !== null) merged[key] = later[key]
  return merged
}

/** Reads a usage object; undefined when it tells no count. Cache writes without a split count as five-minute ones. */
export function decodeUsage(wire: JsonObject | undefined): Usage | undefined {
  if (wire === undefined) return undefined
  const split = asObject(wire['cache_creation'])
  const written = tokenCount(wire['cache_creation_input_tokens'])
  const hour = tokenCount(split?.['ephemeral_1h_input_tokens'])
  const minutes = tokenCount(split?.['ephemeral_5m_input_tokens'])
  const usage: Record<keyof Usage, number | undefined | boolean> = {
    inputTokens: tokenCount(wire['input_tokens']),
    cacheReadTokens: tokenCount(wire['cache_read_input_tokens']),
    cacheWrite5mTokens: shortWrites(written, minutes, hour),
    cacheWrite1hTokens: hour,
    outputTokens: tokenCount(wire['output_tokens']),
    reasoningTokens: tokenCount(asObject(wire['output_tokens_details'])?.['thinking_tokens']),
    inputAudioTokens: undefined,
    outputAudioTokens: undefined,
    estimated: undefined,
  }
  const told = compact(usage) as Usage
  return Object.keys(told).length === 0 ? undefined : told
}

/** Cache writes of five minutes: a later total without its split may have grown past the split told before. */
function shortWrites(
  written: number | undefined,
  minutes: number | undefined,
  hour: number | undefined,
): number | undefined {
  if (written === undefined) return minutes
  const rest = Math.max(0, written - (hour ?? 0), minutes ?? 0)
  return rest === 0 && minutes === undefined && hour !== undefined ? undefined : rest
}

/** What a usage object says beside its counts; undefined when nothing. Nulls say nothing. */
export function usageExtras(wire: JsonObject | undefined): JsonObject | undefined {
  let rest: JsonObject | undefined
  for (const key in wire) {
    const value = wire[key]
    if (COUNTED.has(key) || value === undefined || value === null) continue
    rest = { ...rest, [key]: value }
  }
  return rest
}

/**
 * A usage object for a client. `input_tokens` and `output_tokens` are always there, as SDKs add them up; where the provider
 * told neither, the zeros are the loss `usage` (adapted).
 */
export function encodeUsage(
  usage: Usage | undefined,
  extras: JsonObject | undefined,
  losses: LossList,
): JsonObject {
  if (usage?.inputTokens === undefined || usage.outputTokens === undefined) {
    losses.adapted('usage', 'usage', 'not told by the provider')
  }
  for (const key of ['inputAudioTokens', 'outputAudioTokens', 'estimated'] as const) {
    // A class of no tokens says nothing that its absence does not.
    if (usage?.[key] !== undefined && usage[key] !== 0)
      losses.dropped('usage-detail', `usage.${key}`)
  }
  const minutes = usage?.cacheWrite5mTokens
  const hour = usage?.cacheWrite1hTokens
  const written =
    minutes === undefined && hour === undefined ? undefined : (minutes ?? 0) + (hour ?? 0)
  return compact({
    input_tokens: usage?.inputTokens ?? 0,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: usage?.cacheReadTokens,
    cache_creation:
      hour === undefined
        ? undefined
        : compact({ ephemeral_5m_input_tokens: minutes, ephemeral_1h_input_tokens: hour }),
    output_tokens: usage?.outputTokens ?? 0,
    output_tokens_details:
      usage?.reasoningTokens === undefined ? undefined : { thinking_tokens: usage.reasoningTokens },
    ...extras,
  })
}
