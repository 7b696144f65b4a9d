// What `weir setup TOOL` was asked for, and what of it only others know: the address, the key, and which model a running Weir offers. Nothing is
// changed here; the key that is to be made is made by whoever writes.

import { existsSync, readFileSync } from 'node:fs'
import { loopbackUrl } from '../app-login.ts'
import type { Config } from '../config/config.ts'
import { suggest } from '../config/suggest.ts'
import { isOn, textOption } from './arguments.ts'
import { type CommandInput, UsageError } from './command.ts'
import { printable } from './format.ts'
import { makeKey } from './keys-create.ts'
import { checkKeyName } from './keys-options.ts'
import { Problem } from './people.ts'
import { readSecret } from './secret-input.ts'
import type { OfferedModel, RunningServer, Told } from './setup/server.ts'
import type { SetupTool } from './setup/tool.ts'
import { readCatalog } from './store.ts'

/** A key that is to be made, with its name. */
export type NewKey = ReturnType<typeof makeKey> & { readonly name: string }

export interface WantedKey {
  readonly key?: string
  readonly made?: NewKey
}

/** The address that tools are told: `--url`, this machine's own, or the one people use. */
export function addressFor(input: CommandInput, config: Config): string {
  const { host, port, publicUrl } = config.server
  // Listening everywhere includes here.
  const near = /^(?:0\.0\.0\.0|::|\[::\])$/.test(host) ? '127.0.0.1' : host
  const url = textOption(input, 'url') ?? loopbackUrl(near, port) ?? publicUrl
  if (url === undefined) throw new UsageError('--url is needed: the address of Weir.')
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const isWeb = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (!isWeb || parsed.username !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new UsageError('--url takes an address such as http://127.0.0.1:9347.')
  }
  return parsed.href.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/**
 * What `--key`, `--from-env` and `--new-key` say, else the key of the setup before; nothing where no key is needed.
 * @param keyFile of the setup before, if it was for the same address: no other is to see its key
 */
export async function wantedKey(
  input: CommandInput,
  tool: string,
  keyFile: string | undefined,
): Promise<WantedKey> {
  const given = textOption(input, 'key')
  const fromVariable = textOption(input, 'from-env') !== undefined
  const isNew = isOn(input, 'new-key')
  const isNone = isOn(input, 'no-key')
  if ([given !== undefined, fromVariable, isNew, isNone].filter(Boolean).length > 1) {
    throw new UsageError('--key, --from-env, --new-key and --no-key exclude each other.')
  }
  if (isNew) {
    const name = checkKeyName(textOption(input, 'key-name') ?? tool)
    const made = { ...makeKey(), name }
    return { key: made.key, made }
  }
  if (given === '-' || fromVariable) return { key: await readSecret(input, 'API key') }
  if (given === undefined) {
    if (isNone || keyFile === undefined || !existsSync(keyFile)) return {}
    return { key: readFileSync(keyFile, 'utf8').trim() }
  }
  if (!/^[\x21-\x7e]{8,512}$/.test(given)) {
    throw new UsageError(
      'This is no API key: it has blanks or control characters, or is too short.',
    )
  }
  return { key: given }
}

export interface ChosenModel {
  readonly model: string
  readonly smallModel: string
  readonly contextTokens?: number
  /** Words for a person: what was chosen for them, or could not be checked. */
  readonly notes: readonly string[]
}

/** @throws Problem when there is no such model, or none can be chosen */
export async function chooseModel(
  input: CommandInput,
  wanted: {
    readonly tool: SetupTool
    readonly key: WantedKey
    readonly server: RunningServer
    readonly baseUrl: string
    /** Of the setup that this one follows. */
    readonly before: string | undefined
  },
): Promise<ChosenModel> {
  const { baseUrl, before, key, server } = wanted
  // A key that is not made yet is known to nobody.
  const credential = key.made === undefined ? key.key : undefined
  const told = await server.models(credential)
  const model = textOption(input, 'model')
  const smallModel = textOption(input, 'small-model')
  const notes: string[] = []
  if (told.state === 'models') {
    const known = async (name: string) => await mustKnow(name, told.models, server, credential)
    if (model !== undefined) await known(model)
    if (smallModel !== undefined) await known(smallModel)
  } else notes.push(...silence(told, key, baseUrl))
  const offered = told.state === 'models' ? told.models : []
  const fallback = model ?? firstOf(offered, before) ?? (await catalogModel(input, told))
  if (fallback === undefined) {
    if (told.state === 'silent') {
      throw new Problem(
        `Weir does not answer at ${baseUrl} (${told.reason}). Start it ('weir serve'), or name its address with --url; with --model this can be done without it.`,
      )
    }
    throw new Problem(
      told.state === 'refused'
        ? 'Name the model with --model: nobody can be asked for one before the key is there.'
        : `Weir at ${baseUrl} has no model for this tool. Add a provider, then see 'weir models list'.`,
    )
  }
  if (model === undefined) notes.push(`Model: ${fallback} (another with --model)`)
  const contextTokens = offered.find(({ id }) => id === fallback)?.contextTokens
  return {
    model: fallback,
    smallModel: smallModel ?? fallback,
    ...(contextTokens === undefined ? {} : { contextTokens }),
    notes,
  }
}

function silence(told: Told, key: WantedKey, baseUrl: string): string[] {
  if (told.state === 'silent') {
    return [`Weir does not answer at ${baseUrl} now (${told.reason}): the model was not checked.`]
  }
  if (key.made !== undefined) return []
  throw new Problem(
    key.key === undefined
      ? `Weir at ${baseUrl} wants an API key: --new-key makes one, --key gives one you have.`
      : `Weir at ${baseUrl} refuses this API key. 'weir keys list' shows those it knows.`,
  )
}

async function mustKnow(
  model: string,
  offered: readonly OfferedModel[],
  server: RunningServer,
  key: string | undefined,
): Promise<void> {
  const ids = offered.map(({ id }) => id)
  if (ids.includes(model) || (await server.knows(model, key)) !== false) return
  const meant = suggest(model, ids)
  const question = meant === undefined ? '' : ` Did you mean '${meant}'?`
  throw new Problem(
    `There is no model '${printable(model)}' for this key.${question} 'weir models list' shows all.`,
  )
}

/** The one of before, else the first that can work with tools; the mock's only where there is nothing else. */
function firstOf(offered: readonly OfferedModel[], before: string | undefined): string | undefined {
  const ids = offered.filter(({ isFit }) => isFit).map(({ id }) => id)
  if (before !== undefined && ids.includes(before)) return before
  return ids.find((id) => !id.startsWith('mock/')) ?? ids[0]
}

/** Where a server wants a key that is not made yet, the store beside it tells its models. */
async function catalogModel(input: CommandInput, told: Told): Promise<string | undefined> {
  if (told.state !== 'refused') return undefined
  const { catalog } = await readCatalog(input.configFlags, input.output)
  return [...catalog.models.keys()][0]
}
