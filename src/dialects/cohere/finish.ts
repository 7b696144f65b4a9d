// Finish reasons between Cohere's words and the IR's, in one place, because body, stream and tap must agree.

import type { LossList } from '../../core/ir/loss.ts'
import type { Finish, FinishReason } from '../../core/ir/response.ts'

const DECODE: Readonly<Record<string, FinishReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop-sequence',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'tool-use',
  // The time allowed for one answer was over: it stops short like one whose tokens were.
  TIMEOUT: 'length',
  ERROR: 'error',
  // Words of version 1 that proxies hand on.
  ERROR_LIMIT: 'length',
  ERROR_TOXIC: 'content-filter',
}

const ENCODE: Readonly<Record<FinishReason, string>> = {
  stop: 'COMPLETE',
  'stop-sequence': 'STOP_SEQUENCE',
  length: 'MAX_TOKENS',
  'tool-use': 'TOOL_CALL',
  // Version 2 has no word for it; `COMPLETE` would call an empty answer whole, and `ERROR` says that there is none.
  'content-filter': 'ERROR_TOXIC',
  refusal: 'COMPLETE',
  pause: 'COMPLETE',
  // `ERROR` says that there is no answer; this one is there.
  error: 'COMPLETE',
  other: 'COMPLETE',
}

/** True for the word that makes an answer an error. */
export function isErrorWord(word: unknown): boolean {
  return word === 'ERROR'
}

/** Reads `finish_reason`; where it is missing, or says no more than that the answer is whole, the calls decide. */
export function decodeFinish(word: unknown, hasCalls: boolean): Finish {
  if (typeof word !== 'string' || word === '') return { unified: hasCalls ? 'tool-use' : 'stop' }
  const unified = Object.hasOwn(DECODE, word) ? DECODE[word]! : 'other'
  return { unified: unified === 'stop' && hasCalls ? 'tool-use' : unified, raw: word }
}

/** `finish_reason` for a client: its own word where it was one, else the nearest, which is a loss unless it says the same. */
export function encodeFinish(
  finish: Finish | undefined,
  hasCalls: boolean,
  losses: LossList,
): string {
  const path = 'choices[0].finish'
  if (finish === undefined) {
    losses.adapted('finish', path, 'not told by the provider')
    return hasCalls ? 'TOOL_CALL' : 'COMPLETE'
  }
  if (finish.stopSequence !== undefined) losses.dropped('stop-sequence', `${path}.stopSequence`)
  const { raw, unified } = finish
  const isOwn =
    raw !== undefined && !isErrorWord(raw) && decodeFinish(raw, hasCalls).unified === unified
  if (isOwn && Object.hasOwn(DECODE, raw)) return raw
  const word = ENCODE[unified]
  const said = word === 'COMPLETE' && hasCalls ? 'TOOL_CALL' : word
  if (decodeFinish(said, hasCalls).unified !== unified) losses.adapted('finish', path, unified)
  return said
}
