// Limits counted in Postgres where there is no Redis: one function of the database that counts for a whole batch of requests in one
// statement (see migrations/postgres/0003_limits.sql), on a connection of its own so that nothing else is ever waited for. One batch
// at a time: those that come meanwhile go together with the next.

import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import type { LimitVerdict } from '../core/ports-money.ts'
import { batchWords, verdictsIn, type LimitBackend, type LimitBatch } from './limit-exchange.ts'
import { PostgresPool } from './postgres-pool.ts'
import { shownPostgres, type PostgresLocation, type ServerTimeouts } from './postgres-options.ts'

export interface PostgresLimitsOptions {
  readonly location: PostgresLocation
  readonly logger: Logger
  /** As of the store's own connections; undefined behind a pooler that takes none. */
  readonly timeouts?: ServerTimeouts | undefined
  /** The time in milliseconds, in place of Postgres' own; for tests of what a clock does. */
  readonly nowMs?: () => number
  /** How long an answer is waited for, in place of core/limits.ts'; for tests of what is not about time. */
  readonly answerMs?: number
}

/** Rows of what is over that are deleted at once. */
const PRUNE_ROWS = 1_000

const PRUNE = ['limit_counters', 'limit_holders'].map(
  (table) =>
    `DELETE FROM ${table} WHERE ctid IN (SELECT ctid FROM ${table} WHERE expires_ms < extract(epoch FROM clock_timestamp()) * 1000 - $1 LIMIT ${PRUNE_ROWS} FOR UPDATE SKIP LOCKED)`,
)

export class PostgresLimits implements LimitBackend {
  readonly name = 'postgres'
  readonly host: string
  readonly inFlightMax = 1
  private readonly options: PostgresLimitsOptions
  private readonly pool: PostgresPool
  private readonly pruning: ReturnType<typeof setInterval>

  /** Connects when first asked. */
  constructor(options: PostgresLimitsOptions) {
    this.options = options
    this.host = shownPostgres(options.location.url)
    this.pool = new PostgresPool(options.location, {
      connections: 1,
      logger: options.logger,
      ...('timeouts' in options ? { timeouts: options.timeouts } : {}),
      answerTimeoutMs: options.answerMs ?? LIMITS.redisAnswerMs,
    })
    this.pruning = setInterval(() => void this.prune(), LIMITS.limitPruneIntervalMs)
    this.pruning.unref()
  }

  /** It is asked again on its own: a connection is made for each question where there is none. */
  onReady(): void {}

  suspect(): void {
    this.pool.renew('limits were not counted')
  }

  async exchange(batch: LimitBatch): Promise<readonly LimitVerdict[]> {
    const { keys, spans, words } = batchWords(batch)
    const nowMs = this.options.nowMs?.() ?? null
    const [row] = await this.pool.query<{ answer: string }>(
      'SELECT weir_limits($1::double precision, $2, $3::text::text[], $4::text::double precision[], $5::text::text[]) AS answer',
      [nowMs, LIMITS.limitLeaseMs, arrayText(keys), `{${spans.join(',')}}`, arrayText(words)],
    )
    return verdictsIn(row?.answer.split(','), batch)
  }

  async close(): Promise<void> {
    clearInterval(this.pruning)
    await this.pool.close()
  }

  /** Deletes what is over; each replica does, and none waits for another. */
  private async prune(): Promise<void> {
    try {
      for (const statement of PRUNE) await this.pool.query(statement, [LIMITS.limitLeaseMs])
    } catch (error) {
      this.options.logger.debug('Counters of limits that are over were not deleted.', {
        error: error instanceof Error ? error.name : 'unknown',
      })
    }
  }
}

/** An array as Postgres reads it: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function arrayText(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`
}
