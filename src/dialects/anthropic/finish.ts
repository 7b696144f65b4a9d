// Stop reasons, both ways. Anthropic's words map onto the unified reasons; a reason without a word of its own is said
// with the nearest one and reported.

import type { LossList } from '../../core/ir/loss.ts'
import type { Finish, FinishReason } from '../../core/ir/response.ts'
import { asString } from '../../core/json.ts'
import type { JsonObject } from '../../core/json.ts'

const DECODE: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop-sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-use',
  refusal: 'refusal',
  pause_turn: 'pause',
  compaction: 'pause',
}

const ENCODE: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'tool-use': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  error: 'end_turn',
  other: 'end_turn',
}

/** Reads `stop_reason` and `stop_sequence`; undefined while the reason is null, as in a cut answer. */
export function decodeFinish(wire: JsonObject): Finish | undefined {
  const raw = asString(wire['stop_reason'])
  if (raw === undefined) return undefined
  const unified = Object.hasOwn(DECODE, raw) ? DECODE[raw]! : 'other'
  const stopSequence = asString(wire['stop_sequence'])
  return stopSequence === undefined ? { unified, raw } : { unified, raw, stopSequence }
}

/**
 * `stop_reason` and `stop_sequence` of an answer. Agents act on `tool_use`, so an answer with tool calls that claims
 * to have just stopped says `tool_use` (loss `finish`, adapted), and so does one
 * whose provider gave no reason at all, since clients take null for a message that still goes on.
 */
export function encodeFinish(
  finish: Finish | undefined,
  hasToolUse: boolean,
  losses: LossList,
): { stop_reason: string; stop_sequence: string | null } {
  if (finish === undefined) {
    losses.adapted('finish', 'choices[0].finish', 'not told by the provider')
    return { stop_reason: hasToolUse ? 'tool_use' : 'end_turn', stop_sequence: null }
  }
  const stop_sequence = finish.stopSequence ?? null
  const { raw, unified } = finish
  if (hasToolUse && ENCODE[unified] === 'end_turn') {
    losses.adapted('finish', 'choices[0].finish', 'tool calls end with tool_use')
    return { stop_reason: 'tool_use', stop_sequence }
  }
  if (raw !== undefined && Object.hasOwn(DECODE, raw) && DECODE[raw] === unified) {
    return { stop_reason: raw, stop_sequence }
  }
  const word = ENCODE[unified]
  if (DECODE[word] !== unified) losses.adapted('finish', 'choices[0].finish', unified)
  return { stop_reason: word, stop_sequence }
}
