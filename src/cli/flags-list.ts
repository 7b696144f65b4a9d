// `weir flags list`: feature flags with their defaults, and the rules of file and store in the order in which they are asked.

import { loadConfig } from '../config/load.ts'
import { flagsInOrder } from '../core/flag-order.ts'
import { FLAGS, type FlagName, type FlagRule } from '../core/flags.ts'
import type { Command, CommandInput } from './command.ts'
import { JSON_ARRAY, showRows, type ListOf } from './people.ts'
import { withExistingStore } from './store.ts'

interface Row {
  readonly flag: FlagName
  readonly rules: readonly FlagRule[]
}

const SHOWN: ListOf<Row> = {
  columns: [
    { header: 'FLAG' },
    { header: 'DEFAULT' },
    { header: 'OWNER' },
    { header: 'RULES', maxWidth: 100 },
  ],
  cells: ({ flag, rules }) => [
    flag,
    String(FLAGS[flag].default),
    FLAGS[flag].owner,
    rules.length === 0 ? '-' : rules.map(wordsOf).join('; '),
  ],
  json: ({ flag, rules }) => ({
    flag,
    ...FLAGS[flag],
    rules: rules.map(({ origin, percent, tenantId, value }) => ({
      tenant: tenantId ?? null,
      value,
      percent,
      origin,
    })),
  }),
  none: '',
}

function wordsOf({ origin, percent, tenantId, value }: FlagRule): string {
  const share = percent === 100 ? '' : ` for ${percent} %`
  return `${String(value)}${share} in ${tenantId ?? 'every tenant'} (${origin})`
}

export const flagsList: Command = {
  name: 'flags list',
  summary: 'show feature flags',
  usage: 'flags list [--json]',
  options: [JSON_ARRAY],
  examples: ['weir flags list'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const stored = await withExistingStore(config, input.output, (store) => store.flagRules.all())
  const rules = flagsInOrder(config.flags, stored ?? [])
  const rows = (Object.keys(FLAGS) as FlagName[]).map((flag) => ({
    flag,
    rules: rules.filter((rule) => rule.flag === flag),
  }))
  showRows(input, SHOWN, rows)
  return 0
}
