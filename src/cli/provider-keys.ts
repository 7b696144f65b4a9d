// What the commands about a provider's keys share: which provider is meant and who declares it, which key is meant, and how keys are
// shown. Only what the store declares is changed here; a file is edited by its owner.

import { loadConfig } from '../config/load.ts'
import { maskSecret } from '../config/show.ts'
import type { Config } from '../config/config.ts'
import type { Provider, ProviderKey } from '../core/catalog.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import type { Store } from '../storage/store.ts'
import { isOn } from './arguments.ts'
import { type CommandInput, type OptionDoc, UsageError } from './command.ts'
import { formatDate, jsonText, printable } from './format.ts'
import { withExistingStore } from './store.ts'

export const JSON_OPTION: OptionDoc = { flag: '--json', doc: 'print the keys as a JSON array' }

/** The command could not do what it was asked for; its words are shown as they are. */
export class KeysProblem extends Error {}

/** One key as it is shown; never the key itself. */
export interface ShownKey {
  readonly id: string
  readonly masked: string
  readonly state: 'in use' | 'draining'
  /** Null where a file or a variable declares it. */
  readonly created: string | null
}

/** The arguments of a command: a provider, and a key of it. @throws UsageError when one is missing */
export function namesOf(
  { positionals }: CommandInput,
  ...what: readonly ['the provider’s id', 'the key’s id'] | readonly ['the provider’s id']
): string[] {
  return what.map((each, at) => {
    const value = positionals[at]?.trim() ?? ''
    if (value === '') throw new UsageError(`Missing ${each}.`)
    return value
  })
}

/** The provider as requests use it: of two declarations the file's counts. @throws KeysProblem when there is none */
export async function findProvider(
  id: string,
  input: CommandInput,
): Promise<{ readonly config: Config; readonly provider: Provider }> {
  const { config } = loadConfig({ flags: input.configFlags })
  const declared = config.providers.find((provider) => provider.id === id)
  if (declared !== undefined) return { config, provider: declared }
  const stored = await withExistingStore(config, input.output, (store) => store.providers.all())
  const provider = stored?.find((each) => each.id === id)
  if (provider !== undefined) return { config, provider }
  throw new KeysProblem(`There is no provider '${id}'. See 'weir providers list'.`)
}

/**
 * Does something with the keys of a provider of the store, and shows what they are then.
 * @throws KeysProblem for a provider that is declared elsewhere, with what to do there
 */
export async function changeKeys(
  input: CommandInput,
  id: string,
  change: (store: Store, provider: Provider) => Promise<string>,
): Promise<number> {
  try {
    const { config, provider } = await findProvider(id, input)
    refuseDeclared(provider, config)
    const done = await withExistingStore(config, input.output, async (store) => ({
      words: await change(store, provider),
      keys: await storedKeys(store, id),
    }))
    if (done === undefined)
      throw new KeysProblem('The store is gone: somebody removed it just now.')
    if (isOn(input, 'json')) input.output.out(`${jsonText(done.keys, 2)}\n`)
    else input.output.out(`${printable(done.words)}\n`)
    return 0
  } catch (error) {
    return toldProblem(error, input)
  }
}

/** Tells a problem and gives the exit code. @throws everything else */
export function toldProblem(error: unknown, { output }: CommandInput): number {
  if (!(error instanceof KeysProblem)) throw error
  output.error(`${printable(error.message)}\n`)
  return 1
}

function refuseDeclared({ id, origin }: Provider, config: Config): void {
  if (origin === 'store') return
  if (origin === 'file') {
    throw new KeysProblem(
      `The provider '${id}' is declared in ${config.file ?? 'the configuration file'}: put the new key under its 'keys', ` +
        "move the old one to 'draining_keys', and take it out once nothing uses it. A running server takes each change over at once.",
    )
  }
  throw new KeysProblem(
    `The provider '${id}' has its key from the environment. Declare it in the configuration file to replace keys while it runs.`,
  )
}

/** The keys of a provider of the store, in their order. */
export async function storedKeys(store: Store, providerId: string): Promise<ShownKey[]> {
  const masked = await store.providers.maskedKeys(DEFAULT_TENANT_ID, providerId)
  return masked.map(({ createdMs, draining, id, lastFour }) => ({
    id,
    masked: `****${lastFour}`,
    state: draining ? 'draining' : 'in use',
    created: new Date(createdMs).toISOString(),
  }))
}

/** The same of keys that a file or a variable declares. */
export function declaredKeys(keys: readonly ProviderKey[]): ShownKey[] {
  return keys.map(({ draining, id, secret }) => ({
    id,
    masked: maskSecret(secret),
    state: draining === true ? 'draining' : 'in use',
    created: null,
  }))
}

/** A key by its id, or by its last four characters where they are of one alone. @throws KeysProblem */
export async function findKey(store: Store, providerId: string, text: string): Promise<ShownKey> {
  const keys = await storedKeys(store, providerId)
  const byId = keys.find(({ id }) => id === text)
  if (byId !== undefined) return byId
  const byEnd = text.length === 4 ? keys.filter(({ masked }) => masked === `****${text}`) : []
  const [only, ...others] = byEnd
  if (only !== undefined && others.length === 0) return only
  const known = keys.map(({ id, masked }) => `${id} (${masked})`).join(', ')
  const words = others.length > 0 ? 'Several keys end so' : `There is no key '${text}'`
  throw new KeysProblem(`${words}. Keys of ${providerId}: ${known === '' ? 'none' : known}.`)
}

export const KEY_COLUMNS = [
  { header: 'ID', maxWidth: 60 },
  { header: 'KEY' },
  { header: 'STATE' },
  { header: 'ADDED' },
]

export function keyCells({ created, id, masked, state }: ShownKey): string[] {
  return [id, masked, state, created === null ? '-' : formatDate(Date.parse(created))]
}
