// `weir budgets reset`: begins the current window of one account anew. What requests under way hold stays held.

import { loadConfig } from '../config/load.ts'
import { cliActor } from './actor.ts'
import { UsageError, type Command, type CommandInput } from './command.ts'
import { printable } from './format.ts'
import { TENANT_OPTION, tenantOf, withExistingStore } from './store.ts'

export const budgetsReset: Command = {
  name: 'budgets reset',
  summary: 'begin a budget anew',
  usage: 'budgets reset ID SUBJECT [--tenant ID]',
  options: [TENANT_OPTION],
  examples: ["weir budgets reset 'file:0:user:month' 0199d1c2-…"],
  positionalsMax: 2,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output, positionals } = input
  const [id, subject] = positionals
  if (id === undefined || subject === undefined) {
    throw new UsageError("Missing the budget's ID or its SUBJECT; 'weir budgets list' shows both.")
  }
  const { config } = loadConfig({ flags: configFlags })
  const done = await withExistingStore(config, output, (store) =>
    store.budgets.reset(tenantOf(input), id, subject, cliActor()),
  )
  if (done === true) {
    output.out(`${printable(id)} of ${printable(subject)} begins anew.\n`)
    return 0
  }
  output.error("There is no such account; 'weir budgets list' shows those there are.\n")
  return 1
}
