// The forward proxy of some network settings: where it is, what it is told about who asks, and which of its answers are refusals.
// The password lives in the header made here and nowhere else: no URL that an error could repeat holds it.

import type { NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { percentDecoded } from '../core/percent.ts'
import { bypassesProxy } from './no-proxy.ts'

export interface ForwardProxy {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  /** What the proxy is sent besides the request. */
  readonly headers: Readonly<Record<string, string>>
}

const proxies = new WeakMap<NetworkSettings, ForwardProxy>()

/** The proxy for a host, or undefined where it is reached directly. */
export function proxyFor(
  network: NetworkSettings,
  host: string,
  port: number,
): ForwardProxy | undefined {
  if (network.proxy === undefined) return undefined
  if (network.noProxy !== undefined && bypassesProxy(network.noProxy, host, port)) return undefined
  let proxy = proxies.get(network)
  if (proxy === undefined) {
    proxy = parseProxy(network.proxy)
    proxies.set(network, proxy)
  }
  return proxy
}

/** @throws TypeError for text that is no URL, which configuration has refused before */
function parseProxy(text: string): ForwardProxy {
  const url = new URL(text)
  const isTls = url.protocol === 'https:'
  const headers: Record<string, string> = {}
  if (url.username !== '' || url.password !== '') {
    const pair = `${percentDecoded(url.username)}:${percentDecoded(url.password)}`
    headers['proxy-authorization'] = `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: portOf(url),
    isTls,
    headers,
  }
}

/** The port of a URL, said or not. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

/** What fetch is given: the proxy at an address of its own, and no say for NO_PROXY of the environment. */
export function fetchProxy(proxy: ForwardProxy, address: string): Bun.FetchProxyOption {
  const host = address.includes(':') ? `[${address}]` : address
  return {
    url: `${proxy.isTls ? 'https' : 'http'}://${host}:${proxy.port}`,
    headers: proxy.headers,
    respectNoProxy: false,
  } as Bun.FetchProxyOption
}

/** The proxy's own words for a request it did not pass on. Not a provider's, so they are told apart from its errors. */
export class ProxyRefusal extends Error {
  /** `ERR_PROXY_REFUSED` will be the same a second later; `ERR_PROXY_TUNNEL` may not. */
  readonly code: 'ERR_PROXY_REFUSED' | 'ERR_PROXY_TUNNEL'
  readonly status: number

  constructor(status: number) {
    const why =
      status === 407
        ? ': network.proxy has no user and password, or wrong ones'
        : status === 403
          ? ': its rules do not allow this host or port'
          : ''
    super(`the proxy answered ${status}${why}`)
    this.name = 'ProxyRefusal'
    this.code = status >= 500 ? 'ERR_PROXY_TUNNEL' : 'ERR_PROXY_REFUSED'
    this.status = status
  }
}

export function proxyRefused(status: number): GatewayError {
  return new GatewayError('upstream_error', {
    message: 'The forward proxy refused the connection to the provider.',
    cause: new ProxyRefusal(status),
    ...(status >= 500 ? {} : { shouldRetry: false }),
  })
}

/**
 * Whether an answer to a request that went through the proxy unencrypted is the proxy's own: 407 always is (RFC 9110 §15.5.8), and
 * squid marks its error pages.
 */
export function isProxyAnswer(response: Response): boolean {
  return response.status === 407 || response.headers.has('x-squid-error')
}
