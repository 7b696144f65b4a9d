// `weir models refresh`: asks providers for their models now and remembers them in the store, as a running server does by itself
// every few minutes. It says what is new and what is gone.

import type { ProviderModel } from '../core/model-status.ts'
import { isOn } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { counted, jsonText, printable } from './format.ts'
import { readCatalog, TENANT_OPTION, tenantOf, withStore } from './store.ts'

export const modelsRefresh: Command = {
  name: 'models refresh',
  summary: 'ask providers for their models now, and remember them',
  usage: 'models refresh [PROVIDER] [--tenant ID] [--json]',
  options: [TENANT_OPTION, { flag: '--json', doc: 'print a JSON array' }],
  examples: ['weir models refresh', 'weir models refresh openai'],
  positionalsMax: 1,
  run,
}

/** What asking one provider has changed. */
interface Refreshed {
  readonly provider: string
  readonly answered: boolean
  /** False when only a part of its list could be read. */
  readonly whole: boolean
  /** Models that are not gone. */
  readonly models: number
  readonly new: readonly string[]
  readonly gone: readonly string[]
  readonly problem: string | null
}

/** Exit code 1 when a provider did not answer. */
async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const tenantId = tenantOf(input)
  const { catalog, config } = await readCatalog(configFlags, output, tenantId)
  const only = input.positionals[0]
  const providers = [...catalog.providers.values()].filter(
    ({ id }) => only === undefined || id === only,
  )
  if (providers.length === 0) {
    throw new UsageError(
      `There is no provider '${printable(only ?? '')}'. See 'weir providers list'.`,
    )
  }
  const { listProviders, silenceText } = await import('./provider-models.ts')
  const refreshed = await withStore(config, output, async (store) => {
    const before = await store.modelStatuses.all(tenantId)
    const listed = await listProviders(providers, before, tenantId, store.modelStatuses)
    return listed.map((each): Refreshed => {
      const { id } = each.provider
      const known = before.filter(({ providerId }) => providerId === id)
      return {
        provider: id,
        answered: each.asked?.answered === true,
        whole: each.asked?.isWhole === true,
        models: each.models.filter(isThere).length,
        new: namesOnlyIn(each.models.filter(isThere), known.filter(isThere)),
        gone: namesOnlyIn(known.filter(isThere), each.models.filter(isThere)),
        problem: silenceText(each) ?? null,
      }
    })
  })
  if (isOn(input, 'json')) output.out(`${jsonText(refreshed, 2)}\n`)
  else {
    for (const each of refreshed) {
      if (each.problem === null) output.out(`${printable(lineOf(each))}\n`)
      else output.error(`${printable(each.problem)}\n`)
    }
  }
  return refreshed.every(({ answered }) => answered) ? 0 : 1
}

function isThere({ state }: ProviderModel): boolean {
  return state !== 'gone'
}

function namesOnlyIn(models: readonly ProviderModel[], others: readonly ProviderModel[]): string[] {
  const names = new Set(others.map(({ model }) => model))
  return models.flatMap(({ model }) => (names.has(model) ? [] : [model]))
}

/** `openai: 84 models, 2 new, 1 gone (gpt-4-0314)`. */
function lineOf({ gone, models, new: added, provider, whole }: Refreshed): string {
  const parts = [counted(models, 'model')]
  if (added.length > 0) parts.push(`${added.length} new`)
  if (gone.length > 0) parts.push(`${gone.length} gone (${gone.join(', ')})`)
  if (!whole) parts.push('its list could be read in part only')
  return `${provider}: ${parts.join(', ')}`
}
