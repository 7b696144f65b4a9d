// Reports of usage from the hourly totals, and the proof that these are what the rows say. Both are asked for by people: nothing here is on
// the way of a request.

import { and, asc, desc, eq, gte, inArray, lt, sql, type AnyColumn, type SQL } from 'drizzle-orm'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { WindowSpan } from '../core/money.ts'
import type {
  ReconcileReport,
  UsageDimension,
  UsageFilter,
  UsageRepository,
  UsageRow,
} from '../core/ports-money.ts'
import { HOUR_MS } from '../core/usage-rollup.ts'
import type { QueryBuilder, StoreDatabase } from './atomically.ts'
import { toRepositoryError } from './errors.ts'
import type * as sqliteTables from './schema-log.sqlite.ts'
import { reconcileHours, type UsageStore } from './usage-reconcile.ts'

export type UsageTables = Pick<typeof sqliteTables, 'usageHourly' | 'keyUses' | 'requests'>

const DAY_MS = 24 * HOUR_MS

/** Usage of one store; see the port for the contract. */
export class Usage implements UsageRepository {
  private readonly store: UsageStore

  constructor(database: StoreDatabase, queries: QueryBuilder, tables: UsageTables) {
    this.store = { database, queries, tables }
  }

  /** @throws GatewayError `invalid_request` for a filter that no report can follow, `storage_unavailable` */
  async report(filter: UsageFilter): Promise<UsageRow[]> {
    const { queries, tables } = this.store
    const { usageHourly: usage } = tables
    const limit = Math.min(Math.max(0, Math.trunc(filter.limit)), LIMITS.usageGroupsMax)
    const groups = filter.groupBy.map((dimension) => this.dimension(dimension))
    const columns = Object.fromEntries(groups.map((group, at) => [`g${at}`, group]))
    const query = queries
      .select({
        ...columns,
        requests: total(usage.requests),
        errors: total(usage.errors),
        inputTokens: total(usage.inputTokens),
        cacheReadTokens: total(usage.cacheReadTokens),
        cacheWriteTokens: total(sql`${usage.cacheWrite5mTokens} + ${usage.cacheWrite1hTokens}`),
        outputTokens: total(usage.outputTokens),
        reasoningTokens: total(usage.reasoningTokens),
        costNanoUsd: total(usage.costNanoUsd),
        unpricedRequests: total(usage.unpricedRequests),
        estimatedRequests: total(usage.estimatedRequests),
        responseHits: total(usage.responseHits),
        savedNanoUsd: total(usage.savedNanoUsd),
      })
      .from(usage)
      .where(this.condition(filter))
    // Groups are named by their places: an expression with parameters is another one each time it is said.
    const places = groups.map((_group, at) => sql.raw(String(at + 1)))
    const rows = await this.run(
      groups.length === 0
        ? query
        : query
            .groupBy(...places)
            .orderBy(
              desc(sql`SUM(${usage.costNanoUsd})`),
              desc(sql`SUM(${usage.requests})`),
              ...places.map((place) => asc(place)),
            )
            .limit(limit),
    )
    return rows.map((row) => {
      const named = row as Record<string, unknown>
      const group = filter.groupBy.map((dimension, at) => groupValue(dimension, named[`g${at}`]))
      const { requests, errors, inputTokens, cacheReadTokens, cacheWriteTokens } = row
      const { outputTokens, reasoningTokens, costNanoUsd } = row
      const { unpricedRequests, estimatedRequests, responseHits, savedNanoUsd } = row
      return {
        group,
        requests,
        errors,
        inputTokens,
        cacheReadTokens,
        cacheWriteTokens,
        outputTokens,
        reasoningTokens,
        costNanoUsd,
        unpricedRequests,
        estimatedRequests,
        responseHits,
        savedNanoUsd,
      }
    })
  }

  async keysLastUsed(
    tenantId: string,
    keyIds?: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    if (keyIds?.length === 0) return new Map()
    const { queries, tables } = this.store
    const { keyUses } = tables
    const named = keyIds === undefined ? undefined : inArray(keyUses.keyId, [...keyIds])
    const rows = await this.run(
      queries
        .select()
        .from(keyUses)
        .where(and(eq(keyUses.tenantId, tenantId), named)),
    )
    return new Map(rows.map(({ keyId, lastUsedMs }) => [keyId, lastUsedMs]))
  }

  async reconcile(span: WindowSpan, mend: boolean): Promise<ReconcileReport> {
    return await this.run(reconcileHours(this.store, span, mend))
  }

  private condition(filter: UsageFilter): SQL | undefined {
    const { usageHourly: usage } = this.store.tables
    const sinceMs = Math.floor(filter.sinceMs / HOUR_MS) * HOUR_MS
    const untilMs = Math.ceil(filter.untilMs / HOUR_MS) * HOUR_MS
    if (!Number.isSafeInteger(sinceMs) || !Number.isSafeInteger(untilMs)) {
      throw new GatewayError('invalid_request', { param: 'since', message: 'It is no time.' })
    }
    const { keyId, model, providerId, serviceId, teamId, tenantId, userId } = filter
    return and(
      gte(usage.hourMs, sinceMs),
      lt(usage.hourMs, untilMs),
      tenantId === undefined ? undefined : eq(usage.tenantId, tenantId),
      teamId === undefined ? undefined : eq(usage.teamId, teamId),
      userId === undefined ? undefined : eq(usage.userId, userId),
      serviceId === undefined ? undefined : eq(usage.serviceId, serviceId),
      keyId === undefined ? undefined : eq(usage.keyId, keyId),
      model === undefined ? undefined : eq(usage.model, model),
      providerId === undefined ? undefined : eq(usage.providerId, providerId),
    )
  }

  private dimension(dimension: UsageDimension): SQL {
    const { usageHourly: usage } = this.store.tables
    switch (dimension) {
      case 'tenant':
        return sql`${usage.tenantId}`
      case 'team':
        return sql`${usage.teamId}`
      case 'user':
        return sql`${usage.userId}`
      case 'service':
        return sql`${usage.serviceId}`
      case 'key':
        return sql`${usage.keyId}`
      case 'model':
        return sql`${usage.model}`
      case 'provider':
        return sql`${usage.providerId}`
      case 'provider_model':
        return sql`${usage.providerModel}`
      case 'operation':
        return sql`${usage.operation}`
      case 'hour':
        return sql`${usage.hourMs}`
      case 'day':
        return sql`${usage.hourMs} - ${usage.hourMs} % ${sql.raw(String(DAY_MS))}`
      case 'month':
        return this.store.database.engine === 'sqlite'
          ? sql`CAST(strftime('%s', ${usage.hourMs} / 1000, 'unixepoch', 'start of month') AS INTEGER) * 1000`
          : sql`CAST(EXTRACT(EPOCH FROM date_trunc('month', to_timestamp(${usage.hourMs} / 1000) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS BIGINT) * 1000`
    }
  }

  private async run<T>(query: PromiseLike<T>): Promise<T> {
    try {
      return await query
    } catch (error) {
      throw toRepositoryError(error)
    }
  }
}

/** A sum is a text in one engine and a number in the other. */
function total(column: SQL | AnyColumn) {
  return sql<number>`COALESCE(SUM(${column}), 0)`.mapWith(Number)
}

/** Times are numbers on both engines, whatever the driver makes of a sum; what a request had none of is null. */
function groupValue(dimension: UsageDimension, value: unknown): string | number | null {
  if (dimension === 'hour' || dimension === 'day' || dimension === 'month') return Number(value)
  return value === '' || typeof value !== 'string' ? null : value
}
