// Settings that people change while the program runs, kept beside the facts of the store itself under names of their own. Each change is one
// transaction with its entries in the audit. What a setting means, and whether the file has the last word, is not known here.

import { inArray } from 'drizzle-orm'
import type { Actor, AuditEvent } from '../core/audit.ts'
import { PLATFORM_TENANT_ID } from '../core/identity.ts'
import type { JsonValue } from '../core/json.ts'
import type { SettingValues, StoredSettingsRepository } from '../core/ports.ts'
import type { ControlDatabase } from './control-database.ts'
import { beginsWith } from './key-prefix.ts'

const PREFIX = 'setting:'

/** Settings of one store; see the port for the contract. */
export class StoredSettings implements StoredSettingsRepository {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  async all(): Promise<SettingValues> {
    const { settings } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(settings).where(beginsWith(settings.key, PREFIX)),
    )
    return Object.fromEntries(
      rows.map(({ key, value }) => [key.slice(PREFIX.length), JSON.parse(value) as JsonValue]),
    )
  }

  async change(values: Readonly<Record<string, JsonValue>>, by: Actor): Promise<boolean> {
    const { settings } = this.database.tables
    const done = await this.database.change(by, async () => {
      const before = await this.all()
      const changed = Object.entries(values).filter(
        ([path, value]) => JSON.stringify(before[path] ?? null) !== JSON.stringify(value),
      )
      if (changed.length === 0) return undefined
      const gone = changed.filter(([, value]) => value === null).map(([path]) => PREFIX + path)
      return {
        events: changed.map(([path, value]) => event(path, before[path], value)),
        build: (tx) => [
          ...changed
            .filter(([, value]) => value !== null)
            .map(([path, value]) => {
              const text = JSON.stringify(value)
              return tx
                .insert(settings)
                .values({ key: PREFIX + path, value: text })
                .onConflictDoUpdate({ target: settings.key, set: { value: text } })
            }),
          ...(gone.length === 0 ? [] : [tx.delete(settings).where(inArray(settings.key, gone))]),
        ],
      }
    })
    return done !== undefined
  }
}

function event(path: string, before: JsonValue | undefined, after: JsonValue): AuditEvent {
  return {
    tenantId: PLATFORM_TENANT_ID,
    action: 'settings.update',
    target: { kind: 'setting', id: path },
    ...(before === undefined ? {} : { before: { value: before } }),
    ...(after === null ? {} : { after: { value: after } }),
  }
}
