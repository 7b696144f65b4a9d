// One recorded request as JSON for people and programs outside: `weir logs --json` and exports. One shape with stable members, so that a
// consumer may rely on each; what is not known is null. Pure; it adds nothing and hides nothing.

import { cacheJson, verdictJson, type CacheJson, type VerdictJson } from '../core/guardrail-json.ts'
import type { Loss } from '../core/ir/loss.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import type { AttemptRecord, Outcome } from '../core/outcome.ts'
import { routeJson, type RouteJson } from '../core/policy/route-json.ts'
import { usageJson, type UsageJson } from '../core/usage-json.ts'

export interface AttemptJson {
  readonly provider: string
  readonly model: string
  /** Last four characters of the provider key. */
  readonly key_hint: string | null
  readonly mode: 'relay' | 'translate'
  readonly status: number | null
  readonly error: string | null
  /** What it was besides the first try. */
  readonly as: NonNullable<AttemptRecord['as']> | null
  readonly duration_ms: number
}

export interface RequestJson {
  readonly log_id: string
  /** ISO 8601 with milliseconds. */
  readonly timestamp_utc: string
  readonly direction: 'inbound'
  readonly api_key_hash: string | null
  readonly endpoint: string
  readonly request: {
    /** As the client asked for it. */
    readonly model: string | null
    readonly stream: boolean
    readonly bytes: number
    /** Only where it was kept, as text. */
    readonly body?: string
  }
  readonly response: {
    readonly status: number
    readonly bytes: number
    /** In the provider's words. */
    readonly finish?: string
    readonly error?: { readonly kind: string; readonly message: string | null }
    readonly body?: string
  }
  readonly timing: {
    readonly total_ms: number
    readonly provider_ms: number | null
    readonly first_token_ms: number | null
  }
  readonly usage: UsageJson
  readonly provider: { readonly name: string | null; readonly model_resolved: string | null }
  readonly metadata: { readonly trace_id: string | null; readonly request_id: string }
  /** HTTP status sent to the client; 499 when it left. */
  readonly status: number
  /** Null when the price or the usage is unknown. */
  readonly cost_usd: number | null
  readonly losses: readonly Loss[]
  readonly attempts: readonly AttemptJson[]
  /** How the targets were put into an order; null where there was nothing to decide. */
  readonly route: readonly RouteJson[] | null
  /** Rules that were asked; null where none holds. */
  readonly guardrails: readonly VerdictJson[] | null
  /** Null where no response cache is configured for it. */
  readonly cache: CacheJson | null
  readonly client_format: string
  readonly mode: 'relay' | 'translate' | null
}

/** The record of one request in its outer shape. */
export function requestJson(outcome: Outcome): RequestJson {
  const { requestBody, responseBody, finish, errorKind } = outcome
  return {
    log_id: outcome.logId,
    timestamp_utc: new Date(outcome.timestampMs).toISOString(),
    direction: outcome.direction,
    api_key_hash: outcome.apiKeyHash ?? null,
    endpoint: outcome.endpoint,
    request: {
      model: outcome.modelRequested ?? null,
      stream: outcome.stream,
      bytes: outcome.requestBytes,
      ...(requestBody === undefined ? {} : { body: requestBody }),
    },
    response: {
      status: outcome.status,
      bytes: outcome.responseBytes,
      ...(finish === undefined ? {} : { finish }),
      ...(errorKind === undefined
        ? {}
        : { error: { kind: errorKind, message: outcome.errorText ?? null } }),
      ...(responseBody === undefined ? {} : { body: responseBody }),
    },
    timing: {
      total_ms: outcome.totalMs,
      provider_ms: outcome.providerMs ?? null,
      first_token_ms: outcome.firstTokenMs ?? null,
    },
    usage: usageJson(outcome.usage),
    provider: {
      name: outcome.providerId ?? null,
      model_resolved: outcome.modelResolved ?? null,
    },
    metadata: { trace_id: outcome.traceId ?? null, request_id: outcome.requestId },
    status: outcome.status,
    cost_usd: outcome.costNanoUsd === undefined ? null : outcome.costNanoUsd / NANO_PER_USD,
    losses: outcome.losses,
    attempts: outcome.attempts.map((attempt) => ({
      provider: attempt.providerId,
      model: attempt.model,
      key_hint: attempt.keyHint ?? null,
      mode: attempt.mode,
      status: attempt.status ?? null,
      error: attempt.error ?? null,
      as: attempt.as ?? null,
      duration_ms: attempt.durationMs,
    })),
    route: outcome.route?.map(routeJson) ?? null,
    guardrails: outcome.guardrails?.map(verdictJson) ?? null,
    cache: outcome.cache === undefined ? null : cacheJson(outcome.cache),
    client_format: outcome.clientFormat,
    mode: outcome.mode ?? null,
  }
}
