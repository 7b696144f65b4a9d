// The repository of providers and their keys. Everything that is or may hold a secret (keys, header values, the proxy's
// password) is sealed before it reaches a query and opened only on the way to memory.

import { and, asc, eq, notInArray, type SQL } from 'drizzle-orm'
import type { Actor } from '../core/audit.ts'
import type { Provider } from '../core/catalog.ts'
import type { Clock, Logger, ProviderRepository, ProviderToSave } from '../core/ports.ts'
import {
  lastFour,
  MASKED,
  providerEvent,
  shownProvider,
  withoutNulls,
  type Shown,
} from './provider-audit.ts'
import { keyPlace, ProviderKeys } from './provider-keys.ts'
import { checkBaseUrl, checkKeys, given, optionsOf, splitOptions } from './provider-options.ts'
import type { ControlDatabase } from './control-database.ts'
import { StorageError } from './errors.ts'
import { refreshKeys, type Keyring } from './keyring.ts'
import type { providerKeys, providers } from './schema.sqlite.ts'
import type { SealPlace } from './seal.ts'
import type { StoredSecrets } from './stored-network.ts'

type ProviderRow = typeof providers.$inferSelect
type KeyRow = typeof providerKeys.$inferSelect

function providerPlace(tenantId: string, id: string, column: string): SealPlace {
  return { tenantId, table: 'providers', row: [id], column }
}

/** Providers of one store; see the port for the contract. */
export class Providers extends ProviderKeys implements ProviderRepository {
  private readonly keyring: Keyring
  private readonly logger: Logger

  constructor(database: ControlDatabase, keyring: Keyring, clock: Clock, logger: Logger) {
    super(database, keyring.sealer, clock)
    this.keyring = keyring
    this.logger = logger
  }

  /**
   * Every provider with its keys opened. One with a value that does not open is left out and reported: it must neither be used
   * without the key nor keep the others from being used.
   */
  async all(): Promise<Provider[]> {
    return await this.read(undefined, undefined)
  }

  async ofTenant(tenantId: string): Promise<Provider[]> {
    const { providers, providerKeys } = this.database.tables
    return await this.read(eq(providers.tenantId, tenantId), eq(providerKeys.tenantId, tenantId))
  }

  async find(tenantId: string, id: string): Promise<Provider | undefined> {
    const { providers, providerKeys } = this.database.tables
    const [found] = await this.read(
      and(eq(providers.tenantId, tenantId), eq(providers.id, id)),
      and(eq(providerKeys.tenantId, tenantId), eq(providerKeys.providerId, id)),
    )
    return found
  }

  private async read(which: SQL | undefined, whichKeys: SQL | undefined): Promise<Provider[]> {
    const { providers, providerKeys } = this.database.tables
    const [rows, keyRows] = await this.database.readTogether((db) => [
      db.select().from(providers).where(which).orderBy(asc(providers.tenantId), asc(providers.id)),
      db.select().from(providerKeys).where(whichKeys).orderBy(asc(providerKeys.position)),
    ])
    await refreshKeys(this.keyring, this.logger)
    const byProvider = Map.groupBy(keyRows, (row) => JSON.stringify([row.tenantId, row.providerId]))
    const result: Provider[] = []
    for (const row of rows) {
      const keys = byProvider.get(JSON.stringify([row.tenantId, row.id])) ?? []
      try {
        result.push(this.openProvider(row, keys))
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        this.logger.error('A provider is not used: its sealed data does not open.', {
          tenantId: row.tenantId,
          providerId: row.id,
          reason: error.message,
        })
      }
    }
    return result
  }

  async save(tenantId: string, provider: ProviderToSave, by: Actor): Promise<void> {
    checkBaseUrl(provider.baseUrl)
    checkKeys(provider)
    const { providers, providerKeys } = this.database.tables
    const nowMs = this.clock.nowMs()
    const values = this.sealProvider(tenantId, provider, nowMs)
    const ofProvider = and(
      eq(providerKeys.tenantId, tenantId),
      eq(providerKeys.providerId, provider.id),
    )
    const keyRows = provider.keys?.map((key, position) => ({
      tenantId,
      providerId: provider.id,
      id: key.id,
      position,
      sealedSecret: this.sealer.seal(key.secret, keyPlace(tenantId, provider.id, key.id)),
      lastFour: lastFour(key.secret),
      draining: key.draining === true,
      createdMs: nowMs,
    }))
    const keptIds = keyRows?.map((row) => row.id) ?? []
    await this.database.change(by, async () => ({
      events: [
        providerEvent(
          'provider.save',
          tenantId,
          provider.id,
          await this.shown(tenantId, provider.id),
          shownProvider(provider),
        ),
      ],
      build: (tx) => [
        tx
          .insert(providers)
          .values({ tenantId, id: provider.id, createdMs: nowMs, ...values })
          .onConflictDoUpdate({ target: [providers.tenantId, providers.id], set: values }),
        ...(keyRows === undefined
          ? []
          : [
              tx.delete(providerKeys).where(and(ofProvider, notInArray(providerKeys.id, keptIds))),
              ...keyRows.map((row) =>
                tx
                  .insert(providerKeys)
                  .values(row)
                  .onConflictDoUpdate({
                    target: [providerKeys.tenantId, providerKeys.providerId, providerKeys.id],
                    set: {
                      position: row.position,
                      sealedSecret: row.sealedSecret,
                      lastFour: row.lastFour,
                      draining: row.draining,
                    },
                  }),
              ),
            ]),
      ],
    }))
  }

  async remove(tenantId: string, id: string, by: Actor): Promise<boolean> {
    const { providers } = this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.shown(tenantId, id)
      if (before === undefined) return undefined
      return {
        events: [providerEvent('provider.delete', tenantId, id, before, undefined)],
        build: (tx) => [
          tx.delete(providers).where(and(eq(providers.tenantId, tenantId), eq(providers.id, id))),
        ],
      }
    })
    return done !== undefined
  }

  /** A provider as the audit has it; undefined when there is none. Nothing is opened for it: what is sealed is only named. */
  private async shown(tenantId: string, id: string): Promise<Shown | undefined> {
    const { providers } = this.database.tables
    const rows = await this.database.read((db) =>
      db
        .select()
        .from(providers)
        .where(and(eq(providers.tenantId, tenantId), eq(providers.id, id))),
    )
    const row = rows[0]
    if (row === undefined) return undefined
    const {
      createdMs: _created,
      sealedHeaders,
      sealedProxy,
      sealedSecrets,
      updatedMs: _updated,
      ...rest
    } = row
    const keys = await this.maskedKeys(tenantId, id)
    return {
      ...withoutNulls(rest),
      ...(sealedProxy === null ? {} : { proxy: MASKED }),
      ...(sealedHeaders === null ? {} : { headers: MASKED }),
      ...(sealedSecrets === null ? {} : { secrets: MASKED }),
      keys: keys.map((key) => ({ id: key.id, lastFour: key.lastFour, draining: key.draining })),
    }
  }

  private sealProvider(
    tenantId: string,
    provider: ProviderToSave,
    nowMs: number,
  ): Omit<ProviderRow, 'tenantId' | 'id' | 'createdMs'> {
    const { proxy, key, keyPassphrase, allowPrivateProxy: _follows, ...network } = provider.network
    const { options, secrets } = splitOptions(provider, given({ key, keyPassphrase }))
    const seal = (text: string, column: string): string =>
      this.sealer.seal(text, providerPlace(tenantId, provider.id, column))
    const hasHeaders = Object.keys(provider.headers).length > 0
    return {
      type: provider.type,
      baseUrl: provider.baseUrl,
      compatible: provider.compatible ?? null,
      apiVersion: provider.apiVersion ?? null,
      timeouts: provider.timeouts,
      retries: provider.retries,
      network,
      sealedProxy: proxy === undefined ? null : seal(proxy, 'sealed_proxy'),
      sealedHeaders: hasHeaders ? seal(JSON.stringify(provider.headers), 'sealed_headers') : null,
      options: Object.keys(options).length === 0 ? null : options,
      sealedSecrets:
        Object.keys(secrets).length === 0 ? null : seal(JSON.stringify(secrets), 'sealed_secrets'),
      updatedMs: nowMs,
    }
  }

  private openProvider(row: ProviderRow, keyRows: readonly KeyRow[]): Provider {
    const open = (envelope: string, column: string): string =>
      this.sealer.open(envelope, providerPlace(row.tenantId, row.id, column))
    const proxy = row.sealedProxy === null ? {} : { proxy: open(row.sealedProxy, 'sealed_proxy') }
    const headers =
      row.sealedHeaders === null
        ? {}
        : (JSON.parse(open(row.sealedHeaders, 'sealed_headers')) as Record<string, string>)
    const secrets: StoredSecrets =
      row.sealedSecrets === null
        ? {}
        : (JSON.parse(open(row.sealedSecrets, 'sealed_secrets')) as StoredSecrets)
    const { keyPassphrase, networkKey } = secrets
    return {
      id: row.id,
      tenantId: row.tenantId,
      type: row.type,
      origin: 'store',
      baseUrl: row.baseUrl,
      ...(row.compatible === null ? {} : { compatible: row.compatible }),
      ...(row.apiVersion === null ? {} : { apiVersion: row.apiVersion }),
      keys: keyRows.map((key) => ({
        id: key.id,
        secret: this.sealer.open(key.sealedSecret, keyPlace(row.tenantId, row.id, key.id)),
        ...(key.draining ? { draining: true } : {}),
      })),
      timeouts: row.timeouts,
      retries: row.retries,
      network: { ...row.network, ...proxy, ...given({ key: networkKey, keyPassphrase }) },
      headers,
      ...optionsOf(row.options, secrets),
    }
  }
}
