// From surroundings and flags to one frozen configuration: find, read, interpolate, validate, add what the environment
// declares. Flags stand above the environment, that above the file, that above the defaults. It opens no store and no socket.

import { dirname, join } from 'node:path'
import type { Model, Provider } from '../core/catalog.ts'
import { classifyAddress } from '../core/address.ts'
import { asObject, type JsonObject } from '../core/json.ts'
import { type NetworkDefaults, withIssuerNetwork, withNetworkDefaults } from '../core/network.ts'
import { DEFAULT_BASE_URLS } from './base-urls.ts'
import { toApiKey, toModel, toNetwork, toProvider } from './catalog.ts'
import type {
  AuthConfig,
  Config,
  LoadedConfig,
  ServerConfig,
  SecretsConfig,
  StorageConfig,
} from './config.ts'
import {
  type Found,
  type FoundProvider,
  findInEnvironment,
  isDiscoveryOff,
  LOCAL_SERVERS,
  localServers,
} from './environment.ts'
import { withEnvironmentLimits } from './environment-limits.ts'
import { dataFolder } from './folders.ts'
import { foundModelSettings } from './found-model.ts'
import { type Interpolated, interpolate } from './interpolate.ts'
import { childPath, findLines, type KeyLines } from './lines.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { type ConfigDocument, findConfigFile, type FoundFile, readConfigFile } from './read.ts'
import { checkRules } from './rules.ts'
import { SCHEMA, type Settings } from './schema.ts'
import { toClickHouse } from './clickhouse.ts'
import { toTelemetry } from './telemetry.ts'
import { placeAmong, toBudgetRule, toIssuer, toLimitRule } from './team.ts'
import { toCache } from './schema-cache.ts'
import { toContentRule, toContentStore } from './schema-content.ts'
import { toFlagRules } from './schema-flags.ts'
import { toGuardrailRule } from './schema-guardrails.ts'
import { PROVIDER, type ProviderSettings } from './schema-provider.ts'
import { processSurroundings, type Surroundings, variable } from './surroundings.ts'
import { type Override, ProblemList, type SettingOrigin, validateSection } from './validate.ts'

/** As given on the command line, unread. */
export interface ConfigFlags {
  readonly config?: string
  readonly host?: string
  readonly port?: string
  readonly data?: string
}

export interface LoadOptions {
  readonly flags?: ConfigFlags
  readonly surroundings?: Surroundings
}

/**
 * Loads the configuration. Every file is read once.
 * @throws ConfigError with every problem found.
 */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const { flags = {}, surroundings = processSurroundings() } = options
  const found = findConfigFile(surroundings, flags.config)
  const document = found === undefined ? undefined : readConfigFile(found)
  const data = dataFolder(surroundings, flags.data)
  const read = readSettings(document, flags, surroundings)
  const settings = withPlaces(read.settings, data)
  const network: NetworkDefaults = {
    ...toNetwork(settings.network),
    isShared: classifyAddress(settings.server.host) !== 'loopback',
  }
  const providers: Provider[] = settings.providers.map((provider, index) =>
    withNetworkDefaults(toProvider(provider, providerOrigin(index, read)), network),
  )
  const clickhouse = toClickHouse(settings.clickhouse, network)
  const isOff = isDiscoveryOff(surroundings)
  const discovery = {
    environment: settings.discovery.environment && !isOff,
    local: settings.discovery.local && !isOff,
  }
  const config: Config = {
    ...(document === undefined ? {} : { file: document.path }),
    dataFolder: data,
    source: { settings, origins: read.origins },
    server: toServer(settings.server),
    storage: toStorage(settings.storage),
    secrets: toSecrets(settings.secrets),
    auth: toAuth(settings, network),
    content: settings.content.map(toContentRule),
    audit: settings.audit,
    contentStore: toContentStore(settings.content_store),
    limits: settings.limits.map((limit, index, all) =>
      toLimitRule(limit, placeAmong(all, index), read.origins.get(`limits[${index}].per`)),
    ),
    budgets: settings.budgets.map((budget, index, all) =>
      toBudgetRule(budget, placeAmong(all, index)),
    ),
    budgetLeases: {
      share: settings.budget_leases.share,
      expiresMs: settings.budget_leases.expires,
    },
    guardrails: settings.guardrails.map(toGuardrailRule),
    flags: toFlagRules(settings.flags),
    cache: toCache(settings.cache),
    discovery,
    network,
    redis: settings.redis.url === undefined ? {} : { url: settings.redis.url },
    providers,
    localCandidates: discovery.local
      ? validateFound(localServers(providers)).map((server) =>
          withNetworkDefaults(toProvider(server, 'environment'), network),
        )
      : [],
    models: settings.models.map((model, index): Model =>
      toModel(model, index < read.declaredModels ? 'file' : 'environment'),
    ),
    keys: settings.keys.map((key) => toApiKey(key, document?.modifiedMs ?? 0)),
    ...toTelemetry(settings, network),
    ...(clickhouse === undefined ? {} : { clickhouse }),
    ...(settings.update.url === undefined ? {} : { updateUrl: settings.update.url }),
  }
  return deepFreeze({
    config,
    warnings: [...shadowWarnings(found), ...read.found.warnings],
    inputs: document === undefined ? [] : [inputOf(document), ...read.files],
    settings,
    origins: read.origins,
    dataOrigin: dataOrigin(flags, surroundings),
  })
}

interface ReadSettings {
  /** Providers and models of the file, then those found. */
  readonly settings: Settings
  readonly declaredProviders: number
  readonly declaredModels: number
  readonly found: Found
  readonly origins: ReadonlyMap<string, SettingOrigin>
  readonly files: Interpolated['files']
}

/** The settings of a document and of what stands above it. @throws ConfigError with every problem found */
export function readSettings(
  document: ConfigDocument | undefined,
  flags: ConfigFlags,
  surroundings: Surroundings,
): ReadSettings {
  const folder = document === undefined ? surroundings.workingFolder : dirname(document.path)
  const lines = lazyLines(document)
  const problems = new ProblemList(document?.label, lines)
  const parts = interpolate(withoutEditorHint(document?.value), {
    environment: surroundings.environment,
    folder,
    report: (path, message) => problems.add(path, message),
  })
  // A document too deep or too large has been cut: what is left of it says nothing.
  if (parts.refused.has('')) throw new ConfigError(problems.list())
  for (const twice of lines()?.duplicates ?? []) {
    problems.add(twice.path, `stands here and again in line ${twice.line}`)
  }
  const origins = new Map<string, SettingOrigin>()
  const value = validateSection(SCHEMA, parts.value, '', {
    folder,
    platform: surroundings.platform,
    problems,
    references: parts.references,
    refused: parts.refused,
    overrides: findOverrides(flags, surroundings),
    origin: 'file',
    origins,
  })
  // Proven below: it is used as settings only when there was no problem.
  const settings = value as Settings
  const found = findUndeclared(settings, surroundings)
  checkRules(settings, {
    problems,
    has: (path) => origins.has(path) || parts.refused.has(path),
    foundProviders: knownIds(settings, found, surroundings),
  })
  if (problems.count > 0) throw new ConfigError(problems.list(), parts.wanted)
  return {
    settings: withEnvironmentLimits(withFound(settings, found, origins), origins, surroundings),
    declaredProviders: settings.providers.length,
    declaredModels: settings.models.length,
    found,
    origins,
    files: parts.files,
  }
}

/** `$schema` tells an editor where the schema is, and Weir nothing. */
function withoutEditorHint(value: unknown): JsonObject {
  const { $schema, ...rest } = asObject(value) ?? {}
  return typeof $schema === 'string' ? rest : (asObject(value) ?? {})
}

function lazyLines(document: ConfigDocument | undefined): () => KeyLines | undefined {
  let lines: KeyLines | undefined
  return () => {
    if (document !== undefined) lines ??= findLines(document.text, document.format)
    return lines
  }
}

function findOverrides(flags: ConfigFlags, surroundings: Surroundings): Map<string, Override> {
  const overrides = new Map<string, Override>()
  const set = (path: string, flag: keyof ConfigFlags | undefined, name: string) => {
    const flagged = flag === undefined ? undefined : flags[flag]
    const value = flagged ?? variable(surroundings, name)
    if (value === undefined) return
    if (flagged !== undefined) overrides.set(path, { value, origin: 'flag', label: `--${flag}` })
    else overrides.set(path, { value: value.trim(), origin: 'environment', label: name })
  }
  set('server.host', 'host', 'WEIR_HOST')
  set('server.port', 'port', 'WEIR_PORT')
  set('secrets.master_key', undefined, 'WEIR_MASTER_KEY')
  set('log.level', undefined, 'WEIR_LOG_LEVEL')
  return overrides
}

function findUndeclared(settings: Settings, surroundings: Surroundings): Found {
  const isOn = settings.discovery?.environment !== false && !isDiscoveryOff(surroundings)
  if (!isOn) return { providers: [], models: [], warnings: [] }
  const ids = new Set((settings.providers ?? []).map((provider) => provider?.id))
  return findInEnvironment(surroundings, ids)
}

function knownIds(settings: Settings, found: Found, surroundings: Surroundings): string[] {
  const isLocal = settings.discovery?.local !== false && !isDiscoveryOff(surroundings)
  const local = isLocal ? LOCAL_SERVERS : []
  return ['mock', ...found.providers.map((one) => one.id), ...local.map((one) => one.id)]
}

/** Adds what the environment declares, and `mock`, which is always there. */
function withFound(
  settings: Settings,
  found: Found,
  origins: Map<string, SettingOrigin>,
): Settings {
  const declared = settings.providers.length
  const isMocked = settings.providers.some((provider) => provider.id === 'mock')
  const extra = isMocked ? [] : [{ id: 'mock', type: 'mock' }]
  const providers = [
    ...settings.providers,
    ...validateFound(found.providers, declared, 'environment', origins),
    ...validateFound(extra, declared + found.providers.length, 'built-in', origins),
  ]
  const ids = new Set(settings.models.map((model) => model.id))
  const models = found.models.filter((model) => !ids.has(model.id)).map(foundModelSettings)
  for (const index of models.keys()) {
    for (const key of ['id', 'targets']) {
      origins.set(`models[${settings.models.length + index}].${key}`, 'environment')
    }
  }
  return { ...settings, providers, models: [...settings.models, ...models] }
}

/** Fills in the defaults of found providers; their parts were checked where they were found. */
function validateFound(
  found: readonly FoundProvider[],
  first = 0,
  origin: SettingOrigin = 'environment',
  origins = new Map<string, SettingOrigin>(),
): ProviderSettings[] {
  const problems = new ProblemList(origin)
  const context = {
    folder: '/',
    platform: process.platform,
    problems,
    references: new Map(),
    refused: new Set<string>(),
    overrides: new Map(),
    origin,
    origins,
  }
  const settings = found.map((provider, index) =>
    validateSection(PROVIDER, provider, childPath('providers', first + index), context),
  )
  if (problems.count > 0) throw new ConfigError(problems.list())
  return settings as unknown as ProviderSettings[]
}

function providerOrigin(index: number, read: ReadSettings): Provider['origin'] {
  if (index < read.declaredProviders) return 'file'
  const isFound = index < read.declaredProviders + read.found.providers.length
  return isFound ? 'environment' : 'built-in'
}

function toStorage(storage: PlacedSettings['storage']): StorageConfig {
  const { ca_file: caFile, connections, url } = storage
  if (url.startsWith('sqlite:')) return { engine: 'sqlite', file: url.slice('sqlite:'.length) }
  return { engine: 'postgres', url, connections, ...(caFile === undefined ? {} : { caFile }) }
}

function toSecrets(secrets: Settings['secrets']): SecretsConfig {
  const { command, keychain, master_key: masterKey, old_keys: oldKeys } = secrets
  return {
    oldKeys,
    keychain,
    ...(masterKey === undefined ? {} : { masterKey }),
    ...(command === undefined ? {} : { command }),
  }
}

function toAuth({ auth, storage }: PlacedSettings, network: NetworkDefaults): AuthConfig {
  // Where people log in, nobody is known by sitting at the same machine.
  const isTeam = auth.oidc.length > 0 || !storage.url.startsWith('sqlite:')
  return {
    anonymous: auth.anonymous ?? (isTeam ? 'never' : 'loopback'),
    local: auth.local,
    sessionIdleMs: auth.session.idle,
    sessionLifetimeMs: auth.session.lifetime,
    issuers: auth.oidc.map((issuer) => withIssuerNetwork(toIssuer(issuer), network)),
  }
}

function toServer(server: Settings['server']): ServerConfig {
  return {
    host: server.host,
    port: server.port,
    ...(server.public_url === undefined ? {} : { publicUrl: server.public_url }),
    trustedProxies: server.trusted_proxies,
    allowedHosts: server.allowed_hosts,
    allowedOrigins: server.allowed_origins,
    bodyBytesMax: server.max_body_size,
    bodyTimeoutMs: server.body_timeout,
    uploadBytesMax: server.max_upload_size,
    keepaliveIntervalMs: server.keepalive,
    drainTimeoutMs: server.drain_timeout,
    stopDelayMs: server.stop_delay,
    runningMax: server.max_concurrent,
    queueMax: server.queue,
    queueTimeoutMs: server.queue_timeout,
  }
}

type PlacedSettings = Omit<Settings, 'storage'> & {
  readonly storage: Settings['storage'] & { readonly url: string }
}

/** Fills in the defaults that no table can hold: they depend on the type of a provider and on the data folder. */
function withPlaces(settings: Settings, data: string): PlacedSettings {
  return {
    ...settings,
    storage: {
      ...settings.storage,
      url: settings.storage.url ?? `sqlite:${join(data, 'weir.db')}`,
    },
    providers: settings.providers.map((provider) => ({
      ...provider,
      base_url: provider.base_url ?? DEFAULT_BASE_URLS[provider.type],
    })),
  }
}

function inputOf(document: ConfigDocument): { path: string; hash: string } {
  return { path: document.path, hash: document.hash }
}

function dataOrigin(flags: ConfigFlags, surroundings: Surroundings): SettingOrigin {
  if (flags.data !== undefined) return 'flag'
  return variable(surroundings, 'WEIR_DATA') === undefined ? 'default' : 'environment'
}

function shadowWarnings(found: FoundFile | undefined): ConfigProblem[] {
  return (found?.shadowed ?? []).map((source) => ({
    source,
    path: '',
    message: `is not read, as ${found?.label} stands before it`,
  }))
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
  return value
}
