// Certificates a provider's network settings name, read once per path. Configuration has checked that they exist;
// what vanished since is an error of that request, not of the program.

import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import type { NetworkSettings } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'

export interface TlsOptions {
  ca?: string
  cert?: string
  key?: string
  rejectUnauthorized?: boolean
}

export class TlsFiles {
  private readonly options_ = new WeakMap<NetworkSettings, TlsOptions>()

  /** TLS options of these settings. Throws GatewayError `upstream_error` when a file cannot be read. */
  options(network: NetworkSettings): TlsOptions {
    const known = this.options_.get(network)
    if (known !== undefined) return known
    const options: TlsOptions = {}
    if (network.caFile !== undefined) {
      // An extra authority adds to the public ones: a corporate proxy intercepts some hosts, not all.
      options.ca = `${rootCertificates.join('\n')}\n${read(network.caFile)}`
    }
    if (network.certFile !== undefined) options.cert = read(network.certFile)
    if (network.keyFile !== undefined) options.key = read(network.keyFile)
    // Said either way: NODE_TLS_REJECT_UNAUTHORIZED must have no say here.
    options.rejectUnauthorized = network.verify !== false
    this.options_.set(network, options)
    return options
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new GatewayError('upstream_error', {
      message: 'A certificate file of the provider could not be read.',
      cause,
    })
  }
}
