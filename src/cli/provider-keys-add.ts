// `weir providers keys add`: gives a provider of the store another key. The secret comes from standard input or a variable and goes
// into the store sealed; it is never printed. A running server uses the key at once.

import { cliActor } from './actor.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { changeKeys, JSON_OPTION, KeysProblem, namesOf } from './provider-keys.ts'
import { readSecret } from './secret-input.ts'

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** Enough to tell the keys of one provider apart. */
const ID_CHARS = 8

export const providerKeysAdd: Command = {
  name: 'providers keys add',
  summary: 'give a provider another key',
  usage: 'providers keys add PROVIDER [--from-env NAME] [--id ID] [--json] < FILE',
  options: [
    { flag: '--from-env', value: 'NAME', doc: 'take the key from this variable' },
    {
      flag: '--id',
      value: 'ID',
      doc: 'name of the key in lists and logs (default: made of its hash)',
    },
    JSON_OPTION,
  ],
  examples: [
    'weir providers keys add openai < new-key.txt',
    'NEW_KEY=sk-… weir providers keys add openai --from-env NEW_KEY',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const [providerId = ''] = namesOf(input, 'the provider’s id')
  const given = textOption(input, 'id')
  if (given !== undefined && !ID.test(given)) {
    throw new UsageError('--id takes letters, digits, dots, dashes and underscores, 64 at most.')
  }
  return await changeKeys(input, providerId, async (store, provider) => {
    const secret = await readSecret(input, 'provider key')
    const same = provider.keys.find((key) => key.secret === secret)
    if (same !== undefined) throw new KeysProblem(`${providerId} has this key already: ${same.id}.`)
    const id = given ?? sha256Hex(secret).slice(0, ID_CHARS)
    const added = await store.providers.addKey(
      DEFAULT_TENANT_ID,
      providerId,
      { id, secret },
      cliActor(),
    )
    if (!added) {
      throw new KeysProblem(`The id '${id}' is taken, or the provider was removed just now.`)
    }
    const old = provider.keys.filter((key) => key.draining !== true).map((key) => key.id)
    const next =
      old.length === 0 ? '' : ` Next: weir providers keys drain ${providerId} ${old[0] ?? ''}`
    return `Key '${id}' added to ${providerId}; running servers use it from now on.${next}`
  })
}
