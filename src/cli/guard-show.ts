// `weir guard show`: one guardrail with its options, secrets masked.

import { loadConfig } from '../config/load.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { jsonText, printable } from './format.ts'
import { rulesFor, shownRule } from './guard.ts'
import { argument } from './people.ts'
import { TENANT_OPTION, tenantOf } from './store.ts'

export const guardShow: Command = {
  name: 'guard show',
  summary: 'show one guardrail with its options, secrets masked',
  usage: 'guard show ID [--tenant ID] [--json]',
  options: [TENANT_OPTION, { flag: '--json', doc: 'print one JSON object on one line' }],
  examples: ['weir guard show no-cards'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the guardrail')
  const { config } = loadConfig({ flags: input.configFlags })
  const rules = await rulesFor(tenantOf(input), { config, input })
  const found = rules.find(({ rule }) => rule.id === id)
  if (found === undefined) {
    input.output.error(`There is no guardrail '${printable(id)}' here. See 'weir guard list'.\n`)
    return 1
  }
  input.output.out(`${jsonText(shownRule(found), isOn(input, 'json') ? undefined : 2)}\n`)
  return 0
}
