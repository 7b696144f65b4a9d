// `weir providers keys drain`: a key is on its way out. New requests take another one; those that run with it end with it.

import { cliActor } from './actor.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { Command, CommandInput } from './command.ts'
import {
  changeKeys,
  findKey,
  JSON_OPTION,
  KeysProblem,
  namesOf,
  storedKeys,
} from './provider-keys.ts'

export const providerKeysDrain: Command = {
  name: 'providers keys drain',
  summary: 'use a key no more while another is fit',
  usage: 'providers keys drain PROVIDER KEY [--json]',
  options: [JSON_OPTION],
  examples: ['weir providers keys drain openai 3f9a2c71'],
  positionalsMax: 2,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const [providerId = '', text = ''] = namesOf(input, 'the provider’s id', 'the key’s id')
  return await changeKeys(input, providerId, async (store) => {
    const { id, masked } = await findKey(store, providerId, text)
    if (
      !(await store.providers.setKeyDraining(DEFAULT_TENANT_ID, providerId, id, true, cliActor()))
    ) {
      throw new KeysProblem('The key is gone: somebody removed it just now.')
    }
    const others = (await storedKeys(store, providerId)).filter(({ state }) => state === 'in use')
    return others.length > 0
      ? `Key '${id}' (${masked}) drains: new requests take another. When those that run with it are over: weir providers keys retire ${providerId} ${id}`
      : `Key '${id}' (${masked}) drains, but no other is there: it is used until one is. Add one with: weir providers keys add ${providerId}`
  })
}
