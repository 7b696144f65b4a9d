// Values of the `kept` table at rest: prompts and answers, so none lies there in clear. Rows of releases that sealed none are read as they
// are; what does not open is as if it were not there. When rows are written is the queue's, sealing anew is `kept-sealing.ts`.

import { LIMITS } from '../core/limits.ts'
import type { KeptItem, KeptKind } from '../core/ports.ts'
import { answerPlace } from './answer-seal.ts'
import { envelopeKeyId, isEnvelope, type SealPlace } from './seal.ts'
import type * as sqliteTables from './schema-log.sqlite.ts'
import { ValueSeal, type ValueKeys } from './value-seal.ts'

export type KeptRow = typeof sqliteTables.kept.$inferSelect
export type KeptName = Pick<KeptRow, 'kind' | 'tenantId' | 'id'>

/** What of a row depends on its value. */
export type SealedValue = Pick<KeptRow, 'value' | 'valueBytes' | 'sealKeyId'>

/** The key of a row without a value. */
export const NO_KEY = ''

/** Answers of the response cache come sealed: they go to other places as well. */
export const SEALED_BEFORE: KeptKind = 'answer'

/** Where a kept value is bound to. */
export function keptPlace({ id, kind, tenantId }: KeptName): SealPlace {
  if (kind === SEALED_BEFORE) return answerPlace(tenantId, id)
  return { tenantId, table: 'kept', row: [kind, id], column: 'value' }
}

/** Seals and opens what is kept. */
export class KeptSeal {
  private readonly seal: ValueSeal
  private refreshedMs: number | undefined

  constructor(keyring: ValueKeys) {
    this.seal = new ValueSeal(keyring)
  }

  /** Hears of a rotation in time, now and then; a store that cannot be read now is asked the next time. */
  async freshen(nowMs: number): Promise<void> {
    const sinceMs = nowMs - (this.refreshedMs ?? -Infinity)
    if (sinceMs < LIMITS.keptKeyRefreshIntervalMs) return
    this.refreshedMs = nowMs
    await this.seal.refresh().catch(() => {
      // The keys it has still seal and open.
    })
  }

  /** The value as it is to lie in its row; its size is what it takes there. */
  close(name: KeptName, text: string | undefined): SealedValue {
    if (text === undefined) return { value: null, valueBytes: 0, sealKeyId: NO_KEY }
    const isDone = name.kind === SEALED_BEFORE
    const value = isDone ? text : this.seal.close(text, keptPlace(name))
    // An envelope is ASCII.
    return { value, valueBytes: value.length, sealKeyId: envelopeKeyId(value) ?? null }
  }

  /** The items of rows; those that do not open are left out. @throws as the keyring does */
  async items(rows: readonly KeptRow[]): Promise<KeptItem[]> {
    if (rows.some(({ value }) => value !== null && this.seal.isStrange(value))) {
      await this.seal.refresh()
    }
    return rows.flatMap((row) => {
      const text = this.textOf(row)
      return row.value !== null && text === undefined ? [] : [itemOf(row, text)]
    })
  }

  private textOf(row: KeptRow): string | undefined {
    if (row.value === null) return undefined
    if (row.kind === SEALED_BEFORE || !isEnvelope(row.value)) return row.value
    return this.seal.opened(row.value, keptPlace(row))
  }
}

function itemOf(row: KeptRow, value: string | undefined): KeptItem {
  return {
    kind: row.kind,
    id: row.id,
    tenantId: row.tenantId,
    providerId: row.providerId,
    model: row.model,
    createdMs: row.createdMs,
    ...(row.keyId === null ? {} : { keyId: row.keyId }),
    ...(value === undefined ? {} : { value }),
    ...(row.expiresMs === null ? {} : { expiresMs: row.expiresMs }),
  }
}
