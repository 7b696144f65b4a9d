// The steps of a schema as the build lays them down, the same for both engines: their order, their text, and whether what a database
// has taken is a beginning of them. It reads files and opens no database.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError } from './errors.ts'

const BREAKPOINT = '--> statement-breakpoint'

export interface JournalEntry {
  readonly tag: string
  /** When it was generated: the identity of a step. */
  readonly when: number
}

/** One step, ready to be run. */
export interface MigrationStep {
  readonly statements: readonly string[]
  /** SHA-256 of the whole text, hex. */
  readonly hash: string
}

/** The steps a folder holds, in order. Throws StorageError `migration_failed` when their times do not grow. */
export function readJournal(migrationsFolder: string): JournalEntry[] {
  const path = join(migrationsFolder, 'meta', '_journal.json')
  let entries: JournalEntry[]
  try {
    entries = (JSON.parse(readFileSync(path, 'utf8')) as { entries: JournalEntry[] }).entries
  } catch (error) {
    throw new StorageError('migration_failed', `The list of migrations ${path} is missing.`, error)
  }
  const grows = entries.every((entry, at) => at === 0 || entry.when > (entries[at - 1]?.when ?? 0))
  if (entries.length === 0 || !grows) {
    throw new StorageError('migration_failed', `The list of migrations ${path} is not in order.`)
  }
  return entries
}

/** The text of one step. Throws Error when its file is missing. */
export function readStep(migrationsFolder: string, entry: JournalEntry): MigrationStep {
  const path = join(migrationsFolder, `${entry.tag}.sql`)
  if (!existsSync(path)) throw new Error(`migration file ${entry.tag}.sql is missing`)
  const text = readFileSync(path, 'utf8')
  const statements = text.split(BREAKPOINT).filter((statement) => statement.trim() !== '')
  return { statements, hash: createHash('sha256').update(text).digest('hex') }
}

/**
 * How many steps are done.
 * @param applied generation times of the steps a database has taken, in order
 * @param name of the database, for people
 * @param remedy what to do beside using the newer version
 * @throws StorageError `newer_schema` when they are not a beginning of this journal
 */
export function countApplied(
  applied: readonly number[],
  journal: readonly JournalEntry[],
  name: string,
  remedy: string,
): number {
  const last = applied.at(-1) ?? 0
  if (last > (journal.at(-1)?.when ?? 0)) {
    const message = `${name} was written by a newer version of Weir. Use that version or newer, or ${remedy}.`
    throw new StorageError('newer_schema', message)
  }
  if (applied.some((when, at) => when !== journal[at]?.when)) {
    throw new StorageError('newer_schema', `${name} has a schema that no release of Weir made.`)
  }
  return applied.length
}
