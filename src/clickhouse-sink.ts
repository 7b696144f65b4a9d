// A ClickHouse that requests are sent to: its client, its writer with the spool, what reads from it and what drops what is old, put together
// for one configuration. Loaded only where a configuration names one; when that is, is `clickhouse-service.ts`'s.

import { join } from 'node:path'
import type { TelemetrySink } from './app-telemetry.ts'
import type { ClickHouseSettings } from './core/clickhouse-settings.ts'
import type { Erasure, Hold } from './core/content.ts'
import { GatewayError } from './core/error.ts'
import type { Outcome, SinkCounters } from './core/outcome.ts'
import type { Logger, Transport } from './core/ports.ts'
import type { UsageRepository } from './core/ports-money.ts'
import type { RequestSearchRepository } from './core/ports-requests.ts'
import type { SinkStatus } from './core/telemetry-settings.ts'
import { ClickHouseClient } from './storage/clickhouse/client.ts'
import { eraseAtClickHouse } from './storage/clickhouse/erase.ts'
import { ClickHouseRetention } from './storage/clickhouse/retention.ts'
import { ClickHouseSearch } from './storage/clickhouse/search.ts'
import { ClickHouseUsage } from './storage/clickhouse/usage.ts'
import { ClickHouseWriter } from './storage/clickhouse/writer.ts'
import { LogSpool } from './storage/log-spool.ts'
import { systemClock } from './system.ts'

export interface ClickHouseParts {
  readonly transport: Transport
  readonly logger: Logger
  readonly dataFolder: string
  /** The store's own, for what is not read there. */
  readonly search: RequestSearchRepository
  readonly usage: UsageRepository
  /** Whether something in the request log must be kept: then no month is dropped. */
  isHeld(): Promise<boolean>
}

export class ClickHouseSink implements TelemetrySink {
  readonly settings: ClickHouseSettings
  readonly search: RequestSearchRepository | undefined
  readonly usage: UsageRepository | undefined
  private readonly writer: ClickHouseWriter
  private readonly client: ClickHouseClient
  private next: ClickHouseSink | undefined
  private readonly retention: ClickHouseRetention | undefined

  constructor(settings: ClickHouseSettings, parts: ClickHouseParts) {
    const { logger, transport } = parts
    const { read, retentionMs, table } = settings
    this.settings = settings
    const client = new ClickHouseClient(settings, transport)
    this.client = client
    const spool = new LogSpool({
      folder: join(parts.dataFolder, 'clickhouse-spool'),
      clock: systemClock,
      logger,
    })
    this.writer = new ClickHouseWriter({ client, table, spool, clock: systemClock, logger })
    if (read) {
      const place = { client, table, clock: systemClock }
      this.search = new ClickHouseSearch({ ...place, own: parts.search })
      this.usage = new ClickHouseUsage({ ...place, own: parts.usage })
    }
    if (retentionMs !== undefined) {
      const { isHeld } = parts
      this.retention = new ClickHouseRetention({
        client,
        table,
        retentionMs,
        logger,
        clock: systemClock,
        isHeld,
      })
    }
  }

  record(outcome: Outcome): void {
    this.writer.record(outcome)
  }

  counters(): SinkCounters {
    const { dropped, failed, queued, sent, spooled } = this.writer.counters
    return { name: 'clickhouse', queued: queued + spooled, sent, dropped, failed }
  }

  statuses(): SinkStatus[] {
    const { counters, problem } = this.writer
    const { dropped, failed, queued, sent, spooled } = counters
    const { origin } = new URL(this.settings.url)
    return [
      {
        id: 'clickhouse',
        type: 'clickhouse',
        endpoint: `${origin}/`,
        queued: queued + spooled,
        sent,
        dropped,
        failures: failed,
        ...(problem === undefined ? {} : { lastError: problem }),
      },
    ]
  }

  async erase(erasure: Erasure, holds: readonly Hold[]): Promise<number> {
    // What is on its way would come to be there behind the deletion.
    await this.writer.flush()
    if (this.writer.problem !== undefined) throw new GatewayError('storage_unavailable')
    return await eraseAtClickHouse(this.client, this.settings.table, erasure, holds)
  }

  replacedBy(next: TelemetrySink | undefined): void {
    if (next instanceof ClickHouseSink) this.next = next
  }

  async stop(): Promise<void> {
    this.retention?.stop()
    await this.writer.close()
    // Rows that found no way to the old place wait on disk: the new one is to have them now and not after the next start.
    this.next?.writer.takeOverAnew()
  }
}
