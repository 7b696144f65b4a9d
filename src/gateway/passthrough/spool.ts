// A body that is too large for memory, on disk while it is needed: written once as it arrives, read as often as it is sent.
// Its file has no name from the moment it is open, so that nothing is left behind however this program ends.

import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../core/error.ts'
import type { Edit } from '../../core/json-span.ts'
import { LIMITS } from '../../core/limits.ts'
import type { IdSource, StreamedBody } from '../../core/ports.ts'

export interface SpoolSettings {
  /** Where files are made; made itself, for this user alone, when the first one is. */
  folder(): string
  readonly ids: Pick<IdSource, 'uuid'>
  /** Opens a new file for this user alone; another one in tests of a full disk. */
  readonly openFile?: (path: string) => Promise<FileHandle>
}

/** Makes spools and counts what all of them have on disk. */
export class SpoolRoom {
  private readonly settings: SpoolSettings
  private diskBytes = 0

  constructor(settings: SpoolSettings) {
    this.settings = settings
  }

  /** What lies on disk now. */
  get bytesOnDisk(): number {
    return this.diskBytes
  }

  create(): Spool {
    return new Spool(this)
  }

  /** @throws GatewayError `overloaded` when all uploads together would take more than their bound */
  take(bytes: number): void {
    if (this.diskBytes + bytes > LIMITS.uploadDiskBytesMax) {
      throw new GatewayError('overloaded', {
        message: 'Too many large uploads at once.',
        retryAfterMs: LIMITS.overloadRetryMaxMs,
      })
    }
    this.diskBytes += bytes
  }

  giveBack(bytes: number): void {
    this.diskBytes -= bytes
  }

  async openFile(): Promise<{ file: FileHandle; path?: string }> {
    const folder = this.settings.folder()
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, `upload-${this.settings.ids.uuid()}`)
    const file = await (this.settings.openFile ?? openPrivate)(path)
    try {
      await unlink(path)
      return { file }
    } catch {
      // Some systems keep the name of an open file: then it goes with the spool.
      return { file, path }
    }
  }
}

function openPrivate(path: string): Promise<FileHandle> {
  return open(path, 'wx+', 0o600)
}

/** One body. Written from one end, then read from any place; `dispose` on every way out. */
export class Spool {
  private readonly room: SpoolRoom
  /** What is not on disk yet; the whole body while it is small. */
  private memory = Buffer.alloc(0)
  private memoryBytes = 0
  private file: FileHandle | undefined
  private path: string | undefined
  private fileBytes = 0
  private disposed = false

  constructor(room: SpoolRoom) {
    this.room = room
  }

  get bytes(): number {
    return this.fileBytes + this.memoryBytes
  }

  get isOnDisk(): boolean {
    return this.file !== undefined
  }

  /** Resolves when there is room for more. @throws GatewayError `storage_unavailable` when the disk takes no more */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.memoryBytes + chunk.length > LIMITS.uploadMemoryBytesMax) {
      await this.toDisk(this.memory.subarray(0, this.memoryBytes))
      this.memoryBytes = 0
      if (chunk.length >= LIMITS.uploadReadBytesMax) return await this.toDisk(chunk)
    }
    this.keep(chunk)
  }

  /** No more comes: what has a file is put there whole. */
  async finish(): Promise<void> {
    if (this.file === undefined) return
    await this.toDisk(this.memory.subarray(0, this.memoryBytes))
    this.memoryBytes = 0
    this.memory = Buffer.alloc(0)
  }

  /** The body with the edits made, which must not overlap: in one piece where it is in memory, else read while it is sent. */
  body(edits: readonly Edit[]): Uint8Array | StreamedBody {
    const pieces = piecesOf(edits, this.bytes)
    const bytes = pieces.reduce((sum, piece) => sum + lengthOf(piece), 0)
    const { file } = this
    if (file === undefined) {
      const { memory } = this
      return Buffer.concat(
        pieces.map((piece) =>
          piece instanceof Uint8Array ? piece : memory.subarray(piece.from, piece.to),
        ),
        bytes,
      )
    }
    return { bytes, open: () => readPieces(file, pieces) }
  }

  /** Gives everything back. Idempotent; a body still being read breaks off. */
  async dispose(): Promise<void> {
    if (this.disposed) return
    this.disposed = true
    this.room.giveBack(this.fileBytes)
    this.memory = Buffer.alloc(0)
    this.memoryBytes = 0
    await Promise.allSettled([
      this.file?.close(),
      ...(this.path === undefined ? [] : [unlink(this.path)]),
    ])
  }

  private keep(chunk: Uint8Array): void {
    const needed = this.memoryBytes + chunk.length
    if (needed > this.memory.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.memory.length))
      larger.set(this.memory.subarray(0, this.memoryBytes))
      this.memory = larger
    }
    this.memory.set(chunk, this.memoryBytes)
    this.memoryBytes = needed
  }

  private async toDisk(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    try {
      if (this.file === undefined) {
        const { file, path } = await this.room.openFile()
        this.file = file
        this.path = path
      }
      this.room.take(bytes.length)
      // Counted before it is written: whatever becomes of it is given back.
      const position = this.fileBytes
      this.fileBytes += bytes.length
      let written = 0
      while (written < bytes.length) {
        const step = await this.file.write(
          bytes,
          written,
          bytes.length - written,
          position + written,
        )
        written += step.bytesWritten
      }
    } catch (error) {
      if (error instanceof GatewayError) throw error
      throw new GatewayError('storage_unavailable', {
        message: 'There is no room for this upload.',
        cause: error,
      })
    }
  }
}

type Piece = Uint8Array | { readonly from: number; readonly to: number }

const encoder = new TextEncoder()

function lengthOf(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.length : piece.to - piece.from
}

function piecesOf(edits: readonly Edit[], size: number): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    pieces.push({ from, to: edit.start }, encoder.encode(edit.text))
    from = edit.end
  }
  pieces.push({ from, to: size })
  return pieces.filter((piece) => lengthOf(piece) > 0)
}

/** Each read is asked for by the reader: nothing is read ahead. */
function readPieces(file: FileHandle, pieces: readonly Piece[]): ReadableStream<Uint8Array> {
  let index = 0
  let at = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = pieces[index]
        if (piece === undefined) return controller.close()
        if (piece instanceof Uint8Array) {
          index += 1
          return controller.enqueue(piece)
        }
        const from = Math.max(at, piece.from)
        const length = Math.min(piece.to - from, LIMITS.uploadReadBytesMax)
        const buffer = new Uint8Array(length)
        const { bytesRead } = await file.read(buffer, 0, length, from)
        if (bytesRead === 0) throw new Error('the file of an upload is shorter than it was written')
        at = from + bytesRead
        if (at >= piece.to) index += 1
        controller.enqueue(buffer.subarray(0, bytesRead))
      },
    },
    { highWaterMark: 0 },
  )
}
