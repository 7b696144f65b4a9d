// The one error of the gateway. Every failure a client can see is a GatewayError of a known kind; its dialect renders it.
// The cause stays inside for the log. A message must never hold a secret, a host of ours, or the client's own values.

export interface ErrorKindInfo {
  /** HTTP status for every dialect, but where `anthropicStatus` differs. */
  readonly status: number
  /** OpenAI `error.type`. */
  readonly type: string
  /** OpenAI `error.code` unless the error names its own. */
  readonly code: string
  readonly anthropicType: string
  readonly anthropicStatus?: number
  /** Value of `x-should-retry`, which official SDKs obey before their own rules. */
  readonly shouldRetry: boolean
  readonly message: string
}

function kind(
  status: number,
  type: string,
  code: string,
  anthropicType: string,
  shouldRetry: boolean,
  message: string,
  anthropicStatus?: number,
): ErrorKindInfo {
  const info = { status, type, code, anthropicType, shouldRetry, message }
  return anthropicStatus === undefined ? info : { ...info, anthropicStatus }
}

/** The error contract: one row per failure. Statuses, types and retry hints are what official SDKs act upon. */
export const ERROR_KINDS = {
  authentication: kind(
    401,
    'invalid_request_error',
    'invalid_api_key',
    'authentication_error',
    false,
    'Incorrect or missing API key.',
  ),
  permission: kind(
    403,
    'permission_error',
    'permission_denied',
    'permission_error',
    false,
    'This credential may not do that.',
  ),
  invalid_host: kind(
    400,
    'invalid_request_error',
    'invalid_host',
    'invalid_request_error',
    false,
    'The Host header is not one this server answers to.',
  ),
  host_not_allowed: kind(
    403,
    'invalid_request_error',
    'invalid_host',
    'permission_error',
    false,
    'The Host header is not one this server answers to.',
  ),
  origin_not_allowed: kind(
    403,
    'invalid_request_error',
    'origin_not_allowed',
    'permission_error',
    false,
    'Requests from this origin are not allowed.',
  ),
  model_not_found: kind(
    404,
    'invalid_request_error',
    'model_not_found',
    'not_found_error',
    false,
    'The model does not exist or you do not have access to it.',
  ),
  unknown_url: kind(
    404,
    'invalid_request_error',
    'unknown_url',
    'not_found_error',
    false,
    'Unknown request URL. Please check the path.',
  ),
  method_not_allowed: kind(
    405,
    'invalid_request_error',
    'method_not_allowed',
    'invalid_request_error',
    false,
    'This path does not take that method.',
  ),
  invalid_request: kind(
    400,
    'invalid_request_error',
    'invalid_value',
    'invalid_request_error',
    false,
    'The request is invalid.',
  ),
  invalid_json: kind(
    400,
    'invalid_request_error',
    'invalid_json',
    'invalid_request_error',
    false,
    'The body is not valid JSON.',
  ),
  unsupported: kind(
    400,
    'invalid_request_error',
    'unsupported_parameter',
    'invalid_request_error',
    false,
    'The model behind this name cannot take this parameter.',
  ),
  context_length: kind(
    400,
    'invalid_request_error',
    'context_length_exceeded',
    'invalid_request_error',
    false,
    'The prompt is longer than the model can take.',
  ),
  unsupported_media_type: kind(
    415,
    'invalid_request_error',
    'unsupported_media_type',
    'invalid_request_error',
    false,
    'The content type of the body is not supported here.',
  ),
  request_too_large: kind(
    413,
    'invalid_request_error',
    'request_too_large',
    'request_too_large',
    false,
    'The body is larger than this server takes.',
  ),
  headers_too_large: kind(
    431,
    'invalid_request_error',
    'headers_too_large',
    'request_too_large',
    false,
    'The headers are larger than this server takes.',
  ),
  request_timeout: kind(
    408,
    'invalid_request_error',
    'request_timeout',
    'invalid_request_error',
    false,
    'The body took too long to arrive.',
  ),
  rate_limit: kind(
    429,
    'requests',
    'rate_limit_exceeded',
    'rate_limit_error',
    true,
    'Rate limit reached.',
  ),
  concurrency_limit: kind(
    429,
    'requests',
    'concurrency_limit_exceeded',
    'rate_limit_error',
    true,
    'Too many requests at once.',
  ),
  insufficient_quota: kind(
    429,
    'insufficient_quota',
    'insufficient_quota',
    'billing_error',
    false,
    'The budget for this credential is spent.',
    402,
  ),
  content_filter: kind(
    400,
    'invalid_request_error',
    'content_filter',
    'invalid_request_error',
    false,
    'The request was refused by a content rule.',
  ),
  guardrail_unavailable: kind(
    503,
    'server_error',
    'guardrail_unavailable',
    'api_error',
    true,
    'A content check could not be made.',
  ),
  upstream_invalid_request: kind(
    400,
    'invalid_request_error',
    'invalid_value',
    'invalid_request_error',
    false,
    'The provider refused the request.',
  ),
  upstream_auth: kind(
    502,
    'server_error',
    'upstream_auth_error',
    'api_error',
    false,
    "The provider refused this gateway's credential.",
  ),
  upstream_rate_limited: kind(
    429,
    'requests',
    'upstream_rate_limited',
    'rate_limit_error',
    true,
    'The provider is rate limiting this gateway.',
  ),
  upstream_error: kind(
    502,
    'server_error',
    'upstream_error',
    'api_error',
    false,
    'The provider failed to answer.',
  ),
  upstream_bad_response: kind(
    502,
    'server_error',
    'upstream_bad_response',
    'api_error',
    false,
    'The provider sent an answer that could not be understood.',
  ),
  upstream_redirect: kind(
    502,
    'server_error',
    'upstream_redirect',
    'api_error',
    false,
    'The provider answered with a redirect, which is not followed.',
  ),
  upstream_timeout: kind(
    504,
    'server_error',
    'upstream_timeout',
    'timeout_error',
    false,
    'The provider did not answer in time.',
  ),
  upstream_unavailable: kind(
    503,
    'server_error',
    'upstream_unavailable',
    'overloaded_error',
    true,
    'No provider for this model is available now.',
    529,
  ),
  overloaded: kind(
    503,
    'server_error',
    'overloaded',
    'overloaded_error',
    true,
    'This server is overloaded.',
    529,
  ),
  shutting_down: kind(
    503,
    'server_error',
    'server_shutting_down',
    'overloaded_error',
    true,
    'This server is shutting down.',
    529,
  ),
  storage_unavailable: kind(
    503,
    'server_error',
    'storage_unavailable',
    'api_error',
    true,
    'The store is not available.',
  ),
  identity_unavailable: kind(
    503,
    'server_error',
    'issuer_unavailable',
    'api_error',
    true,
    'The identity provider cannot be asked now.',
  ),
  internal: kind(
    500,
    'server_error',
    'internal_error',
    'api_error',
    false,
    'Internal error. The request id names it in the log.',
  ),
  /** Nobody is there to read it: the row's status when a client leaves before the end. */
  client_closed: kind(
    499,
    'invalid_request_error',
    'client_closed',
    'invalid_request_error',
    false,
    'The client closed the connection.',
  ),
} as const satisfies Record<string, ErrorKindInfo>

export type ErrorKind = keyof typeof ERROR_KINDS

export interface GatewayErrorOptions {
  readonly message?: string
  /** Overrides the kind's OpenAI `error.type`: a limit of tokens is of another than one of requests. */
  readonly type?: string
  readonly code?: string | null
  /** Path of the offending parameter in the client's request, as `messages[3].content`. */
  readonly param?: string | null
  readonly retryAfterMs?: number
  /** Overrides the kind's `x-should-retry`. */
  readonly shouldRetry?: boolean
  /** Overrides the kind's status; for a provider's own 4xx that is handed on. */
  readonly status?: number
  readonly cause?: unknown
  /** Methods for the `Allow` header of a 405. */
  readonly allow?: string
}

/** Anthropic's words for a provider's own status that is handed on. */
const ANTHROPIC_TYPES: ReadonlyMap<number | undefined, string> = new Map([
  [404, 'not_found_error'],
  [413, 'request_too_large'],
])

/** A wait longer than this is ignored by official SDKs, so it must tell them not to retry at all. */
export const SDK_RETRY_AFTER_MAX_MS = 60_000

/** The one error of the gateway: public fields for the client, `cause` for the log only. */
export class GatewayError extends Error {
  readonly kind: ErrorKind
  readonly status: number
  readonly type: string
  readonly code: string | null
  readonly param: string | null
  readonly retryAfterMs: number | undefined
  readonly shouldRetry: boolean
  readonly anthropicType: string
  readonly anthropicStatus: number
  readonly allow: string | undefined

  constructor(kindName: ErrorKind, options: GatewayErrorOptions = {}) {
    const info: ErrorKindInfo = ERROR_KINDS[kindName]
    super(options.message ?? info.message, { cause: options.cause })
    this.name = 'GatewayError'
    this.kind = kindName
    this.status = options.status ?? info.status
    this.type = options.type ?? info.type
    this.code = options.code === undefined ? info.code : options.code
    this.param = options.param ?? null
    this.retryAfterMs = options.retryAfterMs
    const tooLong = (options.retryAfterMs ?? 0) > SDK_RETRY_AFTER_MAX_MS
    this.shouldRetry = options.shouldRetry ?? (info.shouldRetry && !tooLong)
    this.anthropicType = ANTHROPIC_TYPES.get(options.status) ?? info.anthropicType
    this.anthropicStatus = options.status ?? info.anthropicStatus ?? info.status
    this.allow = options.allow
  }
}

/** Any thrown value as a GatewayError; what was not meant for a client becomes `internal` with the original as its cause. */
export function toGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError('internal', { cause: thrown })
}
