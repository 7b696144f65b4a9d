// The network settings in force for a provider: its own, and where it says nothing those for all. What a store declares may come
// from whoever may use the admin API, so on a server that others reach it is held to public addresses unless it is allowed more.
// It opens no file and resolves no name.

import { classifyAddress } from './address.ts'
import type { NetworkSettings, Provider } from './catalog.ts'
import type { IssuerSettings } from './issuer.ts'

/** What holds for every provider. */
export interface NetworkDefaults extends NetworkSettings {
  /** The server listens on more than loopback: others may be among those who declare providers. */
  readonly isShared: boolean
}

export const NO_NETWORK_DEFAULTS: NetworkDefaults = { isShared: false }

/** The provider with its network settings completed; the same object where there is nothing to complete. */
export function withNetworkDefaults(provider: Provider, defaults: NetworkDefaults): Provider {
  const { baseUrl, network, origin } = provider
  return { ...provider, network: completed(network, baseUrl, origin !== 'store', defaults) }
}

/** The same for an OpenID provider, which only the file can declare. */
export function withIssuerNetwork(
  settings: IssuerSettings,
  defaults: NetworkDefaults,
): IssuerSettings {
  const { issuer, network } = settings
  return { ...settings, network: completed(network, issuer, true, defaults) }
}

/**
 * The same for any other address that is posted to, as a webhook's.
 * @param isOperators declared by the operator, and not by whoever may use the admin API
 * @param own what is said for this address alone
 */
export function outboundNetwork(
  url: string,
  isOperators: boolean,
  defaults: NetworkDefaults,
  own: NetworkSettings = {},
): NetworkSettings {
  return completed(own, url, isOperators, defaults)
}

function completed(
  own: NetworkSettings,
  url: string,
  isOperators: boolean,
  defaults: NetworkDefaults,
): NetworkSettings {
  const { isShared, allowPrivate, ...common } = defaults
  // A certificate and its key belong together: half of one pair and half of another would be neither.
  const pair = [own.certFile, own.keyFile, own.cert, own.key].every((part) => part === undefined)
  const { certFile, keyFile, keyPassphrase, proxy, ...rest } = common
  const mayBePrivate = own.allowPrivate ?? allowPrivate ?? (isOperators || !isShared)
  return {
    ...rest,
    ...(proxy === undefined || isOnThisMachine(url) ? {} : { proxy }),
    ...(pair
      ? {
          ...(certFile === undefined ? {} : { certFile }),
          ...(keyFile === undefined ? {} : { keyFile }),
          ...(keyPassphrase === undefined ? {} : { keyPassphrase }),
        }
      : {}),
    ...own,
    allowPrivate: mayBePrivate,
    // A proxy of one's own is an address like any other; that of the settings for all is the operator's.
    ...(own.proxy === undefined || isOperators ? {} : { allowPrivateProxy: mayBePrivate }),
  }
}

/** The proxy for all stands elsewhere and would look for `localhost` at itself. */
function isOnThisMachine(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && classifyAddress(url.hostname) === 'loopback'
}
