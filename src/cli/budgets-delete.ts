// `weir budgets delete`: takes a budget out of the store. What was spent stays counted, for one that is made under the same id again.

import type { Command } from './command.ts'
import { IN_TENANT, JSON_OBJECT } from './people.ts'
import { deleteRule } from './rules.ts'

export const budgetsDelete: Command = {
  name: 'budgets delete',
  summary: 'delete a budget',
  usage: 'budgets delete ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir budgets delete each-user'],
  positionalsMax: 1,
  run: (input) => deleteRule(input, 'budget', (store) => store.budgetRules),
}
