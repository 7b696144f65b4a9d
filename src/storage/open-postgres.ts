// Opens a store on Postgres: the schema brought up, the secrets unlocked, the repositories over one pool. `store.ts` is the door; this
// is one of the two engines behind it.

import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import { AuditChain } from './audit-chain.ts'
import { postgresContentLog } from './content-log.ts'
import { ControlDatabase, type ControlTables } from './control-database.ts'
import { COPY_SETTING, requireWhole } from './copy-state.ts'
import { StorageError } from './errors.ts'
import { KeptSealing } from './kept-sealing.ts'
import { Kept } from './kept.ts'
import { openAnswers } from './open-answers.ts'
import { LogSpool } from './log-spool.ts'
import { LogUpkeep } from './log-upkeep.ts'
import { unlock } from './master-key.ts'
import { moneyStore, type MoneyOptions } from './money.ts'
import { makePrivateFolder } from './open.ts'
import { connectPostgres, openFailure, type ConnectedPostgres } from './postgres-connect.ts'
import { PostgresLimits } from './postgres-limits.ts'
import { settledOn } from './postgres-following.ts'
import { PostgresLogKeeper } from './postgres-log-keeper.ts'
import { PostgresLogTable } from './postgres-log-table.ts'
import { PostgresLogWriter } from './postgres-log-writer.ts'
import { inspectPostgresSchema, migratePostgres } from './postgres-migrate.ts'
import { shownPostgres, type PostgresLocation } from './postgres-options.ts'
import { PostgresPool } from './postgres-pool.ts'
import { PostgresWatcher } from './postgres-watch.ts'
import { storeProblems } from './problems.ts'
import { controlRepositories } from './repositories.ts'
import { RequestSearch } from './request-search.ts'
import { Requests, type LogTables } from './requests.ts'
import { postgresReader } from './search-reader.ts'
import * as postgresLogTables from './schema-log.postgres.ts'
import * as postgresTables from './schema.postgres.ts'
import type { Store, StoreOptions } from './store.ts'
import { within } from './within.ts'

/** Of `storage.connections`: one hears of changes, one writes the log, one counts limits where they are counted here. */
const CONNECTIONS_APART = 3

// Equal row by row, which schema.test.ts proves; the one place where one engine's tables pass for the other's.
const tables = postgresTables as unknown as ControlTables
const logTables = postgresLogTables as unknown as LogTables

/** @throws StorageError with words for the operator when it cannot be used; then nothing stays open */
export async function openPostgresStore(
  options: StoreOptions,
  location: PostgresLocation,
): Promise<Store> {
  const { logger } = options
  const connections = Math.max(1, location.connections - CONNECTIONS_APART)
  const connected = await connectPostgres(location, { connections, logger })
  try {
    await bringUp(connected, options, location)
    return await openOn(connected, options, location)
  } catch (error) {
    await connected.pool.close()
    throw error instanceof StorageError ? error : openFailure(error, location)
  }
}

async function openOn(
  connected: ConnectedPostgres,
  options: StoreOptions,
  location: PostgresLocation,
): Promise<Store> {
  const { clock, logger } = options
  const { pool, timeouts } = connected
  const { database: store, queries } = pool
  const { control, keyring, watcher } = await openControl(pool, options, location)
  makePrivateFolder(options.dataFolder)
  const log = new PostgresLogWriter({
    table: new PostgresLogTable(new PostgresPool(location, { connections: 1, logger, timeouts })),
    spool: new LogSpool({ folder: join(options.dataFolder, 'log-spool'), clock, logger }),
    logger,
    clock,
  })
  const kept = new Kept(store, queries, { keyring, logger, clock, tables: logTables })
  const place = openAnswers(store, queries, { keyring, logger, clock, tables: logTables })
  const sealing = new KeptSealing({ database: store, queries, keyring, tables: logTables })
  const money = moneyStore({
    database: store,
    queries,
    tables: postgresLogTables as unknown as MoneyOptions['tables'],
    log,
    control,
    clock,
    logger,
  })
  const repositories = controlRepositories(control, keyring, { clock, logger, sealing })
  const { auditContent: quoted } = repositories
  const keeper = new PostgresLogKeeper(pool)
  const upkeep = new LogUpkeep({ keeper, sealing, quoted, clock, logger })
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await Promise.all([watcher.stop(), upkeep.stop()])
    await Promise.all([log.close(), kept.close(), place.answers.close()])
    // Leases that are not given back end by themselves.
    const isAway = watcher.problem !== undefined || log.problem !== undefined
    const closeMs = isAway ? LIMITS.postgresCloseTimeoutMs : LIMITS.logCloseTimeoutMs
    await within(money.budgets.close(), closeMs)
    await pool.close()
  }
  return {
    ...repositories,
    contentLog: postgresContentLog(pool),
    ...money,
    requests: new Requests(queries, logTables, settledOn(store)),
    search: new RequestSearch({
      reader: postgresReader(pool),
      clock,
      tables: logTables,
      settled: settledOn(store),
    }),
    log,
    kept,
    ...place,
    upkeep,
    watcher,
    limitBackend: () => new PostgresLimits({ location, logger, timeouts }),
    problems: () => storeProblems({ watcher, log, kept }),
    isFit: () => !log.isExhausted,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

/** Control data: proven to be whole, unlocked, and watched. */
async function openControl(pool: PostgresPool, options: StoreOptions, location: PostgresLocation) {
  const { clock, logger } = options
  const { database, queries } = pool
  const [copied] = await pool.query<{ value: string }>(
    'SELECT value FROM settings WHERE key = $1',
    [COPY_SETTING],
  )
  requireWhole(copied?.value, shownPostgres(location.url))
  const keyring = await unlock(
    { database, queries, tables },
    options.secrets ?? {},
    options.dataFolder,
    clock.nowMs(),
  )
  const watcher = new PostgresWatcher(location, {
    logger,
    version: await PostgresWatcher.versionOf(pool),
    renew: (reason) => pool.renew(reason),
  })
  const control = new ControlDatabase({
    database,
    queries,
    tables,
    chain: new AuditChain(keyring.auditKey),
    clock,
    changed: () => watcher.changed(),
    marker: watcher,
  })
  return { control, keyring, watcher }
}

/** The steps of this version, on a connection that may take as long as they do. */
async function bringUp(
  { pool, timeouts }: ConnectedPostgres,
  { logger, migrationsFolder }: StoreOptions,
  location: PostgresLocation,
): Promise<void> {
  const schema = { migrationsFolder, name: shownPostgres(location.url) }
  const { done, pending } = await inspectPostgresSchema(pool, schema)
  if (pending === 0) return
  const longMs = LIMITS.postgresMigrationTimeoutMs
  const patient = new PostgresPool(location, {
    connections: 1,
    logger,
    timeouts:
      timeouts === undefined
        ? undefined
        : { statementMs: longMs, lockMs: longMs, idleTransactionMs: longMs },
    answerTimeoutMs: longMs,
  })
  try {
    const applied = await migratePostgres(patient, schema)
    if (done > 0 && applied > 0) {
      logger.info('The database was brought to a new schema.', { applied })
    }
  } finally {
    await patient.close()
  }
}
