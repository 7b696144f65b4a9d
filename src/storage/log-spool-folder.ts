// Folders on disk that each belong to one living process: held by a lock that the system takes back when the process ends, however
// it ends. What a dead process left behind is taken over by the first one that asks; what a living one has is never touched.

import { Database } from 'bun:sqlite'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isBusy } from './errors.ts'
import { logMs } from './log-row.ts'
import { makePrivateFile, makePrivateFolder } from './open.ts'

const LOCK_FILE = 'lock'
const SEGMENT = /^\d{8}\.rows$/
/** An empty folder of somebody else may be one that is being made. */
const EMPTY_AGE_MS = 60_000

/** A folder that this process holds. */
export interface HeldFolder {
  readonly path: string
  /** Names of the files with rows in it when it was taken, in order. */
  readonly segments: readonly string[]
  /** Takes away the folder with all that is in it, and lets go. */
  remove(): void
  /** Lets go; what is in it is the next one's. */
  release(): void
}

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.rows`
}

/** A lock on a file, as SQLite takes it: the one lock there is that needs no native code and ends with its process. */
function lock(path: string): Database | undefined {
  let database: Database | undefined
  try {
    database = new Database(path, { readwrite: true, create: false })
    database.run('PRAGMA busy_timeout = 0')
    database.run('BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    // Somebody holds it, or has just removed it.
    if (
      isBusy(error) ||
      !(error instanceof Error) ||
      /CANTOPEN|unable to open/i.test(describe(error))
    ) {
      return undefined
    }
    throw error
  }
}

function describe(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

function held(path: string, database: Database): HeldFolder {
  const release = (): void => database.close()
  return {
    path,
    segments: readdirSync(path)
      .filter((name) => SEGMENT.test(name))
      .toSorted(),
    release,
    remove: () => {
      rmSync(path, { recursive: true, force: true })
      release()
    },
  }
}

/** A new folder under `root`, named by the time. @throws the system's error where it cannot be made */
export function makeHeldFolder(root: string): HeldFolder {
  makePrivateFolder(root)
  const path = join(root, Bun.randomUUIDv7())
  makePrivateFolder(path)
  makePrivateFile(join(path, LOCK_FILE))
  const database = lock(join(path, LOCK_FILE))
  if (database === undefined) throw new Error('a new folder is held by somebody else')
  return held(path, database)
}

/** Takes over what dead processes left under `root`, oldest first. Folders that hold nothing are removed. */
export function takeLeftFolders(root: string, nowMs: number): HeldFolder[] {
  const taken: HeldFolder[] = []
  for (const name of foldersIn(root)) {
    const database = lock(join(root, name, LOCK_FILE))
    if (database === undefined) continue
    const folder = heldOrGone(join(root, name), database)
    if (folder === undefined) continue
    if (folder.segments.length > 0) taken.push(folder)
    else if (nowMs - logMs(name) > EMPTY_AGE_MS) folder.remove()
    else folder.release()
  }
  return taken
}

function heldOrGone(path: string, database: Database): HeldFolder | undefined {
  try {
    return held(path, database)
  } catch (error) {
    database.close()
    // Whoever held it before removed it with its lock.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Names of all folders under `root`, in the order in which they were made; none where there is no root. */
export function foldersIn(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .toSorted()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
