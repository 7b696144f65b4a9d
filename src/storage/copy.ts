// Fills an empty store with all that another one holds, table by table in the order of their keys, and proves at the end that both are
// equal. It can be killed at any moment and run again: what is in is known in the target itself, and rows may be put in twice.

import { createHash } from 'node:crypto'
import { allBatches, type CopySource, type CopyTarget, keyOfRow } from './copy-end.ts'
import { COPY_SETTING, type CopyState, parseCopyState, type TableState } from './copy-state.ts'
import {
  COPY_TABLES,
  type CopyRow,
  type CopyTable,
  isOwn,
  type Sum,
  Summing,
} from './copy-tables.ts'
import { StorageError } from './errors.ts'
import { CHECK_KEY } from './keyring.ts'

/** What is going on, for a person who waits. */
export interface CopyStep {
  readonly phase: 'copying' | 'checking'
  readonly table: string
  /** Rows of this table so far. */
  readonly rows: number
}

export interface CopyOptions {
  readonly target: CopyTarget
  tell?(step: CopyStep): void
}

export interface CopyReport {
  /** Of every table, as proven. */
  readonly sums: Readonly<Record<string, Sum>>
  readonly rows: number
  /** It went on where an earlier one was broken off. */
  readonly isResumed: boolean
  /** It had ended before: nothing was done. */
  readonly wasDone: boolean
}

/** What rows come from: another store, or a file. */
export interface Supply {
  readonly what: CopyState['what']
  readonly from: string
  /** All rows of a table behind those that are in. */
  batches(table: CopyTable, state: TableState | undefined): AsyncIterable<readonly CopyRow[]>
  /** What is to be in a table. */
  sumOf(table: CopyTable): Promise<Sum>
}

/** Another store as a supply. @param source read from one state of it */
export async function supplyOf(source: CopySource): Promise<Supply> {
  const check = (await source.setting(CHECK_KEY)) ?? ''
  return {
    what: 'copy',
    // Sealed with a random part, so that no two stores have the same.
    from: createHash('sha256').update(check).digest('hex'),
    batches: (table, state) => allBatches(source, table, state?.after),
    sumOf: (table) => sumOf(source, table),
  }
}

/** Adds up a whole table, but for what is of its store alone. */
export async function sumOf(source: CopySource, table: CopyTable): Promise<Sum> {
  const summing = new Summing()
  for await (const rows of allBatches(source, table)) {
    for (const row of rows) if (!isOwn(table, row)) summing.add(table, row)
  }
  return summing.sum
}

/**
 * Copies everything, or what is missing of it.
 * @throws StorageError in words for the operator: where the target holds something else, and where both are not equal at the end
 */
export async function fillStore(supply: Supply, options: CopyOptions): Promise<CopyReport> {
  const filling = new Filling(supply, options)
  return await filling.run()
}

class Filling {
  private readonly supply: Supply
  private readonly target: CopyTarget
  private readonly tell: (step: CopyStep) => void
  private tables: Record<string, TableState> = {}
  private readonly months = new Set<number>()

  constructor(supply: Supply, { target, tell }: CopyOptions) {
    this.supply = supply
    this.target = target
    this.tell = (step) => tell?.(step)
  }

  async run(): Promise<CopyReport> {
    const before = await this.begin()
    if (before?.isDone === true) return { sums: {}, rows: 0, isResumed: false, wasDone: true }
    if (before !== undefined) await this.forgetChanged()
    await this.copyMissing()
    let { sums, unequal } = await this.compare()
    if (unequal.length > 0) {
      // Somebody wrote to the source between two runs: those tables are copied anew, from the one state that this run sees.
      await this.forget(unequal)
      await this.copyMissing()
      ;({ sums, unequal } = await this.compare())
    }
    if (unequal.length > 0) {
      const names = unequal.map(({ name }) => name).join(', ')
      const message = `The copy is not equal to what was copied (${names}): something else writes to one of them. Stop it and run the command again.`
      throw new StorageError('cannot_open', message)
    }
    await this.target.finish(COPY_TABLES)
    await this.target.write(COPY_TABLES[0]!, [], this.settings(true))
    const rows = Object.values(sums).reduce((sum, each) => sum + each.rows, 0)
    return { sums, rows, isResumed: before !== undefined, wasDone: false }
  }

  /** What an earlier run has done; undefined for a target that is empty. */
  private async begin(): Promise<CopyState | undefined> {
    const text = await this.target.setting(COPY_SETTING)
    const state = text === undefined ? undefined : parseCopyState(text)
    const { from, what } = this.supply
    if (state !== undefined && (state.from !== from || state.what !== what)) {
      this.refuse(state.isDone ? 'a copy of another store' : 'a part of another store')
    }
    if (state === undefined) {
      for (const table of COPY_TABLES) {
        const rows = await this.target.rowsAfter(table, undefined)
        if (rows.some((row) => !isOwn(table, row))) this.refuse(`rows in ${table.name}`)
      }
      await this.target.write(COPY_TABLES[0]!, [], this.settings(false))
    }
    this.tables = { ...state?.tables }
    return state
  }

  private refuse(what: string): never {
    const message = `${this.target.name} is not empty: it holds ${what}. Choose an empty one; nothing was changed.`
    throw new StorageError('cannot_open', message)
  }

  private settings(isDone: boolean): Record<string, string> {
    const { from, what } = this.supply
    const state: CopyState = { what, from, isDone, tables: isDone ? {} : this.tables }
    return { [COPY_SETTING]: JSON.stringify(state) }
  }

  private async copyMissing(): Promise<void> {
    for (const table of COPY_TABLES) {
      const before = this.tables[table.name]
      if (before?.isDone !== true) await this.copy(table, before)
    }
  }

  private async copy(table: CopyTable, before: TableState | undefined): Promise<void> {
    let state: TableState = before ?? { rows: 0, isDone: false }
    for await (const rows of this.supply.batches(table, before)) {
      const last = rows.at(-1)
      if (last === undefined) continue
      const theirs = rows.filter((row) => !isOwn(table, row))
      await this.makeRoom(table, theirs)
      state = { rows: state.rows + theirs.length, after: keyOfRow(table, last), isDone: false }
      this.tables[table.name] = state
      await this.target.write(table, theirs, this.settings(false))
      this.tell({ phase: 'copying', table: table.name, rows: state.rows })
    }
    // Noted with the next rows: who goes on without this note looks for more behind the last row, and finds none.
    this.tables[table.name] = { ...state, isDone: true }
  }

  /** Once for each month that rows of the log lie in. */
  private async makeRoom(table: CopyTable, rows: readonly CopyRow[]): Promise<void> {
    const at = table.columns.findIndex(({ name }) => name === 'timestamp_ms')
    if (table.part !== 'log' || at < 0) return
    const times: number[] = []
    for (const row of rows) {
      const timeMs = Number(row[at])
      const date = new Date(timeMs)
      const year = date.getUTCFullYear()
      // Others are no times that anything happened at.
      if (!(year >= FIRST_YEAR && year <= LAST_YEAR)) continue
      const month = year * 12 + date.getUTCMonth()
      if (this.months.has(month)) continue
      this.months.add(month)
      times.push(timeMs)
    }
    if (times.length > 0) await this.target.makeRoom(times)
  }

  /**
   * Between two runs somebody may have used the source. Control data refers to itself, so where it changed it must be copied anew before
   * anything is put beside it; it is small. What changed in the log shows at the end.
   */
  private async forgetChanged(): Promise<void> {
    const begun = COPY_TABLES.filter(({ name, part }) => part === 'control' && name in this.tables)
    const { unequal } = await this.compare(begun)
    if (unequal.length > 0) await this.forget(unequal)
  }

  private async compare(
    tables: readonly CopyTable[] = COPY_TABLES,
  ): Promise<{ sums: Record<string, Sum>; unequal: CopyTable[] }> {
    const sums: Record<string, Sum> = {}
    const unequal: CopyTable[] = []
    for (const table of tables) {
      const wanted = await this.supply.sumOf(table)
      const found = await sumOf(this.target, table)
      this.tell({ phase: 'checking', table: table.name, rows: wanted.rows })
      sums[table.name] = wanted
      if (wanted.rows !== found.rows || wanted.checksum !== found.checksum) unequal.push(table)
    }
    return { sums, unequal }
  }

  /** Empties tables, and those that refer to them, to be copied anew. */
  private async forget(tables: readonly CopyTable[]): Promise<void> {
    const names = new Set(tables.map(({ name }) => name))
    for (const { name, parents } of COPY_TABLES) {
      if (parents.some((parent) => names.has(parent))) names.add(name)
    }
    for (const name of names) delete this.tables[name]
    const gone = COPY_TABLES.filter(({ name }) => names.has(name)).toReversed()
    const isSettings = gone.some(({ name }) => name === 'settings')
    await this.target.clear(gone, this.settings(false))
    // The note of the copy went with them where it was not written behind.
    if (isSettings) await this.target.write(COPY_TABLES[0]!, [], this.settings(false))
  }
}

const [FIRST_YEAR, LAST_YEAR] = [2020, 2099]
