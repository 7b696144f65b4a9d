// Reports of usage from a ClickHouse: the same sums as the store's hourly totals, over all that was ever sent there. What is proven against rows,
// and when keys were used last, stays the store's.

import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import type { WindowSpan } from '../../core/money.ts'
import type {
  ReconcileReport,
  UsageDimension,
  UsageFilter,
  UsageRepository,
  UsageRow,
} from '../../core/ports-money.ts'
import { HOUR_MS } from '../../core/usage-rollup.ts'
import { literal, type ClickHouseClient } from './client.ts'
import { askClickHouse } from './search.ts'

export interface ClickHouseUsageParts {
  readonly client: ClickHouseClient
  readonly table: string
  readonly own: UsageRepository
}

const DAY_MS = 24 * HOUR_MS

const DIMENSIONS: Readonly<Record<UsageDimension, string>> = {
  tenant: 'tenant_id',
  team: 'team_id',
  user: 'user_id',
  service: 'service_id',
  key: 'api_key_id',
  model: 'model',
  provider: 'provider_id',
  provider_model: 'provider_model',
  operation: 'operation',
  hour: `timestamp_ms - timestamp_ms % ${HOUR_MS}`,
  day: `timestamp_ms - timestamp_ms % ${DAY_MS}`,
  month:
    "toUInt64(toUnixTimestamp(toDateTime(toStartOfMonth(toDateTime(intDiv(timestamp_ms, 1000), 'UTC'), 'UTC'), 'UTC'))) * 1000",
}

const TIMES: ReadonlySet<UsageDimension> = new Set(['hour', 'day', 'month'])

const SUMS = {
  requests: 'count()',
  errors: 'sum(errors)',
  inputTokens: 'sum(input_tokens)',
  cacheReadTokens: 'sum(cache_read_tokens)',
  cacheWriteTokens: 'sum(cache_write_tokens)',
  outputTokens: 'sum(output_tokens)',
  reasoningTokens: 'sum(reasoning_tokens)',
  costNanoUsd: 'sum(cost_nano_usd)',
  unpricedRequests: 'sum(unpriced_requests)',
  estimatedRequests: 'sum(estimated_requests)',
  responseHits: 'sum(response_hits)',
  savedNanoUsd: 'sum(saved_nano_usd)',
} as const satisfies Record<Exclude<keyof UsageRow, 'group'>, string>
const SUM_NAMES = Object.keys(SUMS) as (keyof typeof SUMS)[]

export class ClickHouseUsage implements UsageRepository {
  private readonly parts: ClickHouseUsageParts

  constructor(parts: ClickHouseUsageParts) {
    this.parts = parts
  }

  /** @throws GatewayError `invalid_request`, `storage_unavailable` */
  async report(filter: UsageFilter): Promise<UsageRow[]> {
    const { client, table } = this.parts
    const { groupBy } = filter
    const limit = Math.min(Math.max(0, Math.trunc(filter.limit)), LIMITS.usageGroupsMax)
    const groups = groupBy.map((dimension, at) => `${DIMENSIONS[dimension]} AS g${at}`)
    const sums = SUM_NAMES.map((name) => `${SUMS[name]} AS sum_${name}`)
    const places = groupBy.map((_dimension, at) => `g${at}`)
    const grouped =
      places.length === 0
        ? ''
        : ` GROUP BY ${places.join(', ')} ORDER BY sum_costNanoUsd DESC, sum_requests DESC, ${places.join(', ')} LIMIT ${limit}`
    const rows = await askClickHouse<Record<string, unknown>>(
      client,
      `SELECT ${[...groups, ...sums].join(', ')} FROM ${table} FINAL WHERE ${conditionsOf(filter)}${grouped}`,
    )
    return rows.map((row) => ({
      group: groupBy.map((dimension, at) => groupValue(dimension, row[`g${at}`])),
      ...(Object.fromEntries(SUM_NAMES.map((name) => [name, Number(row[`sum_${name}`])])) as Omit<
        UsageRow,
        'group'
      >),
    }))
  }

  keysLastUsed(tenantId: string, keyIds?: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.parts.own.keysLastUsed(tenantId, keyIds)
  }

  reconcile(span: WindowSpan, mend: boolean): Promise<ReconcileReport> {
    return this.parts.own.reconcile(span, mend)
  }
}

function conditionsOf(filter: UsageFilter): string {
  const sinceMs = Math.floor(filter.sinceMs / HOUR_MS) * HOUR_MS
  const untilMs = Math.ceil(filter.untilMs / HOUR_MS) * HOUR_MS
  if (!Number.isSafeInteger(sinceMs) || !Number.isSafeInteger(untilMs)) {
    throw new GatewayError('invalid_request', { param: 'since', message: 'It is no time.' })
  }
  const asked = {
    tenant_id: filter.tenantId,
    team_id: filter.teamId,
    user_id: filter.userId,
    service_id: filter.serviceId,
    api_key_id: filter.keyId,
    model: filter.model,
    provider_id: filter.providerId,
  }
  return [
    `timestamp_ms >= ${literal(sinceMs)} AND timestamp_ms < ${literal(untilMs)}`,
    ...Object.entries(asked).flatMap(([column, value]) =>
      value === undefined ? [] : [`${column} = ${literal(value)}`],
    ),
  ].join(' AND ')
}

function groupValue(dimension: UsageDimension, value: unknown): string | number | null {
  if (TIMES.has(dimension)) return Number(value)
  return value === '' || typeof value !== 'string' ? null : value
}
