// The shape of a provider's settings as they are stored: network and options without what is a secret, which is sealed in columns
// of its own (a proxy's URL may carry a password). Shared by both schemas; none of it may gain a member that holds a secret.

import type { EntraSettings, NetworkSettings, Provider } from '../core/catalog.ts'

export type StoredNetwork = Omit<
  NetworkSettings,
  'proxy' | 'key' | 'keyPassphrase' | 'allowPrivateProxy'
>

type Optional =
  'region' | 'configId' | 'context' | 'keyStrategy' | 'circuit' | 'concurrency' | 'check'

/** Settings that most providers leave as they are. */
export type StoredOptions = Partial<Pick<Provider, Optional>> & {
  readonly entra?: Omit<EntraSettings, 'clientSecret' | 'keyPassphrase'>
}

/** What is sealed beside keys, proxy and header values, as one text. */
export interface StoredSecrets {
  readonly keyPassphrase?: string
  /** PEM of a client certificate's key. */
  readonly networkKey?: string
  readonly entraClientSecret?: string
  readonly entraKeyPassphrase?: string
}
