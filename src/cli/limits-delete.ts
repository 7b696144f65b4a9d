// `weir limits delete`: takes a limit out of the store.

import type { Command } from './command.ts'
import { IN_TENANT, JSON_OBJECT } from './people.ts'
import { deleteRule } from './rules.ts'

export const limitsDelete: Command = {
  name: 'limits delete',
  summary: 'delete a limit',
  usage: 'limits delete ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir limits delete each-key'],
  positionalsMax: 1,
  run: (input) => deleteRule(input, 'limit', (store) => store.limitRules),
}
