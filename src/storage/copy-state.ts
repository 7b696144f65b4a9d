// How far a copy into a store has come, kept in the store itself: so that it can go on after it was broken off, and so that nobody uses
// a store of which only a part is there.

import { StorageError } from './errors.ts'
import type { CopyKey } from './copy-end.ts'

/** Where it is kept among the settings of the target. */
export const COPY_SETTING = 'copy'

export interface TableState {
  readonly rows: number
  /** Key of the last row that is in. */
  readonly after?: CopyKey
  readonly isDone: boolean
}

export interface CopyState {
  readonly what: 'copy' | 'restore'
  /** What tells the source apart from any other. */
  readonly from: string
  readonly isDone: boolean
  readonly tables: Readonly<Record<string, TableState>>
}

/** @throws StorageError when a newer version wrote something else */
export function parseCopyState(text: string): CopyState {
  const state: unknown = JSON.parse(text)
  const isState =
    typeof state === 'object' &&
    state !== null &&
    'what' in state &&
    'from' in state &&
    'tables' in state
  if (isState) return state as CopyState
  throw new StorageError('newer_schema', 'What the store says of a copy is not understood.')
}

/**
 * Refuses a store that a copy or a restore was to fill and has not.
 * @param setting of COPY_SETTING; undefined where there is none
 * @throws StorageError `cannot_open` in words for the operator
 */
export function requireWhole(setting: string | undefined, name: string): void {
  if (setting === undefined) return
  const { isDone, what } = parseCopyState(setting)
  if (isDone) return
  const command = what === 'copy' ? 'weir db copy' : 'weir db restore'
  const message = `Only a part of ${name} is there: '${command}' has not ended. Run it again as before; it goes on where it was.`
  throw new StorageError('cannot_open', message)
}
