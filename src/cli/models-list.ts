// `weir models list`: the aliases clients can ask for and what is behind them; with --all also what each provider lists when
// asked now, as a running server would ask it, and what it has listed before and does not any more.

import type { Model } from '../core/catalog.ts'
import type { ProviderModel } from '../core/model-status.ts'
import { isoTime, statusJson } from '../gateway/model-status.ts'
import { isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, UsageError } from './command.ts'
import { formatDate, jsonText, printable } from './format.ts'
import { readCatalog, TENANT_OPTION, tenantOf, withExistingStore } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const modelsList: Command = {
  name: 'models list',
  summary: 'show models and what is behind them',
  usage: 'models list [--all] [--provider ID] [--tenant ID] [--json]',
  options: [
    {
      flag: '--all',
      doc: 'ask the providers, and show as provider/model what they list and what is gone',
    },
    { flag: '--provider', value: 'ID', doc: 'only models of this provider' },
    TENANT_OPTION,
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
  /** Of a provider's own model. */
  readonly known?: ProviderModel
}

const COLUMNS = [
  { header: 'MODEL', maxWidth: 60 },
  { header: 'TARGETS', maxWidth: 80 },
  { header: 'CONTEXT', align: 'right' as const },
  { header: 'CAN', maxWidth: 40 },
  { header: 'FROM' },
]
const ALL_COLUMNS = [...COLUMNS, { header: 'STATE' }]

async function run(input: CommandInput): Promise<number> {
  const { configFlags, output } = input
  const tenantId = tenantOf(input)
  const { catalog, config } = await readCatalog(configFlags, output, tenantId)
  const only = textOption(input, 'provider')
  const providers = [
    ...catalog.providers.values(),
    ...config.localCandidates.filter(({ id }) => !catalog.providers.has(id)),
  ].filter(({ id }) => only === undefined || id === only)
  if (providers.length === 0) {
    throw new UsageError(
      `There is no provider '${printable(only ?? '')}'. See 'weir providers list'.`,
    )
  }
  const shown = [...catalog.models.values()].map(describeAlias).filter(isOf(only))
  if (isOn(input, 'all')) {
    // Loaded only here: without it no command but this and the test need a way out.
    const { listProviders, silenceText } = await import('./provider-models.ts')
    const candidates = new Set(config.localCandidates.map(({ id }) => id))
    const remembered = await withExistingStore(config, output, (store) =>
      store.modelStatuses.all(tenantId),
    )
    for (const listed of await listProviders(providers, remembered ?? [], tenantId)) {
      const silence = candidates.has(listed.provider.id) ? undefined : silenceText(listed)
      if (silence !== undefined) output.error(`${printable(silence)}\n`)
      shown.push(...listed.models.map(describeListed))
    }
  }
  show(input, shown)
  return 0
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

function describeListed(known: ProviderModel): Shown {
  const { facts, model, providerId } = known
  return {
    id: `${providerId}/${model}`,
    kind: 'provider',
    origin: providerId,
    targets: [{ provider: providerId, model, order: 0, weight: 1 }],
    context_window: facts.contextWindow ?? null,
    capabilities: facts.capabilities ?? null,
    known,
  }
}

/** For programs; what became of a model only where that is followed. */
function json({ known, ...shown }: Shown) {
  return known === undefined ? shown : { ...shown, ...statusJson(known) }
}

function show(input: CommandInput, shown: readonly Shown[]): void {
  const { output } = input
  if (isOn(input, 'json')) {
    output.out(`${jsonText(shown.map(json), 2)}\n`)
    return
  }
  if (shown.length > 0) {
    const columns = isOn(input, 'all') ? ALL_COLUMNS : COLUMNS
    // A table takes as many cells as it has columns.
    const rows = shown.map((each) => cells(each).slice(0, columns.length))
    output.out(renderTable(columns, rows, tableStyle(output)))
  } else {
    const hint = isOn(input, 'all')
      ? ''
      : ' Every model of a provider can be asked for as provider/model; --all lists them.'
    output.error(`No models.${hint}\n`)
  }
}

function cells({
  capabilities,
  context_window,
  id,
  kind,
  known,
  origin,
  targets,
}: Shown): string[] {
  return [
    id,
    kind === 'provider' ? '' : targetsText(targets),
    context_window === null ? '-' : String(context_window),
    capabilities === null ? '-' : capabilities.join(' '),
    origin,
    known === undefined ? '-' : stateText(known),
  ]
}

/** `available`, `deprecated`, `until 2026-12-31`, `retired`, `gone since 2026-11-21`. */
function stateText({ facts, goneMs, state }: ProviderModel): string {
  if (state === 'gone') return goneMs === undefined ? state : `gone since ${formatDate(goneMs)}`
  if (state === 'retired') return state
  const retires = isoTime(facts.retiresMs)
  if (retires !== null) return `until ${retires.slice(0, 10)}`
  return /^(?:deprecated|legacy)$/i.test(facts.status ?? '') ? 'deprecated' : state
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
