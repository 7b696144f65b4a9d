// Archives that are the same bytes for the same files: entries by name, one time for all, no owner, packed by the runtime's own deflate.
// tar.gz for systems with file modes, zip for Windows. Nothing here knows what is in them.

import { pack } from 'tar-stream'
import { ZipFile } from 'yazl'
import { byCodePoints } from './by-code-points.ts'

export interface ArchiveEntry {
  /** With `/`, without a leading one. */
  readonly path: string
  readonly body: Uint8Array
  readonly isExecutable?: boolean
}

const FILE_MODE = 0o644
const EXECUTABLE_MODE = 0o755

/** @param date of every entry */
export async function tarGz(entries: readonly ArchiveEntry[], date: Date): Promise<Uint8Array> {
  const tar = pack()
  const bytes = collected(tar)
  for (const { body, isExecutable, path } of inOrder(entries)) {
    const mode = isExecutable === true ? EXECUTABLE_MODE : FILE_MODE
    const header = { name: path, mode, mtime: date, uid: 0, gid: 0, uname: '', gname: '' }
    await new Promise<void>((resolve, reject) => {
      tar.entry(header, Buffer.from(body), (error) => (error ? reject(error) : resolve()))
    })
  }
  tar.finalize()
  return Bun.gzipSync(await bytes, { library: 'libdeflate', level: 9 })
}

/** @param date of every entry, in UTC; zip knows every second one */
export async function zip(entries: readonly ArchiveEntry[], date: Date): Promise<Uint8Array> {
  const file = new ZipFile()
  // The format's own time has no zone: yazl writes it as the machine's, so that it reads as UTC everywhere.
  const local = new Date(date.getTime() + date.getTimezoneOffset() * 60_000)
  for (const { body, isExecutable, path } of inOrder(entries)) {
    const mode = 0o100_000 | (isExecutable === true ? EXECUTABLE_MODE : FILE_MODE)
    file.addBuffer(Buffer.from(body), path, {
      mtime: local,
      mode,
      compressionLevel: 9,
      forceDosTimestamp: true,
    })
  }
  const bytes = collected(file.outputStream)
  file.end()
  return await bytes
}

function inOrder(entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  return entries.toSorted((left, right) => byCodePoints(left.path, right.path))
}

async function collected(stream: AsyncIterable<unknown>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part as Uint8Array)
  return new Uint8Array(Buffer.concat(parts))
}
