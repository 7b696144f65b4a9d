// The repository of services: programs that own keys, or that an issuer's tokens name.

import { and, asc, eq } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { Service } from '../core/identity.ts'
import type { ServiceRepository } from '../core/ports-people.ts'
import { recallNames } from '../core/recall.ts'
import type { ControlDatabase } from './control-database.ts'
import { dependentsOf } from './dependents.ts'
import { recallQueries } from './logins.ts'
import { changeEvent, checkId, checkName, refused, requireTenant } from './people-rows.ts'
import type { services } from './schema.sqlite.ts'

type Row = typeof services.$inferSelect

const CLIENT_ID_CHARS_MAX = 300

export function toService(row: Row): Service {
  const { clientId, createdMs, id, issuer, name, status, tenantId } = row
  return {
    tenantId,
    id,
    name,
    status,
    createdMs,
    ...(issuer === null ? {} : { issuer }),
    ...(clientId === null ? {} : { clientId }),
  }
}

function event(action: AuditEvent['action'], before?: Row, after?: Row): AuditEvent {
  const { id, tenantId } = (after ?? before)!
  return changeEvent(action, { tenantId, kind: 'service', id }, before, after)
}

function checkClient({ clientId, issuer }: Pick<Service, 'clientId' | 'issuer'>): void {
  if ((clientId === undefined) !== (issuer === undefined)) {
    throw refused('client_id', 'An issuer and what it calls the service belong together.')
  }
  if (clientId === undefined) return
  if (clientId.trim() === '' || clientId.length > CLIENT_ID_CHARS_MAX) {
    throw refused('client_id', `A client id has 1 to ${CLIENT_ID_CHARS_MAX} characters.`)
  }
}

/** Services of one store; see the port for the contract. */
export class Services implements ServiceRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** @throws GatewayError 409 `already_exists` when the id or, in any tenant, the client is known; 404 for a tenant there is not */
  async create(service: Omit<Service, 'status'>, by: Actor): Promise<Service> {
    const { services } = this.database.tables
    const { clientId = null, createdMs, id, issuer = null, name, tenantId } = service
    checkId(id)
    checkName(name)
    checkClient(service)
    const times = { createdMs, updatedMs: createdMs }
    const row: Row = { tenantId, id, name, issuer, clientId, status: 'active', ...times }
    await this.database.change(by, async () => {
      await requireTenant(this.database, tenantId)
      return {
        events: [event('service.create', undefined, row)],
        build: (tx) => [tx.insert(services).values(row)],
      }
    })
    return toService(row)
  }

  async list(tenantId: string): Promise<Service[]> {
    const { services } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(services).where(eq(services.tenantId, tenantId)).orderBy(asc(services.id)),
    )
    return rows.map(toService)
  }

  async update(
    tenantId: string,
    id: string,
    change: { readonly name?: string; readonly status?: Service['status'] },
    by: Actor,
  ): Promise<Service | undefined> {
    if (change.name !== undefined) checkName(change.name)
    const { services } = this.database.tables
    let after: Row | undefined
    await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const { name = before.name, status = before.status } = change
      const values = { name, status, updatedMs: this.database.nowMs() }
      after = { ...before, ...values }
      return {
        events: [event('service.update', before, after)],
        build: (tx) => [tx.update(services).set(values).where(this.one(tenantId, id))],
      }
    })
    return after === undefined ? undefined : toService(after)
  }

  /** Tokens of before are taken back: else the next request with one would make the service anew. */
  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { tables } = this.database
    const { services } = tables
    const done = await this.database.change(by, async () => {
      const before = await this.row(tenantId, id)
      if (before === undefined) return undefined
      const dependents = await dependentsOf(this.database, tenantId, 'service', id)
      const { clientId, issuer } = before
      const isNamed = issuer !== null && clientId !== null
      const names = isNamed ? recallNames({ issuerId: issuer, subject: clientId }) : []
      const nowMs = this.database.nowMs()
      return {
        events: [...dependents.events, event('service.delete', before)],
        build: (tx) => [
          ...dependents.build(tx),
          tx.delete(services).where(this.one(tenantId, id)),
          ...recallQueries(tx, tables, names, nowMs),
        ],
      }
    })
    return done !== undefined
  }

  private one(tenantId: string, id: string) {
    const { services } = this.database.tables
    return and(eq(services.tenantId, tenantId), eq(services.id, id))
  }

  private async row(tenantId: string, id: string): Promise<Row | undefined> {
    const { services } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(services).where(this.one(tenantId, id)),
    )
    return rows[0]
  }
}
