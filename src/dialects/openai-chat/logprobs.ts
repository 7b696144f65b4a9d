// Token log probabilities in the chat shape (`logprobs.content`). The legacy shape stands in openai-completions.

import type { TokenLogprob } from '../../core/ir/response.ts'
import { asArray, asNumber, asObject, asString } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'

/** What stands for a log probability that was not told (null): OpenAI's own value for "too unlikely to list". */
export const UNTOLD_LOGPROB = -9999

/** Reads `choice.logprobs`; the tokens of a refusal are read like those of content. Undefined when there are none. */
export function decodeLogprobs(value: JsonValue | undefined): TokenLogprob[] | undefined {
  const wire = asObject(value)
  if (wire === undefined) return undefined
  const list = [...(asArray(wire.content) ?? []), ...(asArray(wire.refusal) ?? [])]
  const tokens: TokenLogprob[] = []
  for (const item of list) {
    const token = decodeToken(item)
    if (token === undefined) continue
    const top = (asArray(asObject(item)?.top_logprobs) ?? [])
      .map(decodeToken)
      .filter((entry) => entry !== undefined)
    tokens.push(top.length === 0 ? token : { ...token, top })
  }
  return tokens.length === 0 ? undefined : tokens
}

function decodeToken(
  value: JsonValue,
): { token: string; logprob: number; bytes?: number[] } | undefined {
  const wire = asObject(value)
  const token = asString(wire?.token)
  if (token === undefined) return undefined
  const logprob = asNumber(wire?.logprob) ?? UNTOLD_LOGPROB
  const bytes = asArray(wire?.bytes)?.filter((byte) => typeof byte === 'number')
  return bytes === undefined ? { token, logprob } : { token, logprob, bytes }
}

export function encodeLogprobs(tokens: readonly TokenLogprob[]): JsonObject {
  return {
    content: tokens.map((token) => ({
      ...encodeToken(token),
      top_logprobs: (token.top ?? []).map(encodeToken),
    })),
    refusal: null,
  }
}

function encodeToken(token: { token: string; logprob: number; bytes?: number[] }): JsonObject {
  return { token: token.token, logprob: token.logprob, bytes: token.bytes ?? null }
}
