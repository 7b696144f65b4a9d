// `weir budgets list`: the budgets of the file and the store, and what is left of each account. Reads the store alone.

import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import type { BudgetRule } from '../core/money.ts'
import type { BudgetStanding } from '../core/ports-money.ts'
import { budgetJson, standingsOf } from '../server/admin/budget-json.ts'
import { ownRule } from '../gateway/spending-rules.ts'
import type { Store } from '../storage/store.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { formatUsd, jsonText } from './format.ts'
import { TENANT_OPTION, tenantOf, withExistingStore } from './store.ts'
import { renderTable, tableStyle, type Column } from './table.ts'

export const budgetsList: Command = {
  name: 'budgets list',
  summary: 'show budgets and what is left of them',
  usage: 'budgets list [--tenant ID] [--json]',
  options: [TENANT_OPTION, { flag: '--json', doc: 'print a JSON array' }],
  examples: ['weir budgets list', "weir budgets list --json | jq '.[].accounts'"],
  positionalsMax: 0,
  run,
}

const COLUMNS: readonly Column[] = [
  { header: 'ID', maxWidth: 40 },
  { header: 'PER' },
  { header: 'SUBJECT', maxWidth: 40 },
  { header: 'WINDOW' },
  { header: 'ACTION' },
  { header: 'BUDGET', align: 'right' },
  { header: 'SPENT', align: 'right' },
  { header: 'HELD', align: 'right' },
]

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const tenantId = tenantOf(input)
  const found = await withExistingStore(config, output, async (store) => ({
    rules: await rulesOf(config, store, tenantId),
    standings: await store.budgets.standings(tenantId),
  }))
  const rules = found?.rules ?? config.budgets
  const standings = found?.standings ?? []
  if (isOn(input, 'json')) {
    const all = rules.map((rule) => budgetJson(rule, standings, tenantId))
    output.out(`${jsonText(all, 2)}\n`)
    return 0
  }
  if (rules.length === 0) {
    output.error("There are no budgets. Declare them under 'budgets' in the configuration.\n")
    return 0
  }
  output.out(renderTable(COLUMNS, cellsOf(rules, standings), tableStyle(output)))
  return 0
}

/** Of the file, of the store, and those that keys have of themselves. */
async function rulesOf(config: Config, store: Store, tenantId: string): Promise<BudgetRule[]> {
  const keys = [...config.keys, ...(await store.keys.list(tenantId))]
  const own = keys.flatMap((key) => {
    if (key.tenantId !== tenantId || key.own === undefined) return []
    const rule = ownRule({ keyId: key.id, own: key.own })
    return rule === undefined ? [] : { ...rule, origin: key.origin }
  })
  return [...config.budgets, ...(await store.budgetRules.list(tenantId)), ...own]
}

function cellsOf(rules: readonly BudgetRule[], standings: readonly BudgetStanding[]): string[][] {
  return rules.flatMap((rule) => {
    const line = (subject: string, spent: string, held: string) => [
      rule.id,
      rule.per,
      subject,
      rule.window,
      rule.action,
      formatUsd(rule.nanoUsd),
      spent,
      held,
    ]
    const accounts = standingsOf(rule, standings)
    if (accounts.length === 0) return [line(rule.only ?? '-', formatUsd(0), formatUsd(0))]
    return accounts.map(({ account, heldNanoUsd, spentNanoUsd }) =>
      line(account.subject, formatUsd(spentNanoUsd), formatUsd(heldNanoUsd)),
    )
  })
}
