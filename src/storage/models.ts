// The repository of models: aliases with their targets, which have a table of their own and are replaced as a whole.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Model, Target } from '../core/catalog.ts'
import type { Clock, ModelRepository } from '../core/ports.ts'
import type { AtomicQuery, QueryBuilder } from './atomically.ts'
import type { ControlDatabase } from './control-database.ts'
import type { models, targets } from './schema.sqlite.ts'

function toModel(row: typeof models.$inferSelect, modelTargets: readonly Target[]): Model {
  return {
    id: row.id,
    tenantId: row.tenantId,
    origin: 'store',
    targets: modelTargets,
    defaults: row.defaults,
    losses: row.losses,
    ...(row.contextWindow === null ? {} : { contextWindow: row.contextWindow }),
    ...(row.price === null ? {} : { price: row.price }),
    ...(row.routing === null ? {} : { routing: row.routing }),
    ...(row.cache === null ? {} : { cache: row.cache }),
    ...(row.access === null ? {} : { access: row.access }),
    ...(row.priceChanges === null ? {} : { priceChanges: row.priceChanges }),
  }
}

function toTarget(row: typeof targets.$inferSelect): Target {
  return {
    providerId: row.providerId,
    model: row.model,
    order: row.order,
    weight: row.weight,
    ...(row.tags === null ? {} : { tags: row.tags }),
    ...(row.abilities === null ? {} : { abilities: row.abilities }),
    ...(row.overrides === null ? {} : { overrides: row.overrides }),
  }
}

/** A model is all that the audit shows of it: it holds no secret. */
function modelEvent(
  action: 'model.save' | 'model.delete',
  tenantId: string,
  before: Model | undefined,
  after: Model | undefined,
): AuditEvent {
  return {
    tenantId,
    action,
    target: { kind: 'model', id: (after ?? before)?.id ?? '' },
    ...(before === undefined ? {} : { before: { ...before } }),
    ...(after === undefined ? {} : { after: { ...after, tenantId } }),
  }
}

/** Models of one store; see the port for the contract. */
export class Models implements ModelRepository {
  private readonly database: ControlDatabase
  private readonly clock: Clock

  constructor(database: ControlDatabase, clock: Clock) {
    this.database = database
    this.clock = clock
  }

  all(): Promise<Model[]> {
    return this.several(undefined)
  }

  list(tenantId: string): Promise<Model[]> {
    return this.several(tenantId)
  }

  async change(
    tenantId: string,
    id: string,
    by: Actor,
    plan: (before: Model | undefined) => Model | undefined,
  ): Promise<Model | undefined> {
    let after: Model | undefined
    await this.database.change(by, async () => {
      const before = await this.find(tenantId, id)
      after = plan(before)
      if (after === undefined) {
        if (before === undefined) return undefined
        return {
          events: [modelEvent('model.delete', tenantId, before, undefined)],
          build: (tx) => this.removal(tx, tenantId, id),
        }
      }
      const model: Model = { ...after, id, tenantId, origin: 'store' }
      after = model
      return {
        events: [modelEvent('model.save', tenantId, before, model)],
        build: (tx) => this.writing(tx, tenantId, model),
      }
    })
    return after
  }

  async save(tenantId: string, model: Model, by: Actor): Promise<void> {
    await this.change(tenantId, model.id, by, () => model)
  }

  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    let isThere = false
    await this.change(tenantId, id, by, (before) => {
      isThere = before !== undefined
      return undefined
    })
    return isThere
  }

  async find(tenantId: string, id: string): Promise<Model | undefined> {
    const [found] = await this.several(tenantId, id)
    return found
  }

  private removal(tx: QueryBuilder, tenantId: string, id: string): AtomicQuery[] {
    const { models } = this.database.tables
    return [tx.delete(models).where(and(eq(models.tenantId, tenantId), eq(models.id, id)))]
  }

  /** The model as it is to be, its targets as a whole. */
  private writing(tx: QueryBuilder, tenantId: string, model: Model): AtomicQuery[] {
    const { models, targets } = this.database.tables
    const nowMs = this.clock.nowMs()
    const values = {
      defaults: { ...model.defaults },
      losses: model.losses,
      contextWindow: model.contextWindow ?? null,
      price: model.price ?? null,
      routing: model.routing ?? null,
      cache: model.cache ?? null,
      access: model.access ?? null,
      priceChanges: model.priceChanges ?? null,
      updatedMs: nowMs,
    }
    const targetRows = model.targets.map((target, position) => ({
      tenantId,
      modelId: model.id,
      position,
      providerId: target.providerId,
      model: target.model,
      order: target.order,
      weight: target.weight,
      tags: target.tags ?? null,
      abilities: target.abilities ?? null,
      overrides: target.overrides === undefined ? null : { ...target.overrides },
    }))
    return [
      tx
        .insert(models)
        .values({ tenantId, id: model.id, createdMs: nowMs, ...values })
        .onConflictDoUpdate({ target: [models.tenantId, models.id], set: values }),
      tx.delete(targets).where(and(eq(targets.tenantId, tenantId), eq(targets.modelId, model.id))),
      ...targetRows.map((row) => tx.insert(targets).values(row)),
    ]
  }

  /** @param tenantId absent: of all tenants */
  private async several(tenantId: string | undefined, id?: string): Promise<Model[]> {
    const { models, targets } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(models)
        .where(
          and(
            tenantId === undefined ? undefined : eq(models.tenantId, tenantId),
            id === undefined ? undefined : eq(models.id, id),
          ),
        )
        .orderBy(asc(models.tenantId), asc(models.id)),
    )
    if (rows.length === 0) return []
    const targetRows = await this.database.read((db) =>
      db
        .select()
        .from(targets)
        .where(
          and(
            tenantId === undefined ? undefined : eq(targets.tenantId, tenantId),
            id === undefined ? undefined : eq(targets.modelId, id),
          ),
        )
        .orderBy(asc(targets.position)),
    )
    const byModel = Map.groupBy(targetRows, (row) => JSON.stringify([row.tenantId, row.modelId]))
    return rows.map((row) =>
      toModel(row, (byModel.get(JSON.stringify([row.tenantId, row.id])) ?? []).map(toTarget)),
    )
  }
}
