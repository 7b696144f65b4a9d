// The settings of a provider that most leave alone, as one column, and apart from them what is a secret, which is sealed in another.

import type { Provider } from '../core/catalog.ts'
import type { ProviderToSave } from './providers.ts'
import type { StoredOptions, StoredSecrets } from './stored-network.ts'

/** The settings that most providers leave alone, apart from what of them is a secret. */
export function splitOptions(
  provider: ProviderToSave,
  keyPassphrase: string | undefined,
): { options: StoredOptions; secrets: StoredSecrets } {
  const { region, context, keyStrategy, circuit, concurrency, check } = provider
  const { clientSecret, keyPassphrase: entraKeyPassphrase, ...entra } = provider.entra ?? {}
  const options: Record<string, unknown> = {
    region,
    context,
    keyStrategy,
    circuit,
    concurrency,
    check,
    entra: provider.entra === undefined ? undefined : entra,
  }
  const secrets: Record<string, unknown> = {
    keyPassphrase,
    entraClientSecret: clientSecret,
    entraKeyPassphrase,
  }
  return { options: given(options) as StoredOptions, secrets: given(secrets) }
}

/** The settings as they were split. */
export function optionsOf(stored: StoredOptions | null, secrets: StoredSecrets): Partial<Provider> {
  const { entra, ...options } = stored ?? {}
  if (entra === undefined) return options
  const { entraClientSecret, entraKeyPassphrase } = secrets
  return {
    ...options,
    entra: {
      ...entra,
      ...(entraClientSecret === undefined ? {} : { clientSecret: entraClientSecret }),
      ...(entraKeyPassphrase === undefined ? {} : { keyPassphrase: entraKeyPassphrase }),
    },
  }
}

function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
