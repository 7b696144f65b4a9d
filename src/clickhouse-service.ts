// A ClickHouse beside the store: a sink among the others, and where the configuration says so what pages and reports are read from. It puts
// the parts together as the configuration changes, and loads them for the first that names one; how rows are sent and found is the storage's.

import type { SinkFactory } from './app-telemetry.ts'
import type { ClickHouseParts, ClickHouseSink } from './clickhouse-sink.ts'
import type { Erasure, Hold } from './core/content.ts'
import type { UsageRepository } from './core/ports-money.ts'
import type { RequestSearchRepository } from './core/ports-requests.ts'

export class ClickHouseService {
  /** Reads of the request log, from wherever the configuration says at this moment. */
  readonly search: RequestSearchRepository
  readonly usage: UsageRepository
  private readonly parts: ClickHouseParts
  private current: ClickHouseSink | undefined

  constructor(parts: ClickHouseParts) {
    this.parts = parts
    const search = () => this.current?.search ?? parts.search
    this.search = {
      search: (...asked) => search().search(...asked),
      facets: (...asked) => search().facets(...asked),
      series: (...asked) => search().series(...asked),
      find: (...asked) => search().find(...asked),
      following: (...asked) => search().following(...asked),
      lastSequence: () => search().lastSequence(),
    }
    const usage = () => this.current?.usage ?? parts.usage
    this.usage = {
      report: (...asked) => usage().report(...asked),
      keysLastUsed: (...asked) => usage().keysLastUsed(...asked),
      reconcile: (...asked) => usage().reconcile(...asked),
    }
  }

  readonly sink: SinkFactory = async ({ clickhouse }, before) => {
    if (clickhouse === undefined) this.current = undefined
    else {
      const { ClickHouseSink } = await import('./clickhouse-sink.ts')
      if (!(before instanceof ClickHouseSink && Bun.deepEquals(before.settings, clickhouse))) {
        this.current = new ClickHouseSink(clickhouse, this.parts)
      }
    }
    return this.current
  }

  /**
   * Deletes a person's requests there, but for what is held. Resolves to the number of those.
   * @throws GatewayError, or the server's refusal: it is to be asked again then
   */
  async erase(erasure: Erasure, holds: readonly Hold[]): Promise<number> {
    return (await this.current?.erase(erasure, holds)) ?? 0
  }
}
