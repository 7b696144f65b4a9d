// Totals of each hour and the last use of each key, written with the rows they sum. One statement for each line of the totals that a batch
// touches: most batches touch few.

import type { Outcome } from '../core/outcome.ts'
import {
  rollupAmounts,
  rollupKey,
  type RollupAmounts,
  type RollupKey,
} from '../core/usage-rollup.ts'
import { compareText } from './budget-keys.ts'
import type { LogCompanion, LogStatement } from './log-companion.ts'

/** Columns of `usage_hourly` by the names they have in the core; both lists in the order of the statement. */
export const KEY_COLUMNS = {
  hourMs: 'hour_ms',
  tenantId: 'tenant_id',
  teamId: 'team_id',
  userId: 'user_id',
  serviceId: 'service_id',
  keyId: 'key_id',
  model: 'model',
  providerId: 'provider_id',
  providerModel: 'provider_model',
  operation: 'operation',
} as const satisfies Record<keyof RollupKey, string>

export const AMOUNT_COLUMNS = {
  requests: 'requests',
  errors: 'errors',
  inputTokens: 'input_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWrite5mTokens: 'cache_write_5m_tokens',
  cacheWrite1hTokens: 'cache_write_1h_tokens',
  outputTokens: 'output_tokens',
  reasoningTokens: 'reasoning_tokens',
  inputAudioTokens: 'input_audio_tokens',
  outputAudioTokens: 'output_audio_tokens',
  costNanoUsd: 'cost_nano_usd',
  unpricedRequests: 'unpriced_requests',
  estimatedRequests: 'estimated_requests',
  totalMs: 'total_ms',
  serverErrors: 'server_errors',
  fallbacks: 'fallbacks',
  cacheHits: 'cache_hits',
  firstTokenMs: 'first_token_ms',
  firstTokenRequests: 'first_token_requests',
  responseHits: 'response_hits',
  savedNanoUsd: 'saved_nano_usd',
} as const satisfies Record<keyof RollupAmounts, string>

const KEYS = Object.keys(KEY_COLUMNS) as (keyof RollupKey)[]
const AMOUNTS = Object.keys(AMOUNT_COLUMNS) as (keyof RollupAmounts)[]
const ALL = [...Object.values(KEY_COLUMNS), ...Object.values(AMOUNT_COLUMNS)]

const ADD = `INSERT INTO usage_hourly (${ALL.join(', ')}) VALUES (${ALL.map((_name, at) => `$${at + 1}`).join(', ')})
ON CONFLICT (${Object.values(KEY_COLUMNS).join(', ')}) DO UPDATE SET ${Object.values(AMOUNT_COLUMNS)
  .map((name) => `${name} = usage_hourly.${name} + excluded.${name}`)
  .join(', ')}`

const USED = `INSERT INTO key_uses (tenant_id, key_id, last_used_ms) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, key_id) DO UPDATE SET last_used_ms = excluded.last_used_ms WHERE key_uses.last_used_ms < excluded.last_used_ms`

interface Line {
  readonly name: string
  readonly key: RollupKey
  readonly amounts: RollupAmounts
}

/** Counts requests. */
export class UsageCompanion implements LogCompanion {
  readonly name = 'usage'

  statementsFor(batch: readonly Outcome[]): readonly LogStatement[] {
    return [...totals(batch), ...uses(batch)]
  }
}

function totals(batch: readonly Outcome[]): LogStatement[] {
  const lines = new Map<string, Line>()
  let line: Line | undefined
  for (const outcome of batch) {
    const key = rollupKey(outcome)
    const amounts = rollupAmounts(outcome)
    // Neighbours mostly go to one line: then no name is made.
    if (line === undefined || !isSame(line.key, key)) {
      const name = JSON.stringify(KEYS.map((column) => key[column]))
      const known = lines.get(name)
      if (known === undefined) {
        line = { name, key, amounts }
        lines.set(name, line)
        continue
      }
      line = known
    }
    for (const column of AMOUNTS) line.amounts[column] += amounts[column]
  }
  const sorted = [...lines.values()].toSorted((a, b) => compareText(a.name, b.name))
  return sorted.map(({ amounts, key }) => ({
    text: ADD,
    values: [...KEYS.map((column) => key[column]), ...AMOUNTS.map((column) => amounts[column])],
  }))
}

function isSame(a: RollupKey, b: RollupKey): boolean {
  return KEYS.every((column) => a[column] === b[column])
}

interface Use {
  readonly tenantId: string
  readonly keyId: string
  timestampMs: number
}

function uses(batch: readonly Outcome[]): LogStatement[] {
  const last = new Map<string, Use>()
  let use: Use | undefined
  for (const { apiKeyId, tenantId, timestampMs } of batch) {
    if (apiKeyId === undefined) continue
    if (use?.keyId !== apiKeyId || use.tenantId !== tenantId) {
      const name = JSON.stringify([tenantId, apiKeyId])
      use = last.get(name)
      if (use === undefined) {
        use = { tenantId, keyId: apiKeyId, timestampMs }
        last.set(name, use)
      }
    }
    if (use.timestampMs < timestampMs) use.timestampMs = timestampMs
  }
  return [...last]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([, { keyId, tenantId, timestampMs }]) => ({
      text: USED,
      values: [tenantId, keyId, timestampMs],
    }))
}
