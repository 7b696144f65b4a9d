// `weir budgets save`: makes a budget in the store, or changes it; running servers go by it within a second.

import { outboundNetwork } from '../core/network.ts'
import { BUDGET_SUBJECTS, budgetRuleOf, NewBudgetBody } from '../server/admin/budget-input.ts'
import { budgetJson } from '../server/admin/budget-json.ts'
import { cliActor } from './actor.ts'
import { listOption, textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'
import { numberOption, ruleOf } from './rules.ts'

export const budgetsSave: Command = {
  name: 'budgets save',
  summary: 'make or change a budget',
  usage: 'budgets save ID --per WHOM --usd AMOUNT [--window WINDOW] [--tenant ID] [--json]',
  options: [
    {
      flag: '--per',
      value: 'WHOM',
      doc: `whom an account is kept for: ${BUDGET_SUBJECTS.join(', ')}`,
    },
    {
      flag: '--only',
      value: 'NAME',
      doc: 'only the one of this id or name; * stands for any text',
    },
    { flag: '--usd', value: 'AMOUNT', doc: 'dollars that may be spent in a window' },
    { flag: '--window', value: 'WINDOW', doc: 'day, week, month (default) or total' },
    { flag: '--action', value: 'ACTION', doc: 'block (default) what would pass it, or only alert' },
    {
      flag: '--alert-at',
      value: 'SHARES',
      doc: 'shares that are told, with commas (default 0.8,1)',
    },
    { flag: '--webhook', value: 'URL', doc: 'where alerts are posted, or none (else as it was)' },
    {
      flag: '--unknown-price',
      value: 'HOW',
      doc: 'block or allow requests whose price is not known (default: as the action is)',
    },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: [
    'weir budgets save each-user --per user --usd 50',
    'weir budgets save all --per tenant --usd 1000 --action alert --alert-at 0.5,0.9,1',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the budget')
  const webhook = textOption(input, 'webhook')
  const typed = {
    id,
    per: textOption(input, 'per'),
    only: textOption(input, 'only'),
    usd: numberOption(input, 'usd'),
    window: textOption(input, 'window'),
    action: textOption(input, 'action'),
    alert_at: listOption(input, 'alert-at')?.map(Number),
    webhook: webhook === 'none' ? null : webhook,
    unknown_price: textOption(input, 'unknown-price'),
  }
  return await changeIn(input, async ({ config, store, tenantId }) => {
    const before = (await store.budgetRules.list(tenantId)).find((each) => each.id === id)
    const isInnerAllowed = (url: string) =>
      outboundNetwork(url, false, config.network).allowPrivate === true
    const rule = ruleOf(NewBudgetBody, typed, (body) =>
      budgetRuleOf(body, { id, tenantId, before }, isInnerAllowed),
    )
    if (before !== undefined && before.per !== rule.per) {
      throw new Problem('Whom a budget counts stays as it is. Delete it and make another one.')
    }
    await store.budgetRules.save(rule, cliActor())
    const { accounts: _accounts, accounts_total: _total, ...json } = budgetJson(rule, [], tenantId)
    return { words: `Budget ${id} saved; running servers go by it now.`, json }
  })
}
