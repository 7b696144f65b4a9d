// The process's own output. The streams of the runtime for it cost a start ten milliseconds of processor time, most of them for terminals and
// sockets, so they are made when they are needed: into a pipe the first few lines go straight. It says nothing by itself.

import { fstatSync, writeSync } from 'node:fs'
import { LIMITS } from '../core/limits.ts'
import type { Output } from './command.ts'

const STDOUT = 1
const STDERR = 2

/** What standard output and error are. A reader that goes away (`weir logs | head`) ends the writing quietly. */
export function standardOutput(): Output {
  const closed = new AbortController()
  const isPipe = isPipeAt(STDOUT)
  let straightBytes = isPipe ? LIMITS.pipeStraightBytes : 0
  let out: NodeJS.WriteStream | undefined
  let error: NodeJS.WriteStream | undefined
  const stream = () => (out ??= process.stdout.on('error', () => closed.abort()))
  const isTerminal = () => !isPipe && stream().isTTY === true
  return {
    out(text) {
      if (closed.signal.aborted) return
      const bytes = Buffer.from(text)
      if (bytes.length > straightBytes) {
        // From here on everything goes this way, or a later line would overtake this one.
        straightBytes = 0
        stream().write(text)
        return
      }
      straightBytes -= bytes.length
      const rest = written(bytes)
      if (rest === 'closed') return closed.abort()
      if (rest.length === 0) return
      straightBytes = 0
      stream().write(rest)
    },
    error(text) {
      // Where the reader of errors is gone there is nobody to tell.
      error ??= process.stderr.on('error', () => {})
      error.write(text)
    },
    get color() {
      return isTerminal() && (process.env['NO_COLOR'] ?? '') === ''
    },
    get isTerminal() {
      return isTerminal()
    },
    get columns() {
      return (isPipe ? undefined : stream().columns) ?? 160
    },
    closed: closed.signal,
  }
}

/** Whether somebody reads errors and log lines on a screen. */
export function isErrorTerminal(): boolean {
  return !isPipeAt(STDERR) && process.stderr.isTTY === true
}

/** A pipe, or the socket that some give in its place: systemd, and Bun to its children. */
function isPipeAt(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor)
    return stats.isFIFO() || stats.isSocket()
  } catch {
    // It is closed, or cannot be asked: then the stream says what comes of it.
    return false
  }
}

/** What of the bytes the pipe has not taken. */
function written(bytes: Buffer): Buffer | 'closed' {
  try {
    return bytes.subarray(writeSync(STDOUT, bytes))
  } catch (error) {
    // A pipe of somebody who does not let it block is full: the stream waits for it.
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return bytes
    return 'closed'
  }
}
