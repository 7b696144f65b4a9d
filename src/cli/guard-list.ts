// `weir guard list`: the guardrails that a tenant is under, of the file and the store, in the order in which they are asked.

import { loadConfig } from '../config/load.ts'
import type { StoredGuardrail } from '../core/ports-guard.ts'
import type { Command, CommandInput } from './command.ts'
import { concernOf, rulesFor, shownRule } from './guard.ts'
import { JSON_ARRAY, showRows, type ListOf } from './people.ts'
import { TENANT_OPTION, tenantOf } from './store.ts'

const SHOWN: ListOf<StoredGuardrail> = {
  columns: [
    { header: 'ID', maxWidth: 40 },
    { header: 'CHECK' },
    { header: 'MODE' },
    { header: 'STAGES' },
    { header: 'CONCERNS', maxWidth: 60 },
    { header: 'WHOSE' },
    { header: 'STATE', maxWidth: 60 },
  ],
  cells: ({ problem, rule }) => [
    rule.id,
    rule.check,
    rule.mode,
    rule.stages.join(', '),
    concernOf(rule),
    rule.origin === 'store' ? (rule.tenantId ?? 'every tenant') : rule.origin,
    problem ?? (rule.enabled ? 'on' : 'off'),
  ],
  json: shownRule,
  none: 'No guardrails. Make one with: weir guard add ID --check pii --mode mask',
}

export const guardList: Command = {
  name: 'guard list',
  summary: 'show guardrails in the order in which they are asked',
  usage: 'guard list [--tenant ID] [--json]',
  options: [TENANT_OPTION, JSON_ARRAY],
  examples: ['weir guard list'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  showRows(input, SHOWN, await rulesFor(tenantOf(input), { config, input }))
  return 0
}
