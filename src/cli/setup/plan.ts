// From what a tool is to be told to what its files will hold, and back: everything is worked out and proven before anything is written, and
// written only where nothing has changed since.

import { basename } from 'node:path'
import { printable } from '../format.ts'
import {
  CannotEdit,
  edited,
  type DoneChange,
  type FileFormat,
  isRecord,
  takenBack,
} from './change.ts'
import { unifiedDiff, withoutSecrets } from './diff.ts'
import {
  encoded,
  FileProblem,
  holds,
  readSettings,
  removeWhole,
  sha256,
  writeWhole,
} from './files.ts'
import type { FileRecord } from './records.ts'
import { ANONYMOUS, type FileChanges, type FormatName } from './tool.ts'
import { FORMATS } from './tools.ts'

/** A file as it is, and as it is to be; `after` is undefined when it is to go. */
export interface PlannedFile {
  readonly path: string
  readonly format: FormatName
  readonly before: Buffer | undefined
  readonly after: Buffer | undefined
  readonly mode: number | undefined
  readonly isPrivate: boolean
  readonly changes: readonly DoneChange[]
  /** Folders that go when the file goes. */
  readonly folders: readonly string[]
}

/** @throws FileProblem when a file cannot be changed so that all else stays */
export function planFiles(files: readonly FileChanges[]): readonly PlannedFile[] {
  return files.map(({ changes, format, holdsKey, path: named }) => {
    const { bytes, mode, path, text } = readSettings(named)
    const result = guarded(path, () => edited(FORMATS[format], text, changes))
    const isSame = bytes !== undefined && result.done.length === 0
    const after = isSame ? bytes : encoded(result.text, bytes)
    const common = { path, format, before: bytes, after, mode, changes: result.done }
    return { ...common, isPrivate: holdsKey, folders: [] }
  })
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new FileProblem(
        `${printable(path)} does not parse (${printable(error.message)}): mend it first. It was left as it is.`,
        { cause: error },
      )
    }
    if (error instanceof CannotEdit) {
      throw new FileProblem(
        `${printable(path)} was left as it is: ${error.message}. Put these settings in by hand: weir setup TOOL --print`,
        { cause: error },
      )
    }
    throw error
  }
}

/** Whether a plan changes anything. */
export function isChanged({ after, before, isPrivate, mode }: PlannedFile): boolean {
  if (before === undefined || after === undefined) return before !== after
  return !before.equals(after) || (isPrivate && isOpen(mode))
}

function isOpen(mode: number | undefined): boolean {
  return process.platform !== 'win32' && mode !== undefined && (mode & 0o077) !== 0
}

/** What would change, for a person; `secrets` are masked, and what looks like one. */
export function planDiff(
  files: readonly PlannedFile[],
  secrets: readonly string[] | undefined,
): string {
  let text = ''
  const known = files.flatMap((file) =>
    [file.before, file.after].flatMap((bytes) => secretsIn(file, bytes?.toString() ?? '')),
  )
  for (const file of files.filter(isChanged)) {
    const { after, before, isPrivate, mode, path } = file
    const old = before === undefined ? '/dev/null' : path
    const now = after === undefined ? '/dev/null' : path
    text += `--- ${old}\n+++ ${now}\n`
    const hunks = unifiedDiff(before?.toString() ?? '', after?.toString() ?? '')
    text += secrets === undefined ? hunks : withoutSecrets(hunks, [...secrets, ...known])
    if (isPrivate && isOpen(mode)) text += '(nobody else will be able to read it)\n'
  }
  return text
    .split('\n')
    .map((line) => line.split('\t').map(printable).join('\t'))
    .join('\n')
}

/** Every value of a file that is made for secrets, whatever they look like and whoever's they are. */
function secretsIn({ format, path }: PlannedFile, text: string): readonly string[] {
  const isForSecrets = format === 'whole' || format === 'env' || basename(path) === 'keys.json'
  if (!isForSecrets) return []
  let found: unknown
  try {
    found = FORMATS[format].parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return Object.values(isRecord(found) ? found : {})
    .filter((value) => typeof value === 'string')
    .map((value) => value.trim())
    .filter((value) => value.length > 3 && value !== ANONYMOUS)
}

/** The record of a file that is about to be written; `old` is of an earlier setup that was not taken back. */
export function recordOf(file: PlannedFile, old: FileRecord | undefined): FileRecord {
  const { after, before, changes, format, mode, path } = file
  const written = { path, format, sha256: sha256(after ?? Buffer.alloc(0)) }
  const original = before?.toString('base64') ?? null
  // The same stands there as before the first setup: that one was cut off, or somebody took it back by hand.
  if (old === undefined || old.original === original) {
    const folders = old?.folders ?? []
    return { ...written, original, mode: mode ?? null, isExact: true, folders, changes }
  }
  const isUntouched = before !== undefined && sha256(before) === old.sha256
  return {
    ...old,
    ...written,
    isExact: old.isExact && isUntouched,
    changes: merged(old.changes, changes),
  }
}

/** Of two changes of the same place, what stood there before the first. */
function merged(old: readonly DoneChange[], changes: readonly DoneChange[]): readonly DoneChange[] {
  const key = ({ path }: DoneChange) => JSON.stringify(path)
  const now = new Map(changes.map((change) => [key(change), change]))
  const kept = old.map((change) => {
    const later = now.get(key(change))
    now.delete(key(change))
    return later === undefined ? change : { ...change, value: later.value }
  })
  return [...kept, ...now.values()]
}

/** @throws FileProblem when a file is no longer what the plan was made from, or may not be written to */
export function checkUnchanged({ before, mode, path }: PlannedFile): void {
  if (!holds(path, before)) {
    throw new FileProblem(`${printable(path)} was changed meanwhile: nothing was written to it.`)
  }
  // A file is replaced, so that its own mode would keep nobody from it: whoever set it so meant it.
  if (before !== undefined && mode !== undefined && (mode & 0o200) === 0) {
    throw new FileProblem(`${printable(path)} is read-only: nothing was written to it.`)
  }
}

/**
 * Writes one file of a plan.
 * @returns the folders that had to be made
 * @throws FileProblem when it is no longer what the plan was made from
 */
export function applyFile(file: PlannedFile): readonly string[] {
  const { after, folders, isPrivate, mode, path } = file
  checkUnchanged(file)
  if (after === undefined) {
    removeWhole(path, folders)
    return []
  }
  return writeWhole(path, after, { mode, isPrivate })
}

/** How a file is brought back, or why it can't be. */
export interface PlannedReturn {
  readonly file: PlannedFile
  /** Settings that somebody has changed since: they stay. */
  readonly kept: readonly string[]
  /** It has what it had, to the byte. */
  readonly isExact: boolean
}

/** @throws FileProblem when only our settings would have to be taken out, and cannot */
export function planReturn(record: FileRecord): PlannedReturn {
  const { changes, folders, format, isExact, original, path } = record
  const { bytes, mode, text } = readSettings(path)
  const before = original === null ? undefined : Buffer.from(original, 'base64')
  const common = { path, format, before: bytes, isPrivate: false, changes: [], folders }
  if (bytes === undefined) {
    // Somebody has taken it away: there is nothing of ours in it any more.
    return { file: { ...common, after: undefined, mode }, kept: [], isExact: true }
  }
  if (isExact && sha256(bytes) === record.sha256) {
    const old = { after: before, mode: record.mode ?? mode }
    return { file: { ...common, ...old }, kept: [], isExact: true }
  }
  const codec: FileFormat = FORMATS[format]
  const back = guarded(path, () => {
    const { changes: backward, kept } = takenBack(codec.parse(text), changes)
    return { kept, text: edited(codec, text, backward).text }
  })
  const after = encoded(back.text, bytes)
  return { file: { ...common, after, mode }, kept: back.kept, isExact: false }
}
