// `weir db backup`: the configured store as one file, while servers go on.

import { resolve } from 'node:path'
import { VERSION } from '../core/version.ts'
import { loadConfig } from '../config/load.ts'
import { backUpStore } from '../storage/backup.ts'
import { openEnd } from '../storage/copy-open.ts'
import { systemClock } from '../system.ts'
import { isOn, requiredArgument } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { endOptions, teller } from './db.ts'
import { jsonText, printable } from './format.ts'

export const dbBackup: Command = {
  name: 'db backup',
  summary: 'save everything to one file, while Weir runs',
  usage: 'db backup FILE [--json]',
  options: [{ flag: '--json', doc: 'print what was written as JSON' }],
  notes: [
    'The file holds all that the store holds at one moment, for either engine, and is readable by its owner alone.',
    'The master key is not in it: keep that apart, for without it secrets and the audit cannot be used again. Neither are',
    'the configuration file, and rows of the request log that wait on disk for a database that is away.',
  ],
  examples: ['weir db backup /backup/weir-$(date +%F).backup'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const path = resolve(requiredArgument(input, 'the name of the file'))
  const { config } = loadConfig({ flags: configFlags })
  const source = await openEnd(config.storage, 'shared', endOptions(output))
  try {
    const { bytes, rows } = await backUpStore(source, {
      path,
      version: VERSION,
      engine: config.storage.engine,
      nowMs: systemClock.nowMs(),
      tell: teller(output, isOn(input, 'json')),
    })
    if (isOn(input, 'json')) output.out(`${jsonText({ file: path, bytes, rows })}\n`)
    else {
      const size = `${rows.toLocaleString('en-US')} rows, ${bytes.toLocaleString('en-US')} bytes`
      output.out(
        `Saved to ${printable(path)}: ${size}.\nThe master key is not in it. Keep it apart: without it secrets and the audit are of no use.\n`,
      )
    }
    return 0
  } finally {
    await source.close()
  }
}
