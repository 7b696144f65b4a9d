// `weir keys revoke`: takes an API key back for good. Running servers notice at once; doing it twice is no error.

import { cliActor } from './actor.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import { loadConfig } from '../config/load.ts'
import type { ApiKey } from '../core/catalog.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { isOn, requiredArgument } from './arguments.ts'
import type { Command, CommandInput, Output } from './command.ts'
import { formatTime, jsonText, printable } from './format.ts'
import { findKeys, keyJson, maskedKey } from './keys.ts'
import { allKeys, withStore } from './store.ts'
import { systemClock } from '../system.ts'

export const keysRevoke: Command = {
  name: 'keys revoke',
  summary: 'take an API key back',
  usage: 'keys revoke NAME|ID [--json]',
  options: [{ flag: '--json', doc: 'print the key’s record as JSON' }],
  examples: ['weir keys revoke ci', 'weir keys revoke 019a1b2c-…'],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const text = requiredArgument(input, 'the name or id of the key')
  const { config } = loadConfig({ flags: configFlags })
  const key = choose(findKeys(await allKeys(config, output), text, sha256Hex), text, output)
  if (key === undefined) return 1
  const nowMs = systemClock.nowMs()
  if (key.revokedMs !== undefined)
    return report(input, key, `was revoked already, at ${formatTime(key.revokedMs)} UTC`)
  const revoked = await withStore(config, output, (store) =>
    store.keys.revoke(DEFAULT_TENANT_ID, key.id, nowMs, cliActor()),
  )
  if (revoked === undefined) {
    output.error('The key is gone: somebody removed it just now.\n')
    return 1
  }
  return report(input, revoked, 'is revoked; running servers refuse it from now on')
}

/** The one key that is meant, or undefined after saying why it cannot be told. */
function choose(found: readonly ApiKey[], text: string, output: Output): ApiKey | undefined {
  // Whoever pastes a whole key must not find it in a terminal's history again.
  const shown = text.startsWith('weir_') ? 'that key' : `'${printable(text)}'`
  const open = found.filter((key) => key.revokedMs === undefined)
  const [only, ...others] = open.length === 0 ? found.slice(-1) : open
  if (only === undefined) {
    output.error(`There is no API key ${shown}. 'weir keys list --all' shows all.\n`)
    return undefined
  }
  if (others.length > 0) {
    const lines = open.map((key) => `  ${key.id}  ${maskedKey(key)}  from the ${key.origin}`)
    output.error(
      `${open.length} keys have the name ${shown}; name one by its id:\n${lines.map(printable).join('\n')}\n`,
    )
    return undefined
  }
  if (only.origin !== 'store') {
    output.error(
      `The key '${printable(only.name)}' is declared in the configuration file: remove it there.\n`,
    )
    return undefined
  }
  return only
}

function report(input: CommandInput, key: ApiKey, words: string): number {
  const { output } = input
  if (isOn(input, 'json')) output.out(`${jsonText(keyJson(key, systemClock.nowMs()))}\n`)
  else output.out(`Key '${printable(key.name)}' (${printable(maskedKey(key))}) ${words}.\n`)
  return 0
}
