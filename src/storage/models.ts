// The repository of models: aliases with their targets, which have a table of their own and are replaced as a whole.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Model, Target } from '../core/catalog.ts'
import type { Clock, ModelRepository } from '../core/ports.ts'
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

  async all(): Promise<Model[]> {
    const { models, targets } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(models).orderBy(asc(models.tenantId), asc(models.id)),
    )
    const targetRows = await this.database.read((db) =>
      db.select().from(targets).orderBy(asc(targets.position)),
    )
    const byModel = Map.groupBy(targetRows, (row) => JSON.stringify([row.tenantId, row.modelId]))
    return rows.map((row) =>
      toModel(row, (byModel.get(JSON.stringify([row.tenantId, row.id])) ?? []).map(toTarget)),
    )
  }

  async save(tenantId: string, model: Model, by: Actor): Promise<void> {
    const { models, targets } = this.database.tables
    const nowMs = this.clock.nowMs()
    const values = {
      defaults: { ...model.defaults },
      losses: model.losses,
      contextWindow: model.contextWindow ?? null,
      price: model.price ?? null,
      routing: model.routing ?? null,
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
    }))
    await this.database.change(by, async () => ({
      events: [modelEvent('model.save', tenantId, await this.find(tenantId, model.id), model)],
      build: (tx) => [
        tx
          .insert(models)
          .values({ tenantId, id: model.id, createdMs: nowMs, ...values })
          .onConflictDoUpdate({ target: [models.tenantId, models.id], set: values }),
        tx
          .delete(targets)
          .where(and(eq(targets.tenantId, tenantId), eq(targets.modelId, model.id))),
        ...targetRows.map((row) => tx.insert(targets).values(row)),
      ],
    }))
  }

  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { models } = this.database.tables
    const done = await this.database.change(by, async () => {
      const model = await this.find(tenantId, id)
      if (model === undefined) return undefined
      return {
        events: [modelEvent('model.delete', tenantId, model, undefined)],
        build: (tx) => [
          tx.delete(models).where(and(eq(models.tenantId, tenantId), eq(models.id, id))),
        ],
      }
    })
    return done !== undefined
  }

  private async find(tenantId: string, id: string): Promise<Model | undefined> {
    const { models, targets } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(models)
        .where(and(eq(models.tenantId, tenantId), eq(models.id, id))),
    )
    const row = rows[0]
    if (row === undefined) return undefined
    const targetRows = await this.database.read((db) =>
      db
        .select()
        .from(targets)
        .where(and(eq(targets.tenantId, tenantId), eq(targets.modelId, id)))
        .orderBy(asc(targets.position)),
    )
    return toModel(row, targetRows.map(toTarget))
  }
}
