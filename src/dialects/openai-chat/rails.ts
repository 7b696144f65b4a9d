// What a server of NVIDIA NeMo Guardrails (0.24.1) says of its rails beside an answer: whether one of them has put a refusal in the answer's
// place, and which tokens all of its model calls used, its rails' own included. Its log repeats the texts of the request and what was
// blocked: it goes no further than here.

import { GatewayError } from '../../core/error.ts'
import type { StreamError } from '../../core/ir/response.ts'
import type { ChatResponse } from '../../core/ir/response.ts'
import { tokenCount } from '../../core/ir/usage.ts'
import { asArray, asObject, type JsonObject } from '../../core/json.ts'

/** What its runtime says in place of an answer when one of its actions has failed. */
const INTERNAL_ERROR = "I'm sorry, an internal error has occurred."

/**
 * Puts what the rails say into an answer: a block is a finish of `content-filter`, as the server itself says `stop`.
 * @throws GatewayError `upstream_error` where a rail has failed and the answer only says so
 */
export function applyRails(response: ChatResponse, body: JsonObject): void {
  const rails = asObject(body['guardrails'])
  if (rails === undefined) return
  const hasFailed = response.choices.some(({ blocks: [first] }) => {
    return first?.type === 'text' && first.text === INTERNAL_ERROR
  })
  if (hasFailed) {
    throw new GatewayError('upstream_error', { cause: 'a rail or an action of the server failed' })
  }
  const log = asObject(rails['log'])
  const isBlocked = asArray(log?.['activated_rails'])?.some(
    (rail) => asObject(rail)?.['stop'] === true,
  )
  if (isBlocked === true) {
    for (const choice of response.choices) {
      choice.finish = { unified: 'content-filter', raw: 'content_filter' }
    }
  }
  const stats = asObject(log?.['stats'])
  const inputTokens = tokenCount(stats?.['llm_calls_total_prompt_tokens'])
  const outputTokens = tokenCount(stats?.['llm_calls_total_completion_tokens'])
  if (inputTokens === undefined || outputTokens === undefined) return
  // Zeros beside calls are what it says where the model behind it told none.
  const isTold = inputTokens + outputTokens > 0 || tokenCount(stats?.['llm_calls_count']) === 0
  if (isTold) response.usage ??= { inputTokens, outputTokens }
}

/** Whether an error inside a stream is a rail that has stopped it: that is an end of the answer and no failure. */
export function isViolation(error: StreamError): boolean {
  return error.type === 'guardrails_violation'
}
