// `weir keys revoke`: takes an API key back for good. Running servers notice at once; doing it twice is no error.

import { cliActor } from './actor.ts'
import type { Command, CommandInput } from './command.ts'
import { formatTime } from './format.ts'
import { changeKey, stillThere } from './keys-change.ts'
import { IN_TENANT } from './people.ts'

export const keysRevoke: Command = {
  name: 'keys revoke',
  summary: 'take an API key back',
  usage: 'keys revoke NAME|ID [--tenant ID] [--json]',
  options: [IN_TENANT, { flag: '--json', doc: 'print the key’s record as JSON' }],
  examples: ['weir keys revoke ci', 'weir keys revoke 019a1b2c-…'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  return await changeKey(input, async (key, { nowMs, store, tenantId }) => {
    if (key.revokedMs !== undefined) {
      return { key, words: `was revoked already, at ${formatTime(key.revokedMs)} UTC` }
    }
    const revoked = await store.keys.revoke(tenantId, key.id, nowMs, cliActor())
    return { key: stillThere(revoked), words: 'is revoked; running servers refuse it from now on' }
  })
}
