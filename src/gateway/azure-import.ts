// Takes over what was discovered in Azure: one provider of the store for each account, and where wanted a model for each base model
// with its deployments as targets. What a file or the environment declares is left alone; taking over twice changes nothing.

import type { Actor } from '../core/audit.ts'
import type { Model, Origin, Provider, Target } from '../core/catalog.ts'
import { canonicalJson, type JsonValue } from '../core/json.ts'
import type { ModelRepository, ProviderRepository } from '../core/ports.ts'
import { isSameResource } from './azure-deployments.ts'
import type { AzureDiscovery, DiscoveredAccount, EntraProvider } from './azure-discovery.ts'

export type ImportAction = 'added' | 'updated' | 'unchanged' | 'declared' | 'skipped'

export interface Imported {
  /** Id of the provider or model. */
  readonly id: string
  readonly action: ImportAction
  /** Why it was left alone. */
  readonly reason?: string
}

export interface ImportedProvider extends Imported {
  readonly account: string
}

export interface ImportResult {
  readonly providers: readonly ImportedProvider[]
  readonly models: readonly Imported[]
}

/** What is there already. */
export interface Existing {
  readonly providers: readonly Provider[]
  readonly models: readonly Model[]
}

export interface ImportPorts {
  readonly providers: Pick<ProviderRepository, 'save'>
  readonly models: Pick<ModelRepository, 'save'>
}

/**
 * Saves providers and models.
 * @param application whose credential, limits and network settings the new providers get
 * @param withModels also a model for each base model
 * @throws GatewayError `storage_unavailable`
 */
export async function importAzure(
  tenantId: string,
  discovery: AzureDiscovery,
  application: EntraProvider,
  existing: Existing,
  withModels: boolean,
  ports: ImportPorts,
  by: Actor,
): Promise<ImportResult> {
  const taken = new Map(existing.providers.map((provider) => [provider.id, provider]))
  const providers: ImportedProvider[] = []
  const targets = new Map<string, Target[]>()
  for (const account of discovery.accounts) {
    const planned = planProvider(account, application, existing.providers, taken)
    const { provider, ...told } = planned
    if (told.action === 'added' || told.action === 'updated') {
      await ports.providers.save(tenantId, provider!, by)
      taken.set(told.id, provider!)
    }
    providers.push(told)
    if (told.action !== 'skipped') gatherTargets(account, told.id, targets)
  }
  const models: Imported[] = []
  if (withModels) {
    for (const [id, wanted] of [...targets].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!FIT_ALIAS.test(id)) {
        models.push({ id, action: 'skipped', reason: 'has a name that cannot be an alias' })
        continue
      }
      const planned = planModel(id, wanted, existing.models)
      if (planned.model !== undefined) await ports.models.save(tenantId, planned.model, by)
      models.push({ id, action: planned.action, ...(planned.reason && { reason: planned.reason }) })
    }
  }
  return { providers, models }
}

/** An alias goes before `provider/model`: with a slash in it, it would take the requests for another provider's model. */
const FIT_ALIAS = /^[A-Za-z0-9][A-Za-z0-9 ._:@+-]{0,199}(?<! )$/

type PlannedProvider = ImportedProvider & { readonly provider?: Provider }

function planProvider(
  account: DiscoveredAccount,
  application: EntraProvider,
  existing: readonly Provider[],
  taken: ReadonlyMap<string, Provider>,
): PlannedProvider {
  if (!account.takesTokens) {
    // The address of a region is that of many accounts: whoever is declared there may be any of them.
    const reason = 'has no address of its own, and regional ones take no tokens'
    return { account: account.name, id: freeId(account.name, taken), action: 'skipped', reason }
  }
  const same = existing.filter(
    (provider) => provider.type === 'azure' && isSameResource(account, provider.baseUrl),
  )
  const declared = same.find(({ origin }) => origin !== 'store')
  if (declared !== undefined) {
    const reason = `is declared in the ${PLACES[declared.origin]}`
    return { account: account.name, id: declared.id, action: 'declared', reason }
  }
  const known = same[0]
  if (known !== undefined) {
    const told = { account: account.name, id: known.id }
    if (known.entra === undefined && known.keys.length > 0) {
      return { ...told, action: 'unchanged', reason: 'is asked with keys of its own' }
    }
    const provider = { ...known, entra: application.entra }
    const isSame = sameJson(known.entra, application.entra)
    return { ...told, action: isSame ? 'unchanged' : 'updated', provider }
  }
  const id = freeId(account.name, taken)
  return {
    account: account.name,
    id,
    action: 'added',
    provider: newProvider(id, account, application),
  }
}

const PLACES: Readonly<Record<Origin, string>> = {
  file: 'configuration file',
  environment: 'environment',
  'built-in': 'program',
  store: 'store',
}

function newProvider(
  id: string,
  account: DiscoveredAccount,
  { entra, network, retries, timeouts }: EntraProvider,
): Provider {
  return {
    id,
    type: 'azure',
    origin: 'store',
    baseUrl: account.endpoint,
    keys: [],
    timeouts,
    retries,
    network,
    headers: {},
    entra,
  }
}

/** The account's name as an id, with a number behind it where another has that id. */
function freeId(name: string, taken: ReadonlyMap<string, Provider>): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9._-]/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, 50) || 'azure'
  // The mock's id is kept for it.
  const isFree = (id: string) => !taken.has(id) && id !== 'mock'
  if (isFree(base)) return base
  for (let number = 2; ; number += 1) {
    const id = `${base}-${number}`
    if (isFree(id)) return id
  }
}

function gatherTargets(
  account: DiscoveredAccount,
  providerId: string,
  targets: Map<string, Target[]>,
): void {
  for (const { model, name, state } of account.deployments) {
    if (state !== 'Succeeded') continue
    const list = targets.get(model.name) ?? []
    list.push({ providerId, model: name, order: 0, weight: 1 })
    targets.set(model.name, list)
  }
}

function planModel(
  id: string,
  wanted: readonly Target[],
  existing: readonly Model[],
): { readonly action: ImportAction; readonly reason?: string; readonly model?: Model } {
  const known = existing.find((model) => model.id === id)
  if (known === undefined) {
    const model = { id, origin: 'store', targets: wanted, defaults: {}, losses: 'report' } as const
    return { action: 'added', model }
  }
  if (known.origin !== 'store') {
    return { action: 'declared', reason: `is declared in the ${PLACES[known.origin]}` }
  }
  // What somebody set (weights, orders, targets elsewhere) stays; only what is new comes in.
  const has = new Set(known.targets.map((target) => `${target.providerId}/${target.model}`))
  const fresh = wanted.filter((target) => !has.has(`${target.providerId}/${target.model}`))
  if (fresh.length === 0) return { action: 'unchanged' }
  return { action: 'updated', model: { ...known, targets: [...known.targets, ...fresh] } }
}

function sameJson(a: unknown, b: unknown): boolean {
  return canonicalJson(plain(a)) === canonicalJson(plain(b))
}

function plain(value: unknown): JsonValue | undefined {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as JsonValue)
}
