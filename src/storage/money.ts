// What counts money and use, made the same way on both engines: the ledger of budgets and the totals of usage, both fed by the request
// log in the transaction of its rows.

import type { Clock, Logger } from '../core/ports.ts'
import type { QueryBuilder, StoreDatabase } from './atomically.ts'
import { BudgetLeases } from './budget-ledger.ts'
import type { ControlDatabase } from './control-database.ts'
import type { RequestLog } from './request-log.ts'
import type * as sqliteTables from './schema-log.sqlite.ts'
import { Usage } from './usage.ts'
import { UsageCompanion } from './usage-companion.ts'

export interface MoneyStore {
  readonly budgets: BudgetLeases
  readonly usage: Usage
}

export interface MoneyOptions {
  /** The log store; Postgres' tables are cast to SQLite's. */
  readonly database: StoreDatabase
  readonly queries: QueryBuilder
  readonly tables: Pick<
    typeof sqliteTables,
    'budgetWindows' | 'budgetLeases' | 'usageHourly' | 'keyUses' | 'requests'
  >
  /** Counts with it from here on. */
  readonly log: RequestLog
  /** Where resets are recorded. */
  readonly control: ControlDatabase
  readonly clock: Clock
  readonly logger: Logger
}

/** Both, over one log store. The ledger is closed after the log, whose last rows it counts. */
export function moneyStore(options: MoneyOptions): MoneyStore {
  const { clock, control, database, log, logger, queries, tables } = options
  const budgets = new BudgetLeases({
    store: { database, queries, tables },
    clock,
    logger,
    record: (by, events) => control.record(by, events),
  })
  log.attach(new UsageCompanion())
  log.attach(budgets.companion)
  return { budgets, usage: new Usage(database, queries, tables) }
}
