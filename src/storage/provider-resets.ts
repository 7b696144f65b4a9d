// Providers that somebody has said are well again, for the processes that were not asked: one row each among the facts of the store, so that
// the change watcher of either engine brings it to every replica without a Redis. What a reset does to circuits and keys is not known here.

import { and, lt } from 'drizzle-orm'
import { LIMITS } from '../core/limits.ts'
import type { ProviderReset } from '../core/provider-reset.ts'
import type { ControlDatabase } from './control-database.ts'
import { beginsWith } from './key-prefix.ts'

const PREFIX = 'provider_reset:'
/** Digits of a wall clock until the year 2286: so texts that begin with one stand in its order. */
const CLOCK_DIGITS = 13

/** Resets of one store: the last of each provider, for as long as a replica may not have heard of it. */
export class ProviderResets {
  private readonly database: ControlDatabase

  constructor(database: ControlDatabase) {
    this.database = database
  }

  /** Throws GatewayError `storage_unavailable`. */
  async all(): Promise<readonly ProviderReset[]> {
    const { settings } = this.database.tables
    const rows = await this.database.read((db) =>
      db.select().from(settings).where(beginsWith(settings.key, PREFIX)),
    )
    return rows.map(({ key, value }) => {
      const [, id = '', place = ''] = value.split(' ')
      return { providerUid: key.slice(PREFIX.length), id, place }
    })
  }

  /** Tells every process on this store, this one too. Old ones are forgotten. Throws GatewayError `storage_unavailable`. */
  async tell({ id, place, providerUid }: ProviderReset): Promise<void> {
    const { settings } = this.database.tables
    const nowMs = this.database.nowMs()
    const value = `${clockText(nowMs)} ${id} ${place}`
    await this.database.write((tx) => [
      tx
        .delete(settings)
        .where(
          and(
            beginsWith(settings.key, PREFIX),
            lt(settings.value, clockText(nowMs - LIMITS.providerResetKeptMs)),
          ),
        ),
      tx
        .insert(settings)
        .values({ key: PREFIX + providerUid, value })
        .onConflictDoUpdate({ target: settings.key, set: { value } }),
    ])
  }
}

function clockText(timeMs: number): string {
  return String(Math.max(0, Math.trunc(timeMs))).padStart(CLOCK_DIGITS, '0')
}
