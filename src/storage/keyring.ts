// The keys that columns are sealed with: each lies in the store, wrapped by a master key that never does. Opening the store unwraps them
// and proves that the master key is the right one; sealing goes with the newest, opening with any, so that rotation and several
// processes can go on beside each other.

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { asc, eq } from 'drizzle-orm'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { Logger } from '../core/ports.ts'
import { AuditChain, CHAIN_BEGINNING } from './audit-chain.ts'
import { atomically, type QueryBuilder, type StoreDatabase } from './atomically.ts'
import { StorageError, toRepositoryError } from './errors.ts'
import type { dataKeys } from './schema.sqlite.ts'
import type * as sqliteTables from './schema.sqlite.ts'
import { envelopeKeyId, Sealer, sealKey, type SealKey, type SealPlace } from './seal.ts'

/** Where the check value lies among the settings. */
export const CHECK_KEY = 'master_key_check'
const CHECK_TEXT = 'weir'
const CHECK_PLACE: SealPlace = {
  tenantId: '',
  table: 'settings',
  row: [CHECK_KEY],
  column: 'value',
}
const KEY_BYTES = 32

export type DataKeyRow = typeof dataKeys.$inferSelect

/** Where the keys lie. */
export interface KeyStore {
  readonly database: StoreDatabase
  readonly queries: QueryBuilder
  readonly tables: Pick<typeof sqliteTables, 'settings' | 'dataKeys'>
}

/** The master key in use, and earlier ones that something may still be wrapped by. */
export interface MasterKeys {
  readonly active: SealKey
  readonly old: readonly SealKey[]
}

function wrapPlace(id: string): SealPlace {
  return { tenantId: PLATFORM_TENANT_ID, table: 'data_keys', row: [id], column: 'wrapped' }
}

/** The sealed check value; undefined in a store that was never unlocked. */
export async function readCheck({ queries, tables }: KeyStore): Promise<string | undefined> {
  const { settings } = tables
  const rows = await queries.select().from(settings).where(eq(settings.key, CHECK_KEY))
  return rows[0]?.value
}

/** Keys of one store, unwrapped. */
export class Keyring {
  /** Seals and opens; the same object through all changes. */
  readonly sealer: Sealer
  private readonly store: KeyStore
  private readonly masters: MasterKeys
  private chainKey: KeyObject | undefined

  private constructor(store: KeyStore, masters: MasterKeys) {
    this.store = store
    this.masters = masters
    // Envelopes of releases before there were data keys name the master key itself.
    this.sealer = new Sealer(masters.active, masters.old)
  }

  /**
   * Proves the master keys against the store and unwraps its keys; a store that has none gets them now.
   * @throws StorageError `master_key_wrong`, naming the id of the key that is missing; `seal_broken`
   */
  static async unlock(store: KeyStore, masters: MasterKeys, nowMs: number): Promise<Keyring> {
    const keyring = new Keyring(store, masters)
    await keyring.prove()
    await keyring.create(nowMs)
    await keyring.refresh()
    return keyring
  }

  /** Proves master keys against what a store holds, which is read only. @throws as `unlock` */
  static inspect(check: string, rows: readonly DataKeyRow[], masters: MasterKeys): void {
    checkOpens(check, masters)
    for (const row of rows) unwrap(row, masters)
  }

  /** The key that the audit is chained with: it stays, whatever is rotated. */
  get auditKey(): KeyObject {
    if (this.chainKey === undefined) {
      throw new StorageError('master_key_missing', 'The store has no key for its audit.')
    }
    return this.chainKey
  }

  get masterKeyId(): string {
    return this.masters.active.id
  }

  /** Reads the keys again: another process may have made one. @throws StorageError `master_key_wrong`, `seal_broken` */
  async refresh(): Promise<void> {
    const rows = await this.rows()
    const sealing: SealKey[] = []
    let newest: SealKey | undefined
    for (const row of rows) {
      const key = unwrap(row, this.masters)
      if (row.purpose === 'audit') this.chainKey = key.key
      else sealing.push(key)
      if (row.purpose === 'seal' && row.retiredMs === null) newest = key
    }
    if (newest === undefined) {
      throw new StorageError('master_key_missing', 'The store has no key to seal with.')
    }
    const { active, old } = this.masters
    this.sealer.use(newest, [...old, active, ...sealing])
  }

  /** A new key, wrapped by the master key in use; it is not stored yet. */
  newKey(purpose: DataKeyRow['purpose'], nowMs: number): DataKeyRow {
    const bytes = randomBytes(KEY_BYTES)
    const { id } = sealKey(createSecretKey(bytes))
    return {
      id,
      purpose,
      masterKeyId: this.masters.active.id,
      wrapped: this.wrap(id, bytes),
      createdMs: nowMs,
      retiredMs: null,
    }
  }

  /** The same key wrapped by the master key in use. */
  rewrapped(row: DataKeyRow): Pick<DataKeyRow, 'masterKeyId' | 'wrapped'> {
    const bytes = unwrap(row, this.masters).key.export()
    return { masterKeyId: this.masters.active.id, wrapped: this.wrap(row.id, bytes) }
  }

  /** The check value by the master key in use. */
  newCheck(): { readonly key: string; readonly value: string } {
    return { key: CHECK_KEY, value: new Sealer(this.masters.active).seal(CHECK_TEXT, CHECK_PLACE) }
  }

  /** Every key of the store, oldest first. */
  async rows(): Promise<DataKeyRow[]> {
    const { queries, tables } = this.store
    return await queries
      .select()
      .from(tables.dataKeys)
      .orderBy(asc(tables.dataKeys.createdMs), asc(tables.dataKeys.id))
  }

  private wrap(id: string, bytes: Buffer): string {
    return new Sealer(this.masters.active).seal(bytes.toString('base64'), wrapPlace(id))
  }

  private async prove(): Promise<void> {
    const { database, tables } = this.store
    if ((await readCheck(this.store)) === undefined) {
      // Two processes may start at once on a new store: the first check value stays and both are held to it.
      await atomically(database, (tx) => [
        tx.insert(tables.settings).values(this.newCheck()).onConflictDoNothing(),
      ])
    }
    checkOpens((await readCheck(this.store)) ?? '', this.masters)
  }

  /** Makes the keys a store begins with; of two processes that do so at once the first one's stay. */
  private async create(nowMs: number): Promise<void> {
    const { database, tables } = this.store
    const rows = await this.rows()
    const missing = (['seal', 'audit'] as const).filter(
      (purpose) => !rows.some((row) => row.purpose === purpose),
    )
    if (missing.length === 0) return
    const made = missing.map((purpose) => this.newKey(purpose, nowMs))
    // From the beginning the audit has a mark of where it ends: that all of it was taken away shows too.
    const heads = made
      .filter(({ purpose }) => purpose === 'audit')
      .map((row) => new AuditChain(unwrap(row, this.masters).key).head(CHAIN_BEGINNING))
    await atomically(database, (tx) => [
      tx.insert(tables.settings).values({ key: CREATED_KEY, value: String(nowMs) }),
      ...made.map((row) => tx.insert(tables.dataKeys).values(row)),
      ...heads.map((head) => tx.insert(tables.settings).values(head).onConflictDoNothing()),
    ]).catch(async (error: unknown) => {
      const now = await this.rows()
      if (!missing.every((purpose) => now.some((row) => row.purpose === purpose))) throw error
    })
  }
}

/** Written with the first keys: its primary key lets only one process make them. */
const CREATED_KEY = 'data_keys_created'

function unwrap(row: DataKeyRow, { active, old }: MasterKeys): SealKey {
  const masters = [active, ...old]
  const master = masters.find(({ id }) => id === row.masterKeyId)
  if (master === undefined) {
    const given = masters.map(({ id }) => id).join(', ')
    const message = `The store's keys are wrapped by master key ${row.masterKeyId}, which was not given (given: ${given}). Give it as secrets.master_key, or among secrets.old_keys.`
    throw new StorageError('master_key_wrong', message)
  }
  const text = new Sealer(master).open(row.wrapped, wrapPlace(row.id))
  const key = sealKey(createSecretKey(Buffer.from(text, 'base64')))
  if (key.id === row.id) return key
  throw new StorageError('seal_broken', `The key ${row.id} of the store is another one.`)
}

function checkOpens(check: string, { active, old }: MasterKeys): void {
  const used = envelopeKeyId(check)
  const masters = [active, ...old]
  if (used !== undefined && !masters.some(({ id }) => id === used)) {
    const given = masters.map(({ id }) => id).join(', ')
    const message = `The master key is not the one this database was sealed with (given: ${given}, sealed with: ${used}).`
    throw new StorageError('master_key_wrong', message)
  }
  if (new Sealer(active, old).open(check, CHECK_PLACE) !== CHECK_TEXT) {
    throw new StorageError('master_key_wrong', 'The check value of the master key is not ours.')
  }
}

/**
 * Reads the keys again for what is about to be opened: another process may have rotated them. Where the new ones cannot be had, that is
 * logged, and those that this process has stay good.
 * @throws GatewayError `storage_unavailable`
 */
export async function refreshKeys(keyring: Keyring, logger: Logger): Promise<void> {
  try {
    await keyring.refresh()
  } catch (error) {
    if (!(error instanceof StorageError)) throw toRepositoryError(error)
    logger.error('Secrets cannot be read anew.', { reason: error.message })
  }
}
