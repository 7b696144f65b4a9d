// What the request log does for content beside taking rows in: bodies on their way to objects outside of the store and back to nothing, and
// the deletion of one person's rows. It speaks to the database alone; who moves objects, and when, is elsewhere.

import type { Database } from 'bun:sqlite'
import type { Erasure, Hold } from '../core/content.ts'
import { LIMITS } from '../core/limits.ts'
import type { ErasureLog, ErasureStep } from '../core/ports-content.ts'
import { toRepositoryError } from './errors.ts'
import { countPerson, eraseStep, forgetKept, forgetTotals } from './erasure-log.ts'
import type { PostgresPool } from './postgres-pool.ts'
import type { ObjectState } from './schema-log.sqlite.ts'
import { forgetWritten } from './log-hand.ts'
import {
  postgresScripts,
  sqliteScripts,
  type Row,
  type Script,
  type Scripts,
  type Statement,
} from './statements.ts'

/** Bodies that are to lie outside, or an object that is to go. */
export interface ContentObject {
  readonly objectKey: string
  readonly sequence: number
  readonly timestampMs: number
  /** Those before this one among them. */
  readonly tries: number
}

export interface ObjectCounts {
  readonly state: ObjectState
  readonly objects: number
  readonly bytes: number
}

/** The content of one store's request log. Every method throws GatewayError `storage_unavailable` when it cannot be reached. */
export class ContentLog implements ErasureLog {
  private readonly scripts: Scripts
  private readonly letGo: () => void

  /** @param letGo of what the engine still has of rows that are deleted */
  constructor(scripts: Scripts, letGo: () => void = () => undefined) {
    this.scripts = scripts
    this.letGo = letGo
  }

  /**
   * Takes objects of a state whose time has come for this process, so that no other does before `leaseMs` is over.
   * @param state `waiting` to bring them out, `leaving` to delete them
   */
  async claim(state: ObjectState, nowMs: number, leaseMs: number): Promise<ContentObject[]> {
    const rows = await this.ask({
      text: `UPDATE content_objects SET due_ms = $1, tries = tries + 1
        WHERE state = $2 AND due_ms <= $3 AND object_key IN (
          SELECT object_key FROM content_objects WHERE state = $2 AND due_ms <= $3
          ORDER BY due_ms LIMIT ${LIMITS.objectBatchRows}
        ) RETURNING object_key, sequence, timestamp_ms, tries`,
      values: [nowMs + leaseMs, state, nowMs],
    })
    return rows.map((row) => ({
      objectKey: String(row['object_key']),
      sequence: Number(row['sequence']),
      timestampMs: Number(row['timestamp_ms']),
      tries: Number(row['tries']),
    }))
  }

  /** The packed bodies of a row; undefined where they are not there any more. */
  async packedOf({ sequence, timestampMs }: ContentObject): Promise<Uint8Array | undefined> {
    const [row] = await this.ask({
      text: 'SELECT packed FROM request_bodies WHERE sequence = $1 AND timestamp_ms = $2',
      values: [sequence, timestampMs],
    })
    return row?.['packed'] instanceof Uint8Array ? row['packed'] : undefined
  }

  /**
   * The object is there: the row names it and lets go of its own. Where the row is gone, the object is to go as well.
   * @returns false where it went while it was brought out: whoever deleted it may have been quicker, so it is to be deleted again
   */
  async moved({ objectKey, sequence, timestampMs }: ContentObject): Promise<boolean> {
    return await this.run(function* (): Script<boolean> {
      const still = yield {
        text: "UPDATE content_objects SET state = 'stored', due_ms = 0 WHERE object_key = $1 AND state = 'waiting' RETURNING object_key",
        values: [objectKey],
      }
      if (still.length === 0) {
        const stored = yield {
          text: "SELECT object_key FROM content_objects WHERE object_key = $1 AND state = 'stored'",
          values: [objectKey],
        }
        return stored.length > 0
      }
      const rows = yield {
        text: 'UPDATE request_bodies SET object_key = $1, packed = NULL WHERE sequence = $2 AND timestamp_ms = $3 RETURNING sequence',
        values: [objectKey, sequence, timestampMs],
      }
      if (rows.length > 0) return true
      yield {
        text: "UPDATE content_objects SET state = 'leaving' WHERE object_key = $1",
        values: [objectKey],
      }
      return true
    })
  }

  /** It did not work: not again before then. */
  async later({ objectKey }: ContentObject, dueMs: number): Promise<void> {
    await this.ask({
      text: 'UPDATE content_objects SET due_ms = $1 WHERE object_key = $2 RETURNING object_key',
      values: [dueMs, objectKey],
    })
  }

  /** The object is deleted, or there is none to move. */
  async gone({ objectKey }: ContentObject): Promise<void> {
    await this.ask({
      text: 'DELETE FROM content_objects WHERE object_key = $1 RETURNING object_key',
      values: [objectKey],
    })
  }

  /** Those are put off no longer: what they go to is another place now, or is back. */
  async hurry(): Promise<void> {
    await this.ask({
      text: 'UPDATE content_objects SET due_ms = 0 WHERE due_ms > 0 RETURNING object_key',
      values: [],
    })
  }

  /**
   * Marks objects whose rows are gone, however they went, in one page of them. One that is just brought out goes when that is over.
   * @returns where to go on; undefined: that was the last page
   */
  async markStray(afterKey: string): Promise<string | undefined> {
    const size = LIMITS.objectBatchRows * 10
    return await this.run(function* (): Script<string | undefined> {
      const page = yield {
        text: `SELECT object_key FROM content_objects WHERE object_key > $1 ORDER BY object_key LIMIT ${size}`,
        values: [afterKey],
      }
      const last = page.at(-1)?.['object_key']
      if (typeof last !== 'string') return undefined
      yield {
        text: `UPDATE content_objects SET state = 'leaving'
          WHERE object_key > $1 AND object_key <= $2 AND state <> 'leaving' AND NOT EXISTS (
            SELECT 1 FROM request_bodies b
            WHERE b.sequence = content_objects.sequence AND b.timestamp_ms = content_objects.timestamp_ms
          ) RETURNING object_key`,
        values: [afterKey, last],
      }
      return page.length < size ? undefined : last
    })
  }

  /** Which of these names no row knows. */
  async unknownOf(objectKeys: readonly string[]): Promise<string[]> {
    const { engine } = this.scripts
    const list =
      engine === 'sqlite'
        ? '(SELECT value FROM json_each($1))'
        : '(SELECT value FROM json_array_elements_text($1::text::json))'
    const rows = await this.ask({
      text: `SELECT object_key FROM content_objects WHERE object_key IN ${list}`,
      values: [JSON.stringify(objectKeys)],
    })
    const known = new Set(rows.map((row) => row['object_key']))
    return objectKeys.filter((key) => !known.has(key))
  }

  async counts(): Promise<ObjectCounts[]> {
    const rows = await this.ask({
      text: 'SELECT state, count(*) AS objects, sum(bytes) AS bytes FROM content_objects GROUP BY state ORDER BY state',
      values: [],
    })
    return rows.map((row) => ({
      state: row['state'] as ObjectState,
      objects: Number(row['objects']),
      bytes: Number(row['bytes']),
    }))
  }

  async step(erasure: Erasure, holds: readonly Hold[], rows: number): Promise<ErasureStep> {
    const { engine } = this.scripts
    return await this.run(() => eraseStep(engine, erasure, holds, rows))
  }

  async count(
    person: Pick<Erasure, 'kind' | 'subject' | 'tenantId'>,
    holds: readonly Hold[],
  ): Promise<{ readonly requests: number; readonly bodies: number; readonly held: number }> {
    const total = { requests: 0, bodies: 0, held: 0 }
    for (let after: number | undefined = 0; after !== undefined;) {
      const from: number = after
      const part = await this.run(() => countPerson(person, holds, from))
      total.requests += part.requests
      total.bodies += part.bodies
      total.held += part.held
      after = part.lastSequence
      // Requests go on meanwhile.
      if (after !== undefined) await rest()
    }
    return total
  }

  async forget(tenantId: string, callers: readonly string[]): Promise<number> {
    return await this.run(() => forgetKept(tenantId, callers))
  }

  /** What is counted of a person becomes nobody's, a part of the time at a step. */
  async forgetTotals(person: Pick<Erasure, 'kind' | 'subject' | 'tenantId'>): Promise<void> {
    while (await this.run(() => forgetTotals(person))) await rest()
    this.letGo()
  }

  private async ask(statement: Statement): Promise<readonly Row[]> {
    return await this.run(function* (): Script<readonly Row[]> {
      return yield statement
    })
  }

  private async run<T>(script: () => Script<T>): Promise<T> {
    try {
      return await this.scripts.run(script)
    } catch (error) {
      throw toRepositoryError(error)
    }
  }
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LIMITS.erasurePauseMs))
}

export function sqliteContentLog(database: Database): ContentLog {
  return new ContentLog(sqliteScripts(database), () => forgetWritten(database))
}

export function postgresContentLog(pool: PostgresPool): ContentLog {
  return new ContentLog(postgresScripts(pool))
}
