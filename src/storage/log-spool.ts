// Rows of the request log on disk while their database is away: first in, first out, in files that survive `kill -9` and are read
// by the next process in this data folder. Each append is handed to the system at once and forced to the disk every second. It
// holds rows and gives them back at least once; that none is counted twice is the database's to see.

import { type FileHandle, open, rm, stat } from 'node:fs/promises'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock, Logger } from '../core/ports.ts'
import {
  foldersIn,
  type HeldFolder,
  makeHeldFolder,
  segmentName,
  takeLeftFolders,
} from './log-spool-folder.ts'
import { decodeRecords, encodeRecord, RECORD_HEAD_BYTES } from './log-spool-record.ts'
import { hasBodies, withoutBodies } from './log-row.ts'

export interface LogSpoolLimits {
  readonly bytesMax: number
  readonly bodiesBytesMax: number
  readonly segmentBytes: number
  readonly syncIntervalMs: number
}

const DEFAULT_LIMITS: LogSpoolLimits = {
  bytesMax: LIMITS.logSpoolBytesMax,
  bodiesBytesMax: LIMITS.logSpoolBodiesBytesMax,
  segmentBytes: LIMITS.logSpoolSegmentBytes,
  syncIntervalMs: LIMITS.logSpoolSyncIntervalMs,
}

export interface LogSpoolOptions {
  /** Absolute; made when something is put in. */
  readonly folder: string
  readonly clock: Clock
  readonly logger: Logger
  /** Other bounds than core/limits.ts', for tests. */
  readonly limits?: Partial<LogSpoolLimits>
}

/** What became of rows that were put in. */
export interface Spooled {
  readonly kept: number
  readonly withoutBodies: number
  /** There was no room for these. */
  readonly dropped: readonly Outcome[]
}

interface Segment {
  readonly path: string
  readonly folder: HeldFolder
  /** Whole records: what may lie behind belongs to an append that failed. */
  bytes: number
  /** What was read and removed. */
  offset: number
  rows: number
}

/** One process's way to the folder. Not for two callers at once, but appending while reading is right. */
export class LogSpool {
  private readonly options: LogSpoolOptions
  private readonly limits: LogSpoolLimits
  private readonly segments: Segment[] = []
  private own: HeldFolder | undefined
  private writing: { readonly segment: Segment; readonly handle: FileHandle } | undefined
  private isAppending = false
  private made = 0
  /** Lengths of the records given last, for `remove`. */
  private given: number[] = []
  private syncedMs = 0
  private isForced = true
  private damaged = 0

  constructor(options: LogSpoolOptions) {
    this.options = options
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
  }

  /** Rows that wait. */
  get rows(): number {
    return this.segments.reduce((rows, segment) => rows + segment.rows, 0)
  }

  /** Rows that could not be read back since the start. */
  get damagedRows(): number {
    return this.damaged
  }

  /** Takes over what processes left that have ended. Resolves to the number of rows. @throws the system's error */
  async takeOver(): Promise<number> {
    let rows = 0
    for (const folder of takeLeftFolders(this.options.folder, this.options.clock.nowMs())) {
      for (const name of folder.segments) {
        const path = join(folder.path, name)
        const segment = { path, folder, ...(await measure(path)), offset: 0 }
        this.segments.push(segment)
        rows += segment.rows
      }
    }
    await this.dropEmpty()
    return rows
  }

  /** Puts rows behind those that wait; all of those it does not drop, or none: then it throws the system's error. */
  async append(batch: readonly Outcome[]): Promise<Spooled> {
    const dropped: Outcome[] = []
    const records: Buffer[] = []
    let bare = 0
    let total = this.bytesOnDisk()
    for (const outcome of batch) {
      const record = this.encode(outcome, total)
      if (record === undefined) {
        dropped.push(outcome)
        continue
      }
      if (record.isBare) bare += 1
      records.push(record.bytes)
      total += record.bytes.length
    }
    this.isAppending = true
    try {
      if (records.length > 0) await this.write(records)
    } finally {
      this.isAppending = false
    }
    return { kept: records.length, withoutBodies: bare, dropped }
  }

  /** The oldest rows, left in their place; damaged ones are passed over. Empty when there are none. @throws the system's error */
  async peek(rowsMax: number): Promise<Outcome[]> {
    this.given = []
    for (;;) {
      const segment = this.segments[0]
      if (segment === undefined) return []
      const outcomes = await this.read(segment, rowsMax)
      if (outcomes.length > 0) return outcomes
      if (!(await this.dropEmpty())) return []
    }
  }

  /** Takes all rows away that `peek` gave last. */
  async remove(): Promise<void> {
    const segment = this.segments[0]
    if (segment === undefined) return
    for (const bytes of this.given) segment.offset += bytes
    segment.rows -= this.given.length
    this.given = []
    await this.dropEmpty()
  }

  /** Forces to the disk what is not there yet, where the last time was long enough ago. */
  async sync(): Promise<void> {
    const nowMs = this.options.clock.monotonicMs()
    if (this.isForced || nowMs - this.syncedMs < this.limits.syncIntervalMs) return
    this.syncedMs = nowMs
    this.isForced = true
    await this.writing?.handle.datasync()
  }

  /** Forces everything to the disk and lets go of it. */
  async close(): Promise<void> {
    const { writing } = this
    this.writing = undefined
    if (writing !== undefined) {
      await writing.handle.datasync()
      await writing.handle.close()
    }
    for (const folder of new Set(this.segments.map((segment) => segment.folder))) folder.release()
    if (this.own !== undefined && !this.segments.some(({ folder }) => folder === this.own)) {
      this.own.remove()
    }
    this.segments.length = 0
  }

  /** Undefined where there is no room, not even without bodies, and for what JSON cannot say. */
  private encode(
    outcome: Outcome,
    total: number,
  ): { readonly bytes: Buffer; readonly isBare: boolean } | undefined {
    try {
      const bytes = encodeRecord(outcome)
      const isLarge = bytes.length > LIMITS.logSpoolRecordBytesMax
      const mustBeBare = isLarge || total + bytes.length > this.limits.bodiesBytesMax
      const isBare = mustBeBare && hasBodies(outcome)
      const kept = isBare ? encodeRecord(withoutBodies(outcome)) : bytes
      if (kept.length > LIMITS.logSpoolRecordBytesMax) return undefined
      return total + kept.length > this.limits.bytesMax ? undefined : { bytes: kept, isBare }
    } catch (error) {
      if (error instanceof TypeError) return undefined
      throw error
    }
  }

  private async write(records: readonly Buffer[]): Promise<void> {
    const { handle, segment } = await this.writable()
    const bytes = Buffer.concat(records)
    try {
      let at = 0
      while (at < bytes.length) {
        const { bytesWritten } = await handle.write(
          bytes,
          at,
          bytes.length - at,
          segment.bytes + at,
        )
        at += bytesWritten
      }
    } catch (error) {
      // Half a record must not stand before whole ones; and where even that fails, nothing more is written behind it.
      await handle.truncate(segment.bytes).catch(() => this.leave())
      throw error
    }
    segment.bytes += bytes.length
    segment.rows += records.length
    this.isForced = false
    await this.sync()
  }

  private async writable(): Promise<{ readonly segment: Segment; readonly handle: FileHandle }> {
    if (this.writing !== undefined && this.writing.segment.bytes >= this.limits.segmentBytes) {
      await this.leave()
    }
    if (this.writing !== undefined) return this.writing
    this.own ??= makeHeldFolder(this.options.folder)
    this.made += 1
    const path = join(this.own.path, segmentName(this.made))
    const handle = await open(path, 'wx', 0o600)
    const segment: Segment = { path, folder: this.own, bytes: 0, offset: 0, rows: 0 }
    this.segments.push(segment)
    this.writing = { segment, handle }
    return this.writing
  }

  /** The file that is written to is whole; the next row begins another. */
  private async leave(): Promise<void> {
    const { writing } = this
    this.writing = undefined
    try {
      await writing?.handle.datasync()
    } finally {
      await writing?.handle.close()
    }
  }

  private async read(segment: Segment, rowsMax: number): Promise<Outcome[]> {
    const left = segment.bytes - segment.offset
    if (left <= 0) return []
    let wanted = Math.min(left, LIMITS.logSpoolReadBytesMax)
    for (;;) {
      const bytes = await readAt(segment.path, segment.offset, wanted)
      const { isBroken, nextBytes, records } = decodeRecords(bytes, rowsMax)
      if (records.length === 0 && nextBytes !== undefined && nextBytes <= left && wanted < left) {
        wanted = nextBytes
        continue
      }
      const outcomes = records.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]))
      this.given = records.map((record) => record.bytes)
      this.tellDamage(records.length - outcomes.length)
      if (outcomes.length === 0) this.skip(segment, isBroken || records.length === 0)
      return outcomes
    }
  }

  /** Passes over what cannot be read: the records that were given, or all that is left of the file. */
  private skip(segment: Segment, everything: boolean): void {
    for (const bytes of this.given) segment.offset += bytes
    segment.rows -= this.given.length
    this.given = []
    if (!everything) return
    const bytes = segment.bytes - segment.offset
    if (bytes > 0) {
      this.tellDamage(Math.max(1, segment.rows))
      segment.offset = segment.bytes
    }
    segment.rows = 0
  }

  private tellDamage(rows: number): void {
    if (rows <= 0) return
    this.damaged += rows
    this.options.logger.error('Rows of the request log on disk are damaged and lost.', { rows })
  }

  /** Removes files that were read to their end; whether there is another one to read. */
  private async dropEmpty(): Promise<boolean> {
    for (;;) {
      const segment = this.segments[0]
      if (segment === undefined) return false
      if (segment.offset < segment.bytes) return true
      if (segment === this.writing?.segment) {
        // What is on its way into it is not counted yet.
        if (this.isAppending) return false
        const { handle } = this.writing
        this.writing = undefined
        await handle.close()
      }
      this.segments.shift()
      await rm(segment.path, { force: true })
      const isLast = this.segments.every(({ folder }) => folder !== segment.folder)
      if (isLast && segment.folder !== this.own) segment.folder.remove()
    }
  }

  /** Of all processes in this data folder. */
  private bytesOnDisk(): number {
    let bytes = 0
    for (const name of foldersIn(this.options.folder)) {
      const folder = join(this.options.folder, name)
      for (const file of filesIn(folder)) {
        bytes += statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0
      }
    }
    return bytes
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    // Another process has just emptied it.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

async function readAt(path: string, offset: number, bytes: number): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(bytes)
    const { bytesRead } = await handle.read(buffer, 0, bytes, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** How much of a file is whole records, and how many; what a killed process left half written is not counted. */
async function measure(path: string): Promise<{ bytes: number; rows: number }> {
  const { size } = await stat(path)
  const handle = await open(path, 'r')
  try {
    let [at, rows] = [0, 0]
    for (;;) {
      const bytes = Buffer.allocUnsafe(
        Math.min(LIMITS.logSpoolReadBytesMax, Math.max(0, size - at)),
      )
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, at)
      let local = 0
      let step = 0
      while (bytesRead - local >= RECORD_HEAD_BYTES) {
        step = RECORD_HEAD_BYTES + bytes.readUInt32LE(local)
        const isBroken =
          step === RECORD_HEAD_BYTES || step > LIMITS.logSpoolRecordBytesMax + RECORD_HEAD_BYTES
        // Reading will say what is wrong there.
        if (isBroken) return { bytes: size, rows: rows + 1 }
        if (at + local + step > size) return { bytes: at + local, rows }
        local += step
        rows += 1
      }
      at += local
      if (at >= size || bytesRead < RECORD_HEAD_BYTES || size - at < RECORD_HEAD_BYTES)
        return { bytes: at, rows }
    }
  } finally {
    await handle.close()
  }
}
