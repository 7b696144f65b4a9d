// `weir limits list`: the limits of the file and the store. Reads the store alone; what is counted is in a running server, which
// `GET /admin/limits/{id}/state` asks.

import { loadConfig } from '../config/load.ts'
import { limitJson } from '../server/admin/limit-input.ts'
import { setAmountsJson } from '../server/admin/money-schemas.ts'
import type { Command, CommandInput } from './command.ts'
import { JSON_ARRAY, showRows, type ListOf } from './people.ts'
import type { LimitRule } from '../core/money.ts'
import { TENANT_OPTION, tenantOf, withExistingStore } from './store.ts'

const LIMITS_SHOWN: Omit<ListOf<LimitRule>, 'json'> = {
  columns: [
    { header: 'ID', maxWidth: 40 },
    { header: 'PER' },
    { header: 'ONLY', maxWidth: 40 },
    { header: 'LIMITS', maxWidth: 80 },
    { header: 'ORIGIN' },
  ],
  cells: (rule) => [
    rule.id,
    rule.per,
    rule.only ?? '-',
    Object.entries(setAmountsJson(rule.amounts))
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', '),
    rule.origin,
  ],
  none: 'No limits. Make one with: weir limits save ID --per key --requests-per-minute 100',
}

export const limitsList: Command = {
  name: 'limits list',
  summary: 'show limits',
  usage: 'limits list [--tenant ID] [--json]',
  options: [TENANT_OPTION, JSON_ARRAY],
  examples: ['weir limits list'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const stored = await withExistingStore(config, input.output, (store) =>
    store.limitRules.list(tenantOf(input)),
  )
  const tenantId = tenantOf(input)
  const json = (rule: LimitRule) => limitJson(rule, tenantId)
  showRows(input, { ...LIMITS_SHOWN, json }, [...config.limits, ...(stored ?? [])])
  return 0
}
