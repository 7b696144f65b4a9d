// The first word with a Postgres server: waits a little for one that is just starting, proves that it can be used, and says what is
// wrong in words for the operator. Diagnosis and start use the same.

import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import {
  describeFailure,
  isConnectionLoss,
  isDistrusted,
  postgresCode,
  ServersError,
  StorageError,
  storeCode,
} from './errors.ts'
import {
  SERVER_TIMEOUTS,
  shownPostgres,
  type PostgresLocation,
  type ServerTimeouts,
} from './postgres-options.ts'
import { PostgresPool } from './postgres-pool.ts'

/** The oldest that is tested and supported by its makers when this was written. */
const VERSION_MIN = 13

export interface PostgresFacts {
  /** As it calls itself: `15.18`. */
  readonly version: string
  readonly isReadOnly: boolean
  /** Its wall clock, UTC milliseconds. */
  readonly nowMs: number
  /** Connections that all clients together may have. */
  readonly connectionsMax: number
}

export interface ConnectedPostgres {
  readonly pool: PostgresPool
  readonly facts: PostgresFacts
  /** What the server keeps itself; undefined behind a pooler that takes no such settings. */
  readonly timeouts: ServerTimeouts | undefined
}

/**
 * Opens a pool and asks the first question.
 * @param patienceMs how long a server that is not there, or not ready, is tried again
 * @throws StorageError `cannot_open`; then nothing stays open
 */
export async function connectPostgres(
  location: PostgresLocation,
  options: { readonly connections: number; readonly logger: Logger },
  patienceMs: number = LIMITS.storeOpenTimeoutMs,
): Promise<ConnectedPostgres> {
  const deadlineMs = performance.now() + patienceMs
  let timeouts: ServerTimeouts | undefined = SERVER_TIMEOUTS
  for (;;) {
    const pool = new PostgresPool(location, { ...options, timeouts })
    try {
      const facts = await factsOf(pool)
      requireVersion(facts, location)
      return { pool, facts, timeouts }
    } catch (error) {
      await pool.close()
      if (error instanceof StorageError) throw error
      if (timeouts !== undefined && isStartupRefusal(error)) {
        timeouts = undefined
        continue
      }
      if (!isPassing(error) || performance.now() >= deadlineMs) {
        throw openFailure(error, location)
      }
    }
    await Bun.sleep(LIMITS.postgresRetryCapMs)
  }
}

async function factsOf(pool: PostgresPool): Promise<PostgresFacts> {
  const [row] = await pool.query<{
    version: string
    read_only: string
    now_ms: number
    connections: number
  }>(
    `SELECT current_setting('server_version') AS version, current_setting('transaction_read_only') AS read_only,
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, current_setting('max_connections')::int AS connections`,
  )
  if (row === undefined) throw new StorageError('cannot_open', 'Postgres gave an empty answer.')
  return {
    version: row.version,
    isReadOnly: row.read_only === 'on',
    nowMs: row.now_ms,
    connectionsMax: row.connections,
  }
}

function requireVersion({ version }: PostgresFacts, location: PostgresLocation): void {
  if (Number.parseInt(version, 10) >= VERSION_MIN) return
  const message = `${shownPostgres(location.url)} is PostgreSQL ${version}; Weir needs ${VERSION_MIN} or newer.`
  throw new StorageError('cannot_open', message)
}

/** PgBouncer takes no settings of a session with the connection. */
function isStartupRefusal(error: unknown): boolean {
  return (
    postgresCode(error) === '08P01' &&
    error instanceof Error &&
    /startup param/i.test(error.message)
  )
}

/** May well be over in a moment: not there yet, starting, or all connections taken. */
function isPassing(error: unknown): boolean {
  // One that is not ready yet may be the primary, whatever is wrong with the others.
  if (error instanceof ServersError) return error.failures.some(isPassing)
  const code = storeCode(error) ?? ''
  // A name that is unknown and a certificate that does not fit stay so.
  if (/CERT|UNABLE_|ERR_|ENOTFOUND/.test(code)) return false
  return isConnectionLoss(error) || code.startsWith('53')
}

/** Words for the operator. Holds neither the user's name nor the password. */
export function openFailure(error: unknown, location: PostgresLocation): StorageError {
  const where = shownPostgres(location.url)
  return new StorageError('cannot_open', `${where} ${reasonOf(error)}`, error)
}

const REASONS: Readonly<Record<string, string>> = {
  '28P01':
    'refuses the user or the password. Check both in storage.url (a special character is written as %XX).',
  '28000':
    'refuses this user from this machine. Check storage.url and the pg_hba.conf of the server.',
  '3D000':
    'is not there: the server has no such database. Make it (CREATE DATABASE), then start again.',
  '42501': 'may not be used by this user: GRANT CONNECT ON DATABASE to it.',
  '53300':
    'has no connection left. Lower storage.connections, or raise max_connections of the server.',
  '57P03': 'is starting or stopping and takes no connections yet.',
  ENOTFOUND: 'is not reached: the name of its host is unknown.',
  ECONNREFUSED: 'is not reached: nothing listens at that address and port.',
  NOT_PRIMARY: 'has no server that takes changes: those that answer are standbys.',
  CONNECT_TIMEOUT: 'is not reached: no answer in time. Check the address and the firewall.',
  NO_ANSWER: 'takes the connection and gives no answer.',
}

function reasonOf(error: unknown): string {
  const code = storeCode(error) ?? ''
  const known = REASONS[code]
  if (known !== undefined) return known
  if (isDistrusted(error)) {
    return `shows a certificate that is not trusted for that name (${code}). Name its authority with storage.ca_file, or choose another sslmode in storage.url.`
  }
  if (code.startsWith('CONNECTION_') || code === 'ECONNRESET') {
    return `closes the connection (${code}). Does it speak PostgreSQL, and TLS where sslmode asks for it?`
  }
  return `could not be opened (${describeFailure(error)}).`
}
