// A running server for tests: the real one, on a free port, over a test gateway.

import { EMPTY_DIRECTORY } from '../core/identity.ts'
import { Rights } from '../core/rights.ts'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiKey } from '../core/catalog.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import { GatewayError } from '../core/error.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import type { ServerDeps, ServerSettings } from '../server/context.ts'
import { SpoolRoom } from '../gateway/passthrough/spool.ts'
import { startServer, type RunningServer } from '../server/server.ts'
import { systemClock, systemIds } from '../system.ts'
import type { TestGateway } from './gateway.ts'

export interface TestServer extends RunningServer {
  [Symbol.asyncDispose](): Promise<void>
}

export interface TestServerOptions {
  readonly keys?: readonly ApiKey[]
  readonly settings?: Partial<ServerSettings>
  readonly anonymous?: 'loopback' | 'never'
  readonly deps?: Partial<ServerDeps>
}

/** An API key whose secret is `secret`. */
export function testKey(secret: string, over: Partial<ApiKey> = {}): ApiKey {
  return {
    id: `key-${secret.slice(-4)}`,
    origin: 'store',
    tenantId: DEFAULT_TENANT_ID,
    name: 'test',
    hash: sha256Hex(secret),
    prefix: secret.slice(0, 9),
    lastFour: secret.slice(-4),
    createdMs: 0,
    ...over,
  }
}

export function startTestServer(gateway: TestGateway, options: TestServerOptions = {}): TestServer {
  const rights = new Rights(EMPTY_DIRECTORY)
  const byHash = new Map((options.keys ?? []).map((key) => [key.hash, key]))
  const settings: ServerSettings = {
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1024 * 1024,
    bodyTimeoutMs: 10_000,
    maxUploadBytes: 256 * 1024 * 1024,
    hostRules: { loopbackOnly: true, allowedHosts: [], allowedOrigins: [] },
    ...options.settings,
  }
  const server = startServer({
    gateway: gateway.deps,
    authentication: {
      anonymous: () => options.anonymous ?? 'loopback',
      keyByHash: (hash) => byHash.get(hash),
      principalOf: (key) => rights.ofKey(key),
      nowMs: () => systemClock.nowMs(),
    },
    clock: systemClock,
    ids: systemIds,
    logger: SILENT_LOGGER,
    spools: new SpoolRoom({ folder: () => join(tmpdir(), 'weir-test-uploads'), ids: systemIds }),
    settings: () => settings,
    asset: () => undefined,
    readiness: () => ({ ready: true, checks: {} }),
    metrics: () => ({ contentType: 'text/plain', text: '' }),
    health: {
      checks: { report: () => undefined },
      redis: () => ({ configured: false, connected: false }),
    },
    discovery: { azure: () => Promise.reject(new GatewayError('upstream_error')) },
    ...options.deps,
  })
  return {
    url: server.url,
    port: server.port,
    get active() {
      return server.active
    },
    stop: (drainMs) => server.stop(drainMs),
    [Symbol.asyncDispose]: () => server.stop(0),
  }
}
