// What the commands that change one key share: the key that is meant, the store for the change, and how the result is told.

import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { ApiKey } from '../core/catalog.ts'
import type { Store } from '../storage/store.ts'
import { systemClock } from '../system.ts'
import { isOn, requiredArgument } from './arguments.ts'
import type { CommandInput } from './command.ts'
import { jsonText, printable } from './format.ts'
import { chooseKey, KeyChoice, keyJson, maskedKey } from './keys.ts'
import { Problem } from './people.ts'
import { tenantOf, withStore } from './store.ts'

export interface KeyPlace {
  readonly config: Config
  readonly store: Store
  readonly tenantId: string
  readonly nowMs: number
}

/** A key after a change, what is said of it, and what programs are told besides. */
export interface ChangedKey {
  readonly key: ApiKey
  readonly words: string
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Changes the one key that is named by the first argument. Exit code 1 when there is none, or several. */
export async function changeKey(
  input: CommandInput,
  change: (key: ApiKey, place: KeyPlace) => Promise<ChangedKey>,
): Promise<number> {
  const { output, configFlags } = input
  const text = requiredArgument(input, 'the name or id of the key')
  const { config } = loadConfig({ flags: configFlags })
  const tenantId = tenantOf(input)
  const nowMs = systemClock.nowMs()
  try {
    const chosen = await chooseKey(config, output, tenantId, text)
    const { extra, key, words } = await withStore(config, output, (store) =>
      change(chosen, { config, store, tenantId, nowMs }),
    )
    if (isOn(input, 'json')) output.out(`${jsonText({ ...extra, ...keyJson(key, nowMs) })}\n`)
    else output.out(`Key '${printable(key.name)}' (${printable(maskedKey(key))}) ${words}.\n`)
    return 0
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    output.error(`${error instanceof KeyChoice ? error.message : printable(error.message)}\n`)
    return 1
  }
}

/** @throws Problem for a key that is revoked */
export function refuseRevoked(key: ApiKey): void {
  if (key.revokedMs !== undefined) throw new Problem(`The key '${key.name}' is revoked for good.`)
}

/** The key after a change. @throws Problem when it is gone meanwhile */
export function stillThere(key: ApiKey | undefined): ApiKey {
  if (key === undefined) throw new Problem('The key is gone: somebody removed it just now.')
  return key
}
