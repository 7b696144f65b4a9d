// Discovery and import as one errand, for the command and the admin API alike: whose application looks, what it found, and what was
// taken over of it, in the words of one JSON answer. No secret is part of that answer.

import type { Actor } from '../core/audit.ts'
import { azureCloud } from '../core/azure-cloud.ts'
import type { EntraSettings, NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { withNetworkDefaults, type NetworkDefaults } from '../core/network.ts'
import type { ModelRepository, ProviderRepository } from '../core/ports.ts'
import { hasEntra } from './azure-deployments.ts'
import { discoverAzure, type AzureDiscovery, type EntraProvider } from './azure-discovery.ts'
import { importAzure, type Existing, type ImportPorts, type ImportResult } from './azure-import.ts'
import { AzureFailure, type AzurePorts } from './azure-questions.ts'

export interface AzureErrand {
  /** Whose application looks: that of a provider there is, or one that is given. Neither: the only provider that has one. */
  readonly application: { readonly providerId?: string; readonly entra?: EntraSettings }
  readonly subscriptionId?: string
  readonly isImport: boolean
  /** With an import: also a model for each base model. */
  readonly withModels: boolean
  /** With an import: only accounts of these names; absent: all. */
  readonly accounts?: readonly string[]
  /** Whether the application of a provider that every tenant sees is out of reach: it is the platform's. */
  readonly isOwnOnly?: boolean
}

export interface OnboardingPorts extends AzurePorts {
  /** In whose name things are taken over. */
  readonly by: Actor
  /** Everything declared and stored. */
  existing(): Promise<Existing>
  network(): NetworkDefaults
  /** Opened for the time of an import. */
  store<T>(use: (ports: ImportPorts) => Promise<T>): Promise<T>
}

export interface AzureReport {
  readonly discovery: AzureDiscovery
  /** Absent where nothing was to be taken over. */
  readonly imported?: ImportResult
}

/** What a tenant sees declared, and of the store what is its own and not declared too: the declaration is what is in force. */
export async function existingCatalog(
  tenantId: string,
  declared: Existing,
  store: {
    readonly providers: Pick<ProviderRepository, 'all'>
    readonly models: Pick<ModelRepository, 'all'>
  },
): Promise<Existing> {
  const [providers, models] = await Promise.all([store.providers.all(), store.models.all()])
  const isSeen = (entry: { readonly tenantId?: string }) =>
    entry.tenantId === undefined || entry.tenantId === tenantId
  return {
    providers: withOthers(declared.providers.filter(isSeen), providers.filter(isSeen)),
    models: withOthers(declared.models.filter(isSeen), models.filter(isSeen)),
  }
}

function withOthers<T extends { readonly id: string }>(first: readonly T[], rest: readonly T[]) {
  const ids = new Set(first.map(({ id }) => id))
  return [...first, ...rest.filter(({ id }) => !ids.has(id))]
}

/**
 * Does the errand.
 * @throws GatewayError `invalid_request` where no application can be told, `upstream_error` where Azure cannot be asked at all
 */
export async function onboardAzure(
  tenantId: string,
  errand: AzureErrand,
  ports: OnboardingPorts,
): Promise<AzureReport> {
  const existing = await ports.existing()
  const application = applicationOf(errand, existing)
  const asking = withNetworkDefaults(application, ports.network())
  const discovery = await discovered(asking as EntraProvider, errand, ports)
  if (!errand.isImport) return { discovery }
  const { accounts } = errand
  const wanted =
    accounts === undefined
      ? discovery
      : {
          ...discovery,
          accounts: discovery.accounts.filter(({ name }) => accounts.includes(name)),
        }
  const imported = await ports.store((repositories) =>
    importAzure(
      tenantId,
      wanted,
      withoutDefaults(application, ports.network()),
      existing,
      errand.withModels,
      repositories,
      ports.by,
    ),
  )
  return { discovery, imported }
}

/** What follows from the settings for all providers is not copied: it would stay when those change. */
function withoutDefaults(provider: EntraProvider, defaults: NetworkDefaults): EntraProvider {
  const common = new Map<string, unknown>(Object.entries(defaults))
  const own = Object.entries(provider.network).filter(
    ([name, value]) => JSON.stringify(common.get(name)) !== JSON.stringify(value),
  )
  return { ...provider, network: Object.fromEntries(own) as NetworkSettings }
}

async function discovered(
  asking: EntraProvider,
  errand: AzureErrand,
  ports: OnboardingPorts,
): Promise<AzureDiscovery> {
  try {
    return await discoverAzure(asking, errand.subscriptionId, ports)
  } catch (error) {
    if (!(error instanceof AzureFailure)) throw error
    throw new GatewayError('upstream_error', {
      message: `Azure could not be asked: ${error.message}`,
      cause: error.cause,
    })
  }
}

function applicationOf({ application, isOwnOnly }: AzureErrand, existing: Existing): EntraProvider {
  const { entra, providerId } = application
  const providers = existing.providers.filter(
    ({ tenantId }) => isOwnOnly !== true || tenantId !== undefined,
  )
  if (entra !== undefined) return newProvider(entra)
  if (providerId !== undefined) {
    const named = providers.find(({ id }) => id === providerId)
    if (named === undefined) throw invalid('There is no such provider.', 'provider')
    if (!hasEntra(named)) throw invalid('That provider has no Entra ID application.', 'provider')
    return named
  }
  const known = providers.filter(hasEntra)
  const applications = new Set(known.map((one) => `${one.entra.tenant}\n${one.entra.clientId}`))
  if (applications.size === 1) return known[0]!
  throw known.length === 0
    ? invalid('No provider has an Entra ID application: give one.', 'entra')
    : invalid('Several providers have an Entra ID application: name one of them.', 'provider')
}

/** With the limits of a provider that says nothing. */
function newProvider(entra: EntraSettings): EntraProvider {
  return {
    id: 'azure',
    type: 'azure',
    origin: 'store',
    baseUrl: azureCloud(entra).management,
    keys: [],
    timeouts: {
      connectMs: LIMITS.connectTimeoutMs,
      firstByteMs: LIMITS.firstByteTimeoutMs,
      idleMs: LIMITS.idleTimeoutMs,
      totalMs: LIMITS.totalTimeoutMs,
    },
    retries: { max: LIMITS.retriesMax, baseMs: LIMITS.retryBaseMs, capMs: LIMITS.retryCapMs },
    network: {},
    headers: {},
    entra,
  }
}

function invalid(message: string, param: string): GatewayError {
  return new GatewayError('invalid_request', { message, param })
}

/** The report in JSON, for machines and for the UI. */
export function reportJson({ discovery, imported }: AzureReport) {
  return {
    accounts: discovery.accounts.map((account) => ({
      name: account.name,
      kind: account.kind,
      subscription: account.subscriptionId,
      location: account.location,
      endpoint: account.endpoint,
      takes_tokens: account.takesTokens,
      deployments: account.deployments.map(
        ({ capacity, facts, model, name, rateLimits, sku, state }) => ({
          name,
          model: model.name,
          model_version: model.version ?? null,
          model_format: model.format ?? null,
          state,
          sku: sku ?? null,
          capacity: capacity ?? null,
          capabilities: [...(facts.capabilities ?? [])],
          context_window: facts.contextWindow ?? null,
          retires: facts.retiresMs === undefined ? null : new Date(facts.retiresMs).toISOString(),
          rate_limits: rateLimits.map(({ count, key, periodSeconds }) => ({
            key,
            count,
            period_seconds: periodSeconds,
          })),
        }),
      ),
    })),
    problems: discovery.problems.map(({ reason, where }) => ({ where, reason })),
    imported:
      imported === undefined
        ? null
        : {
            providers: imported.providers.map(({ account, action, id, reason }) => ({
              account,
              id,
              action,
              reason: reason ?? null,
            })),
            models: imported.models.map(({ action, id, reason }) => ({
              id,
              action,
              reason: reason ?? null,
            })),
          },
  }
}
