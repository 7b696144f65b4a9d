// `weir keys list`: every API key of a tenant, masked, with where it was declared. It makes no store where there is none.

import { loadConfig } from '../config/load.ts'
import { systemClock } from '../system.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { counted, jsonText } from './format.ts'
import { KEY_COLUMNS, keyCells, keyJson, keyState } from './keys.ts'
import { IN_TENANT } from './people.ts'
import { allKeys, tenantOf } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const keysList: Command = {
  name: 'keys list',
  summary: 'show API keys, masked',
  usage: 'keys list [--all] [--tenant ID] [--json]',
  options: [
    { flag: '--all', doc: 'revoked keys too' },
    IN_TENANT,
    { flag: '--json', doc: 'print a JSON array' },
  ],
  examples: ['weir keys list', "weir keys list --all --json | jq '.[].name'"],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const { config } = loadConfig({ flags: configFlags })
  const nowMs = systemClock.nowMs()
  const keys = await allKeys(config, output, tenantOf(input))
  const shown = isOn(input, 'all') ? keys : keys.filter((key) => keyState(key, nowMs) !== 'revoked')
  if (isOn(input, 'json')) {
    output.out(
      `${jsonText(
        shown.map((key) => keyJson(key, nowMs)),
        2,
      )}\n`,
    )
    return 0
  }
  if (shown.length > 0) {
    const rows = shown.map((key) => keyCells(key, nowMs))
    output.out(renderTable(KEY_COLUMNS, rows, tableStyle(output)))
  } else {
    const kind = keys.length === 0 ? 'API keys' : 'API keys that are not revoked'
    output.error(`No ${kind}. Make one with: weir keys create NAME\n`)
  }
  const hidden = keys.length - shown.length
  if (hidden > 0) output.error(`${counted(hidden, 'revoked key')} not shown; --all shows all.\n`)
  return 0
}
