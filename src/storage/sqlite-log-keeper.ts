// Deletes old rows of the request log on SQLite, where nobody else writes meanwhile: so on a thread of its own, in steps of a few
// milliseconds, each as large as the last ones have shown to fit, with pauses in which the writer goes on. Bodies go with their rows;
// what is under a legal hold stays.

import type { Database } from 'bun:sqlite'
import type { Hold } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import { heldCondition } from './held-rows.ts'
import { type Change, handOn, type LogHand } from './log-hand.ts'
import { SIZE_TARGET, type LogKeeper } from './log-upkeep.ts'
import { pause } from './pause.ts'
import type { SearchValue } from './search-reader.ts'

/** Rows of the first step: with bodies of the largest size it takes as long as a step may. */
const FIRST_ROWS = 8
/** Others have this many times as long as the deletion before them. */
const PAUSE_FACTOR = 9
/** What so many steps have written is brought into the file at once, before so much waits that a commit of the writer's does it. */
const CHECKPOINT_STEPS = 10

// Bodies and objects go by what is left of the rows, so that one condition says what is held.
const GOING = 'sequence IN (SELECT value FROM json_each(?1))'
const DELETE_BODIES = `DELETE FROM request_bodies WHERE ${GOING}
  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.sequence = request_bodies.sequence)`
const MARK_OBJECTS = `UPDATE content_objects SET state = 'leaving' WHERE ${GOING}
  AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.sequence = content_objects.sequence)`
const SEEN = `SELECT sequence, timestamp_ms FROM requests
  WHERE timestamp_ms < ?1 AND timestamp_ms >= ?2 AND (timestamp_ms, sequence) > (?2, ?3)
  ORDER BY timestamp_ms, sequence LIMIT ?4`

interface Place {
  readonly timestampMs: number
  readonly sequence: number
}

interface Seen {
  readonly sequence: number
  readonly timestamp_ms: number
}

interface Step {
  readonly deleted: number
  readonly tookMs: number
  /** Rows that were looked at, those that are held among them. */
  readonly seen: number
  readonly end: Place
}

const BEGINNING: Place = { timestampMs: Number.MIN_SAFE_INTEGER, sequence: 0 }

export class SqliteLogKeeper implements LogKeeper {
  private readonly database: Database
  private readonly holds: () => Promise<readonly Hold[]>
  private readonly hand: LogHand

  /**
   * @param database the writer's own connection, asked for what costs nothing
   * @param holds in force now; asked in each step
   * @param hand changes the log; the writer's connection unless given
   */
  constructor(
    database: Database,
    holds: () => Promise<readonly Hold[]> = () => Promise.resolve([]),
    hand: LogHand = handOn(database),
  ) {
    this.database = database
    this.holds = holds
    this.hand = hand
  }

  /** A file grows by itself. */
  makeRoom(): Promise<void> {
    return Promise.resolve()
  }

  async deleteBefore(cutoffMs: number, signal: AbortSignal): Promise<number> {
    // No thread begins for nothing.
    const old = 'SELECT 1 FROM requests WHERE timestamp_ms < ?1 LIMIT 1'
    if (this.database.query(old).get(cutoffMs) === null) return 0
    const deleted = await this.deleteOldest(() => (signal.aborted ? 0 : Infinity), cutoffMs)
    if (deleted > 0) await this.hand.checkpoint(true)
    return deleted
  }

  /** Of the file; what waits in its write-ahead log is bounded by itself. Pages that rows have left are used again before it grows. */
  async shrinkTo(rowBytesMax: number, signal: AbortSignal): Promise<number> {
    if (this.pages().used <= rowBytesMax) return 0
    // Answers that are kept for later requests have a bound of their own: rows that went for them would make no room.
    const bytesMax = rowBytesMax + this.keptBytes()
    if (this.pages().used <= bytesMax) return 0
    const target = bytesMax - rowBytesMax * (1 - SIZE_TARGET)
    const rowBytes = this.pages().used / Math.max(1, this.rows())
    const surplus = () =>
      signal.aborted ? 0 : Math.max(0, Math.ceil((this.pages().used - target) / rowBytes))
    const deleted = await this.deleteOldest(surplus, Number.MAX_SAFE_INTEGER)
    // Where the file was made without this, it stays as large as it was and grows no more.
    for (let size = this.pages(); size.file > bytesMax && !signal.aborted;) {
      const text = `PRAGMA incremental_vacuum(${LIMITS.logVacuumPagesMax})`
      const done = await this.hand.change([{ text, values: [] }])
      await pause(Math.max(1, (done?.tookMs ?? 1) * PAUSE_FACTOR))
      if (done === undefined) continue
      const now = this.pages()
      if (now.file >= size.file) break
      size = now
    }
    return deleted
  }

  /** Bytes of the file, and of its pages that hold something. */
  private pages(): { readonly file: number; readonly used: number } {
    const of = (name: string) =>
      Object.values(
        this.database.query<Record<string, number>, []>(`PRAGMA ${name}`).get() ?? {},
      )[0] ?? 0
    const size = of('page_size')
    const all = of('page_count')
    return { file: all * size, used: (all - of('freelist_count')) * size }
  }

  /** What a covering index tells. */
  private keptBytes(): number {
    const kept = this.database
      .query<{ n: number | null }, []>('SELECT sum(value_bytes) AS n FROM kept')
      .get()
    return kept?.n ?? 0
  }

  /** About how many rows there are: their numbers follow each other but for those that were refused. */
  private rows(): number {
    const counted = this.database
      .query<{ n: number | null }, []>(
        'SELECT max(sequence) - min(sequence) + 1 AS n FROM requests',
      )
      .get()
    return counted?.n ?? 0
  }

  /** @param most how many may go now; 0 ends it */
  private async deleteOldest(most: () => number, cutoffMs: number): Promise<number> {
    let fitting = FIRST_ROWS
    let deleted = 0
    let after = BEGINNING
    let steps = 0
    for (let left = most(); left > 0; left = most()) {
      const rows = Math.min(fitting, left)
      const step = await this.step(cutoffMs, rows, after)
      if (step !== undefined) {
        deleted += step.deleted
        if (step.seen < rows) return deleted
        after = step.end
        fitting = nextRows(rows, step.tookMs)
      }
      await pause(Math.max(1, (step?.tookMs ?? 1) * PAUSE_FACTOR))
      steps += 1
      // Before a step, not behind one: who writes next begins the write-ahead log anew and waits for the disk.
      if (steps % CHECKPOINT_STEPS === 0) await this.hand.checkpoint(false)
    }
    return deleted
  }

  /** The next rows behind a place; undefined when another process holds the lock. Held ones count, so that a step has its bound. */
  private async step(cutoffMs: number, rows: number, after: Place): Promise<Step | undefined> {
    const seen = await this.hand.rows<Seen>(SEEN, [
      cutoffMs,
      after.timestampMs,
      after.sequence,
      rows,
    ])
    const last = seen.at(-1)
    if (last === undefined) return { deleted: 0, tookMs: 0, seen: 0, end: after }
    const going = JSON.stringify(seen.map(({ sequence }) => sequence))
    // Asked for each time, and last: what is held from now on is not deleted from now on.
    const holds = await this.holds()
    const changed = await this.hand.change([
      deletion(going, holds),
      { text: DELETE_BODIES, values: [going] },
      { text: MARK_OBJECTS, values: [going] },
    ])
    if (changed === undefined) return undefined
    const end = { timestampMs: last.timestamp_ms, sequence: last.sequence }
    return { deleted: changed.changes, tookMs: changed.tookMs, seen: seen.length, end }
  }
}

function deletion(going: string, holds: readonly Hold[]): Change {
  const values: SearchValue[] = [going]
  const held = heldCondition(holds, (value) => {
    values.push(value)
    return `?${values.length}`
  })
  const free = held === undefined ? '' : ` AND NOT ${held}`
  return { text: `DELETE FROM requests WHERE ${GOING}${free}`, values }
}

/** So many that a step takes about as long as it may; never more than twice as many as before. */
function nextRows(rows: number, tookMs: number): number {
  const { logDeletionStepMs, logDeletionStepRows } = LIMITS
  const fitting = Math.floor((rows * logDeletionStepMs) / Math.max(tookMs, 0.1))
  return Math.max(1, Math.min(fitting, rows * 2, logDeletionStepRows))
}
