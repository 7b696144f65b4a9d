// `weir keys update`: changes what an API key is narrowed to, when it ends and what it may use; whose it is stays.

import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { changeKey, refuseRevoked, stillThere } from './keys-change.ts'
import { KEY_OPTIONS, keyChange } from './keys-options.ts'
import { IN_TENANT } from './people.ts'

const LIFTS: Readonly<Record<string, string>> = {
  '--models': 'all',
  '--action': 'all',
  '--allow-from': 'any',
  '--expires': 'never',
  '--budget': 'none (with it go all limits of its own)',
}

export const keysUpdate: Command = {
  name: 'keys update',
  summary: 'change what an API key may do',
  usage: 'keys update NAME|ID [--models PATTERNS] [--expires WHEN] [--tenant ID] [--json]',
  options: [
    { flag: '--name', value: 'NAME', doc: 'another name' },
    ...KEY_OPTIONS.map((option) => {
      const lift = LIFTS[option.flag]
      const doc = option.doc.replace(/ \(default (?:all|never)\)$/, '')
      return lift === undefined ? option : { ...option, doc: `${doc}; or ${lift}` }
    }),
    IN_TENANT,
    { flag: '--json', doc: 'print the key’s record as JSON' },
  ],
  examples: [
    'weir keys update ci --expires 30d --models fast',
    'weir keys update ci --models all --allow-from any',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const change = keyChange(input, systemClock.nowMs())
  return await changeKey(input, async (key, { store, tenantId }) => {
    refuseRevoked(key)
    // Of limits and budget what is not named stays, unless the budget is taken away.
    const kept = textOption(input, 'budget') === 'none' ? {} : key.own
    const own = change.own ? { own: { ...kept, ...change.own } } : {}
    const after = { ...change, ...own }
    const changed = await store.keys.update(tenantId, key.id, after, cliActor())
    return { key: stillThere(changed), words: 'is changed; running servers go by it from now on' }
  })
}
