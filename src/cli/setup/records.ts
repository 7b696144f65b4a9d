// What was done to a tool's files, kept in Weir's data folder so that it can be taken back: the bytes that stood there, and what was written.
// Nobody else may read it: the files may hold secrets of any kind.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../core/json.ts'
import { parseJson } from '../../core/json.ts'
import { type DoneChange, isRecord } from './change.ts'
import { FileProblem, writeWhole } from './files.ts'
import type { FormatName } from './tool.ts'

/** One file that was changed. */
export interface FileRecord {
  readonly path: string
  readonly format: FormatName
  /** Base64 of what stood there; null when there was no file. */
  readonly original: string | null
  readonly mode: number | null
  /** Of the bytes that were written last. */
  readonly sha256: string
  /** False when somebody had edited it between two setups: then the original is not what they want back. */
  readonly isExact: boolean
  /** Folders made for it, the outermost first. */
  readonly folders: readonly string[]
  readonly changes: readonly DoneChange[]
}

export interface SetupRecord {
  readonly version: 1
  readonly tool: string
  readonly madeMs: number
  readonly baseUrl: string
  readonly model: string
  /** Of the API key that was made for it. */
  readonly keyId?: string
  readonly files: readonly FileRecord[]
}

function placeOf(dataFolder: string, tool: string): string {
  return join(dataFolder, 'setup', `${tool}.json`)
}

/** Where a tool may read its key from. */
export function keyFileOf(dataFolder: string, tool: string): string {
  return join(dataFolder, 'setup', `${tool}.key`)
}

/** @throws FileProblem when it is there and cannot be understood */
export function readRecord(dataFolder: string, tool: string): SetupRecord | undefined {
  const path = placeOf(dataFolder, tool)
  if (!existsSync(path)) return undefined
  const found = parseJson(readFileSync(path, 'utf8'))
  if (isRecord(found) && found['version'] === 1 && Array.isArray(found['files'])) {
    return withAbsent(found) as unknown as SetupRecord
  }
  throw new FileProblem(`${path} is not what this version of Weir has written.`)
}

/** JSON has no undefined: what is left out stands for it. */
function withAbsent(record: JsonObject): unknown {
  const files = record['files'] as unknown as readonly (JsonObject & {
    readonly changes: readonly object[]
  })[]
  return {
    ...record,
    files: files.map((file) => ({
      ...file,
      changes: file.changes.map((change) => ({ before: undefined, value: undefined, ...change })),
    })),
  }
}

export function saveRecord(dataFolder: string, record: SetupRecord): void {
  const bytes = Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`)
  writeWhole(placeOf(dataFolder, record.tool), bytes, { mode: undefined, isPrivate: true })
}

export function removeRecord(dataFolder: string, tool: string): void {
  rmSync(placeOf(dataFolder, tool), { force: true })
}
