// What goes wrong in a store, told apart: what stops the start (StorageError, for the operator), what a client of the admin
// API sees (GatewayError) and what the log writer may retry. Parameters of a failed query never get into any of them.

import { GatewayError } from '../core/error.ts'

export type StorageErrorCode =
  | 'cannot_open'
  | 'not_a_weir_database'
  | 'newer_schema'
  | 'migration_failed'
  | 'master_key_missing'
  | 'master_key_wrong'
  | 'master_key_unsafe'
  | 'seal_broken'

/** A store that cannot be used, in words for the operator; the start ends with it. Never holds a secret. */
export class StorageError extends Error {
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StorageError'
    this.code = code
  }
}

/** SQLite's extended code (`SQLITE_IOERR_WRITE`) of an error or of what caused it; undefined when it is none of SQLite's. */
export function sqliteCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const code: unknown = 'code' in at ? at.code : undefined
    if (typeof code === 'string' && code.startsWith('SQLITE_')) return code
  }
  return undefined
}

/** Somebody else holds the lock: trying again is right. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== undefined && /^SQLITE_(BUSY|LOCKED)/.test(code)
}

/** True when the row itself was refused, so that trying again cannot help; false when the store is at fault. */
export function isRowFault(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === undefined || /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(code)
}

/** The next link of the audit is there already: another process was first. */
export function isAuditRace(error: unknown): boolean {
  const code = sqliteCode(error)
  if (code !== 'SQLITE_CONSTRAINT_PRIMARYKEY' && code !== 'SQLITE_CONSTRAINT_UNIQUE') return false
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at.message.includes('audit.sequence')) return true
  }
  return false
}

/** A failure in few words that cannot hold a value of the query. */
export function describeFailure(error: unknown): string {
  return sqliteCode(error) ?? (error instanceof Error ? error.name : 'unknown')
}

/**
 * The error of a repository call: 409 where a row with this identity exists, else `storage_unavailable` (503). The original
 * is left out on purpose: the query builder puts parameters into its messages.
 */
export function toRepositoryError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  if (error instanceof StorageError) return new GatewayError('internal', { cause: error })
  const code = sqliteCode(error)
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return new GatewayError('invalid_request', {
      status: 409,
      code: 'already_exists',
      message: 'There is already one with this identity.',
    })
  }
  return new GatewayError('storage_unavailable', { cause: new Error(describeFailure(error)) })
}
