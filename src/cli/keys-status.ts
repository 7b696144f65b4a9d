// `weir keys disable` and `weir keys enable`: a key that is turned off opens nothing until it is turned on again. Running servers notice
// at once.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { changeKey, refuseRevoked, stillThere } from './keys-change.ts'
import { IN_TENANT } from './people.ts'

export const keysDisable = command('disable', true, 'turn an API key off for a while')
export const keysEnable = command('enable', false, 'turn an API key on again')

function command(verb: string, disabled: boolean, summary: string): Command {
  return {
    name: `keys ${verb}`,
    summary,
    usage: `keys ${verb} NAME|ID [--tenant ID] [--json]`,
    options: [IN_TENANT, { flag: '--json', doc: 'print the key’s record as JSON' }],
    examples: [`weir keys ${verb} ci`],
    positionalsMax: 1,
    run: (input: CommandInput) =>
      changeKey(input, async (key, { store, tenantId }) => {
        refuseRevoked(key)
        const changed = await store.keys.update(tenantId, key.id, { disabled }, cliActor())
        return { key: stillThere(changed), words: `is ${verb}d` }
      }),
  }
}
