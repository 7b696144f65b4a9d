// What a store takes of the request log when nothing else is asked of it: rows a second and the processor time of this process for them,
// with the hourly totals that are counted beside, and the bytes that a row lies in. How rows get there in a server, others measure.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../src/core/outcome.ts'
import { postgresMissing, startPostgres } from '../src/testing/postgres.ts'
import { storeIn } from '../src/storage/test-store.ts'
import { median } from './driver.ts'
import { number, type Figure } from './report.ts'
import { seededOutcomes } from './seed-requests.ts'
import type { Stage } from './stage.ts'

export interface StoreOptions {
  readonly rows: number
  readonly rounds: number
}

interface Written {
  readonly perSecond: number
  readonly cpuMs: number
}

export async function measureStore(stage: Stage, options: StoreOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  const folder = stage.newDataFolder()
  const sqlite = await writeRounds(options, (outcomes) => write(folder, undefined, outcomes))
  const bytes = statSync(join(folder, 'weir-log.db')).size
  figures.push(...told('SQLite', sqlite, bytes / (options.rows * options.rounds)))
  const missing = postgresMissing()
  if (missing !== undefined) {
    return [...figures, { name: `Postgres not measured: ${missing}`, value: Number.NaN, unit: '' }]
  }
  await using postgres = await startPostgres({ settings: { fsync: 'on' } })
  const { name, url } = await postgres.createDatabase()
  const spools = stage.newDataFolder()
  const rows = await writeRounds(options, (outcomes) => write(spools, url, outcomes))
  const size = await postgres.sql(
    `SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname LIKE 'requests%' AND relkind = 'r'`,
    name,
  )
  return [...figures, ...told('Postgres', rows, Number(size) / (options.rows * options.rounds))]
}

async function writeRounds(
  { rounds, rows }: StoreOptions,
  run: (outcomes: readonly Outcome[]) => Promise<Written>,
): Promise<Written[]> {
  const written: Written[] = []
  for (let round = 0; round < rounds; round += 1) {
    // Rows of one moment, as they come: a month of them would be a month's partitions.
    const nowMs = Date.now()
    const outcomes = [...seededOutcomes(rows, nowMs)].map((outcome) => ({
      ...outcome,
      timestampMs: nowMs,
      logId: Bun.randomUUIDv7(),
    }))
    written.push(await run(outcomes))
  }
  return written
}

/** Hands all to the log at once and closes it, which ends when the last is written. */
async function write(
  folder: string,
  url: string | undefined,
  outcomes: readonly Outcome[],
): Promise<Written> {
  const secrets = { masterKey: 'one secret that is long enough for a key' }
  const location = { engine: 'postgres', url: url ?? '', connections: 4 } as const
  const store = await storeIn(folder, url === undefined ? { secrets } : { secrets, location })
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  for (const outcome of outcomes) store.log.record(outcome)
  await store.log.close()
  const elapsedMs = performance.now() - startedMs
  const { system, user } = process.cpuUsage(cpu)
  await store.close()
  return {
    perSecond: (outcomes.length * 1_000) / elapsedMs,
    cpuMs: (system + user) / outcomes.length,
  }
}

function told(name: string, rounds: readonly Written[], bytesPerRow: number): Figure[] {
  return [
    {
      name: `${name}: rows written a second`,
      value: median(rounds.map(({ perSecond }) => perSecond)),
      unit: '/s',
      digits: 0,
      beside: `${number(median(rounds.map(({ cpuMs }) => cpuMs)))} ms of this process for 1,000`,
    },
    { name: `${name}: bytes of a row`, value: bytesPerRow, unit: 'B', digits: 0 },
  ]
}
