// Reads of the request log, always of one tenant. Writing is the log writer's alone.

import { and, asc, count, desc, eq, gt, gte, lt, lte, or, type SQL } from 'drizzle-orm'
import { GatewayError } from '../core/error.ts'
import type { Usage } from '../core/ir/usage.ts'
import type { Outcome } from '../core/outcome.ts'
import type { RequestFilter, RequestRepository, StoredRequest } from '../core/ports.ts'
import type { QueryBuilder } from './atomically.ts'
import { toRepositoryError } from './errors.ts'
import { logMs } from './log-row.ts'
import { unpackBodies } from './packed-bodies.ts'
import type { Settled } from './postgres-following.ts'
import * as sqliteTables from './schema-log.sqlite.ts'

/** Each engine has its own; Postgres' are cast to SQLite's, which schema.test.ts makes safe. */
export type LogTables = Pick<
  typeof sqliteTables,
  'requests' | 'requestBodies' | 'contentObjects' | 'kept'
>

export type RequestRow = typeof sqliteTables.requests.$inferSelect

/** Most rows of one answer. */
const ROWS_MAX = 1_000
/** Statuses from here on are errors. */
const ERROR_STATUS_MIN = 400

type Present<T> = { [K in keyof T]?: Exclude<T[K], null> }

/** A copy without the members that are null: the domain says absent where a table says null. */
function withoutNulls<T extends object>(row: T): Present<T> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Present<T>
}

function toUsage(row: RequestRow): Usage | undefined {
  const usage: Usage = withoutNulls({
    inputTokens: row.inputTokens,
    cacheReadTokens: row.cacheReadTokens,
    cacheWrite5mTokens: row.cacheWrite5mTokens,
    cacheWrite1hTokens: row.cacheWrite1hTokens,
    outputTokens: row.outputTokens,
    reasoningTokens: row.reasoningTokens,
    inputAudioTokens: row.inputAudioTokens,
    outputAudioTokens: row.outputAudioTokens,
    estimated: row.usageEstimated,
  })
  return Object.keys(usage).length === 0 ? undefined : usage
}

/** A row of bodies as the engine gives it. */
export interface BodyRow {
  readonly requestBody: string | null
  readonly responseBody: string | null
  readonly providerRequestBody: string | null
  readonly providerResponseBody: string | null
  readonly packed: Uint8Array | null
  readonly objectKey: string | null
}

/** A request with its bodies unpacked, or with where they lie. Bodies that are damaged take no request with them. */
export async function withBodies(stored: StoredRequest, row: BodyRow): Promise<StoredRequest> {
  const { objectKey, packed, ...plain } = row
  if (packed === null && objectKey !== null) return { ...stored, objectKey }
  try {
    const bodies = packed === null ? withoutNulls(plain) : await unpackBodies(packed)
    return { ...stored, outcome: { ...stored.outcome, ...bodies } }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { ...stored, isContentDamaged: true }
  }
}

/** A row as the domain has it, without bodies. */
export function toStoredRequest(row: RequestRow): StoredRequest {
  const usage = toUsage(row)
  const outcome: Outcome = {
    logId: row.logId,
    timestampMs: row.timestampMs,
    tenantId: row.tenantId,
    requestId: row.requestId,
    direction: row.direction,
    endpoint: row.endpoint,
    clientFormat: row.clientFormat,
    operation: row.operation,
    stream: row.stream,
    status: row.status,
    losses: row.losses,
    attempts: row.attempts,
    totalMs: row.totalMs,
    requestBytes: row.requestBytes,
    responseBytes: row.responseBytes,
    ...withoutNulls({
      traceId: row.traceId,
      apiKeyHash: row.apiKeyHash,
      apiKeyId: row.apiKeyId,
      errorKind: row.errorKind,
      errorText: row.errorText,
      modelRequested: row.modelRequested,
      modelResolved: row.modelResolved,
      providerId: row.providerId,
      mode: row.mode,
      finish: row.finish,
      costNanoUsd: row.costNanoUsd,
      providerMs: row.providerMs,
      firstTokenMs: row.firstTokenMs,
      userAgent: row.userAgent,
      userId: row.userId,
      teamId: row.teamId,
      serviceId: row.serviceId,
      route: row.route,
      queuedMs: row.queuedMs,
      guardrails: row.guardrails,
      cache: row.cache,
    }),
    ...(usage === undefined ? {} : { usage }),
  }
  return { sequence: row.sequence, outcome }
}

/** The request log of one store; see the port for the contract. */
export class Requests implements RequestRepository {
  private readonly db: QueryBuilder
  private readonly tables: LogTables
  private readonly settled: Settled

  /** @param settled where several processes write: how far a reader may go and pass over no row */
  constructor(db: QueryBuilder, tables: LogTables = sqliteTables, settled?: Settled) {
    this.db = db
    this.tables = tables
    this.settled = settled ?? (() => Promise.resolve(undefined))
  }

  /** With `afterSequence` the next rows, oldest first; without it the newest, newest first. Bodies are left out. */
  async list(filter: RequestFilter): Promise<StoredRequest[]> {
    const { requests } = this.tables
    const limit = Math.min(Math.max(0, Math.trunc(filter.limit)), ROWS_MAX)
    const following = filter.afterSequence !== undefined
    const order = following
      ? [asc(requests.sequence)]
      : [desc(requests.timestampMs), desc(requests.sequence)]
    const last = following ? await this.run(this.settled()) : undefined
    const rows = await this.run(
      this.db
        .select()
        .from(requests)
        .where(
          and(
            this.condition(filter),
            last === undefined ? undefined : lte(requests.sequence, last),
          ),
        )
        .orderBy(...order)
        .limit(limit),
    )
    return rows.map((row) => toStoredRequest(row))
  }

  /** One row, with its bodies where they were kept. */
  async byLogId(tenantId: string, logId: string): Promise<StoredRequest | undefined> {
    const { requests, requestBodies } = this.tables
    const rows = await this.run(
      this.db
        .select({ request: requests, bodies: requestBodies })
        .from(requests)
        .leftJoin(requestBodies, eq(requestBodies.sequence, requests.sequence))
        .where(
          and(
            eq(requests.logMs, logMs(logId)),
            eq(requests.logId, logId),
            eq(requests.tenantId, tenantId),
          ),
        )
        .limit(1),
    )
    const row = rows[0]
    if (row === undefined) return undefined
    const stored = toStoredRequest(row.request)
    if (row.bodies === null) return stored
    const { sequence: _s, tenantId: _t, timestampMs: _m, ...bodies } = row.bodies
    return await withBodies(stored, bodies)
  }

  async count(tenantId: string): Promise<number> {
    const { requests } = this.tables
    const rows = await this.run(
      this.db.select({ rows: count() }).from(requests).where(eq(requests.tenantId, tenantId)),
    )
    return rows[0]?.rows ?? 0
  }

  private condition(filter: RequestFilter): SQL | undefined {
    const { requests } = this.tables
    const conditions: (SQL | undefined)[] = [eq(requests.tenantId, filter.tenantId)]
    if (filter.afterSequence !== undefined) {
      conditions.push(gt(requests.sequence, filter.afterSequence))
    }
    if (filter.sinceMs !== undefined) conditions.push(gte(requests.timestampMs, filter.sinceMs))
    if (filter.status === 'ok') conditions.push(lt(requests.status, ERROR_STATUS_MIN))
    if (filter.status === 'error') conditions.push(gte(requests.status, ERROR_STATUS_MIN))
    if (filter.keyId !== undefined) conditions.push(eq(requests.apiKeyId, filter.keyId))
    if (filter.model !== undefined) {
      const { model } = filter
      conditions.push(or(eq(requests.modelRequested, model), eq(requests.modelResolved, model)))
    }
    return and(...conditions)
  }

  private async run<T>(query: PromiseLike<T>): Promise<T> {
    try {
      return await query
    } catch (error) {
      throw toRepositoryError(error)
    }
  }
}
