// The repository of clients' API keys: hashes and what people recognise a key by, never a key.

import { and, asc, eq, sql } from 'drizzle-orm'
import type { ApiKey } from '../core/catalog.ts'
import type { ApiKeyRepository, NewApiKey } from '../core/ports.ts'
import type { ControlDatabase } from './control-database.ts'
import type { apiKeys } from './schema.sqlite.ts'

function toApiKey(row: typeof apiKeys.$inferSelect): ApiKey {
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
    ...(row.models === null ? {} : { models: row.models }),
    ...(row.roles === null ? {} : { roles: row.roles }),
  }
}

/** API keys of one store; see the port for the contract. */
export class ApiKeys implements ApiKeyRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** Throws GatewayError 409 `already_exists` when the id or the hash is taken, in any tenant. */
  async create(key: NewApiKey): Promise<ApiKey> {
    const { apiKeys } = this.database.tables
    const values = {
      id: key.id,
      tenantId: key.tenantId,
      name: key.name,
      hash: key.hash,
      prefix: key.prefix,
      lastFour: key.lastFour,
      createdMs: key.createdMs,
      expiresMs: key.expiresMs ?? null,
      models: key.models ?? null,
      roles: key.roles ?? null,
    }
    await this.database.write((tx) => [tx.insert(apiKeys).values(values)])
    return toApiKey({ ...values, revokedMs: null })
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

  async revoke(tenantId: string, id: string, revokedMs: number): Promise<ApiKey | undefined> {
    const { apiKeys } = this.database.tables
    const [rows] = await this.database.write((tx) => [
      tx
        .update(apiKeys)
        .set({ revokedMs: sql`coalesce(${apiKeys.revokedMs}, ${revokedMs})` })
        .where(and(eq(apiKeys.tenantId, tenantId), eq(apiKeys.id, id)))
        .returning(),
    ])
    const row = rows[0]
    return row === undefined ? undefined : toApiKey(row)
  }

  async all(): Promise<ApiKey[]> {
    const { apiKeys } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(apiKeys).orderBy(asc(apiKeys.createdMs), asc(apiKeys.id)),
    )
    return rows.map(toApiKey)
  }
}
