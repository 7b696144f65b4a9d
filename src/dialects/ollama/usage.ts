// Token counts and stop reasons of Ollama's final object, both ways. Durations are no business of the IR: they travel as
// extras from an Ollama to an Ollama client, and are left out (never made up) where the provider measured none.

import type { LossList } from '../../core/ir/loss.ts'
import type { Finish, FinishReason, TokenLogprob } from '../../core/ir/response.ts'
import { type Usage, tokenCount, totalInputTokens } from '../../core/ir/usage.ts'
import { type JsonObject, asArray, asNumber, asObject, asString } from '../../core/json.ts'

/** `prompt_eval_count` and `eval_count`; undefined when neither was told. */
export function decodeUsage(body: JsonObject): Usage | undefined {
  const inputTokens = tokenCount(body['prompt_eval_count'])
  const outputTokens = tokenCount(body['eval_count'])
  if (inputTokens === undefined && outputTokens === undefined) return undefined
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
  }
}

/**
 * The counts of the final object. Go leaves a count out when it is zero; we leave it out only when it is unknown, so that
 * a client's sum is right either way.
 */
export function encodeUsage(usage: Usage | undefined, losses: LossList): JsonObject {
  if (usage === undefined) return {}
  const { inputTokens: _input, outputTokens, ...classes } = usage
  const result: JsonObject = {}
  const input = totalInputTokens(usage)
  if (input !== undefined) result['prompt_eval_count'] = input
  if (outputTokens !== undefined) result['eval_count'] = outputTokens
  // A class of no tokens says nothing that its absence does not.
  const told = Object.entries(classes).flatMap(([name, count]) => (count === 0 ? [] : [name]))
  if (told.length > 0) losses.adapted('usage-classes', 'usage', told.join(' '))
  return result
}

/** The finish of an answer by its `done_reason`, which stays `stop` on tool calls and is absent from old servers. */
export function decodeFinish(reason: unknown, hasToolCalls: boolean): Finish {
  const raw = asString(reason)
  const unified = unifiedReason(raw ?? 'stop', hasToolCalls)
  return raw === undefined ? { unified } : { unified, raw }
}

function unifiedReason(reason: string, hasToolCalls: boolean): FinishReason {
  switch (reason) {
    case 'stop':
    case '':
      return hasToolCalls ? 'tool-use' : 'stop'
    case 'length':
      return 'length'
    case 'content_filter':
      return 'content-filter'
    case 'error':
      return 'error'
    default:
      return 'other'
  }
}

/** `done_reason` for a finish. What has no word of its own becomes the nearest one and a loss. */
export function encodeFinish(finish: Finish, hasToolCalls: boolean, losses: LossList): string {
  const reason = doneReason(finish)
  if (unifiedReason(reason, hasToolCalls) !== finish.unified) {
    losses.adapted('finish-reason', 'choices[0].finish.unified', finish.unified)
  }
  if (finish.stopSequence !== undefined) {
    losses.dropped('stop-sequence', 'choices[0].finish.stopSequence')
  }
  return reason
}

function doneReason(finish: Finish): string {
  switch (finish.unified) {
    case 'length':
      return 'length'
    case 'content-filter':
    case 'refusal':
      return 'content_filter'
    case 'error':
      return 'error'
    case 'other':
      // Ollama's own two words for a model that was only loaded or dropped from memory.
      return finish.raw === 'load' || finish.raw === 'unload' ? finish.raw : 'stop'
    default:
      return 'stop'
  }
}

/** `logprobs` of an answer or a line: a list of tokens, each with its alternatives. */
export function decodeLogprobs(value: unknown): TokenLogprob[] | undefined {
  const tokens = asArray(value)?.flatMap((entry): TokenLogprob[] => {
    const token = decodeToken(entry)
    if (token === undefined) return []
    const top = asArray(asObject(entry)?.['top_logprobs'])?.flatMap((other) => {
      const alternative = decodeToken(other)
      return alternative === undefined ? [] : [alternative]
    })
    return [top === undefined ? token : { ...token, top }]
  })
  return tokens === undefined || tokens.length === 0 ? undefined : tokens
}

function decodeToken(value: unknown): Omit<TokenLogprob, 'top'> | undefined {
  const entry = asObject(value)
  const token = asString(entry?.['token'])
  const logprob = asNumber(entry?.['logprob'])
  if (token === undefined || logprob === undefined) return undefined
  const bytes = asArray(entry?.['bytes'])?.filter((byte) => typeof byte === 'number')
  return bytes === undefined ? { token, logprob } : { token, logprob, bytes }
}

/** The inverse of `decodeLogprobs`. */
export function encodeLogprobs(tokens: readonly TokenLogprob[]): JsonObject[] {
  return tokens.map(({ top, ...token }) =>
    top === undefined
      ? { ...token }
      : { ...token, top_logprobs: top.map((other) => ({ ...other })) },
  )
}
