// A whole store in one file: rows of all tables in their order, in pieces that are compressed each, between a head that says what it is
// and a hash over all of it. It holds sealed values as they are sealed; the master key is never in it, and without that key it is of no use.

import { createHash, type Hash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { LIMITS } from '../core/limits.ts'
import type { CopyRow, Sum } from './copy-tables.ts'
import { StorageError } from './errors.ts'

const MAGIC = Buffer.from('WEIRBAK1')
const HASH_BYTES = 32
/** Length of a piece as it lies there and as it is read, unsigned, least significant byte first. */
const PIECE_HEAD_BYTES = 8
const READ_BYTES = 1024 * 1024
/** What a file system says that has no second names for a file. */
const LINKLESS = new Set<unknown>(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

export interface BackupHead {
  /** Of the program that wrote it. */
  readonly version: string
  readonly createdMs: number
  readonly engine: 'sqlite' | 'postgres'
  /** Names of the columns of each table, in the order of the values. */
  readonly tables: Readonly<Record<string, readonly string[]>>
}

export interface BackupRows {
  readonly table: string
  readonly rows: readonly CopyRow[]
}

interface BackupEnd {
  readonly sums: Readonly<Record<string, Sum>>
}

type Piece = { readonly head: BackupHead } | BackupRows | { readonly end: BackupEnd }

function refuse(path: string, why: string): never {
  throw new StorageError('cannot_open', `${path} ${why}; nothing was changed.`)
}

/** Writes one file, 0600, which has its name only when it is whole. */
export class BackupWriter {
  private readonly path: string
  private readonly partial: string
  private readonly descriptor: number
  private readonly hash: Hash = createHash('sha256')

  /** @throws StorageError when there is such a file, or it cannot be made */
  constructor(path: string, head: BackupHead) {
    if (existsSync(path)) refuse(path, 'is there already: choose another name')
    this.path = path
    this.partial = `${path}.${process.pid}.partial`
    try {
      this.descriptor = openSync(this.partial, 'wx', 0o600)
      fchmodSync(this.descriptor, 0o600)
    } catch (error) {
      throw new StorageError('cannot_open', `${this.partial} could not be made.`, error)
    }
    this.put(MAGIC)
    this.piece({ head })
  }

  rows(rows: BackupRows): void {
    this.piece(rows)
  }

  /** Ends the file and gives it its name. Returns its size in bytes. */
  finish(sums: BackupEnd['sums']): number {
    this.piece({ end: { sums } })
    this.write(this.hash.digest())
    fsyncSync(this.descriptor)
    const { size } = fstatSync(this.descriptor)
    this.name()
    this.abandon()
    return size
  }

  /** Takes away what was written, and has no name. */
  abandon(): void {
    closeSync(this.descriptor)
    rmSync(this.partial, { force: true })
  }

  /** Never over a file that has come meanwhile. */
  private name(): void {
    try {
      linkSync(this.partial, this.path)
    } catch (error) {
      if (existsSync(this.path)) refuse(this.path, 'is there already: choose another name')
      // Not every file system has links.
      if (!(error instanceof Error && 'code' in error && LINKLESS.has(error.code))) throw error
      renameSync(this.partial, this.path)
    }
  }

  private piece(piece: Piece): void {
    const raw = Buffer.from(JSON.stringify(piece))
    if (raw.length > LIMITS.backupFrameBytesMax) refuse(this.path, 'would hold too large a row')
    const packed = Bun.zstdCompressSync(raw)
    const head = Buffer.allocUnsafe(PIECE_HEAD_BYTES)
    head.writeUInt32LE(packed.length, 0)
    head.writeUInt32LE(raw.length, 4)
    this.put(head)
    this.put(packed)
  }

  private put(bytes: Buffer): void {
    this.hash.update(bytes)
    this.write(bytes)
  }

  private write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.descriptor, bytes, at)
  }
}

/** A file whose hash is right. */
export class BackupReader {
  readonly head: BackupHead
  readonly sums: BackupEnd['sums']
  /** Hex of the hash: what tells it apart from any other. */
  readonly identity: string
  private readonly path: string
  private readonly descriptor: number
  private readonly endAt: number
  /** Where the pieces of each table begin. */
  private readonly places = new Map<string, number[]>()

  /** Reads all of it once. @throws StorageError for a file that is not one, is cut off or was changed */
  constructor(path: string) {
    this.path = path
    try {
      this.descriptor = openSync(path, 'r')
    } catch (error) {
      throw new StorageError('cannot_open', `${path} could not be read.`, error)
    }
    try {
      const { size } = fstatSync(this.descriptor)
      const least = MAGIC.length + HASH_BYTES
      if (size < least || !this.at(0, MAGIC.length).equals(MAGIC)) {
        refuse(path, 'is no backup of Weir')
      }
      this.endAt = size - HASH_BYTES
      this.identity = this.proveHash()
      const found: { head?: BackupHead; end?: BackupEnd } = {}
      for (let at = MAGIC.length; at < this.endAt;) {
        const { next, piece } = this.pieceAt(at)
        if ('head' in piece) found.head = piece.head
        else if ('end' in piece) found.end = piece.end
        else this.places.set(piece.table, [...(this.places.get(piece.table) ?? []), at])
        at = next
      }
      if (found.head === undefined || found.end === undefined) refuse(path, 'is not whole')
      this.head = found.head
      this.sums = found.end.sums
    } catch (error) {
      closeSync(this.descriptor)
      throw error
    }
  }

  /** The rows of a table, in the order in which they were written. */
  *rows(table: string): Generator<readonly CopyRow[]> {
    for (const at of this.places.get(table) ?? []) {
      const { piece } = this.pieceAt(at)
      if ('rows' in piece) yield piece.rows
    }
  }

  close(): void {
    closeSync(this.descriptor)
  }

  private pieceAt(at: number): { readonly piece: Piece; readonly next: number } {
    const head = this.at(at, PIECE_HEAD_BYTES)
    const [packedBytes, rawBytes] = [head.readUInt32LE(0), head.readUInt32LE(4)]
    const next = at + PIECE_HEAD_BYTES + packedBytes
    const isTooLarge = Math.max(packedBytes, rawBytes) > LIMITS.backupFrameBytesMax
    if (isTooLarge || next > this.endAt) refuse(this.path, 'is damaged')
    const raw = Bun.zstdDecompressSync(this.at(at + PIECE_HEAD_BYTES, packedBytes))
    if (raw.length !== rawBytes) refuse(this.path, 'is damaged')
    return { piece: JSON.parse(raw.toString('utf8')) as Piece, next }
  }

  private proveHash(): string {
    const hash = createHash('sha256')
    for (let at = 0; at < this.endAt; at += READ_BYTES) {
      hash.update(this.at(at, Math.min(READ_BYTES, this.endAt - at)))
    }
    const found = hash.digest()
    if (!found.equals(this.at(this.endAt, HASH_BYTES))) {
      refuse(this.path, 'is cut off or was changed: its checksum is wrong')
    }
    return found.toString('hex')
  }

  private at(position: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafe(bytes)
    for (let read = 0; read < bytes;) {
      const more = readSync(this.descriptor, buffer, read, bytes - read, position + read)
      if (more === 0) refuse(this.path, 'is cut off')
      read += more
    }
    return buffer
  }
}
