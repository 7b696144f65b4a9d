// What reports of usage look like outside: JSON and CSV, for the admin API and for commands alike. Pure.

import type { JsonObject } from './json.ts'
import { NANO_PER_USD } from './nano-usd.ts'
import type { UsageDimension, UsageRow } from './ports-money.ts'

/** Columns of a report behind those it is grouped by. */
export const USAGE_COLUMNS = [
  'requests',
  'errors',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost_usd',
  'unpriced_requests',
  'estimated_requests',
  'response_hits',
  'saved_usd',
] as const

const TIMES: ReadonlySet<UsageDimension> = new Set<UsageDimension>(['hour', 'day', 'month'])

/** A value of a dimension: a time as ISO 8601, null for none. */
export function groupText(dimension: UsageDimension, value: string | number | null): string | null {
  if (!TIMES.has(dimension)) return value === null ? null : String(value)
  const iso = new Date(Number(value)).toISOString()
  if (dimension === 'hour') return `${iso.slice(0, 13)}:00Z`
  return dimension === 'day' ? iso.slice(0, 10) : iso.slice(0, 7)
}

/** Whole nano-dollars in dollars with nine digits, exact. */
export function usdText(nanoUsd: number): string {
  const digits = String(Math.abs(nanoUsd)).padStart(10, '0')
  return `${nanoUsd < 0 ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`
}

/** The amounts of a row in the order of `USAGE_COLUMNS`, money as text. */
export function usageValues(row: UsageRow): readonly (number | string)[] {
  return [
    row.requests,
    row.errors,
    row.inputTokens,
    row.cacheReadTokens,
    row.cacheWriteTokens,
    row.outputTokens,
    row.reasoningTokens,
    usdText(row.costNanoUsd),
    row.unpricedRequests,
    row.estimatedRequests,
    row.responseHits,
    usdText(row.savedNanoUsd),
  ]
}

/** A row with its dimensions by their names. */
export function usageJson(groupBy: readonly UsageDimension[], row: UsageRow): JsonObject {
  return {
    ...Object.fromEntries(
      groupBy.map((dimension, at) => [dimension, groupText(dimension, row.group[at] ?? null)]),
    ),
    requests: row.requests,
    errors: row.errors,
    input_tokens: row.inputTokens,
    cache_read_tokens: row.cacheReadTokens,
    cache_write_tokens: row.cacheWriteTokens,
    output_tokens: row.outputTokens,
    reasoning_tokens: row.reasoningTokens,
    cost_usd: row.costNanoUsd / NANO_PER_USD,
    unpriced_requests: row.unpricedRequests,
    estimated_requests: row.estimatedRequests,
    response_hits: row.responseHits,
    saved_usd: row.savedNanoUsd / NANO_PER_USD,
  }
}
