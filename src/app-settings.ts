// The configuration in the words of the parts that are put together in `app.ts`: what the server, the gateway, the gate of all
// requests and the replicas want to know of it. It maps and decides nothing else.

import type { ConcurrencySettings } from './core/catalog.ts'
import type { Config } from './config/config.ts'
import type { GatewaySettings } from './gateway/deps.ts'
import type { RedisSettings } from './replicas.ts'
import { parseRanges } from './server/client-address.ts'
import type { ServerSettings } from './server/context.ts'
import { isLoopbackName } from './server/host-guard.ts'

export function gatewaySettings(config: Config): GatewaySettings {
  return {
    keepaliveIntervalMs: config.server.keepaliveIntervalMs,
  }
}

export function redisSettings({ network, redis }: Config): RedisSettings {
  const { caFile } = network
  return { ...redis, ...(caFile === undefined ? {} : { caFile }) }
}

export function boundOfAll({ server }: Config): ConcurrencySettings {
  return { max: server.runningMax, queue: server.queueMax, queueTimeoutMs: server.queueTimeoutMs }
}

export function serverSettings(config: Config): ServerSettings {
  const { server } = config
  const hosts = [...server.allowedHosts]
  if (hosts.length > 0 || server.publicUrl !== undefined) hosts.push(server.host)
  const origins = [...server.allowedOrigins]
  if (server.publicUrl !== undefined) {
    const url = new URL(server.publicUrl)
    hosts.push(url.hostname)
    origins.push(url.origin)
  }
  return {
    host: server.host,
    port: server.port,
    maxBodyBytes: server.bodyBytesMax,
    bodyTimeoutMs: server.bodyTimeoutMs,
    trustedProxies: parseRanges(server.trustedProxies),
    maxUploadBytes: server.uploadBytesMax,
    hostRules: {
      loopbackOnly: isLoopbackName(server.host),
      allowedHosts: hosts,
      allowedOrigins: origins,
    },
  }
}
