// Log probabilities in the legacy shape: four lists side by side. Bytes of tokens have no word there, and offsets are made
// anew from the tokens, for the IR holds neither.

import type { TokenLogprob } from '../../core/ir/response.ts'
import { asArray, asNumber, asObject } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { decodeLogprobs as decodeChatLogprobs, UNTOLD_LOGPROB } from '../openai-chat/logprobs.ts'

/** Reads `choice.logprobs`: the legacy lists, or the chat shape that newer servers give here too. */
export function decodeLogprobs(value: JsonValue | undefined): TokenLogprob[] | undefined {
  const wire = asObject(value)
  if (wire === undefined) return undefined
  if (wire.tokens === undefined) return decodeChatLogprobs(wire)
  const probabilities = asArray(wire.token_logprobs) ?? []
  const alternatives = asArray(wire.top_logprobs) ?? []
  const tokens: TokenLogprob[] = []
  for (const [index, token] of (asArray(wire.tokens) ?? []).entries()) {
    if (typeof token !== 'string') continue
    // The first token of an echoed prompt has no probability.
    const logprob = asNumber(probabilities[index]) ?? UNTOLD_LOGPROB
    const top = Object.entries(asObject(alternatives[index]) ?? {})
      .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
      .map(([text, probability]) => ({ token: text, logprob: probability }))
    tokens.push(top.length === 0 ? { token, logprob } : { token, logprob, top })
  }
  return tokens.length === 0 ? undefined : tokens
}

/** Writes the four lists; `offset` is the count of characters that stand before the first token. */
export function encodeLogprobs(tokens: readonly TokenLogprob[], offset: number): JsonObject {
  const offsets: number[] = []
  let position = offset
  for (const { token } of tokens) {
    offsets.push(position)
    position += token.length
  }
  const anyTop = tokens.some(({ top }) => top !== undefined)
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => (logprob === UNTOLD_LOGPROB ? null : logprob)),
    top_logprobs: anyTop
      ? tokens.map(({ top }) => (top === undefined ? null : alternativesOf(top)))
      : null,
    text_offset: offsets,
  }
}

function alternativesOf(top: NonNullable<TokenLogprob['top']>): JsonObject {
  return Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))
}
