// Settings files of other programs, read and written with care: links are followed to the file itself, a write is whole or has not happened,
// and what somebody changed meanwhile is not written over.

import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { LIMITS } from '../../core/limits.ts'
import { printable } from '../format.ts'

/** Something about a file that a person must look at. */
export class FileProblem extends Error {}

export interface ReadFile {
  /** The file itself, links followed. */
  readonly path: string
  /** Undefined where there is none. */
  readonly bytes: Buffer | undefined
  /** Without a mark of its encoding. */
  readonly text: string
  readonly mode: number | undefined
}

const MARK = '\ufeff'
const LINKS_MAX = 20
const PRIVATE_MODE = 0o600
/** Bits that let others read or write. */
const OTHERS = 0o077

/** What stands in a file now. @throws FileProblem when it is no file of settings */
export function readSettings(named: string): ReadFile {
  const path = followed(named)
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return { path, bytes: undefined, text: '', mode: undefined }
  if (!stats.isFile()) throw new FileProblem(`${printable(path)} is no file.`)
  if (stats.size > LIMITS.setupFileBytesMax) {
    throw new FileProblem(`${printable(path)} is too large to be a file of settings.`)
  }
  const bytes = readFileSync(path)
  return { path, bytes, text: textOf(bytes, path), mode: stats.mode & 0o7777 }
}

function textOf(bytes: Buffer, path: string): string {
  try {
    // The mark is dropped by the decoder, and put back by whoever writes.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new FileProblem(`${printable(path)} is not UTF-8 text: it is left as it is.`)
  }
}

/** Bytes for a text that takes the place of others: with the mark that they had. */
export function encoded(text: string, before: Buffer | undefined): Buffer {
  const hasMark = before?.subarray(0, 3).equals(Buffer.from(MARK)) === true
  return Buffer.from(hasMark ? `${MARK}${text}` : text)
}

/** The place that links lead to, which need not be there; folders on the way are followed as well. */
function followed(named: string): string {
  let path = resolve(named)
  for (let links = 0; links < LINKS_MAX; links += 1) {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats?.isSymbolicLink() !== true) return withRealFolder(path)
    path = resolve(dirname(path), readlinkSync(path))
  }
  throw new FileProblem(`${printable(named)} is a link that leads nowhere.`)
}

function withRealFolder(path: string): string {
  const folder = dirname(path)
  if (folder === path) return path
  const isThere = statSync(folder, { throwIfNoEntry: false }) !== undefined
  return join(isThere ? realpathSync(folder) : withRealFolder(folder), basename(path))
}

/** Whether the file holds these bytes, or is not there when they are undefined. */
export function holds(path: string, bytes: Buffer | undefined): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined || bytes === undefined) return stats === undefined && bytes === undefined
  return stats.isFile() && stats.size === bytes.length && readFileSync(path).equals(bytes)
}

/** Whether a file is what was written once, by its digest. */
export function hasDigest(path: string, digest: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true && sha256(readFileSync(path)) === digest
}

/**
 * Puts bytes in place of the file, all at once, with its mode and owner; one that is new or private nobody else may read.
 * @returns the folders that had to be made, the outermost first
 */
export function writeWhole(
  path: string,
  bytes: Buffer,
  options: { readonly mode: number | undefined; readonly isPrivate: boolean },
): readonly string[] {
  const made = missingFolders(dirname(path))
  const old = statSync(path, { throwIfNoEntry: false })
  // What root makes in somebody's folder is theirs, or their tool could not read it.
  const owner = old ?? statSync(dirname(made[0] ?? path))
  const isRoot = process.getuid?.() === 0
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (isRoot) for (const folder of made) chownSync(folder, owner.uid, owner.gid)
  const { isPrivate, mode = PRIVATE_MODE } = options
  const wanted = isPrivate ? mode & ~OTHERS : mode
  const partial = join(dirname(path), `.${basename(path)}.${process.pid}.${Bun.randomUUIDv7()}`)
  const descriptor = openSync(partial, 'wx', PRIVATE_MODE)
  try {
    try {
      writeFileSync(descriptor, bytes)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    chmodSync(partial, wanted)
    if (isRoot) chownSync(partial, owner.uid, owner.gid)
    renameSync(partial, path)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
  return made
}

/** Folders of a path that are not there, the outermost first. */
function missingFolders(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) return []
  const above = dirname(folder)
  return above === folder ? [] : [...missingFolders(above), folder]
}

/** Takes a file away, and the folders that were made for it and hold nothing else. */
export function removeWhole(path: string, folders: readonly string[]): void {
  rmSync(path, { force: true })
  for (const folder of folders.toReversed()) {
    try {
      rmdirSync(folder)
    } catch {
      // Somebody has put something into it, or it is gone already.
      return
    }
  }
}

/** The work tree of git that a file lies in; undefined where it lies in none. */
export function repositoryOf(path: string): string | undefined {
  const folder = dirname(path)
  if (folder === path) return undefined
  return existsSync(join(folder, '.git')) ? folder : repositoryOf(folder)
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
