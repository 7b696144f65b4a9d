// Rows that wait on disk, against everything that happens to files: cut off anywhere, damaged, no room left, processes that are killed
// and processes that live.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as fc from 'fast-check'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../core/outcome.ts'
import { checkParameters } from '../testing/seed.ts'
import { LogSpool, type LogSpoolLimits } from './log-spool.ts'
import { decodeRecords, encodeRecord } from './log-spool-record.ts'
import { outcomes as outcomeCases } from './outcome-arbitrary.ts'
import {
  MemoryLogger,
  realClock,
  removeFolders,
  sampleOutcome,
  spawnScript,
  temporaryFolder,
} from './test-store.ts'

// Programs of their own are started, which takes seconds where little of the processor is to be had.
setDefaultTimeout(60_000)

afterAll(removeFolders)

function spoolIn(
  folder: string,
  limits: Partial<LogSpoolLimits> = {},
  logger = new MemoryLogger(),
) {
  return new LogSpool({ folder, clock: realClock, logger, limits })
}

function numbered(count: number, fields: Partial<Outcome> = {}): Outcome[] {
  return Array.from({ length: count }, (_, at) => sampleOutcome({ ...fields, requestId: `r${at}` }))
}

const ids = (rows: readonly Outcome[]): string[] => rows.map((row) => row.requestId)

async function drain(spool: LogSpool, rowsMax = 7): Promise<Outcome[]> {
  const all: Outcome[] = []
  for (;;) {
    const rows = await spool.peek(rowsMax)
    if (rows.length === 0) return all
    all.push(...rows)
    await spool.remove()
  }
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.rows'))
    .map((name) => join(folder, name))
    .toSorted()
}

/** What a process leaves that is killed: its files, and no lock on them. */
async function left(folder: string, rows: readonly Outcome[], limits = {}): Promise<string[]> {
  const spool = spoolIn(folder, limits)
  await spool.append(rows)
  await spool.close()
  return files(folder)
}

describe('rows on disk', () => {
  test('any outcome comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(outcomeCases(), { minLength: 1, maxLength: 5 }), (cases) => {
        const bytes = Buffer.concat(cases.map(encodeRecord))
        const { isBroken, nextBytes, records } = decodeRecords(bytes, 100)
        expect({ isBroken, nextBytes }).toEqual({ isBroken: false, nextBytes: undefined })
        expect(records.map((record) => record.outcome)).toEqual(cases)
      }),
      checkParameters(50),
    )
  })

  test('first in, first out, over files that come and go, read and written in any turn', async () => {
    const folder = join(temporaryFolder(), 'spool')
    const spool = spoolIn(folder, { segmentBytes: 3_000 })
    const rows = numbered(200)
    const got: Outcome[] = []
    for (let at = 0; at < rows.length; at += 20) {
      const { dropped, kept } = await spool.append(rows.slice(at, at + 20))
      expect({ kept, dropped: dropped.length }).toEqual({ kept: 20, dropped: 0 })
      const some = await spool.peek(13)
      // Looking twice is not taking.
      expect(ids(await spool.peek(13))).toEqual(ids(some))
      await spool.remove()
      got.push(...some)
      expect(spool.rows).toBe(at + 20 - got.length)
    }
    expect(files(folder).length).toBeGreaterThan(1)
    for (const path of files(folder)) expect(statSync(path).mode & 0o777).toBe(0o600)
    got.push(...(await drain(spool)))
    expect(got).toEqual(rows)
    expect(files(folder)).toEqual([])
    await spool.close()
    expect(readdirSync(folder)).toEqual([])
  })

  test('a row that is on its way to the disk while the last before it goes is not lost with it', async () => {
    const folder = join(temporaryFolder(), 'spool')
    const spool = spoolIn(folder)
    const rows = numbered(100)
    const got: Outcome[] = []
    await spool.append(rows.slice(0, 1))
    for (const row of rows.slice(1)) {
      got.push(...(await spool.peek(7)))
      await Promise.all([spool.append([row]), spool.remove()])
    }
    got.push(...(await drain(spool)))
    expect(ids(got)).toEqual(ids(rows))
    await spool.close()
    expect(files(folder)).toEqual([])
  })

  test('what JSON cannot say is dropped alone', async () => {
    const spool = spoolIn(temporaryFolder())
    const circular: unknown[] = []
    circular.push(circular)
    const rows = numbered(3)
    const { dropped } = await spool.append([
      rows[0]!,
      sampleOutcome({ requestId: 'circular', attempts: circular as [] }),
      rows[1]!,
      rows[2]!,
    ])
    expect(ids(dropped)).toEqual(['circular'])
    expect(await drain(spool)).toEqual(rows)
    await spool.close()
  })
})

describe('bounds', () => {
  test('bodies go first, then rows; the oldest stay', async () => {
    const folder = temporaryFolder()
    const bytesOf = (outcome: Outcome) => encodeRecord(outcome).length
    const full = numbered(6, { requestBody: 'b'.repeat(1_000), responseBody: '' })
    const size = bytesOf(full[0]!)
    const bare = bytesOf(numbered(1)[0]!)
    const limits = { bodiesBytesMax: size * 2, bytesMax: size * 2 + bare * 2 }
    const spool = spoolIn(folder, limits)
    const { dropped, kept, withoutBodies } = await spool.append(full)
    expect({ kept, withoutBodies, dropped: ids(dropped) }).toEqual({
      kept: 4,
      withoutBodies: 2,
      dropped: ['r4', 'r5'],
    })
    // The bound is of the folder, whoever has put in what is there.
    const other = spoolIn(folder, limits)
    expect((await other.append(numbered(1))).kept).toBe(0)
    const rows = await drain(spool)
    expect(rows.map((row) => row.requestBody?.length)).toEqual([1_000, 1_000, undefined, undefined])
    expect((await other.append(numbered(1))).kept).toBe(1)
    await Promise.all([spool.close(), other.close()])
  })

  test.skipIf(process.platform === 'win32')(
    'a disk that takes no more: the append throws, leaves no half row, and what was there comes back',
    async () => {
      const folder = join(temporaryFolder(), 'spool')
      const script = `
        const { LogSpool } = await import(${JSON.stringify(join(import.meta.dir, 'log-spool.ts'))})
        const { sampleOutcome, MemoryLogger, realClock } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
        const spool = new LogSpool({ folder: ${JSON.stringify(folder)}, clock: realClock, logger: new MemoryLogger() })
        let [at, failures] = [0, 0]
        for (; at < 400; at += 50) {
          const batch = Array.from({ length: 50 }, (_, row) => sampleOutcome({ requestId: 'r' + (at + row), userAgent: 'x'.repeat(900) }))
          try { await spool.append(batch) } catch (error) { failures += 1; break }
        }
        process.stdout.write(JSON.stringify({ at, failures, rows: spool.rows }))
        process.kill(process.pid, 'SIGKILL')
      `
      const child = Bun.spawn(
        ['sh', '-c', 'ulimit -f 256; exec "$0" -e "$1"', process.execPath, script],
        { stdout: 'pipe', stderr: 'pipe' },
      )
      const result = JSON.parse(await new Response(child.stdout).text())
      await child.exited
      expect(result.failures).toBe(1)
      expect(result.rows).toBe(result.at)
      const spool = spoolIn(folder)
      expect(await spool.takeOver()).toBe(result.at)
      const wanted = Array.from({ length: result.at }, (_, at) => `r${at}`)
      expect(ids(await drain(spool, 100))).toEqual(wanted)
      await spool.close()
    },
  )
})

describe('files that were cut off or damaged', () => {
  test('cut off anywhere: every whole row comes back, and nothing else', async () => {
    const rows = numbered(4)
    const lengths = rows.map((row) => encodeRecord(row).length)
    const all = lengths.reduce((sum, length) => sum + length, 0)
    const cuts = [0, 1, 7, 8, 9, lengths[0]!, lengths[0]! + 3, all - lengths[3]! + 5, all - 1, all]
    for (const cut of cuts) {
      const folder = temporaryFolder()
      const [path] = await left(folder, rows)
      truncateSync(path!, cut)
      let fitting = 0
      for (let end = 0; fitting < 4 && end + lengths[fitting]! <= cut; fitting += 1) {
        end += lengths[fitting]!
      }
      // Twice: the first process is killed before it has written them elsewhere.
      for (const _round of [1, 2]) {
        const spool = spoolIn(folder)
        expect(await spool.takeOver()).toBe(fitting)
        expect(await spool.peek(10)).toEqual(rows.slice(0, fitting))
        await spool.close()
      }
    }
  })

  test('a flipped bit costs its own row; a length that cannot be costs those behind it; both are told', async () => {
    const rows = numbered(5)
    const lengths = rows.map((row) => encodeRecord(row).length)
    const flips: [string, number, string[]][] = [
      ['in a text', lengths[0]! + 40, ['r0', 'r2', 'r3', 'r4']],
      ['in a checksum', lengths[0]! + 5, ['r0', 'r2', 'r3', 'r4']],
      ['in a length', lengths[0]! + lengths[1]! + 3, ['r0', 'r1']],
      ['in the first length', 3, []],
    ]
    for (const [where, at, wanted] of flips) {
      const folder = temporaryFolder()
      const [path] = await left(folder, rows)
      const bytes = readFileSync(path!)
      bytes[at] = bytes[at]! ^ 0x41
      writeFileSync(path!, bytes)
      const logger = new MemoryLogger()
      const spool = spoolIn(folder, {}, logger)
      await spool.takeOver()
      await spool.append([sampleOutcome({ requestId: 'new' })])
      expect([where, ids(await drain(spool))]).toEqual([where, [...wanted, 'new']])
      expect(spool.damagedRows).toBeGreaterThan(0)
      expect(logger.at('error')).not.toEqual([])
      expect(spool.rows).toBe(0)
      await spool.close()
      expect(files(folder)).toEqual([])
    }
  })
})

describe('processes', () => {
  test('what a living process has is its own; what a killed one leaves is taken by one, in order of age', async () => {
    const folder = join(temporaryFolder(), 'spool')
    const child = spawnScript(`
      const { LogSpool } = await import(${JSON.stringify(join(import.meta.dir, 'log-spool.ts'))})
      const { sampleOutcome, MemoryLogger, realClock } = await import(${JSON.stringify(join(import.meta.dir, 'test-store.ts'))})
      const spool = new LogSpool({ folder: ${JSON.stringify(folder)}, clock: realClock, logger: new MemoryLogger() })
      await spool.append([0, 1, 2].map((at) => sampleOutcome({ requestId: 'killed' + at })))
      process.stdout.write('ready')
      // What nobody refers to any more may be collected, its lock with it.
      setInterval(() => spool.rows, 1000)
    `)
    await child.stdout.getReader().read()
    const spools = [spoolIn(folder), spoolIn(folder), spoolIn(folder)]
    for (const spool of spools) expect(await spool.takeOver()).toBe(0)
    await spools[2]!.append(numbered(1, { userAgent: 'mine' }))
    child.kill('SIGKILL')
    await child.exited
    const taken = await Promise.all(spools.slice(0, 2).map((spool) => spool.takeOver()))
    expect(taken.toSorted()).toEqual([0, 3])
    const taker = spools[taken.indexOf(3)]!
    await taker.append(numbered(1))
    expect(ids(await drain(taker))).toEqual(['killed0', 'killed1', 'killed2', 'r0'])
    expect(ids(await drain(spools[2]!))).toEqual(['r0'])
    for (const spool of spools) await spool.close()
    expect(readdirSync(folder)).toEqual([])
  })

  test('a file that was read to the middle when its process died comes back whole', async () => {
    const folder = temporaryFolder()
    const rows = numbered(10)
    await left(folder, rows)
    const first = spoolIn(folder)
    await first.takeOver()
    await first.peek(4)
    await first.remove()
    await first.close()
    const second = spoolIn(folder)
    expect(await second.takeOver()).toBe(10)
    expect(await drain(second)).toEqual(rows)
    await second.close()
  })
})
