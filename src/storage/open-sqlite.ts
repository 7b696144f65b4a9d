// Opens a store on SQLite: both files migrated, the secrets unlocked, the repositories over them. `store.ts` is the door; this is
// one of the two engines behind it.

import type { Database } from 'bun:sqlite'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import { AuditChain } from './audit-chain.ts'
import { sqliteContentLog } from './content-log.ts'
import { ControlDatabase } from './control-database.ts'
import { COPY_SETTING, requireWhole } from './copy-state.ts'
import { describeFailure } from './errors.ts'
import { KeptSealing } from './kept-sealing.ts'
import { Kept } from './kept.ts'
import { openAnswers } from './open-answers.ts'
import { storeFiles, type StoreFiles } from './locate.ts'
import { LogUpkeep } from './log-upkeep.ts'
import { LogWriter } from './log-writer.ts'
import { MASTER_KEY_FILE, unlock } from './master-key.ts'
import { migrate } from './migrate.ts'
import { moneyStore } from './money.ts'
import { openDatabase, setBusyTimeout, type StoreKind } from './open.ts'
import { storeProblems } from './problems.ts'
import { controlRepositories } from './repositories.ts'
import { RequestSearch } from './request-search.ts'
import { Requests } from './requests.ts'
import * as sqliteLogTables from './schema-log.sqlite.ts'
import * as sqliteTables from './schema.sqlite.ts'
import { SqliteLogKeeper } from './sqlite-log-keeper.ts'
import { SqliteSearchReader } from './sqlite-search-reader.ts'
import type { Store, StoreOptions } from './store.ts'
import { ControlWatcher } from './watch.ts'

function openMigrated(path: string, kind: StoreKind, options: StoreOptions): Database {
  const database = openDatabase(path, kind)
  try {
    const folder = kind === 'control' ? 'sqlite' : 'sqlite-log'
    const result = migrate(database, {
      migrationsFolder: join(options.migrationsFolder, folder),
      path,
      backup: kind === 'control',
    })
    if (result.backup !== undefined) {
      const { applied, backup } = result
      options.logger.info('The control database was brought to a new schema.', { applied, backup })
    }
    // From here on requests are served: a lock may not hold them up for long.
    setBusyTimeout(
      database,
      kind === 'control' ? LIMITS.controlBusyTimeoutMs : LIMITS.logBusyTimeoutMs,
    )
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function copySetting(control: Database): string | undefined {
  return control
    .query<{ value: string }, [string]>('SELECT value FROM settings WHERE key = ?')
    .get(COPY_SETTING)?.value
}

/** Brings the write-ahead log into the file, so that a stopped store is one file; where another process reads, it does so later. */
function closeDatabase(database: Database, logger: Logger): void {
  try {
    database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    logger.warn('A database was closed without its checkpoint.', { reason: describeFailure(error) })
  }
  database.close()
}

function warnOfLostDatabase(files: StoreFiles, options: StoreOptions): void {
  if (existsSync(files.control) || !existsSync(join(options.dataFolder, MASTER_KEY_FILE))) return
  options.logger.warn(
    'There is a master key but no control database; an empty one is made. Was it moved?',
    { path: files.control },
  )
}

function upkeepOf(
  log: Database,
  {
    auditContent,
    holds,
    sealing,
  }: Pick<Store, 'auditContent' | 'holds'> & {
    readonly sealing: KeptSealing
  },
  hand: SqliteSearchReader,
  { clock, logger }: StoreOptions,
): LogUpkeep {
  const keeper = new SqliteLogKeeper(log, () => holds.all(), hand)
  return new LogUpkeep({ keeper, sealing, quoted: auditContent, clock, logger })
}

/** @param file absolute path of the control database; absent: in the data folder @throws StorageError; then nothing stays open */
export async function openSqliteStore(options: StoreOptions, file?: string): Promise<Store> {
  const { logger, clock } = options
  const files = storeFiles(options.dataFolder, file)
  warnOfLostDatabase(files, options)
  const opened: Database[] = []
  try {
    const control = openMigrated(files.control, 'control', options)
    opened.push(control)
    requireWhole(copySetting(control), files.control)
    const queries = drizzle(control)
    const controlStore = { engine: 'sqlite', db: queries } as const
    const locked = { database: controlStore, queries, tables: sqliteTables }
    const { dataFolder, secrets = {} } = options
    const keyring = await unlock(locked, secrets, dataFolder, clock.nowMs())
    const logDatabase = openMigrated(files.log, 'log', options)
    opened.push(logDatabase)
    const watcher = new ControlWatcher(control, { logger, files: [files.control, files.log] })
    const database = new ControlDatabase({
      database: controlStore,
      queries,
      tables: sqliteTables,
      chain: new AuditChain(keyring.auditKey),
      clock,
      changed: () => watcher.changed(),
    })
    const reader = new SqliteSearchReader({ path: files.log, logger })
    const hand = new SqliteSearchReader({ path: files.log, logger, isWritable: true })
    const log = new LogWriter(logDatabase, { logger, clock, isHeld: () => hand.isChanging })
    const logQueries = drizzle(logDatabase)
    const keptDatabase = { engine: 'sqlite', db: logQueries } as const
    const kept = new Kept(keptDatabase, logQueries, { keyring, logger, clock })
    const place = openAnswers(keptDatabase, logQueries, { keyring, logger, clock })
    const tables = sqliteLogTables
    const parts = { database: keptDatabase, queries: logQueries, tables, log }
    const money = moneyStore({ ...parts, control: database, clock, logger })
    const sealing = new KeptSealing({ database: keptDatabase, queries: logQueries, keyring })
    const shared = { clock, logger, sealing, settled: () => hand.settled() }
    const repositories = controlRepositories(database, keyring, shared)
    const upkeep = upkeepOf(logDatabase, { ...repositories, sealing }, hand, options)
    let closed: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await Promise.all([watcher.stop(), upkeep.stop()])
      await Promise.all([reader.close(), hand.close()])
      await Promise.all([log.close(), kept.close(), place.answers.close()])
      await money.budgets.close()
      for (const each of opened) closeDatabase(each, logger)
    }
    return {
      ...repositories,
      contentLog: sqliteContentLog(logDatabase),
      ...money,
      files,
      requests: new Requests(logQueries),
      search: new RequestSearch({ reader, clock }),
      log,
      kept,
      ...place,
      upkeep,
      watcher,
      problems: () => storeProblems({ watcher, log, kept }),
      isFit: () => storeProblems({ watcher, log, kept }).length === 0,
      close: () => (closed ??= close()),
    }
  } catch (error) {
    for (const each of opened) each.close()
    throw error
  }
}
