// What providers list now, asked through the same directory and transport a server has. Apart from `models list`, so that
// the network is loaded only when somebody wants it.

import type { Provider } from '../core/catalog.ts'
import { ModelDirectory } from '../gateway/catalog.ts'
import { MockTransport } from '../providers/mock-transport.ts'
import { PriceBook } from '../providers/prices.ts'
import type { ListedModel } from '../providers/provider.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import { unusableText } from './providers.ts'
import { systemClock } from '../system.ts'

export interface ProviderModels {
  readonly provider: Provider
  /** Undefined when it did not answer. */
  readonly models: readonly ListedModel[] | undefined
}

/** Asks all usable providers at once; those that cannot be used have no answer either. */
export async function listProviders(providers: readonly Provider[]): Promise<ProviderModels[]> {
  const prices = new PriceBook()
  const http = createTransport(systemClock)
  const mock = new MockTransport()
  const find = (provider: Provider, model: string) =>
    prices.lookup(provider, model, systemClock.nowMs())
  const directory = new ModelDirectory({
    clock: systemClock,
    logger: SILENT_LOGGER,
    prices: { ready: () => prices.warm(), find },
    transport: (provider) => (provider.type === 'mock' ? mock : http),
  })
  const usable = providers.filter((provider) => unusableText(provider) === undefined)
  await Promise.all([prices.warm(), ...usable.map((provider) => directory.refresh(provider))])
  return providers.map((provider) => ({
    provider,
    models: directory.listed(provider.id)?.map((model) => {
      const contextWindow = model.contextWindow ?? find(provider, model.id)?.contextWindow
      return contextWindow === undefined ? model : { ...model, contextWindow }
    }),
  }))
}
