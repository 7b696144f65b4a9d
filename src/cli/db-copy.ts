// `weir db copy`: moves a whole store to an empty one, of the same engine or the other. It can be broken off and run again.

import { loadConfig } from '../config/load.ts'
import { copyStores } from '../storage/copy-open.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { amount, endOptions, storeLocation, teller } from './db.ts'
import { jsonText } from './format.ts'

export const dbCopy: Command = {
  name: 'db copy',
  summary: 'move everything to another, empty database',
  usage: 'db copy [--from URL] [--to URL] [--json]',
  options: [
    {
      flag: '--from',
      value: 'URL',
      doc: 'sqlite:///path/weir.db or postgres://…; else the configured store',
    },
    { flag: '--to', value: 'URL', doc: 'the same; what is not given is the configured store' },
    { flag: '--json', doc: 'print the tables with their rows and checksums as JSON' },
  ],
  notes: [
    'Keys, people, rights, budgets, the audit, sealed secrets and the request log all move, with their ids; the master',
    'key does not: the new place needs the same one. Stop every Weir on both first: a file that another process has',
    'open and a database with another session of the same application name are refused. Rows and checksums of every',
    'table are compared at the end. Broken off, it goes on where it was when it is run again.',
    'A password stays off the command line where its store is the configured one and its option is left out.',
  ],
  examples: [
    'weir db copy --from sqlite:///var/lib/weir/weir.db --to postgres://weir:…@db/weir',
    'weir db copy --from sqlite:///var/lib/weir/weir.db    # to storage.url of weir.yaml',
  ],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const [from, to] = [textOption(input, 'from'), textOption(input, 'to')]
  if (from === undefined && to === undefined) throw new UsageError('Missing --from or --to.')
  const { config } = loadConfig({ flags: configFlags })
  const report = await copyStores({
    from: storeLocation(from, '--from', config),
    to: storeLocation(to, '--to', config),
    ...endOptions(output),
    tell: teller(output, isOn(input, 'json')),
  })
  if (isOn(input, 'json')) {
    const { isResumed: resumed, rows, sums: tables, wasDone: done } = report
    output.out(`${jsonText({ done_before: done, resumed, rows, tables }, 2)}\n`)
    return 0
  }
  output.out(
    report.wasDone
      ? 'It was copied before; nothing was done.\n'
      : `Copied and compared: ${amount(report.rows, Object.keys(report.sums).length)}, equal on both sides.\nStart Weir on the new one with the same master key; 'weir audit verify' proves the audit there.\n`,
  )
  return 0
}
