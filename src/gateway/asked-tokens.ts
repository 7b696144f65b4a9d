// How many tokens a request may come to, before anybody has counted them: what is asked by its text, the answer by the length the
// client allows it. An estimate that is taken from limits and put right when the provider has told the real number.

import type { DialectName } from '../core/ir/request.ts'
import { asNumber, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { Operation } from '../dialects/dialect.ts'
import type { Asked } from './admit.ts'
import { tokensInBytes } from './estimate.ts'
import { answerOverrides } from './overrides.ts'
import { answerTokens, RequestNeeds } from './request-needs.ts'

/** Answers to one question that may be asked for at once; more is refused by every provider. */
const CHOICES_MAX = 128

/** Operations whose input has tokens; an upload, a picture or a count of tokens has none that could be told before. */
const TOLD: ReadonlySet<string> = new Set(['chat', 'completion', 'embedding', 'proxy'])

export interface AskedTokens {
  readonly tokens: number
  /**
   * Both parts are known: its text, and an answer that the client itself limits. What passes a limit by itself alone is then refused
   * for good; else the estimate is cut to the limit, so that a cautious guess of ours never shuts anybody out.
   */
  readonly certain: boolean
}

/** The estimate for one request. */
export function askedTokens({ body, inbound, model, raw }: Asked): AskedTokens {
  const { bytes } = inbound
  const { dialect, operation } = raw ?? inbound
  if (!TOLD.has(operation) || bytes.length === 0) return { tokens: 0, certain: false }
  if (operation === 'embedding') return { tokens: tokensInBytes(bytes.length), certain: false }
  if (body === undefined || operation === 'proxy') {
    return { tokens: tokensInBytes(bytes.length) + LIMITS.limitAnswerTokensMax, certain: false }
  }
  const needs = new RequestNeeds({
    dialect,
    operation: operation as Operation,
    bytes: bytes.length,
    body: () => body,
  })
  const byDefault = model?.defaults['max_completion_tokens'] ?? model?.defaults['max_tokens']
  const longest =
    answerTokens(dialect, body) ?? (typeof byDefault === 'number' ? byDefault : undefined)
  const overrides = answerOverrides(model?.targets ?? [])
  const one = Math.max(longest ?? LIMITS.limitAnswerTokensMax, overrides.tokensMax)
  const answers = Math.max(choices(dialect, body), Math.min(CHOICES_MAX, overrides.choicesMax))
  const answer = one * answers * promptsIn(body)
  return { tokens: Math.ceil(needs.inputTokens + answer), certain: longest !== undefined }
}

/** Prompts of a legacy completion: each is answered for itself. A list of numbers is one, in tokens. */
export function promptsIn({ prompt }: JsonObject): number {
  if (!Array.isArray(prompt) || typeof prompt[0] === 'number') return 1
  return Math.max(1, prompt.length)
}

function choices(dialect: DialectName, body: NonNullable<Asked['body']>): number {
  if (dialect !== 'openai-chat' && dialect !== 'openai-completions') return 1
  return Math.min(CHOICES_MAX, Math.max(1, Math.trunc(asNumber(body['n']) ?? 1)))
}
