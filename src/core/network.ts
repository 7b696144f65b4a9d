// The network settings in force for a provider: its own, and where it says nothing those for all. What a store declares may come
// from whoever may use the admin API, so on a server that others reach it is held to public addresses unless it is allowed more.
// It opens no file and resolves no name.

import { classifyAddress } from './address.ts'
import type { NetworkSettings, Provider } from './catalog.ts'

/** What holds for every provider. */
export interface NetworkDefaults extends NetworkSettings {
  /** The server listens on more than loopback: others may be among those who declare providers. */
  readonly isShared: boolean
}

export const NO_NETWORK_DEFAULTS: NetworkDefaults = { isShared: false }

/** The provider with its network settings completed; the same object where there is nothing to complete. */
export function withNetworkDefaults(provider: Provider, defaults: NetworkDefaults): Provider {
  const { isShared, allowPrivate, ...common } = defaults
  const own = provider.network
  // A certificate and its key belong together: half of one pair and half of another would be neither.
  const pair = own.certFile === undefined && own.keyFile === undefined
  const { certFile, keyFile, keyPassphrase, proxy, ...rest } = common
  const network: NetworkSettings = {
    ...rest,
    ...(proxy === undefined || isOnThisMachine(provider) ? {} : { proxy }),
    ...(pair
      ? {
          ...(certFile === undefined ? {} : { certFile }),
          ...(keyFile === undefined ? {} : { keyFile }),
          ...(keyPassphrase === undefined ? {} : { keyPassphrase }),
        }
      : {}),
    ...own,
    allowPrivate: own.allowPrivate ?? allowPrivate ?? (provider.origin !== 'store' || !isShared),
  }
  return { ...provider, network }
}

/** The proxy for all stands elsewhere and would look for `localhost` at itself. */
function isOnThisMachine(provider: Provider): boolean {
  const url = URL.parse(provider.baseUrl)
  return url !== null && classifyAddress(url.hostname) === 'loopback'
}
