// The tail against a log that grows at will: every reader gets every row once and in order, fast or slow, from wherever it begins, and the
// log is read once for all of them.

import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import type { StoredRequest } from '../../core/ports.ts'
import { SILENT_LOGGER } from '../../telemetry/log.ts'
import { checkParameters } from '../../testing/seed.ts'
import { RequestTail, type Following } from './requests-tail.ts'

/** A log of numbers alone. */
class Log {
  last = 0
  reads = 0
  isAway = false

  readonly source = {
    lastSequence: () => Promise.resolve(this.last),
    following: async (after: number, limit: number): Promise<StoredRequest[]> => {
      this.reads += 1
      const { last } = this
      // What is written while a read is under way is not in it.
      await new Promise((resolve) => setImmediate(resolve))
      if (this.isAway) throw new GatewayError('storage_unavailable')
      const count = Math.max(0, Math.min(limit, last - after))
      return Array.from({ length: count }, (_item, at) => row(after + 1 + at))
    },
  }
}

function row(sequence: number): StoredRequest {
  return { sequence } as unknown as StoredRequest
}

const forever = new AbortController().signal

async function readTo(
  reader: Following,
  last: number,
): Promise<{ seen: number[]; missed: number }> {
  const seen: number[] = []
  let missed = 0
  while ((seen.at(-1) ?? 0) < last) {
    const batch = await reader.next(forever)
    if (batch === undefined) break
    expect(batch.rows.length).toBeLessThanOrEqual(2 * LIMITS.tailRows)
    seen.push(...batch.rows.map(({ sequence }) => sequence))
    missed += batch.missed
  }
  return { seen, missed }
}

const upTo = (from: number, to: number) =>
  Array.from({ length: to - from }, (_item, at) => from + 1 + at)

test('every row once and in order, from any place, however rows and reads fall together', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 3_000 }),
      fc.array(fc.nat({ max: 1_200 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat({ max: 3_000 }), { minLength: 1, maxLength: 4 }),
      async (before, bursts, starts) => {
        const log = new Log()
        log.last = before
        const tail = new RequestTail({
          source: log.source,
          logger: SILENT_LOGGER,
          pollIntervalMs: 0,
        })
        const readers = await Promise.all(
          starts.map(async (start) => ({
            from: Math.min(start, before),
            reader: await tail.follow(start),
          })),
        )
        const end = before + bursts.reduce((sum, each) => sum + each, 0)
        const reading = readers.map(({ reader }) => readTo(reader, end))
        for (const burst of bursts) {
          log.last += burst
          await new Promise((resolve) => setImmediate(resolve))
        }
        for (const [at, { from, reader }] of readers.entries()) {
          if (end > from) expect((await reading[at]!).seen).toEqual(upTo(from, end))
          reader.close()
        }
      },
    ),
    checkParameters(40),
  )
})

test('a reader that stalls loses nothing, and nothing is kept for it', async () => {
  const log = new Log()
  const tail = new RequestTail({ source: log.source, logger: SILENT_LOGGER, pollIntervalMs: 0 })
  const [slow, quick] = [await tail.follow(), await tail.follow()]
  const end = 5 * LIMITS.tailRows
  const reading = readTo(quick, end)
  for (; log.last < end; log.last += 100) await new Promise((resolve) => setImmediate(resolve))
  expect((await reading).seen).toEqual(upTo(0, end))
  expect((await readTo(slow, end)).seen).toEqual(upTo(0, end))
  slow.close()
  quick.close()
})

test('whoever is too far behind is told how much it misses', async () => {
  const log = new Log()
  log.last = LIMITS.tailBehindRowsMax + 1_000
  const tail = new RequestTail({ source: log.source, logger: SILENT_LOGGER, pollIntervalMs: 0 })
  const reader = await tail.follow(0)
  const { missed, seen } = await readTo(reader, log.last)
  expect(missed).toBe(1_000)
  expect(seen).toEqual(upTo(1_000, log.last))
  reader.close()
})

test('many readers cost one, and nobody is none', async () => {
  const log = new Log()
  const tail = new RequestTail({ source: log.source, logger: SILENT_LOGGER, pollIntervalMs: 1 })
  const readers = await Promise.all(Array.from({ length: 50 }, () => tail.follow()))
  const reading = readers.map((reader) => readTo(reader, 10))
  log.last = 10
  for (const each of reading) expect((await each).seen).toEqual(upTo(0, 10))
  expect(log.reads).toBeLessThan(50)
  for (const reader of readers) reader.close()
  expect(await readers[0]!.next(forever)).toBeUndefined()
  const { reads } = log
  while (tail.isRunning) await Bun.sleep(1)
  await Bun.sleep(20)
  expect(log.reads).toBeLessThanOrEqual(reads + 1)
  expect(tail.isRunning).toBe(false)
})

test('a log that is away for a while is followed on, and readers are bounded', async () => {
  const log = new Log()
  const tail = new RequestTail({ source: log.source, logger: SILENT_LOGGER, pollIntervalMs: 1 })
  const readers = await Promise.all(Array.from({ length: LIMITS.tailsMax }, () => tail.follow()))
  await expect(tail.follow()).rejects.toMatchObject({ kind: 'overloaded' })
  log.isAway = true
  log.last = 3
  const reading = readTo(readers[0]!, 3)
  const { reads } = log
  while (log.reads < reads + 3) await new Promise((resolve) => setImmediate(resolve))
  log.isAway = false
  expect((await reading).seen).toEqual([1, 2, 3])
  for (const reader of readers) reader.close()
})

test('no more follow than may, however they come at once', async () => {
  const tail = new RequestTail({ source: new Log().source, logger: SILENT_LOGGER })
  const asked = Array.from({ length: LIMITS.tailsMax + 20 }, () => tail.follow())
  const results = await Promise.allSettled(asked)
  const readers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  expect(readers).toHaveLength(LIMITS.tailsMax)
  await expect(tail.follow()).rejects.toMatchObject({ kind: 'overloaded' })
  for (const reader of readers) reader.close()
  const again = await tail.follow()
  again.close()
})
