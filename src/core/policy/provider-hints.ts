// What an error body means where its status alone does not tell, in the words real providers use. It reads only; the
// message is never changed or shown here.

/** What a provider's error body says; the `ProviderError` of a dialect fits. */
export interface FailureBody {
  readonly message: string
  readonly type?: string
  readonly code?: string
  readonly param?: string
  readonly retryAfterMs?: number
}

export type Hint =
  /** Our key is wrong, or its account has no money: another key may work. */
  | 'credential'
  /** The key is good, but not for this model: another may be. */
  | 'model-permission'
  /** The key is good, but not for this kind of request. */
  | 'permission'
  | 'context-length'
  /** The provider's own content rules refused the prompt. */
  | 'content-filter'
  /** This provider has no such model. */
  | 'model'
  | 'overloaded'

const CREDENTIAL_CODES = new Set([
  'invalid_api_key',
  'api_key_invalid',
  'authentication_error',
  'incorrect_api_key',
  'billing_error',
  'billing_not_active',
  'billing_hard_limit_reached',
  'insufficient_quota',
  'insufficient_balance',
  'access_terminated',
])
const CREDENTIAL_TEXT =
  /(?:incorrect|invalid) (?:x-)?api[ -]key|api key (?:is )?(?:not valid|expired|invalid)|credit balance is too low|insufficient balance|missing authentication/i

const CONTEXT_CODES = new Set([
  'context_length_exceeded',
  'context_window_exceeded',
  'exceed_context_size_error',
  'model_context_window_exceeded',
  'max_context_length_exceeded',
])
const CONTEXT_TEXT =
  /maximum context length|exceeded max context|exceeds? the (?:model'?s? )?(?:available )?context|context (?:window|length|size)(?: of| is| has been)? ?(?:exceeded|overflow)|exceeds the context window|greater than the context length|prompt is too long|prompt too long|input token count .{0,40}exceeds|too large for model with \d+ maximum context|too many tokens: /i

const FILTER_CODES = new Set([
  'content_filter',
  'content_policy_violation',
  'responsibleaipolicyviolation',
  'moderation_blocked',
  'data_inspection_failed',
])
const FILTER_TEXT = /requires moderation|input was flagged/i

const MODEL_CODES = new Set([
  'model_not_found',
  'deploymentnotfound',
  'unknown_model',
  'model_not_available',
  'model_not_exist',
  'model_decommissioned',
  'unknownmodel',
  'invalid_model',
])
const MODEL_TEXT =
  /^model: |model ['"`]?[\w./:@-]{1,200}['"`]? (?:was )?(?:not found|does not exist|removed|has been deprecated|is not found)|no such model|not a valid model|model not found|model does not exist|model identifier is invalid|no endpoints found|is not a valid model id/i

/** OpenAI, Groq, Bedrock. */
const MODEL_PERMISSION_TEXT =
  /(?:does not|doesn't|do not|don't) have access to (?:the )?model|not authorized to (?:access|invoke) (?:this|the) model|the model ['"`]?[\w./:@-]{1,200}['"`]? is blocked/i
/** A restricted key of OpenAI, with 401 or 403. */
const PERMISSION_TEXT = /missing scopes?:/i

/** Patterns look at no more than this: a body may quote a whole prompt. */
const READ_CHARS_MAX = 2_000

/** Reads a failing status with its body; undefined when the status alone decides. */
export function hintOf(status: number, body: FailureBody | undefined): Hint | undefined {
  if (body === undefined) return undefined
  const words = [body.code, body.type]
    .filter((word) => word !== undefined)
    .map((word) => word.toLowerCase())
  const has = (codes: ReadonlySet<string>) => words.some((word) => codes.has(word))
  const text = body.message.slice(0, READ_CHARS_MAX)
  if (status >= 500) return words.includes('overloaded_error') ? 'overloaded' : undefined
  if (status === 429) return has(CREDENTIAL_CODES) ? 'credential' : undefined
  if (has(CONTEXT_CODES)) return 'context-length'
  if ((status === 400 || status === 413 || status === 422) && CONTEXT_TEXT.test(text)) {
    return 'context-length'
  }
  if (has(FILTER_CODES) || (status === 403 && FILTER_TEXT.test(text))) return 'content-filter'
  if (status === 401 || status === 403) {
    if (has(MODEL_CODES) || MODEL_PERMISSION_TEXT.test(text)) return 'model-permission'
    if (PERMISSION_TEXT.test(text)) return 'permission'
  }
  if (has(CREDENTIAL_CODES) || (status === 400 && CREDENTIAL_TEXT.test(text))) return 'credential'
  const modelTold = has(MODEL_CODES) || MODEL_TEXT.test(text)
  return modelTold && (status === 400 || status === 404) ? 'model' : undefined
}
