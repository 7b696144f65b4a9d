// What the commands that move whole stores share: where a store is, as somebody types it, and how far the work has come.

import { checkFormat } from '../config/formats.ts'
import type { Config } from '../config/config.ts'
import { migrationsFolder } from '../assets.ts'
import type { CopyStep } from '../storage/copy.ts'
import type { EndOptions } from '../storage/copy-open.ts'
import type { StoreLocation } from '../storage/locate.ts'
import { systemClock } from '../system.ts'
import { createLogger } from '../telemetry/log.ts'
import { type Output, UsageError } from './command.ts'

/** How often progress is shown. */
const SHOW_INTERVAL_MS = 1_000

/**
 * The store that a URL names, or the configured one without a URL. Its connections and authorities are the configured ones.
 * @throws UsageError for what is no URL of a store; the text is not repeated, as it may hold a password
 */
export function storeLocation(
  text: string | undefined,
  flag: string,
  { storage }: Config,
): StoreLocation {
  if (text === undefined) return storage
  const checked = checkFormat('storage-url', text, {
    folder: process.cwd(),
    platform: process.platform,
  })
  if ('problem' in checked) throw new UsageError(`${flag} ${checked.problem}.`)
  const { value } = checked
  if (value.startsWith('sqlite:')) return { engine: 'sqlite', file: value.slice('sqlite:'.length) }
  const configured = storage.engine === 'postgres' ? storage : undefined
  return {
    engine: 'postgres',
    url: value,
    connections: configured?.connections ?? 2,
    ...(configured?.caFile === undefined ? {} : { caFile: configured.caFile }),
  }
}

/** What ends of copies are opened with. */
export function endOptions(output: Output): EndOptions {
  const logger = createLogger({
    level: () => 'error',
    format: 'pretty',
    nowMs: systemClock.nowMs,
    write: (line) => output.error(line),
  })
  return { migrationsFolder, logger }
}

/** Tells on standard error what is done, a line for each table and second; with `--json` nothing. */
export function teller(output: Output, isQuiet: boolean): (step: CopyStep) => void {
  let shownMs = 0
  let shown = ''
  return ({ phase, rows, table }) => {
    const nowMs = systemClock.monotonicMs()
    const what = `${phase} ${table}`
    if (isQuiet || rows === 0 || (what === shown && nowMs - shownMs < SHOW_INTERVAL_MS)) return
    shown = what
    shownMs = nowMs
    output.error(`${what}: ${rows.toLocaleString('en-US')} rows\n`)
  }
}

/** `1,234 rows in 29 tables` */
export function amount(rows: number, tables: number): string {
  return `${rows.toLocaleString('en-US')} rows in ${tables} tables`
}
