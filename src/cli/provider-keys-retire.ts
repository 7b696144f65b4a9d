// `weir providers keys retire`: takes a key away for good. The last one in use stays unless that is asked for, since without it every
// request fails.

import { cliActor } from './actor.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { changeKeys, findKey, JSON_OPTION, KeysProblem, namesOf } from './provider-keys.ts'

export const providerKeysRetire: Command = {
  name: 'providers keys retire',
  summary: 'take a key away from a provider',
  usage: 'providers keys retire PROVIDER KEY [--force] [--json]',
  options: [
    { flag: '--force', doc: 'even the last key in use: the provider cannot be asked without one' },
    JSON_OPTION,
  ],
  examples: ['weir providers keys retire openai 3f9a2c71'],
  positionalsMax: 2,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const [providerId = '', text = ''] = namesOf(input, 'the provider’s id', 'the key’s id')
  const even = isOn(input, 'force') ? 'the last' : undefined
  return await changeKeys(input, providerId, async (store) => {
    const { id, masked } = await findKey(store, providerId, text)
    if (!(await store.providers.removeKey(DEFAULT_TENANT_ID, providerId, id, cliActor(), even))) {
      throw new KeysProblem(
        `Key '${id}' (${masked}) stays: ${providerId} has no other key in use. Add one with 'weir providers keys add ${providerId}', ` +
          'or take it away all the same with --force.',
      )
    }
    return `Key '${id}' (${masked}) of ${providerId} is taken away. Revoke it at the provider too.`
  })
}
