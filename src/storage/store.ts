// The store as a whole, whichever engine is behind: the only door for `app.ts` and the commands; everything behind it stays inside
// this folder. A new repository is added in repositories.ts, and both engines have it.

import type { Clock, Logger } from '../core/ports.ts'
import type { AnswerSeal } from './answer-seal.ts'
import type { StoreWatcher } from './change-runs.ts'
import type { ContentLog } from './content-log.ts'
import type { Kept } from './kept.ts'
import type { LimitBackend } from './limit-exchange.ts'
import type { StoreFiles, StoreLocation } from './locate.ts'
import type { LogUpkeep } from './log-upkeep.ts'
import type { SecretsOptions } from './master-key.ts'
import type { MoneyStore } from './money.ts'
import { openSqliteStore } from './open-sqlite.ts'
import type { ControlRepositories } from './repositories.ts'
import type { RequestLog } from './request-log.ts'
import type { RequestSearch } from './request-search.ts'
import type { StoredAnswers } from './stored-answers.ts'
import type { Requests } from './requests.ts'

export interface StoreOptions {
  /** Absolute path; holds `master.key`, and the databases where `location` is absent. Made where missing. */
  readonly dataFolder: string
  readonly location?: StoreLocation
  /** Folder with `sqlite/`, `sqlite-log/`, `postgres/` and `postgres-log/`. */
  readonly migrationsFolder: string
  /** Where the master key comes from; absent: the file in the data folder. */
  readonly secrets?: SecretsOptions
  readonly logger: Logger
  readonly clock: Clock
}

export interface Store extends ControlRepositories, MoneyStore {
  /** Of SQLite. */
  readonly files?: StoreFiles
  readonly requests: Requests
  /** Pages, counts and charts of the request log, for people who look for something. */
  readonly search: RequestSearch
  readonly log: RequestLog
  readonly kept: Kept
  /** Answers of the response cache, where they lie here; and what seals them wherever they lie. */
  readonly answers: StoredAnswers
  readonly answerSeal: AnswerSeal
  /** Bodies that lie elsewhere or are to, and deletions of one person's rows. */
  readonly contentLog: ContentLog
  /** Does nothing until it is started, which is a server's to do. */
  readonly upkeep: LogUpkeep
  readonly watcher: StoreWatcher
  /** Counts limits for all that share this store; absent where nobody can. */
  limitBackend?(): LimitBackend
  /** What is wrong with the store now, in words for the operator; empty while all is well. */
  problems(): readonly string[]
  /**
   * Whether this process may be sent requests. A database that all replicas share is no reason against it: without it they go on with what
   * they know, as long as there is room for the rows of the log. A file is this process's own.
   */
  isFit(): boolean
  /** Writes the log to its end and closes everything; idempotent. */
  close(): Promise<void>
}

/**
 * Opens a store, made where there is none. Throws StorageError with words for the operator when it cannot be used: then nothing
 * stays open.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { location } = options
  if (location?.engine === 'postgres') {
    // Loaded where it is needed: a laptop's start does not pay for it.
    const { openPostgresStore } = await import('./open-postgres.ts')
    return await openPostgresStore(options, location)
  }
  return await openSqliteStore(options, location?.file)
}
