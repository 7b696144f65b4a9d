// `weir cache stats`: what the response cache of a running server holds, and what it did since that began.

import { asArray, asNumber, asObject, asString } from '../core/json.ts'
import { NANO_PER_USD } from '../core/nano-usd.ts'
import { isOn } from './arguments.ts'
import { askCache, CACHE_OPTIONS } from './cache.ts'
import type { Command, CommandInput } from './command.ts'
import { formatUsd, jsonText } from './format.ts'
import { renderTable, tableStyle } from './table.ts'

export const cacheStats: Command = {
  name: 'cache stats',
  summary: 'show what the response cache holds and saved',
  usage: 'cache stats [--tenant ID|--all] [--json]',
  options: [...CACHE_OPTIONS, { flag: '--json', doc: 'print JSON' }],
  examples: ['weir cache stats', 'WEIR_ADMIN_KEY=weir_… weir cache stats --all'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  const state = await askCache(input, 'GET')
  if (state === undefined) return 1
  if (isOn(input, 'json')) {
    output.out(`${jsonText(state, 2)}\n`)
    return 0
  }
  const number = (name: string) => asNumber(state[name]) ?? 0
  const isOff = state['enabled'] !== true
  output.out(
    `${isOff ? 'The response cache is off. ' : ''}${number('entries')} answers, ${number('bytes')} bytes in ${asString(state['store']) ?? '-'}; ` +
      `${number('hits')} hits, ${number('semantic_hits')} by meaning, ${number('misses')} misses; saved ${formatUsd(Math.round(number('saved_usd') * NANO_PER_USD))}.\n`,
  )
  const rows = (asArray(state['data']) ?? []).map((row) => {
    const { bytes, entries, model, tenant } = asObject(row) ?? {}
    return [
      asString(tenant) ?? '-',
      asString(model) ?? '-',
      String(entries ?? 0),
      String(bytes ?? 0),
    ]
  })
  if (rows.length === 0) return 0
  const columns = [
    { header: 'TENANT', maxWidth: 40 },
    { header: 'MODEL', maxWidth: 60 },
    { header: 'ANSWERS', align: 'right' as const },
    { header: 'BYTES', align: 'right' as const },
  ]
  output.out(renderTable(columns, rows, tableStyle(output)))
  return 0
}
