// `weir models list`: the aliases clients can ask for and what is behind them; with --all also what each provider lists when
// asked now, as a running server would ask it.

import type { Model, Provider } from '../core/catalog.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { jsonText, printable } from './format.ts'
import { unusableText } from './providers.ts'
import { readCatalog } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const modelsList: Command = {
  name: 'models list',
  summary: 'show models and what is behind them',
  usage: 'models list [--all] [--provider ID] [--json]',
  options: [
    { flag: '--all', doc: 'ask the providers, and show what they list as provider/model' },
    { flag: '--provider', value: 'ID', doc: 'only models of this provider' },
    { flag: '--json', doc: 'print a JSON array' },
  ],
  examples: ['weir models list', 'weir models list --all --provider openai'],
  positionalsMax: 0,
  run,
}

/** One line: an alias, or a provider's own model. */
interface Shown {
  readonly id: string
  readonly kind: 'alias' | 'provider'
  readonly origin: string
  readonly targets: readonly {
    readonly provider: string
    readonly model: string
    readonly order: number
    readonly weight: number
  }[]
  readonly context_window: number | null
  readonly capabilities: readonly string[] | null
}

const COLUMNS = [
  { header: 'MODEL', maxWidth: 60 },
  { header: 'TARGETS', maxWidth: 80 },
  { header: 'CONTEXT', align: 'right' as const },
  { header: 'CAN', maxWidth: 40 },
  { header: 'FROM' },
]

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const { config, snapshot } = await readCatalog(configFlags, output)
  const only = textOption(input, 'provider')
  const providers = [
    ...snapshot.providers.values(),
    ...config.localCandidates.filter(({ id }) => !snapshot.providers.has(id)),
  ].filter(({ id }) => only === undefined || id === only)
  if (providers.length === 0) {
    throw new UsageError(
      `There is no provider '${printable(only ?? '')}'. See 'weir providers list'.`,
    )
  }
  const shown = [...snapshot.models.values()].map(describeAlias).filter(isOf(only))
  if (isOn(input, 'all')) {
    // Loaded only here: without it no command but this and the test need a way out.
    const { listProviders } = await import('./provider-models.ts')
    const candidates = new Set(config.localCandidates.map(({ id }) => id))
    for (const { provider, models } of await listProviders(providers)) {
      const isSilent = models === undefined && !candidates.has(provider.id)
      if (isSilent) output.error(`${printable(silenceText(provider))}\n`)
      for (const model of models ?? []) {
        shown.push({
          id: `${provider.id}/${model.id}`,
          kind: 'provider',
          origin: provider.id,
          targets: [{ provider: provider.id, model: model.id, order: 0, weight: 1 }],
          context_window: model.contextWindow ?? null,
          capabilities: model.capabilities ?? null,
        })
      }
    }
  }
  show(input, shown)
  return 0
}

function silenceText(provider: Provider): string {
  const unusable = unusableText(provider)
  return unusable === undefined
    ? `${provider.id} did not answer; see: weir providers test ${provider.id}`
    : `${provider.id} cannot be asked: ${unusable}`
}

function isOf(provider: string | undefined): (shown: Shown) => boolean {
  return ({ targets }) =>
    provider === undefined || targets.some((target) => target.provider === provider)
}

function describeAlias(model: Model): Shown {
  return {
    id: model.id,
    kind: 'alias',
    origin: model.origin,
    targets: model.targets.map(({ model: name, order, providerId, weight }) => ({
      provider: providerId,
      model: name,
      order,
      weight,
    })),
    context_window: model.contextWindow ?? null,
    capabilities: null,
  }
}

function show(input: CommandInput, shown: readonly Shown[]): void {
  const { output } = input
  if (isOn(input, 'json')) {
    output.out(`${jsonText(shown, 2)}\n`)
    return
  }
  if (shown.length > 0) {
    output.out(renderTable(COLUMNS, shown.map(cells), tableStyle(output)))
  } else {
    const hint = isOn(input, 'all')
      ? ''
      : ' Every model of a provider can be asked for as provider/model; --all lists them.'
    output.error(`No models.${hint}\n`)
  }
}

function cells({ capabilities, context_window, id, kind, origin, targets }: Shown): string[] {
  return [
    id,
    kind === 'provider' ? '' : targetsText(targets),
    context_window === null ? '-' : String(context_window),
    capabilities === null ? '-' : capabilities.join(' '),
    origin,
  ]
}

/** `openai/gpt-5-mini 80, azure/mini 20; then anthropic/claude-haiku-4-5`: equal orders share, later ones take over. */
function targetsText(targets: Shown['targets']): string {
  const byOrder = [...Map.groupBy(targets, (target) => target.order)].toSorted(([a], [b]) => a - b)
  return byOrder
    .map(([, group]) =>
      group
        .map(({ model, provider, weight }) =>
          group.length === 1 ? `${provider}/${model}` : `${provider}/${model} ${weight}`,
        )
        .join(', '),
    )
    .join('; then ')
}
