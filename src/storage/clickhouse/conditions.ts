// What a filter of the request log is in ClickHouse's SQL, over the columns of its table. The store says the same in its own words, and
// `matches` in those of the core: tests hold them together.

import { statusRange, type RequestSearchFilter } from '../../core/ports-requests.ts'
import { literal } from './client.ts'
import { guardrailWord } from './table.ts'

/** A column whose `''` is none. */
function same(column: string, asked: string | undefined): string[] {
  return asked === undefined ? [] : [`${column} = ${literal(asked)}`]
}

function whether(condition: string, asked: boolean | undefined): string[] {
  if (asked === undefined) return []
  return [asked ? condition : `NOT (${condition})`]
}

function least(column: string, asked: number | undefined): string[] {
  return asked === undefined ? [] : [`${column} >= ${literal(asked)}`]
}

/** Conditions of a filter, time and tenant among them; `1` where it asks for nothing. */
export function conditionsOf(filter: RequestSearchFilter): string {
  const { maxCostNanoUsd, minCostNanoUsd, minFirstTokenMs, model, status, stream } = filter
  const [min, end] = status === undefined ? [] : statusRange(status)
  const conditions = [
    ...same('tenant_id', filter.tenantId),
    ...least('timestamp_ms', filter.sinceMs),
    ...(filter.untilMs === undefined ? [] : [`timestamp_ms < ${literal(filter.untilMs)}`]),
    ...same('api_key_id', filter.keyId),
    ...same('user_id', filter.userId),
    ...same('team_id', filter.teamId),
    ...same('service_id', filter.serviceId),
    ...same('provider_id', filter.providerId),
    ...same('error_kind', filter.errorKind),
    ...same('finish', filter.finish),
    ...same('trace_id', filter.traceId),
    ...same('operation', filter.operation),
    ...same('client_format', filter.clientFormat),
    ...same('mode', filter.mode),
    ...same('request_id', filter.requestId),
    ...same('log_id', filter.logId),
    ...(model === undefined
      ? []
      : [`(model_requested = ${literal(model)} OR model_resolved = ${literal(model)})`]),
    ...(min === undefined || end === undefined ? [] : [`status >= ${min} AND status < ${end}`]),
    ...(stream === undefined ? [] : [`stream = ${literal(stream)}`]),
    ...whether('losses > 0', filter.hasLosses),
    ...verdicts(filter),
    ...same('cache_state', filter.cacheState),
    ...whether('fallbacks > 0', filter.hasFallback),
    ...whether('cache_read_tokens > 0', filter.isCached),
    ...(minCostNanoUsd === undefined
      ? []
      : [`(has_cost = 1 AND cost_nano_usd >= ${literal(minCostNanoUsd)})`]),
    ...(maxCostNanoUsd === undefined
      ? []
      : [`(has_cost = 1 AND cost_nano_usd <= ${literal(maxCostNanoUsd)})`]),
    ...least('total_ms', filter.minTotalMs),
    ...(minFirstTokenMs === undefined
      ? []
      : [`(first_token_requests = 1 AND first_token_ms >= ${literal(minFirstTokenMs)})`]),
    ...errorText(filter.errorText),
  ]
  return conditions.length === 0 ? '1' : conditions.join(' AND ')
}

/** One rule at one stage, as `guardrailWords` writes them. */
function verdicts({ guardrailId, verdict }: RequestSearchFilter): string[] {
  if (guardrailId === undefined && verdict === undefined) return []
  if (guardrailId === '') return [verdict === undefined ? "guardrails = ''" : '0']
  const rule = guardrailId === undefined ? '=' : `|${guardrailWord(guardrailId)}=`
  const said = verdict === undefined || verdict === 'hit' ? '' : `${verdict}|`
  const words = verdict === 'hit' ? "replaceAll(guardrails, '=pass|', '|')" : 'guardrails'
  return [`position(${words}, ${literal(rule + said)}) > 0`]
}

function errorText(asked: string | undefined): string[] {
  if (asked === undefined) return []
  // `lower` folds ASCII letters alone, as the store does. A request without an error says nothing, not even nothing.
  const folded = asked.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  return [`(has_error_text = 1 AND position(lower(error_text), ${literal(folded)}) > 0)`]
}
