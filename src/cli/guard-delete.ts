// `weir guard delete`: takes a guardrail out of the store.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { ALL_TENANTS_OPTION, placeOf } from './guard.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, Problem } from './people.ts'

export const guardDelete: Command = {
  name: 'guard delete',
  summary: 'delete a guardrail',
  usage: 'guard delete ID [--all-tenants | --tenant ID] [--json]',
  options: [ALL_TENANTS_OPTION, IN_TENANT, JSON_OBJECT],
  examples: ['weir guard delete no-cards'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the guardrail')
  const place = placeOf(input)
  return await changeIn(input, async ({ config, store }) => {
    if (!(await store.guardrailRules.remove(place, id, cliActor()))) {
      const isDeclared = config.guardrails.some((rule) => rule.id === id)
      const hint = isDeclared ? ' The configuration file declares it; change it there.' : ''
      throw new Problem(`There is no guardrail '${id}' in the store.${hint}`)
    }
    return { words: `Guardrail ${id} deleted.`, json: { id, deleted: true } }
  })
}
