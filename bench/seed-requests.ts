// A request log as a team leaves it within a month: many rows, written in bulk with their totals, so that searches can be measured over
// them. The rows are made by a fixed sequence of numbers, and so are the same each time; only measures use it.

import { Database } from 'bun:sqlite'
import type { Outcome } from '../src/core/outcome.ts'
import { INSERT_REQUEST, requestValues } from '../src/storage/log-row.ts'
import { INSERT_REQUESTS, requestJson } from '../src/storage/postgres-log-row.ts'
import type { PostgresPool } from '../src/storage/postgres-pool.ts'
import { UsageCompanion } from '../src/storage/usage-companion.ts'

const MINUTE_MS = 60_000
export const SEEDED_SPAN_MS = 30 * 24 * 60 * MINUTE_MS
const BATCH_ROWS = 20_000

export const SEEDED = {
  models: ['fast', 'smart', 'cheap', 'vision', 'code', 'embed', 'long', 'trial'],
  /** Asked for a handful of times in all. */
  rareModel: 'once-in-a-while',
  providers: ['openai', 'anthropic', 'azure', 'gemini', 'ollama'],
  users: Array.from({ length: 40 }, (_item, at) => `user-${at}`),
  tenants: ['default', 'research'],
} as const

/** Numbers in [0, 1), the same each time (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** @param endMs the rows lie in the month before */
export function* seededOutcomes(rows: number, endMs: number): Generator<Outcome> {
  const random = numbers(7)
  for (let at = 0; at < rows; at += 1) {
    const timestampMs = Math.floor(endMs - SEEDED_SPAN_MS + (at / rows) * SEEDED_SPAN_MS)
    const isRare = at % 50_021 === 77
    const who = Math.floor(random() ** 2 * SEEDED.users.length)
    const user = SEEDED.users[who]!
    // Everybody has a model they mostly use and two others, and a model has its provider but for what it falls back to.
    const which = (who + Math.floor(random() ** 3 * 3)) % SEEDED.models.length
    const model = isRare ? SEEDED.rareModel : SEEDED.models[which]!
    const other = random() < 0.03 ? 1 : 0
    const providerId = SEEDED.providers[(which + other) % SEEDED.providers.length]!
    const fate = random()
    const status = fate < 0.96 ? 200 : fate < 0.98 ? 429 : fate < 0.99 ? 502 : 400
    const totalMs = Math.floor(200 + random() ** 4 * 20_000)
    const attempt = {
      providerId,
      model: `${model}-1`,
      mode: 'relay' as const,
      status,
      durationMs: totalMs - 2,
      startedMs: 1,
    }
    const isFailed = status >= 400
    const logId = uuidAt(timestampMs, random)
    yield {
      logId,
      timestampMs,
      tenantId: who % 10 === 9 ? SEEDED.tenants[1] : SEEDED.tenants[0],
      requestId: `req_${uuidAt(timestampMs, random).replaceAll('-', '')}`,
      direction: 'inbound',
      endpoint: '/v1/chat/completions',
      clientFormat: random() < 0.8 ? 'openai-chat' : 'anthropic',
      operation: model === 'embed' ? 'embedding' : 'chat',
      stream: random() < 0.6,
      status,
      losses: random() < 0.05 ? [{ feature: 'top_k', path: 'top_k', action: 'dropped' }] : [],
      attempts:
        random() < 0.03
          ? [{ ...attempt, status: 503, error: 'upstream_error' }, attempt]
          : [attempt],
      totalMs,
      providerMs: totalMs - 2,
      requestBytes: Math.floor(400 + random() * 20_000),
      responseBytes: Math.floor(300 + random() * 4_000),
      apiKeyHash: 'f'.repeat(64),
      apiKeyId: `key-${user}`,
      userId: user,
      teamId: `team-${user.length}`,
      userAgent: 'OpenAI/Python 1.0',
      modelRequested: model,
      modelResolved: `${model}-1`,
      providerId,
      mode: 'relay',
      ...(isFailed
        ? { errorKind: 'upstream_error', errorText: `The provider answered ${status}.` }
        : {
            finish: 'stop',
            firstTokenMs: Math.floor(totalMs * 0.2),
            usage: {
              inputTokens: Math.floor(random() * 3_000),
              cacheReadTokens: random() < 0.2 ? 1_024 : 0,
              outputTokens: Math.floor(random() * 700),
            },
            costNanoUsd: Math.floor(random() ** 6 * 50_000_000),
          }),
    }
  }
}

function uuidAt(timestampMs: number, random: () => number): string {
  const time = timestampMs.toString(16).padStart(12, '0')
  const hex = (digits: number) =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-8${hex(3)}-${hex(12)}`
}

function* batches(rows: number, endMs: number, size: number): Generator<Outcome[]> {
  let batch: Outcome[] = []
  for (const outcome of seededOutcomes(rows, endMs)) {
    batch.push(outcome)
    if (batch.length === size) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

/** Fills the log database of a store that nobody has open. */
export function seedSqlite(path: string, rows: number, endMs: number): void {
  const database = new Database(path, { readwrite: true, create: false })
  const companion = new UsageCompanion()
  database.run('PRAGMA synchronous = OFF')
  const insert = database.prepare(INSERT_REQUEST)
  for (const batch of batches(rows, endMs, BATCH_ROWS)) {
    database.run('BEGIN')
    for (const outcome of batch) insert.run(...requestValues(outcome))
    for (const { text, values } of companion.statementsFor(batch)) {
      database.query(text).run(...values)
    }
    database.run('COMMIT')
  }
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

/** Fills a database whose schema is there; its months must be made before. */
export async function seedPostgres(pool: PostgresPool, rows: number, endMs: number): Promise<void> {
  const companion = new UsageCompanion()
  for (const batch of batches(rows, endMs, BATCH_ROWS)) {
    await pool.transaction(async (tx) => {
      await tx.query('SET LOCAL synchronous_commit = off')
      await tx.query(INSERT_REQUESTS, [`[${batch.map(requestJson).join(',')}]`])
      for (const { text, values } of companion.statementsFor(batch)) await tx.query(text, values)
    })
  }
  await pool.query('VACUUM ANALYZE requests')
  await pool.query('ANALYZE usage_hourly')
}
