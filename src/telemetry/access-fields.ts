// What one line says of one request: the fields of the access log and of exported log records. Ids, names and numbers; never a prompt, an
// answer, a key, or a provider's message, which may repeat any of them.

import { totalInputTokens } from '../core/ir/usage.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { Outcome } from '../core/outcome.ts'

export type AccessFields = Readonly<Record<string, string | number | boolean | undefined>>

/** The fields of a request's line; what is not known is undefined. */
export function accessFields(outcome: Outcome): AccessFields {
  const { attempts, cache, guardrails = [], usage = {} } = outcome
  const told = guardrails.filter(({ verdict }) => verdict !== 'pass')
  return {
    request_id: outcome.requestId,
    log_id: outcome.logId,
    trace_id: outcome.traceId,
    span_id: outcome.trace?.spanId,
    tenant: outcome.tenantId,
    key_id: outcome.apiKeyId,
    user_id: outcome.userId,
    team_id: outcome.teamId,
    service_id: outcome.serviceId,
    endpoint: outcome.endpoint,
    operation: outcome.operation,
    client_format: outcome.clientFormat,
    status: outcome.status,
    error: outcome.errorKind,
    model: outcome.modelRequested,
    provider: outcome.providerId,
    provider_model: outcome.modelResolved,
    mode: outcome.mode,
    stream: outcome.stream,
    attempts: attempts.length,
    duration_ms: Math.round(outcome.totalMs),
    first_token_ms: rounded(outcome.firstTokenMs),
    queued_ms: rounded(outcome.queuedMs),
    input_tokens: totalInputTokens(usage),
    output_tokens: usage.outputTokens,
    cost_usd: outcome.costNanoUsd === undefined ? undefined : outcome.costNanoUsd / NANO_PER_USD,
    cache: cache?.state,
    guardrails:
      told.length === 0
        ? undefined
        : told.map(({ ruleId, verdict }) => `${ruleId}=${verdict}`).join(','),
    user_agent: outcome.userAgent,
  }
}

/** Our failure or a provider's is an error, a client's a warning. One that left has failed nothing. */
export function accessLevel({ errorKind, status }: Outcome): 'info' | 'warn' | 'error' {
  if (status === 499) return 'info'
  if (status >= 500) return 'error'
  return errorKind !== undefined || status >= 400 ? 'warn' : 'info'
}

function rounded(durationMs: number | undefined): number | undefined {
  return durationMs === undefined ? undefined : Math.round(durationMs)
}
