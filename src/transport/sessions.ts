// Connections by the settings they were made with. Each distinct set of TLS and proxy settings has pools of its own, so that a
// request never goes out over a connection that was made with another authority, certificate, proxy or without verification.

import { constants } from 'node:crypto'
import type { NetworkSettings } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import { TlsFiles, type TlsMaterial } from './tls-files.ts'

const TLS_1_2_ON = constants.SSL_OP_NO_TLSv1 | constants.SSL_OP_NO_TLSv1_1
const TLS_1_3_ON = TLS_1_2_ON | constants.SSL_OP_NO_TLSv1_2

interface Pools {
  readonly files: TlsFiles
  /** By the server name of the handshake; '' where the URL's own host is used. */
  readonly sessions: Map<string, Bun.FetchSession>
  material: TlsMaterial | undefined
}

export class FetchSessions {
  private readonly monotonicMs: () => number
  // Settings are made anew with each catalogue: what they say finds the pools, and the object only saves the search.
  private readonly bySettings = new WeakMap<NetworkSettings, Pools>()
  private readonly byContent = new Map<string, Pools>()

  constructor(monotonicMs: () => number) {
    this.monotonicMs = monotonicMs
  }

  /**
   * The session for these settings and this server name (undefined: the URL's own host).
   * @throws GatewayError `upstream_error` when a certificate file cannot be used
   */
  of(network: NetworkSettings, serverName: string | undefined): Bun.FetchSession {
    const pools = this.pools(network)
    const material = pools.files.current(this.monotonicMs())
    if (material !== pools.material) {
      // Connections made with what was on disk before must not serve any more.
      closeAll(pools)
      pools.material = material
    }
    const name = serverName ?? ''
    let session = pools.sessions.get(name)
    if (session === undefined) {
      if (pools.sessions.size >= LIMITS.sessionNamesMax) closeAll(pools)
      session = new Bun.FetchSession({ tls: tlsOptions(network, material, serverName) })
      pools.sessions.set(name, session)
    }
    return session
  }

  private pools(network: NetworkSettings): Pools {
    const known = this.bySettings.get(network)
    if (known !== undefined) return known
    const content = JSON.stringify([
      network.proxy,
      network.caFile,
      network.certFile,
      network.keyFile,
      network.ca,
      network.cert,
      network.key,
      network.keyPassphrase,
      network.verify !== false,
      network.minTlsVersion,
    ])
    let pools = this.byContent.get(content)
    if (pools === undefined) {
      if (this.byContent.size >= LIMITS.networkSettingsMax) this.evict()
      pools = { files: new TlsFiles(network), sessions: new Map(), material: undefined }
    } else {
      this.byContent.delete(content)
    }
    // Behind all others: the first is the one that was asked for longest ago.
    this.byContent.set(content, pools)
    this.bySettings.set(network, pools)
    return pools
  }

  private evict(): void {
    const [oldest] = this.byContent
    if (oldest === undefined) return
    this.byContent.delete(oldest[0])
    closeAll(oldest[1])
  }
}

/** Requests in flight go on; idle connections are closed. */
function closeAll(pools: Pools): void {
  for (const session of pools.sessions.values()) session.close()
  pools.sessions.clear()
}

function tlsOptions(
  network: NetworkSettings,
  material: TlsMaterial,
  serverName: string | undefined,
): Bun.TLSOptions {
  return {
    ...material,
    // Said either way: NODE_TLS_REJECT_UNAUTHORIZED must have no say here.
    rejectUnauthorized: network.verify !== false,
    secureOptions: network.minTlsVersion === '1.3' ? TLS_1_3_ON : TLS_1_2_ON,
    ...(serverName === undefined ? {} : { serverName }),
  }
}
