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

/** The pool's own refusals, beside the engine's errors. */
export class PoolError extends Error {
  readonly code:
    'CLOSED' | 'CONNECT_TIMEOUT' | 'NO_ANSWER' | 'NOT_PRIMARY' | 'QUEUE_FULL' | 'QUEUE_TIMEOUT'

  constructor(code: PoolError['code']) {
    super(code)
    this.name = 'PoolError'
    this.code = code
  }
}

/** Of several servers none would do. Its cause is the failure that tells most; all of them are there to be judged. */
export class ServersError extends Error {
  readonly failures: readonly unknown[]

  constructor(failures: readonly unknown[]) {
    const cause = mostTelling(failures)
    super(cause instanceof Error ? cause.message : 'no server', { cause })
    this.name = 'ServersError'
    this.failures = failures
  }
}

/** What only the operator can mend, else that one is there and is no primary, else the last. */
function mostTelling(failures: readonly unknown[]): unknown {
  return (
    failures.find((error) => !isConnectionLoss(error) || isDistrusted(error)) ??
    failures.find((error) => error instanceof PoolError && error.code === 'NOT_PRIMARY') ??
    failures.at(-1)
  )
}

/** A certificate, or what was said before one, that does not fit: it stays so. */
export function isDistrusted(error: unknown): boolean {
  return /CERT|UNABLE_|ERR_(TLS|SSL)/.test(storeCode(error) ?? '')
}

/** An error, then what caused it, and so on: the query builder wraps the engine's. */
function* causes(error: unknown): Generator<Error> {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    yield at
  }
}

function codeOf(error: Error): string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** SQLite's extended code (`SQLITE_IOERR_WRITE`) of an error or of what caused it; undefined when it is none of SQLite's. */
export function sqliteCode(error: unknown): string | undefined {
  for (const at of causes(error)) {
    const code = codeOf(at)
    if (code?.startsWith('SQLITE_') === true) return code
  }
  return undefined
}

/** Postgres' own word (`23505`, SQLSTATE); undefined for any other error. */
export function postgresCode(error: unknown): string | undefined {
  for (const at of causes(error)) {
    const code = codeOf(at)
    if (at.name === 'PostgresError' && code !== undefined) return code
  }
  return undefined
}

/** Of the client, of the system below it, or of the pool: `CONNECTION_CLOSED`, `ECONNREFUSED`, `NO_ANSWER`. */
function connectionCode(error: unknown): string | undefined {
  if (postgresCode(error) !== undefined) return undefined
  for (const at of causes(error)) {
    const code = codeOf(at)
    if (code === undefined || code.startsWith('SQLITE_')) continue
    if (
      at instanceof PoolError ||
      /^(CONNECT|SASL_|UNABLE_|ERR_(TLS|SSL|SOCKET|STREAM)|E(?!RR_)[A-Z_]{3,}|[A-Z_]*CERT)/.test(
        code,
      )
    ) {
      return code
    }
  }
  return undefined
}

/** The engine's code of whatever kind. */
export function storeCode(error: unknown): string | undefined {
  return sqliteCode(error) ?? postgresCode(error) ?? connectionCode(error)
}

/** The connection broke, or the server is going or not ready yet: what was asked may or may not have happened. */
export function isConnectionLoss(error: unknown): boolean {
  const code = postgresCode(error)
  if (code !== undefined) return /^(08|57P0[123])/.test(code)
  const other = connectionCode(error)
  return other !== undefined && !/^(QUEUE|NO_ANSWER)/.test(other)
}

/** A connection that was there is no more: another one may well work at once. */
export function isDeadConnection(error: unknown): boolean {
  const code = postgresCode(error) ?? connectionCode(error)
  return code !== undefined && DEAD_CONNECTION.test(code)
}

const DEAD_CONNECTION = /^(57P0[12]|CLOSED|CONNECTION_(CLOSED|DESTROYED|ENDED)|ECONNRESET|EPIPE)$/

/** The server behind this connection takes no changes; another one may. */
export function isReadOnlyRefusal(error: unknown): boolean {
  return postgresCode(error) === '25006'
}

/** Somebody else holds the lock, or two transactions met: trying again is right. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error) ?? postgresCode(error)
  return code !== undefined && /^(SQLITE_(BUSY|LOCKED)|55P03$|40001$|40P01$)/.test(code)
}

/** Two transactions of Postgres met and this one was rolled back for it: it may be run again at once. */
export function isSerializationFailure(error: unknown): boolean {
  const code = postgresCode(error)
  return code === '40001' || code === '40P01'
}

/** True when the row itself was refused, so that trying again cannot help; false when the store is at fault. */
export function isRowFault(error: unknown): boolean {
  const code = storeCode(error)
  if (code === undefined) return !hasForeignCode(error)
  // Postgres: data exception, integrity constraint violation, program limit exceeded.
  return /^(SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)|22...$|23...$|54000$)/.test(code)
}

/** A code that is of none of the engines: something on the way to the store. What a value does to the program is a TypeError or RangeError. */
function hasForeignCode(error: unknown): boolean {
  return [...causes(error)].some(
    (at) => codeOf(at) !== undefined && !(at instanceof TypeError || at instanceof RangeError),
  )
}

/** The next link of the audit is there already: another process was first. */
export function isAuditRace(error: unknown): boolean {
  if (postgresCode(error) === '23505') {
    return [...causes(error)].some((at) => 'table_name' in at && at.table_name === 'audit')
  }
  const code = sqliteCode(error)
  if (code !== 'SQLITE_CONSTRAINT_PRIMARYKEY' && code !== 'SQLITE_CONSTRAINT_UNIQUE') return false
  return [...causes(error)].some((at) => at.message.includes('audit.sequence'))
}

/** A failure in few words that cannot hold a value of the query. */
export function describeFailure(error: unknown): string {
  const code = postgresCode(error)
  if (code !== undefined) return `PostgreSQL ${code}`
  return storeCode(error) ?? (error instanceof Error ? error.name : 'unknown')
}

const TAKEN = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505'])
const MISSING = new Set(['SQLITE_CONSTRAINT_FOREIGNKEY', '23503'])

/**
 * The error of a repository call: 409 where a row with this identity exists or one that it refers to does not, 400 for text that the
 * engine cannot hold, else `storage_unavailable` (503). The original is left out on purpose: the query builder puts parameters into
 * its messages.
 */
export function toRepositoryError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  if (error instanceof StorageError) return new GatewayError('internal', { cause: error })
  const code = sqliteCode(error) ?? postgresCode(error) ?? ''
  if (TAKEN.has(code)) {
    return new GatewayError('invalid_request', {
      status: 409,
      code: 'already_exists',
      message: 'There is already one with this identity.',
    })
  }
  if (MISSING.has(code)) {
    return new GatewayError('invalid_request', {
      status: 409,
      code: 'conflict',
      message: 'What it belongs to is not there any more.',
    })
  }
  if (code === '22021' || code === '22P05') {
    return new GatewayError('invalid_request', {
      message: 'A text holds a character that cannot be stored (NUL, or half of a pair).',
    })
  }
  return new GatewayError('storage_unavailable', { cause: new Error(describeFailure(error)) })
}

/** What a store or its client calls a failure, never with an address: for the log, where nothing is known of it but that it happened. */
export function failureCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as Error & { code?: unknown }
  return typeof code === 'string' ? code : error.message.slice(0, 100)
}
