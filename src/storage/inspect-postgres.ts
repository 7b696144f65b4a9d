// Looks at a store on Postgres without opening it for use: nothing is made, migrated or written. For diagnosis, beside servers that may
// be running on the same database.

import type { Logger } from '../core/ports.ts'
import type { SealedState } from './inspect.ts'
import { CHECK_KEY, type DataKeyRow } from './keyring.ts'
import { describeFailure, PoolError, StorageError } from './errors.ts'
import { connectPostgres, openFailure, type PostgresFacts } from './postgres-connect.ts'
import { inspectPostgresSchema, type SchemaState } from './postgres-migrate.ts'
import { serversOf, shownPostgres, shownServer, type PostgresLocation } from './postgres-options.ts'
import { PostgresPool, type PostgresQueries } from './postgres-pool.ts'

/** A database as it was found. */
export interface InspectedPostgres {
  /** Where it is, without a password. */
  readonly name: string
  readonly facts: PostgresFacts
  readonly schema: SchemaState
  /** What its secrets are sealed with; absent before the first start. */
  readonly sealed?: SealedState
  /** How far this machine's clock is ahead of the server's, give or take the time of the question. */
  readonly clockSkewMs: number
}

/** One of the servers that a location names. */
export interface InspectedServer {
  /** Host and port. */
  readonly name: string
  readonly state: 'primary' | 'standby' | 'unreachable'
  /** Why it could not be asked, in one code. */
  readonly reason?: string
  /** The moment it started, as it tells it: one server that is reached by two ways says the same twice. */
  readonly started?: string
}

/** Which server of a location is what; each is asked by itself. */
export async function inspectServers(
  location: PostgresLocation,
  logger: Logger,
): Promise<readonly InspectedServer[]> {
  return await Promise.all(
    serversOf(location).map(async (server) => {
      const name = shownServer(server.url)
      const pool = new PostgresPool(server, { connections: 1, logger, timeouts: undefined })
      try {
        const [row] = await pool.query<{ standby: boolean; started: string }>(
          'SELECT pg_is_in_recovery() AS standby, pg_postmaster_start_time()::text AS started',
        )
        const state = row?.standby === true ? 'standby' : 'primary'
        return { name, state, ...(row === undefined ? {} : { started: row.started }) } as const
      } catch (error) {
        const isStandby = error instanceof PoolError && error.code === 'NOT_PRIMARY'
        if (isStandby) return { name, state: 'standby' } as const
        return { name, state: 'unreachable', reason: describeFailure(error) } as const
      } finally {
        await pool.close()
      }
    }),
  )
}

const DATA_KEYS =
  'SELECT id, purpose, master_key_id AS "masterKeyId", wrapped, created_ms AS "createdMs", retired_ms AS "retiredMs" FROM data_keys'

/** @param nowMs wall clock of this machine @throws StorageError in words for the operator when it cannot be used */
export async function inspectPostgres(
  location: PostgresLocation,
  migrationsFolder: string,
  { logger, nowMs }: { readonly logger: Logger; readonly nowMs: () => number },
): Promise<InspectedPostgres> {
  const name = shownPostgres(location.url)
  const { facts, pool } = await connectPostgres(location, { connections: 1, logger }, 0)
  try {
    const clockSkewMs = await skewOf(pool, nowMs)
    const schema = await inspectPostgresSchema(pool, { migrationsFolder, name })
    const base = { name, facts, schema, clockSkewMs }
    if (schema.done === 0) return base
    const [check] = await pool.query<{ value: string }>(
      'SELECT value FROM settings WHERE key = $1',
      [CHECK_KEY],
    )
    if (check === undefined) return base
    const keys = await pool.query<DataKeyRow>(DATA_KEYS)
    return { ...base, sealed: { check: check.value, keys } }
  } catch (error) {
    throw error instanceof StorageError ? error : openFailure(error, location)
  } finally {
    await pool.close()
  }
}

/** As precise as half of the time of one question on a connection that is there. */
async function skewOf(queries: PostgresQueries, nowMs: () => number): Promise<number> {
  const beforeMs = nowMs()
  const [row] = await queries.query<{ now_ms: number }>(
    'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms',
  )
  return Math.round((beforeMs + nowMs()) / 2) - (row?.now_ms ?? beforeMs)
}
