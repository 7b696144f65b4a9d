// The repository of clients' API keys: hashes and what people recognise a key by, never a key. Each change is one transaction with its
// entry in the audit.

import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { ApiKey } from '../core/catalog.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { ListAsked, ListPart } from '../core/list-page.ts'
import type { KeyFilter, KeysAside, KeySort } from '../core/ports-keys.ts'
import type { ApiKeyChange, ApiKeyRepository, NewApiKey } from '../core/ports.ts'
import { assignmentEvent, type AssignmentRow } from './assignment-rows.ts'
import type { ControlDatabase } from './control-database.ts'
import { keyConditions } from './key-filter.ts'
import { readPlaces, type ListedRows } from './list-reader.ts'
import type { apiKeys } from './schema.sqlite.ts'

type Row = typeof apiKeys.$inferSelect

function toApiKey(row: Row): ApiKey {
  return {
    id: row.id,
    origin: 'store',
    tenantId: row.tenantId,
    name: row.name,
    hash: row.hash,
    prefix: row.prefix,
    lastFour: row.lastFour,
    createdMs: row.createdMs,
    ...(row.expiresMs === null ? {} : { expiresMs: row.expiresMs }),
    ...(row.revokedMs === null ? {} : { revokedMs: row.revokedMs }),
    ...(row.disabled ? { disabled: true } : {}),
    ...(row.owner === null ? {} : { owner: row.owner }),
    ...(row.models === null ? {} : { models: row.models }),
    ...(row.actions === null ? {} : { actions: row.actions }),
    ...(row.roles === null ? {} : { roles: row.roles }),
    ...(row.allowedFrom === null ? {} : { allowedFrom: row.allowedFrom }),
    ...(row.own === null ? {} : { own: row.own }),
    ...(row.replacedBy === null ? {} : { replacedBy: row.replacedBy }),
  }
}

function toRow(key: NewApiKey): Row {
  return {
    id: key.id,
    tenantId: key.tenantId,
    name: key.name,
    hash: key.hash,
    prefix: key.prefix,
    lastFour: key.lastFour,
    createdMs: key.createdMs,
    expiresMs: key.expiresMs ?? null,
    revokedMs: null,
    disabled: false,
    owner: key.owner ?? null,
    models: key.models ?? null,
    actions: key.actions ?? null,
    roles: key.roles ?? null,
    allowedFrom: key.allowedFrom ?? null,
    own: key.own ?? null,
    replacedBy: null,
    updatedMs: null,
  }
}

/** A key as the audit has it: whole but for its hash, which is as good as a name and no more. */
function shown(row: Row): Record<string, unknown> {
  const { hash: _hash, ...rest } = row
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
}

/** A change of a key in the audit. */
export function keyEvent(
  action: AuditEvent['action'],
  before: Row | undefined,
  after: Row | undefined,
): AuditEvent {
  const row = (after ?? before)!
  return {
    tenantId: row.tenantId,
    action,
    target: { kind: 'key', id: row.id },
    ...(before === undefined ? {} : { before: shown(before) }),
    ...(after === undefined ? {} : { after: shown(after) }),
  }
}

/** API keys of one store; see the port for the contract. */
export class ApiKeys implements ApiKeyRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** Throws GatewayError 409 `already_exists` when the id or the hash is taken, in any tenant. */
  async create(key: NewApiKey, by: Actor): Promise<ApiKey> {
    const { apiKeys } = this.database.tables
    const row = toRow(key)
    await this.database.change(by, () => ({
      events: [keyEvent('key.create', undefined, row)],
      build: (tx) => [tx.insert(apiKeys).values(row)],
    }))
    return toApiKey(row)
  }

  async list(tenantId: string): Promise<ApiKey[]> {
    const { apiKeys } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(apiKeys)
        .where(eq(apiKeys.tenantId, tenantId))
        .orderBy(asc(apiKeys.createdMs), asc(apiKeys.id)),
    )
    return rows.map(toApiKey)
  }

  async page(
    tenantId: string,
    filter: KeyFilter,
    asked: ListAsked<KeySort>,
    aside: KeysAside,
  ): Promise<ListPart<ApiKey>> {
    const { database } = this
    const { apiKeys } = database.tables
    const { createdMs: indexed, id } = apiKeys
    const where = and(eq(apiKeys.tenantId, tenantId), ...keyConditions(database, filter))
    const list = { table: apiKeys, where, id, indexed, ...this.listed(asked.sort, aside) }
    const found = await readPlaces(database, list, asked)
    const { places, total } = found
    const ids = places.map(([, placeId]) => placeId)
    const rows = await this.rowsOf(tenantId, ids)
    return { rows: rows.map(toApiKey), end: found.hasMore ? (places.at(-1) ?? null) : null, total }
  }

  async find(tenantId: string, id: string): Promise<ApiKey | undefined> {
    const row = await this.row(tenantId, id)
    return row === undefined ? undefined : toApiKey(row)
  }

  async update(
    tenantId: string,
    id: string,
    change: ApiKeyChange | ((key: ApiKey) => ApiKeyChange),
    by: Actor,
  ): Promise<ApiKey | undefined> {
    return this.changeRow(tenantId, id, by, 'key.update', (row, nowMs) => {
      if (row.revokedMs !== null) return undefined
      const values = typeof change === 'function' ? change(toApiKey(row)) : change
      return { ...row, ...values, updatedMs: nowMs }
    })
  }

  /** What was assigned to the key is assigned to its successor too, in the same transaction: denials above all. */
  async rotate(
    tenantId: string,
    id: string,
    successor: NewApiKey,
    overlapEndsMs: number,
    by: Actor,
  ): Promise<ApiKey | undefined> {
    const { apiKeys, assignments } = this.database.tables
    const next = toRow({ ...successor, tenantId })
    const results = await this.database.change(by, async () => {
      const row = await this.row(tenantId, id)
      if (row === undefined || row.revokedMs !== null || row.replacedBy !== null) return undefined
      const expiresMs = Math.min(row.expiresMs ?? overlapEndsMs, overlapEndsMs)
      const after = { ...row, expiresMs, replacedBy: next.id, updatedMs: next.createdMs }
      const given = await this.assignedTo(row, next)
      return {
        events: [
          keyEvent('key.rotate', row, after),
          keyEvent('key.create', undefined, next),
          ...given.map((each) => assignmentEvent('assignment.create', each)),
        ],
        build: (tx) => [
          tx
            .update(apiKeys)
            .set({ expiresMs, replacedBy: next.id, updatedMs: next.createdMs })
            .where(and(this.one(tenantId, id), isNull(apiKeys.replacedBy))),
          tx.insert(apiKeys).values(next),
          ...given.map((each) => tx.insert(assignments).values(each)),
        ],
      }
    })
    return results === undefined ? undefined : toApiKey(next)
  }

  async revoke(
    tenantId: string,
    id: string,
    revokedMs: number,
    by: Actor,
  ): Promise<ApiKey | undefined> {
    const revoked = await this.changeRow(tenantId, id, by, 'key.revoke', (row) =>
      row.revokedMs === null ? { ...row, revokedMs, updatedMs: revokedMs } : undefined,
    )
    return revoked ?? (await this.find(tenantId, id))
  }

  async all(): Promise<ApiKey[]> {
    const { apiKeys } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(apiKeys).orderBy(asc(apiKeys.createdMs), asc(apiKeys.id)),
    )
    return rows.map(toApiKey)
  }

  private listed(sort: KeySort, aside: KeysAside): Pick<ListedRows, 'sort' | 'texts'> {
    const { createdMs, expiresMs, id, lastFour, models, name, owner, prefix } =
      this.database.tables.apiKeys
    const sorts: Readonly<Record<KeySort, ListedRows['sort']>> = {
      name: { text: sql`${name}` },
      created: { number: createdMs },
      expires: { number: expiresMs },
      last_used: { aside: (keyId) => aside.lastUsedMs(keyId) ?? null },
    }
    const texts = {
      columns: { id, name, prefix, lastFour, owner, models },
      of: (held: Readonly<Record<string, unknown>>) => {
        const row = held as Pick<Row, 'id' | 'name' | 'prefix' | 'lastFour' | 'owner' | 'models'>
        return [
          row.id,
          row.name,
          row.prefix + row.lastFour,
          row.lastFour,
          ...(row.owner === null ? [] : [row.owner.id, aside.ownerName(row.owner)]),
          ...(row.models ?? []),
        ]
      },
    }
    return { sort: sorts[sort], texts }
  }

  /** In this order; without those that are gone. */
  private async rowsOf(tenantId: string, ids: readonly string[]): Promise<Row[]> {
    if (ids.length === 0) return []
    const { apiKeys } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(apiKeys)
        .where(and(eq(apiKeys.tenantId, tenantId), inArray(apiKeys.id, [...ids]))),
    )
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.flatMap((id) => byId.get(id) ?? [])
  }

  private one(tenantId: string, id: string) {
    const { apiKeys } = this.database.tables
    return and(eq(apiKeys.tenantId, tenantId), eq(apiKeys.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { apiKeys } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(apiKeys).where(this.one(tenantId, id)),
    )
    return rows[0]
  }

  /** Assignments of a key, in its tenant and over the whole installation, as those of another one. */
  private async assignedTo({ id, tenantId }: Row, next: Row): Promise<AssignmentRow[]> {
    const { assignments } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(assignments)
        .where(
          and(
            inArray(assignments.tenantId, [tenantId, PLATFORM_TENANT_ID]),
            eq(assignments.assigneeKind, 'key'),
            eq(assignments.assigneeId, id),
          ),
        ),
    )
    const createdMs = next.createdMs
    return rows.map((row) => ({ ...row, id: Bun.randomUUIDv7(), assigneeId: next.id, createdMs }))
  }

  private async changeRow(
    tenantId: string,
    id: string,
    by: Actor,
    action: AuditEvent['action'],
    change: (row: Row, nowMs: number) => Row | undefined,
  ): Promise<ApiKey | undefined> {
    const { apiKeys } = this.database.tables
    let changed: Row | undefined
    await this.database.change(by, async () => {
      const row = await this.row(tenantId, id)
      const after = row === undefined ? undefined : change(row, this.database.nowMs())
      changed = after
      if (row === undefined || after === undefined) return undefined
      const { id: _id, tenantId: _tenantId, ...values } = after
      return {
        events: [keyEvent(action, row, after)],
        build: (tx) => [tx.update(apiKeys).set(values).where(this.one(tenantId, id))],
      }
    })
    return changed === undefined ? undefined : toApiKey(changed)
  }
}
