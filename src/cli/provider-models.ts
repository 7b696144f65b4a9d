// What providers list now, asked through the same directory and transport a server has. Apart from the commands about models, so
// that the network is loaded only when somebody wants it.

import type { Provider } from '../core/catalog.ts'
import { EntraTokens } from '../auth/entra-tokens.ts'
import { AzureDeployments } from '../gateway/azure-deployments.ts'
import type { ProviderModel } from '../core/model-status.ts'
import type { ModelStatusRepository } from '../core/ports.ts'
import { ModelDirectory, type Asked } from '../gateway/catalog.ts'
import { MockTransport } from '../providers/mock-transport.ts'
import { PriceBook } from '../providers/prices.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import { unusableText } from './providers.ts'
import { systemClock, systemIds } from '../system.ts'

export interface ProviderModels {
  readonly provider: Provider
  /** Undefined when it was not asked. */
  readonly asked: Asked | undefined
  /** What it lists, and what it listed before; with the context window where only the price data knows it. */
  readonly models: readonly ProviderModel[]
}

/**
 * Asks all usable providers, a few at a time; of those that do not answer there is what is remembered.
 * @param remembered what the store has of the tenant's providers
 * @param statuses where the answers are kept; absent: nowhere
 */
export async function listProviders(
  providers: readonly Provider[],
  remembered: readonly ProviderModel[],
  tenantId: string,
  statuses?: Pick<ModelStatusRepository, 'seen'>,
): Promise<ProviderModels[]> {
  const prices = new PriceBook()
  const http = createTransport(systemClock)
  const mock = new MockTransport()
  const find = (provider: Provider, model: string) =>
    prices.lookup(provider, model, systemClock.nowMs())
  const tokens = new EntraTokens({
    transport: http,
    clock: systemClock,
    ids: systemIds,
    logger: SILENT_LOGGER,
  })
  const deployments = new AzureDeployments({ clock: systemClock, tokens, transport: () => http })
  const directory = new ModelDirectory({
    clock: systemClock,
    logger: SILENT_LOGGER,
    prices: { ready: () => prices.warm(), find },
    tokens,
    deployments: (provider) => deployments.of(provider),
    transport: (provider) => (provider.type === 'mock' ? mock : http),
    ...(statuses === undefined ? {} : { statuses }),
  })
  directory.load(tenantId, remembered)
  const usable = providers.filter((provider) => unusableText(provider) === undefined)
  await Promise.all([prices.warm(), directory.refreshEach(usable)])
  return providers.map((provider) => ({
    provider,
    asked: directory.asked(provider),
    models: directory.statuses(provider).map((model) => {
      const { facts } = model
      const contextWindow = facts.contextWindow ?? find(provider, model.model)?.contextWindow
      return contextWindow === undefined ? model : { ...model, facts: { ...facts, contextWindow } }
    }),
  }))
}

/** Why a provider has no answer, in words; undefined when it has one. */
export function silenceText({ asked, provider }: ProviderModels): string | undefined {
  if (asked?.answered === true) return undefined
  const unusable = unusableText(provider)
  return unusable === undefined
    ? `${provider.id} did not answer; see: weir providers test ${provider.id}`
    : `${provider.id} cannot be asked: ${unusable}`
}
