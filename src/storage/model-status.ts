// The repository of what providers list: each model with its state, kept when it is gone. A look that brings nothing new writes
// nothing, since every write to the control data wakes all replicas.

import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { ModelFacts, ModelState, ProviderModel } from '../core/model-status.ts'
import type { ModelStatusRepository } from '../core/ports.ts'
import type { ControlDatabase } from './control-database.ts'
import type { providerModels } from './schema.sqlite.ts'

type Row = typeof providerModels.$inferSelect

/** One model as a list has it. */
export interface SeenModel {
  readonly model: string
  readonly state?: ModelState
  readonly facts: ModelFacts
}

/** Rows or names in one statement: eight parameters each stay below the engines' 32,766. */
const ROWS_PER_STATEMENT = 500

function toModel(row: Row): ProviderModel {
  return {
    providerId: row.providerId,
    model: row.model,
    state: row.state,
    facts: row.facts,
    firstSeenMs: row.firstSeenMs,
    lastSeenMs: row.lastSeenMs,
    ...(row.goneMs === null ? {} : { goneMs: row.goneMs }),
  }
}

/** What one look changes, as names and rows. */
interface Changes {
  /** New ones, and those whose state or facts are others now. */
  readonly rows: readonly Row[]
  readonly gone: readonly string[]
  readonly forgotten: readonly string[]
  /** The last look was written long ago. */
  readonly isStale: boolean
}

function changesOf(
  known: ReadonlyMap<string, Row>,
  seen: ReadonlyMap<string, SeenModel>,
  at: { readonly tenantId: string; readonly providerId: string; readonly nowMs: number },
  isWhole: boolean,
): Changes {
  const { nowMs, ...owner } = at
  const rows: Row[] = []
  let isStale = false
  for (const { facts, model, state = 'available' } of seen.values()) {
    const row = known.get(model)
    if (row !== undefined && nowMs - row.lastSeenMs >= LIMITS.modelLastSeenIntervalMs)
      isStale = true
    if (row?.state === state && Bun.deepEquals(row.facts, facts)) continue
    const firstSeenMs = row?.firstSeenMs ?? nowMs
    rows.push({ ...owner, model, state, facts, firstSeenMs, lastSeenMs: nowMs, goneMs: null })
  }
  const gone: string[] = []
  const goneBefore: Row[] = []
  const unseen: Row[] = []
  for (const row of known.values()) {
    if (seen.has(row.model)) continue
    if (row.state === 'gone') goneBefore.push(row)
    else if (isWhole) gone.push(row.model)
    else unseen.push(row)
  }
  const added = rows.filter((row) => !known.has(row.model)).length
  const excess = Math.max(0, known.size + added - LIMITS.modelStatusRowsMax)
  goneBefore.sort((one, other) => (one.goneMs ?? 0) - (other.goneMs ?? 0))
  unseen.sort((one, other) => one.lastSeenMs - other.lastSeenMs)
  const forgotten = [...goneBefore, ...unseen].slice(0, excess).map((row) => row.model)
  return { rows, gone, forgotten, isStale }
}

function inParts<T>(values: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let at = 0; at < values.length; at += ROWS_PER_STATEMENT) {
    parts.push(values.slice(at, at + ROWS_PER_STATEMENT))
  }
  return parts
}

/** Models of providers in one store; see the port for the contract. */
export class ModelStatuses implements ModelStatusRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async all(tenantId: string): Promise<ProviderModel[]> {
    const { providerModels } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(providerModels)
        .where(eq(providerModels.tenantId, tenantId))
        .orderBy(asc(providerModels.providerId), asc(providerModels.model)),
    )
    return rows.map(toModel)
  }

  async seen(
    tenantId: string,
    providerId: string,
    models: readonly SeenModel[],
    nowMs: number,
    isWhole = true,
  ): Promise<void> {
    const known = await this.rowsOf(tenantId, providerId)
    // A name that is listed twice is one model: the first says what it is.
    const seen = new Map(models.toReversed().map((each) => [each.model, each]))
    const changes = changesOf(known, seen, { tenantId, providerId, nowMs }, isWhole)
    await this.write(tenantId, providerId, changes, { models: [...seen.keys()], nowMs, isWhole })
  }

  private async rowsOf(tenantId: string, providerId: string): Promise<Map<string, Row>> {
    const { providerModels } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(providerModels)
        .where(
          and(eq(providerModels.tenantId, tenantId), eq(providerModels.providerId, providerId)),
        ),
    )
    return new Map(rows.map((row) => [row.model, row]))
  }

  private async write(
    tenantId: string,
    providerId: string,
    { forgotten, gone, isStale, rows }: Changes,
    look: { readonly models: readonly string[]; readonly nowMs: number; readonly isWhole: boolean },
  ): Promise<void> {
    if (!isStale && rows.length + gone.length + forgotten.length === 0) return
    const { providerModels } = this.database.tables
    const { nowMs } = look
    const ofProvider = and(
      eq(providerModels.tenantId, tenantId),
      eq(providerModels.providerId, providerId),
    )
    const named = (names: readonly string[]) =>
      and(ofProvider, inArray(providerModels.model, [...names]))
    // Those of a whole list are all that are not gone; of a part, only its own were seen.
    const touched = look.isWhole ? [undefined] : inParts(look.models)
    await this.database.writeUnheard((tx) => [
      ...inParts(gone).map((names) =>
        tx
          .update(providerModels)
          .set({ state: 'gone', goneMs: nowMs })
          // Another replica may have marked it first: then its time stays.
          .where(and(named(names), ne(providerModels.state, 'gone'))),
      ),
      ...inParts(forgotten).map((names) => tx.delete(providerModels).where(named(names))),
      ...inParts(rows).map((part) =>
        tx
          .insert(providerModels)
          .values(part)
          .onConflictDoUpdate({
            target: [providerModels.tenantId, providerModels.providerId, providerModels.model],
            set: {
              state: sql`excluded.state`,
              facts: sql`excluded.facts`,
              lastSeenMs: sql`excluded.last_seen_ms`,
              goneMs: null,
            },
          }),
      ),
      ...touched.map((names) =>
        tx
          .update(providerModels)
          .set({ lastSeenMs: nowMs })
          .where(
            and(names === undefined ? ofProvider : named(names), ne(providerModels.state, 'gone')),
          ),
      ),
    ])
  }
}
