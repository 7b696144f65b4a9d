// Drops months of requests at a ClickHouse whose last one is older than what is to be kept. By months, as that is what the table is parted by: a
// part is dropped in no time, whatever its size. Nothing is dropped while anything is held.

import { LIMITS } from '../../core/limits.ts'
import type { Clock, Logger } from '../../core/ports.ts'
import { clickHouseFailure, literal, type ClickHouseClient } from './client.ts'

export interface ClickHouseRetentionOptions {
  readonly client: ClickHouseClient
  readonly table: string
  readonly retentionMs: number
  readonly clock: Pick<Clock, 'nowMs'>
  readonly logger: Logger
  isHeld(): Promise<boolean>
}

export class ClickHouseRetention {
  private readonly options: ClickHouseRetentionOptions
  private readonly timer: ReturnType<typeof setInterval>

  constructor(options: ClickHouseRetentionOptions) {
    this.options = options
    this.timer = setInterval(() => void this.tick(), LIMITS.clickhouseRetentionIntervalMs)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Drops what is due. Resolves to the months that are gone, as 202601. @throws ClickHouseRefusal or the transport's GatewayError */
  async drop(): Promise<number[]> {
    const { client, clock, isHeld, retentionMs, table } = this.options
    if (await isHeld()) return []
    const partitions = await client.rows<{ month: string; now_s: number }>(
      `SELECT DISTINCT partition AS month, toUInt32(now()) AS now_s FROM system.parts WHERE active AND database = ${literal(client.database)} AND table = ${literal(table)}`,
      LIMITS.clickhouseQueryMs,
    )
    // Of two clocks that differ the one that says less is believed: what is dropped does not come back.
    const nowMs = Math.min(clock.nowMs(), Number(partitions[0]?.now_s) * 1_000)
    const endMs = nowMs - retentionMs
    const due = partitions
      // Whoever made the table may have parted it otherwise.
      .filter(({ month }) => MONTH.test(month))
      .map(({ month }) => Number(month))
      .filter((month) => endOf(month) <= endMs)
    for (const month of due) {
      await client.run(
        `ALTER TABLE ${table} DROP PARTITION ${literal(month)}`,
        LIMITS.clickhouseTimeoutMs,
      )
    }
    return due.toSorted((a, b) => a - b)
  }

  private async tick(): Promise<void> {
    const { logger } = this.options
    try {
      const months = await this.drop()
      if (months.length > 0)
        logger.info('Months of requests are dropped at ClickHouse.', { months })
    } catch (error) {
      logger.warn('Old requests at ClickHouse could not be dropped.', {
        reason: clickHouseFailure(error),
      })
    }
  }
}

const MONTH = /^[1-9]\d{3}(?:0[1-9]|1[0-2])$/

/** The moment at which a month ends. @param month as 202601 */
function endOf(month: number): number {
  return Date.UTC(Math.floor(month / 100), month % 100, 1)
}
