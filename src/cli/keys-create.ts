// `weir keys create`: makes an API key and prints it, the only time it is ever seen. The key alone goes to standard output,
// so that `KEY=$(weir keys create ci)` works; everything else goes to standard error.

import { sha256Hex } from '../auth/authenticate.ts'
import { loadConfig } from '../config/load.ts'
import { API_KEY_RANDOM_BYTES, formatApiKey, keyLastFour, keyPrefix } from '../core/api-key.ts'
import type { NewApiKey } from '../core/ports.ts'
import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { isOn, requiredArgument } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { formatTime, jsonText, printable } from './format.ts'
import { checkKeyName, KEY_OPTIONS, narrowing, OWNER_OPTIONS, ownerOption } from './keys-options.ts'
import { keyJson, keyState } from './keys.ts'
import { IN_TENANT, Problem } from './people.ts'
import { allKeys, tenantOf, withStore } from './store.ts'

export const keysCreate: Command = {
  name: 'keys create',
  summary: 'make an API key and show it once',
  usage:
    'keys create NAME [--models PATTERNS] [--expires WHEN] [--owner WHO] [--tenant ID] [--admin] [--json]',
  options: [
    ...KEY_OPTIONS,
    ...OWNER_OPTIONS,
    { flag: '--admin', doc: 'it may also use the management API and name the target of a request' },
    IN_TENANT,
    { flag: '--json', doc: 'print one JSON object instead of the bare key' },
  ],
  examples: [
    'weir keys create laptop',
    "weir keys create ci --models 'fast,openai/*' --expires 30d",
    'weir keys create crawler --owner service:crawler --allow-from 10.0.0.0/8 --budget 5',
    'export OPENAI_API_KEY=$(weir keys create laptop)',
  ],
  positionalsMax: 1,
  run,
}

/** A new key, and what it is recognised by. */
export function makeKey(): { readonly key: string } & Pick<
  NewApiKey,
  'id' | 'hash' | 'prefix' | 'lastFour'
> {
  const key = formatApiKey(crypto.getRandomValues(new Uint8Array(API_KEY_RANDOM_BYTES)))
  const parts = { hash: sha256Hex(key), prefix: keyPrefix(key), lastFour: keyLastFour(key) }
  return { key, id: Bun.randomUUIDv7(), ...parts }
}

async function run(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const nowMs = systemClock.nowMs()
  const name = checkKeyName(requiredArgument(input, 'the name of the key'))
  const narrowed = narrowing(input, nowMs)
  const isAdmin = isOn(input, 'admin')
  const { config } = loadConfig({ flags: configFlags })
  const tenantId = tenantOf(input)
  const { key, ...made } = makeKey()
  try {
    const created = await withStore(config, output, async (store) => {
      if ((await store.tenants.find(tenantId)) === undefined) {
        throw new Problem(`There is no tenant '${tenantId}'. See 'weir tenants list'.`)
      }
      const owner = await ownerOption(input, { config, store, tenantId })
      if (owner?.kind === 'user' && isAdmin) {
        throw new UsageError('A user’s key has the user’s rights: --admin is of keys without one.')
      }
      const wanted = { ...made, tenantId, name, createdMs: nowMs, ...narrowed }
      const whose = owner === undefined ? {} : { owner }
      const roles = isAdmin ? { roles: ['admin'] } : {}
      return await store.keys.create({ ...wanted, ...whose, ...roles }, cliActor())
    })
    if (isOn(input, 'json')) {
      output.out(`${jsonText({ key, ...keyJson(created, nowMs) })}\n`)
      return 0
    }
    const until =
      created.expiresMs === undefined ? '' : `, valid until ${formatTime(created.expiresMs)} UTC`
    output.error(`Key '${printable(name)}' made${until}. This is the only time it is shown:\n`)
    output.out(`${key}\n`)
    const inTenant = input.options['tenant'] === undefined ? '' : ` --tenant ${tenantId}`
    output.error(
      `Clients send it as their API key. Take it back with: weir keys revoke ${created.id}${inTenant}\n`,
    )
    const namesakes = (await allKeys(config, output, tenantId)).filter(
      (other) =>
        other.name === name && other.id !== created.id && keyState(other, nowMs) === 'active',
    )
    if (namesakes.length > 0) {
      output.error(`Note: another active key has this name; 'weir keys list' shows both.\n`)
    }
    return 0
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    output.error(`${printable(error.message)}\n`)
    return 1
  }
}
