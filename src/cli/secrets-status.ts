// `weir secrets status`: which keys stored secrets are encrypted with, by name alone; no key is ever shown.

import { loadConfig } from '../config/load.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { formatTime, jsonText } from './format.ts'
import { withExistingStore } from './store.ts'
import { renderTable, tableStyle, type Column } from './table.ts'

export const secretsStatus: Command = {
  name: 'secrets status',
  summary: 'show which keys stored secrets are encrypted with',
  usage: 'secrets status [--json]',
  options: [{ flag: '--json', doc: 'print a JSON object' }],
  examples: ['weir secrets status'],
  positionalsMax: 0,
  run,
}

const COLUMNS: readonly Column[] = [
  { header: 'KEY' },
  { header: 'FOR' },
  { header: 'MASTER KEY' },
  { header: 'MADE (UTC)' },
  { header: 'RETIRED (UTC)' },
  { header: 'VALUES', align: 'right' },
]

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const state = await withExistingStore(config, output, (store) => store.secrets.state())
  if (state === undefined) {
    output.error('There is no store yet.\n')
    return 1
  }
  if (isOn(input, 'json')) {
    output.out(
      `${jsonText({
        master_key: state.masterKeyId,
        keys: state.keys.map((key) => ({
          id: key.id,
          purpose: key.purpose,
          master_key: key.masterKeyId,
          created: new Date(key.createdMs).toISOString(),
          retired: key.retiredMs === null ? null : new Date(key.retiredMs).toISOString(),
          values: key.values,
        })),
        other_values: state.others,
        clear_values: state.clear,
      })}\n`,
    )
    return 0
  }
  const rows = state.keys.map((key) => [
    key.id,
    key.purpose === 'audit' ? 'audit' : 'secrets',
    key.masterKeyId,
    formatTime(key.createdMs),
    key.retiredMs === null ? '' : formatTime(key.retiredMs),
    key.purpose === 'audit' ? '' : String(key.values),
  ])
  output.out(renderTable(COLUMNS, rows, tableStyle(output)))
  if (state.others > 0) {
    output.error(
      `${state.others} more by the master key itself; 'weir secrets rotate' mends that.\n`,
    )
  }
  if (state.clear > 0) {
    output.error(
      `${state.clear} kept for later requests in clear by an earlier release; a server encrypts them, and so does 'weir secrets rotate'.\n`,
    )
  }
  return 0
}
