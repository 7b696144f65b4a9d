// Rows on their way to a ClickHouse that answers late: whoever waits for them and the timer do not get in each other's way.

import { afterAll, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Outcome } from '../../core/outcome.ts'
import { LogSpool } from '../log-spool.ts'
import { SEED } from '../../testing/seed.ts'
import { outcomes } from '../outcome-arbitrary.ts'
import { MemoryLogger, realClock, removeFolders, temporaryFolder } from '../test-store.ts'
import type { ClickHouseClient } from './client.ts'
import { ClickHouseWriter } from './writer.ts'

afterAll(removeFolders)

/** The interface of the client that a writer uses, over nothing. */
class SlowServer {
  readonly database = 'default'
  readonly batches: string[][] = []
  atOnce = 0
  atOnceMost = 0

  run(): Promise<void> {
    return Promise.resolve()
  }

  rows(): Promise<never[]> {
    return Promise.resolve([])
  }

  async insert(_table: string, lines: readonly string[]): Promise<void> {
    this.atOnce += 1
    this.atOnceMost = Math.max(this.atOnceMost, this.atOnce)
    await Bun.sleep(2)
    this.atOnce -= 1
    this.batches.push(lines.map((line) => (JSON.parse(line) as { log_id: string }).log_id))
  }
}

test('a flush beside the timer sends each row once, and loses none', async () => {
  const server = new SlowServer()
  const logger = new MemoryLogger()
  const writer = new ClickHouseWriter({
    client: server as unknown as ClickHouseClient,
    table: 't',
    logger,
    clock: realClock,
    spool: new LogSpool({ folder: temporaryFolder(), clock: realClock, logger }),
    limits: { intervalMs: 1, batchRows: 3, retryIntervalMs: 5 },
  })
  const [row] = fc.sample(outcomes(), { numRuns: 1, seed: SEED })
  const ids: string[] = []
  const add = (): void => {
    for (let count = 0; count < 4; count += 1) {
      const { withoutRow: _withoutRow, ...outcome } = row as Outcome
      const logId = Bun.randomUUIDv7()
      ids.push(logId)
      writer.record({ ...outcome, logId })
    }
  }
  for (let round = 0; round < 10; round += 1) {
    add()
    const flushed = writer.flush()
    add()
    await Bun.sleep(1)
    add()
    await flushed
  }
  await writer.flush()
  await writer.close()
  expect(server.batches.flat().toSorted()).toEqual(ids.toSorted())
  expect(server.atOnceMost).toBe(1)
  expect(writer.counters).toMatchObject({ sent: ids.length, dropped: 0, spooled: 0 })
})
