// The keys of stored providers, one by one: shown by their last four, added, replaced, set aside and taken away. A secret is sealed before
// it reaches a query; opening it is the repository's of whole providers.

import { and, asc, eq, sql } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import type { ProviderKey } from '../core/catalog.ts'
import type { Clock, MaskedKey } from '../core/ports.ts'
import type { ControlDatabase } from './control-database.ts'
import { keyEvent, lastFour } from './provider-audit.ts'
import type { Sealer, SealPlace } from './seal.ts'

export function keyPlace(tenantId: string, providerId: string, keyId: string): SealPlace {
  return { tenantId, table: 'provider_keys', row: [providerId, keyId], column: 'sealed_secret' }
}

function drainingEvent(
  tenantId: string,
  providerId: string,
  { draining: was, id, lastFour: end }: MaskedKey,
  draining: boolean,
): AuditEvent {
  const before = { lastFour: end, draining: was }
  const after = { lastFour: end, draining }
  return keyEvent('provider_key.update', tenantId, [providerId, id], before, after)
}

/** What a repository of providers does with single keys; see the port for the contract. */
export class ProviderKeys {
  protected readonly database: ControlDatabase
  protected readonly sealer: Sealer
  protected readonly clock: Clock

  constructor(database: ControlDatabase, sealer: Sealer, clock: Clock) {
    this.database = database
    this.sealer = sealer
    this.clock = clock
  }

  async maskedKeys(tenantId: string, providerId: string): Promise<MaskedKey[]> {
    const { providerKeys } = this.database.tables
    return this.database.read((db) =>
      db
        .select({
          id: providerKeys.id,
          lastFour: providerKeys.lastFour,
          draining: providerKeys.draining,
          createdMs: providerKeys.createdMs,
        })
        .from(providerKeys)
        .where(and(eq(providerKeys.tenantId, tenantId), eq(providerKeys.providerId, providerId)))
        .orderBy(asc(providerKeys.position)),
    )
  }

  async addKey(
    tenantId: string,
    providerId: string,
    key: ProviderKey,
    by: Actor,
    replacedId?: string,
  ): Promise<boolean> {
    const { providers, providerKeys } = this.database.tables
    const ofProvider = and(
      eq(providerKeys.tenantId, tenantId),
      eq(providerKeys.providerId, providerId),
    )
    const done = await this.database.change(by, async () => {
      const known = await this.database.read((db) =>
        db
          .select({ id: providers.id })
          .from(providers)
          .where(and(eq(providers.tenantId, tenantId), eq(providers.id, providerId))),
      )
      const same = await this.maskedKey(tenantId, providerId, key.id)
      const replaced =
        replacedId === undefined
          ? undefined
          : await this.maskedKey(tenantId, providerId, replacedId)
      const isMissing = replacedId !== undefined && replaced === undefined
      if (known.length === 0 || same !== undefined || isMissing) return undefined
      const after = { lastFour: lastFour(key.secret), draining: key.draining === true }
      const drained = replaced?.draining === false ? replaced : undefined
      return {
        events: [
          keyEvent('provider_key.create', tenantId, [providerId, key.id], undefined, after),
          ...(drained === undefined ? [] : [drainingEvent(tenantId, providerId, drained, true)]),
        ],
        build: (tx) => [
          ...(drained === undefined
            ? []
            : [
                tx
                  .update(providerKeys)
                  .set({ draining: true })
                  .where(this.oneKey(tenantId, providerId, drained.id)),
              ]),
          tx.insert(providerKeys).values({
            tenantId,
            providerId,
            id: key.id,
            position: sql`(SELECT coalesce(max(${providerKeys.position}), -1) + 1 FROM ${providerKeys} WHERE ${ofProvider})`,
            sealedSecret: this.sealer.seal(key.secret, keyPlace(tenantId, providerId, key.id)),
            lastFour: lastFour(key.secret),
            draining: key.draining === true,
            createdMs: this.clock.nowMs(),
          }),
        ],
      }
    })
    return done !== undefined
  }

  async setKeyDraining(
    tenantId: string,
    providerId: string,
    keyId: string,
    draining: boolean,
    by: Actor,
  ): Promise<boolean> {
    const { providerKeys } = this.database.tables
    let isThere = false
    await this.database.change(by, async () => {
      const key = await this.maskedKey(tenantId, providerId, keyId)
      isThere = key !== undefined
      if (key === undefined || key.draining === draining) return undefined
      return {
        events: [drainingEvent(tenantId, providerId, key, draining)],
        build: (tx) => [
          tx
            .update(providerKeys)
            .set({ draining })
            .where(this.oneKey(tenantId, providerId, keyId)),
        ],
      }
    })
    return isThere
  }

  async removeKey(
    tenantId: string,
    providerId: string,
    keyId: string,
    by: Actor,
    even?: 'the last',
  ): Promise<boolean> {
    const { providerKeys } = this.database.tables
    const done = await this.database.change(by, async () => {
      const keys = await this.maskedKeys(tenantId, providerId)
      const key = keys.find(({ id }) => id === keyId)
      // Of two who retire one each, the second is asked again and sees what the first left.
      const hasOthers = keys.some(({ draining, id }) => id !== keyId && !draining)
      if (key === undefined || (even === undefined && !hasOthers)) return undefined
      const before = { lastFour: key.lastFour, draining: key.draining }
      return {
        events: [keyEvent('provider_key.delete', tenantId, [providerId, keyId], before, undefined)],
        build: (tx) => [tx.delete(providerKeys).where(this.oneKey(tenantId, providerId, keyId))],
      }
    })
    return done !== undefined
  }

  private async maskedKey(
    tenantId: string,
    providerId: string,
    keyId: string,
  ): Promise<MaskedKey | undefined> {
    const keys = await this.maskedKeys(tenantId, providerId)
    return keys.find(({ id }) => id === keyId)
  }

  private oneKey(tenantId: string, providerId: string, keyId: string) {
    const { providerKeys } = this.database.tables
    return and(
      eq(providerKeys.tenantId, tenantId),
      eq(providerKeys.providerId, providerId),
      eq(providerKeys.id, keyId),
    )
  }
}
