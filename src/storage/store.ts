// The store as a whole: opens both files, migrates them, unlocks the secrets and hands out the repositories. The only door
// for `app.ts` and the commands; everything behind it stays inside this folder.

import type { Database } from 'bun:sqlite'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LIMITS } from '../core/limits.ts'
import type { Clock, Logger } from '../core/ports.ts'
import { ApiKeys } from './api-keys.ts'
import { AuditChain } from './audit-chain.ts'
import { ControlDatabase } from './control-database.ts'
import { describeFailure, StorageError } from './errors.ts'
import { Kept } from './kept.ts'
import { storeFiles, type StoreFiles, type StoreLocation } from './locate.ts'
import { LogWriter } from './log-writer.ts'
import { MASTER_KEY_FILE, unlock } from './master-key.ts'
import { migrate } from './migrate.ts'
import { ModelStatuses } from './model-status.ts'
import { Models } from './models.ts'
import { openDatabase, setBusyTimeout, type StoreKind } from './open.ts'
import { Providers } from './providers.ts'
import { Requests } from './requests.ts'
import * as sqliteTables from './schema.sqlite.ts'
import { ControlWatcher } from './watch.ts'

export interface StoreOptions {
  /** Absolute path; holds `master.key`, and the databases where `location` is absent. Made where missing. */
  readonly dataFolder: string
  readonly location?: StoreLocation
  /** Folder with `sqlite/` and `sqlite-log/`. */
  readonly migrationsFolder: string
  /** `secrets.master_key`; absent: the file in the data folder. */
  readonly masterKey?: string
  readonly logger: Logger
  readonly clock: Clock
}

export interface Store {
  readonly files: StoreFiles
  readonly keys: ApiKeys
  readonly providers: Providers
  readonly models: Models
  readonly modelStatuses: ModelStatuses
  readonly requests: Requests
  readonly log: LogWriter
  readonly kept: Kept
  readonly watcher: ControlWatcher
  /** What is wrong with the store now, in words for `/readyz` and the operator; empty while all is well. */
  problems(): readonly string[]
  /** Writes the log to its end and closes both files; idempotent. */
  close(): Promise<void>
}

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

/**
 * Opens a store, made where there is none. Throws StorageError with words for the operator when it cannot be used: then nothing
 * stays open.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { logger, clock } = options
  const { location } = options
  if (location?.engine === 'postgres') {
    throw new StorageError('cannot_open', 'Postgres is not available in this build.')
  }
  const files = storeFiles(options.dataFolder, location?.file)
  warnOfLostDatabase(files, options)
  const opened: Database[] = []
  try {
    const control = openMigrated(files.control, 'control', options)
    opened.push(control)
    const { dataFolder, masterKey } = options
    const sealer = unlock(control, {
      dataFolder,
      ...(masterKey === undefined ? {} : { secret: masterKey }),
    })
    const logDatabase = openMigrated(files.log, 'log', options)
    opened.push(logDatabase)
    const watcher = new ControlWatcher(control, { logger, files: [files.control, files.log] })
    const queries = drizzle(control)
    const database = new ControlDatabase({
      database: { engine: 'sqlite', db: queries },
      queries,
      tables: sqliteTables,
      chain: new AuditChain(sealer.derived('audit')),
      clock,
      changed: () => watcher.changed(),
    })
    const log = new LogWriter(logDatabase, { logger, clock })
    const logQueries = drizzle(logDatabase)
    const keptDatabase = { engine: 'sqlite', db: logQueries } as const
    const kept = new Kept(keptDatabase, logQueries, { logger, clock })
    let closed: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await watcher.stop()
      await Promise.all([log.close(), kept.close()])
      for (const each of opened) closeDatabase(each, logger)
    }
    return {
      files,
      keys: new ApiKeys(database),
      providers: new Providers(database, sealer, clock, logger),
      models: new Models(database, clock),
      modelStatuses: new ModelStatuses(database),
      requests: new Requests(logQueries),
      log,
      kept,
      watcher,
      problems: () => {
        const logProblem = log.problem
        const ofLog =
          logProblem === undefined ? undefined : `The request log is not written (${logProblem}).`
        const ofKept =
          kept.problem === undefined ? undefined : `What is kept is not written (${kept.problem}).`
        return [watcher.problem, ofLog, ofKept].filter((problem) => problem !== undefined)
      },
      close: () => {
        closed ??= close()
        return closed
      },
    }
  } catch (error) {
    for (const each of opened) each.close()
    throw error
  }
}
