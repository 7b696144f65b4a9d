// `weir db restore`: fills the configured store from a file of `weir db backup`, of either engine.

import { resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { restoreStore } from '../storage/backup.ts'
import { openEnd } from '../storage/copy-open.ts'
import { isOn, requiredArgument } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { amount, endOptions, teller } from './db.ts'
import { formatTime, jsonText, printable } from './format.ts'

export const dbRestore: Command = {
  name: 'db restore',
  summary: 'bring a saved file back into an empty database',
  usage: 'db restore FILE [--json]',
  options: [{ flag: '--json', doc: 'print what was restored as JSON' }],
  notes: [
    'The whole file is proven first: one that was cut off or changed is refused before anything is written, and so is a',
    'store that holds anything. The master key is not in the file: put back that of the saved store. Broken off, it goes',
    'on when it is run again.',
  ],
  examples: ['weir db restore /backup/weir-2026-11-21.backup'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const path = resolve(requiredArgument(input, 'the name of the file'))
  const { config } = loadConfig({ flags: configFlags })
  const report = await restoreStore({
    path,
    open: () => openEnd(config.storage, 'made', endOptions(output)),
    tell: teller(output, isOn(input, 'json')),
  })
  const { createdMs, engine, version } = report.head
  if (isOn(input, 'json')) {
    const { rows, wasDone } = report
    const saved = { version, engine, created: new Date(createdMs).toISOString() }
    output.out(`${jsonText({ file: path, saved, rows, done_before: wasDone })}\n`)
    return 0
  }
  const whence = `${printable(path)}, saved at ${formatTime(createdMs)} UTC by Weir ${printable(version)}`
  output.out(
    report.wasDone
      ? `It was restored before from ${whence}; nothing was done.\n`
      : `Restored ${amount(report.rows, Object.keys(report.sums).length)} from ${whence}.\nWeir needs the master key of the store that was saved.\n`,
  )
  return 0
}
