// A running server for tests: the real one, on a free port, over a test gateway.

import { EMPTY_DIRECTORY, type Directory, type Tenant } from '../core/identity.ts'
import { Rights } from '../core/rights.ts'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiKey } from '../core/catalog.ts'
import { sha256Hex } from '../auth/authenticate.ts'
import { readDeclaredModel } from '../config/declared-model.ts'
import { GatewayError } from '../core/error.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { Denials } from '../server/denials.ts'
import type { ServerDeps, ServerSettings } from '../server/context.ts'
import type { Snapshot } from '../gateway/snapshot.ts'
import { SpoolRoom } from '../gateway/passthrough/spool.ts'
import { RefusedCredentials } from '../server/refused-credentials.ts'
import { startServer, type RunningServer } from '../server/server.ts'
import { systemClock, systemIds } from '../system.ts'
import type { TestGateway } from './gateway.ts'

export interface TestServer extends RunningServer {
  [Symbol.asyncDispose](): Promise<void>
}

export interface TestServerOptions {
  /** Their tenants are there without being told of. */
  readonly keys?: readonly ApiKey[]
  /** Tenants, people and their rights. */
  readonly people?: Partial<Directory>
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

/** A store that is away. */
function unavailable(): Promise<never> {
  return Promise.reject(new GatewayError('storage_unavailable'))
}

/** Repositories of a store that is away: whatever they are asked. */
function awayPeople(): ServerDeps['people'] {
  const away = new Proxy({}, { get: () => unavailable }) as never
  return {
    tenants: away,
    teams: away,
    users: away,
    groups: away,
    memberships: away,
    services: away,
    roles: away,
    assignments: away,
    directory: away,
    local: away,
    issuers: () => [],
    record: unavailable,
  }
}

/** What a server is given: everything of its own is real but the store. */
export function testServerDeps(gateway: TestGateway, options: TestServerOptions = {}): ServerDeps {
  const { keys = [], people } = options
  const byHash = new Map(keys.map((key) => [key.hash, key]))
  const rights = new Rights({ ...EMPTY_DIRECTORY, ...people, tenants: tenantsOf(keys, people) })
  const { deps } = gateway
  const snapshot = (): Snapshot => {
    const before = deps.snapshot()
    if (keys.length === 0 && people === undefined) return before
    return { ...before, keysByHash: byHash, rights, principalOf: (key) => rights.ofKey(key) }
  }
  const settings: ServerSettings = {
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1024 * 1024,
    bodyTimeoutMs: 10_000,
    maxUploadBytes: 256 * 1024 * 1024,
    hostRules: { loopbackOnly: true, allowedHosts: [], allowedOrigins: [] },
    trustedProxies: [],
    ...options.settings,
  }
  const own: ServerDeps = {
    gateway: { ...deps, snapshot },
    authentication: {
      anonymous: () => options.anonymous ?? 'loopback',
      keyByHash: (hash) => byHash.get(hash),
      principalOf: (key) => rights.ofKey(key),
      nowMs: () => systemClock.nowMs(),
    },
    refused: new RefusedCredentials(systemClock),
    clock: systemClock,
    ids: systemIds,
    logger: SILENT_LOGGER,
    spools: new SpoolRoom({ folder: () => join(tmpdir(), 'weir-test-uploads'), ids: systemIds }),
    settings: () => settings,
    asset: () => Promise.resolve(undefined),
    readiness: () => ({ ready: true, checks: {} }),
    metrics: () => ({ contentType: 'text/plain', text: '' }),
    health: {
      checks: { report: () => undefined },
      redis: () => ({ configured: false, connected: false }),
      limits: () => ({ counted: 'process', connected: true }),
      sinks: () => [],
    },
    requests: {
      search: unavailable,
      facets: unavailable,
      series: unavailable,
      find: unavailable,
      following: unavailable,
      lastSequence: unavailable,
    },
    audit: { list: unavailable, count: unavailable, verify: unavailable },
    configuration: {
      list: unavailable,
      check: () => undefined,
      change: unavailable,
      about: () => {
        throw new GatewayError('storage_unavailable')
      },
      secrets: unavailable,
      rotation: () => undefined,
      rotate: () => false,
      exported: unavailable,
      read: () => {
        throw new GatewayError('storage_unavailable')
      },
      forms: {
        providers: String,
        models: String,
        limits: String,
        budgets: String,
        guardrails: String,
      },
      declaredForm: () => undefined,
    },
    once: { begin: unavailable, finish: unavailable, forget: unavailable },
    denials: new Denials({
      clock: systemClock,
      logger: SILENT_LOGGER,
      record: () => Promise.resolve(),
    }),
    providers: {
      store: {
        all: unavailable,
        ofTenant: unavailable,
        find: unavailable,
        save: unavailable,
        remove: unavailable,
        maskedKeys: unavailable,
        addKey: unavailable,
        setKeyDraining: unavailable,
        removeKey: unavailable,
      },
      network: () => ({ isShared: false }),
      refusedAddress: () => Promise.resolve(undefined),
      tlsProblem: () => undefined,
      probe: () => Promise.reject(new GatewayError('upstream_error')),
      tellReset: () => Promise.resolve(true),
    },
    keys: {
      keys: {
        create: unavailable,
        find: unavailable,
        list: unavailable,
        page: unavailable,
        update: unavailable,
        rotate: unavailable,
        revoke: unavailable,
      },
      lastUsed: unavailable,
    },
    models: {
      models: { list: unavailable, find: unavailable, change: unavailable },
      read: readDeclaredModel,
      publicUrl: () => undefined,
    },
    people: awayPeople(),
    usage: { report: unavailable },
    cache: { state: unavailable, purge: unavailable },
    money: {
      limits: { list: unavailable, save: unavailable, remove: unavailable },
      budgets: { list: unavailable, save: unavailable, remove: unavailable },
      limitRules: () => [],
      budgetRules: () => [],
      peek: unavailable,
      standings: unavailable,
      reset: unavailable,
      accountsOf: () => [],
      mayReachInner: () => false,
    },
    content: {
      rules: { list: unavailable, save: unavailable, remove: unavailable },
      rulesOf: () => [],
      holds: { all: unavailable, list: unavailable, create: unavailable, release: unavailable },
      erasures: { list: unavailable, find: unavailable, create: unavailable },
      count: unavailable,
      wake: () => undefined,
      objects: { bodiesOf: unavailable },
      quoted: unavailable,
      standing: unavailable,
      sweep: unavailable,
      record: () => Promise.resolve(),
    },
    guard: {
      guardrails: {
        rules: { list: unavailable, save: unavailable, remove: unavailable, reorder: unavailable },
        declared: () => [],
        problems: () => [],
        ready: unavailable,
        prove: () => Promise.resolve(),
        mayReachInner: () => false,
      },
      flags: {
        rules: { all: unavailable, save: unavailable, remove: unavailable },
        inOrder: () => [],
      },
    },
    discovery: { azure: () => Promise.reject(new GatewayError('upstream_error')) },
  }
  return Object.assign(own, options.deps)
}

export function startTestServer(gateway: TestGateway, options: TestServerOptions = {}): TestServer {
  const server = startServer(testServerDeps(gateway, options))
  return {
    url: server.url,
    port: server.port,
    get active() {
      return server.active
    },
    warm: () => server.warm(),
    stop: (drainMs) => server.stop(drainMs),
    [Symbol.asyncDispose]: () => server.stop(0),
  }
}

/** A tenant as tests need one. */
export function testTenant(id: string): Tenant {
  return { id, name: id, status: 'active', createdMs: 0 }
}

function tenantsOf(keys: readonly ApiKey[], people: Partial<Directory> = {}): Tenant[] {
  const { tenants = [] } = people
  const others = new Set(keys.map(({ tenantId }) => tenantId))
  for (const { id } of tenants) others.delete(id)
  others.delete(DEFAULT_TENANT_ID)
  return [...tenants, ...[...others].map(testTenant)]
}
