// `weir db migrate`: brings the configured store to the schema of this version and ends, as a start would have done first. For those who
// upgrade the database before they touch any server; it moves no data out and serves nothing.

import { migrationsFolder } from '../assets.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { inspectFiles } from '../storage/inspect.ts'
import { inspectPostgres } from '../storage/inspect-postgres.ts'
import { shownPostgres } from '../storage/postgres-options.ts'
import { createLogger } from '../telemetry/log.ts'
import { systemClock } from '../system.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput, Output } from './command.ts'
import { counted, jsonText, printable } from './format.ts'
import { withStore } from './store.ts'

export const dbMigrate: Command = {
  name: 'db migrate',
  summary: 'bring the store to the schema of this version',
  usage: 'db migrate [--check] [--json]',
  options: [
    { flag: '--check', doc: 'change nothing; exit code 1 while steps are missing' },
    { flag: '--json', doc: 'print what was done as JSON' },
  ],
  notes: [
    'Every start does the same before it serves, so nobody has to run this. It takes the steps under a lock and all of them or none;',
    'there is no way back but a backup made before: see weir db backup. It proves the master key too.',
  ],
  examples: ['weir db migrate', 'weir db migrate --check'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const isCheck = isOn(input, 'check')
  const isJson = isOn(input, 'json')
  const store = shownStore(config)
  const pending = await pendingSteps(config, output)
  // With nothing to do it is opened all the same: a wrong master key is to be known before any server stands.
  if (!isCheck) await withStore(config, output, () => Promise.resolve())
  if (isJson) {
    output.out(`${jsonText(isCheck ? { store, pending } : { store, taken: pending })}\n`)
  } else output.out(`${printable(store)}: ${said(pending, isCheck)}\n`)
  return isCheck && pending > 0 ? 1 : 0
}

function said(pending: number, isCheck: boolean): string {
  if (pending === 0) return 'its schema is that of this version'
  const steps = counted(pending, 'step')
  return isCheck
    ? `its schema is ${steps} behind this version`
    : `its schema is now that of this version (${steps} taken)`
}

/** Where the store is, without a password. */
function shownStore({ storage }: Config): string {
  return storage.engine === 'postgres' ? shownPostgres(storage.url) : storage.file
}

/** Steps that are missing; all of them where there is no store yet. @throws StorageError when it cannot be read */
async function pendingSteps({ dataFolder, storage }: Config, output: Output): Promise<number> {
  if (storage.engine === 'sqlite') {
    const files = inspectFiles({ dataFolder, file: storage.file, migrationsFolder })
    return files.reduce((sum, { pending }) => sum + pending, 0)
  }
  const { nowMs } = systemClock
  const logger = createLogger({
    level: () => 'error',
    format: 'pretty',
    nowMs,
    write: (line) => output.error(line),
  })
  const { schema } = await inspectPostgres(storage, migrationsFolder, { logger, nowMs })
  return schema.pending
}
