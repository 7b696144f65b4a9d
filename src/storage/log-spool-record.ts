// The form in which rows of the log wait on disk: each with its length and its checksum before it, so that a file that was cut off
// anywhere gives back every whole row, and a damaged row is passed over instead of being believed.

import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'

/** Length of the text in bytes and its CRC-32, both unsigned, least significant byte first. */
export const RECORD_HEAD_BYTES = 8

/** One row. Throws for an outcome that JSON cannot say. */
export function encodeRecord(outcome: Outcome): Buffer {
  const text = Buffer.from(JSON.stringify(written(outcome)))
  const record = Buffer.allocUnsafe(RECORD_HEAD_BYTES + text.length)
  record.writeUInt32LE(text.length, 0)
  record.writeUInt32LE(Bun.hash.crc32(text), 4)
  text.copy(record, RECORD_HEAD_BYTES)
  return record
}

/** Packed bodies are no JSON: in a text they stand as base64. */
function written(outcome: Outcome): unknown {
  const { packedBodies } = outcome
  return packedBodies === undefined
    ? outcome
    : { ...outcome, packedBodies: Buffer.from(packedBodies).toString('base64') }
}

function read(text: string): Outcome {
  const outcome = JSON.parse(text) as Outcome & { readonly packedBodies?: unknown }
  const { packedBodies } = outcome
  return typeof packedBodies === 'string'
    ? { ...outcome, packedBodies: Buffer.from(packedBodies, 'base64') }
    : outcome
}

export interface DecodedRecord {
  /** Undefined for a damaged one. */
  readonly outcome: Outcome | undefined
  /** All of it, head included. */
  readonly bytes: number
}

export interface Decoded {
  readonly records: readonly DecodedRecord[]
  /** Bytes of the record behind them where it is known; it is not whole in what was read. */
  readonly nextBytes: number | undefined
  /** What follows can be no record: lengths say nothing any more. */
  readonly isBroken: boolean
}

function outcomeOf(text: Buffer, checksum: number): Outcome | undefined {
  if (Bun.hash.crc32(text) !== checksum) return undefined
  return read(text.toString('utf8'))
}

/** The whole records at the beginning of `bytes`, at most `recordsMax`. */
export function decodeRecords(bytes: Buffer, recordsMax: number): Decoded {
  const records: DecodedRecord[] = []
  let at = 0
  while (records.length < recordsMax && bytes.length - at >= RECORD_HEAD_BYTES) {
    const length = bytes.readUInt32LE(at)
    if (length === 0 || length > LIMITS.logSpoolRecordBytesMax) {
      return { records, nextBytes: undefined, isBroken: true }
    }
    const end = at + RECORD_HEAD_BYTES + length
    if (end > bytes.length) return { records, nextBytes: end - at, isBroken: false }
    const text = bytes.subarray(at + RECORD_HEAD_BYTES, end)
    records.push({ outcome: outcomeOf(text, bytes.readUInt32LE(at + 4)), bytes: end - at })
    at = end
  }
  return { records, nextBytes: undefined, isBroken: false }
}
