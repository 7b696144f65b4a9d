// The settings of a provider that most leave alone, as one column, and apart from them what is a secret, which is sealed in another.

import type { NetworkSettings, Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import type { ProviderToSave } from '../core/ports.ts'
import type { StoredOptions, StoredSecrets } from './stored-network.ts'

/** The base URL is stored and shown in clear, so it may not carry a password. */
export function checkBaseUrl(baseUrl: string): void {
  const url = URL.parse(baseUrl)
  if (url === null || (url.username === '' && url.password === '')) return
  throw new GatewayError('invalid_request', {
    param: 'base_url',
    message: 'The base URL must not hold a user name or password; give them as a key or header.',
  })
}

/** Names of keys are told apart. */
export function checkKeys(provider: ProviderToSave): void {
  const ids = provider.keys?.map((key) => key.id) ?? []
  if (new Set(ids).size === ids.length) return
  throw new GatewayError('invalid_request', {
    param: 'keys',
    message: 'Two keys of the provider have the same id.',
  })
}

/** The settings that most providers leave alone, apart from what of them is a secret. */
export function splitOptions(
  provider: ProviderToSave,
  { key: networkKey, keyPassphrase }: Pick<NetworkSettings, 'key' | 'keyPassphrase'>,
): { options: StoredOptions; secrets: StoredSecrets } {
  const { region, configId, context, keyStrategy, circuit, concurrency, check } = provider
  const { clientSecret, keyPassphrase: entraKeyPassphrase, ...entra } = provider.entra ?? {}
  const options: Record<string, unknown> = {
    region,
    configId,
    context,
    keyStrategy,
    circuit,
    concurrency,
    check,
    entra: provider.entra === undefined ? undefined : entra,
  }
  const secrets: Record<string, unknown> = {
    keyPassphrase,
    networkKey,
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

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the members that are undefined. */
export function given<T extends object>(values: T): Given<T> {
  const members = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(members) as Given<T>
}
