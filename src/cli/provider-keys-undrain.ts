// `weir providers keys undrain`: a key that was on its way out is used again like any other.

import { cliActor } from './actor.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { Command, CommandInput } from './command.ts'
import { changeKeys, findKey, JSON_OPTION, KeysProblem, namesOf } from './provider-keys.ts'

export const providerKeysUndrain: Command = {
  name: 'providers keys undrain',
  summary: 'use a draining key again',
  usage: 'providers keys undrain PROVIDER KEY [--json]',
  options: [JSON_OPTION],
  examples: ['weir providers keys undrain openai 3f9a2c71'],
  positionalsMax: 2,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const [providerId = '', text = ''] = namesOf(input, 'the provider’s id', 'the key’s id')
  return await changeKeys(input, providerId, async (store) => {
    const { id, masked } = await findKey(store, providerId, text)
    if (
      !(await store.providers.setKeyDraining(DEFAULT_TENANT_ID, providerId, id, false, cliActor()))
    ) {
      throw new KeysProblem('The key is gone: somebody removed it just now.')
    }
    return `Key '${id}' (${masked}) of ${providerId} is used again.`
  })
}
