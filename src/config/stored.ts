// The settings that can be changed while the program runs: which they are, how a value is read that was written elsewhere than in the file,
// and the configuration with them in force. What the file, a variable or a flag says stands above them; nothing here reads a store.

import type { SettingValues } from '../core/ports.ts'
import type { TracingSettings } from '../core/telemetry-settings.ts'
import type { Config, ConfigSource } from './config.ts'
import { memberOf, nodeAt } from './setting-nodes.ts'
import { SCHEMA } from './schema.ts'
import { ProblemList, validateSection } from './validate.ts'
import type { ConfigProblem } from './problem.ts'

type Apply = (config: Config, value: never) => Config

/** `V` is what the schema makes of the value. */
function to<V>(apply: (config: Config, value: V) => Config): Apply {
  return apply as Apply
}

const server = <K extends keyof Config['server']>(name: K) =>
  to<Config['server'][K]>((config, value) => ({
    ...config,
    server: { ...config.server, [name]: value },
  }))

const auth = <K extends keyof Config['auth']>(name: K) =>
  to<Config['auth'][K]>((config, value) => ({ ...config, auth: { ...config.auth, [name]: value } }))

/** Where nothing is traced there is nothing to change: where it is sent to is said in the file alone. */
const tracing = <K extends keyof TracingSettings>(name: K) =>
  to<TracingSettings[K]>((config, value) =>
    config.tracing === undefined
      ? config
      : { ...config, tracing: { ...config.tracing, [name]: value } },
  )

const leases = <K extends keyof Config['budgetLeases']>(name: K) =>
  to<Config['budgetLeases'][K]>((config, value) => ({
    ...config,
    budgetLeases: { ...config.budgetLeases, [name]: value },
  }))

const cache = <K extends keyof Config['cache']>(name: K) =>
  to<Config['cache'][K]>((config, value) => ({
    ...config,
    cache: { ...config.cache, [name]: value },
  }))

const exact = <K extends keyof Config['cache']['exact']>(name: K) =>
  to<Config['cache']['exact'][K]>((config, value) => ({
    ...config,
    cache: { ...config.cache, exact: { ...config.cache.exact, [name]: value } },
  }))

const semantic = <K extends keyof Config['cache']['semantic']>(name: K) =>
  to<NonNullable<Config['cache']['semantic'][K]>>((config, value) => ({
    ...config,
    cache: { ...config.cache, semantic: { ...config.cache.semantic, [name]: value } },
  }))

/** By path. What is read anew for each request, or whenever the catalogue is, can be changed; what is bound or opened at the start cannot. */
const CHANGEABLE: Readonly<Record<string, Apply>> = {
  'log.requests': to<Config['log']['requests']>((config, requests) => ({
    ...config,
    log: { ...config.log, requests },
  })),
  'log.redact': to<Config['log']['redact']>((config, redact) => ({
    ...config,
    log: { ...config.log, redact },
  })),
  'log.retention': to<number>((config, retentionMs) => ({
    ...config,
    log: { ...config.log, retentionMs },
  })),
  'log.max_size': to<number>((config, bytesMax) => ({
    ...config,
    log: { ...config.log, bytesMax },
  })),
  'audit.content': to<Config['audit']['content']>((config, content) => ({
    ...config,
    audit: { ...config.audit, content },
  })),
  'log.level': to<Config['log']['level']>((config, level) => ({
    ...config,
    log: { ...config.log, level },
  })),
  'log.access': to<Config['log']['access']>((config, access) => ({
    ...config,
    log: { ...config.log, access },
  })),
  'tracing.sample': tracing('sample'),
  'tracing.keep_errors': tracing('keepErrors'),
  'tracing.keep_slower_than': tracing('keepSlowerThanMs'),
  'auth.anonymous': auth('anonymous'),
  'auth.session.idle': auth('sessionIdleMs'),
  'auth.session.lifetime': auth('sessionLifetimeMs'),
  'server.body_timeout': server('bodyTimeoutMs'),
  'server.keepalive': server('keepaliveIntervalMs'),
  'server.drain_timeout': server('drainTimeoutMs'),
  'server.stop_delay': server('stopDelayMs'),
  'server.max_concurrent': server('runningMax'),
  'server.queue': server('queueMax'),
  'server.queue_timeout': server('queueTimeoutMs'),
  'budget_leases.share': leases('share'),
  'budget_leases.expires': leases('expiresMs'),
  'cache.exact.enabled': exact('enabled'),
  'cache.exact.ttl': exact('ttlMs'),
  'cache.exact.max_entry_size': exact('entryBytesMax'),
  'cache.exact.max_size': exact('bytesMax'),
  'cache.semantic.enabled': semantic('enabled'),
  'cache.semantic.model': semantic('model'),
  'cache.semantic.threshold': semantic('threshold'),
  'cache.semantic.max_entries': semantic('entriesMax'),
  'cache.semantic.ttl': semantic('ttlMs'),
  'cache.scope': cache('scope'),
  'cache.tool_calls': cache('toolCalls'),
  'cache.only_deterministic': cache('onlyDeterministic'),
  'cache.coalesce': cache('coalesce'),
  'cache.coalesce_wait': cache('coalesceWaitMs'),
}

/** Paths of settings that can be changed while the program runs. */
export const CHANGEABLE_SETTINGS: readonly string[] = Object.keys(CHANGEABLE)

/** Whether a setting can be changed at all while the program runs. */
export function isChangeable(path: string): boolean {
  return Object.hasOwn(CHANGEABLE, path)
}

/** Whether the file, a variable or a flag has the last word. */
export function isDeclared(path: string, source: ConfigSource | undefined): boolean {
  return source?.origins.has(path) ?? false
}

/** A value as the schema reads it, or what is wrong with it. */
export function readSetting(
  path: string,
  value: unknown,
): { readonly value: unknown } | { readonly problem: ConfigProblem } {
  const problems = new ProblemList()
  const names = path.split('.')
  const document = names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)
  const read = validateSection(SCHEMA, document, '', {
    folder: '/',
    platform: 'linux',
    problems,
    references: new Map(),
    refused: new Set(),
    overrides: new Map(),
    origin: 'file',
    origins: new Map(),
  })
  // The rest of the document is not there, and nothing in it is required.
  const [problem] = problems.list()
  if (problem !== undefined) return { problem }
  return { value: names.reduce<unknown>(memberOf, read) }
}

/**
 * The configuration with what is stored in force, where nothing stands above it.
 * @param told about values that cannot be read any more, which are passed over
 */
export function withStoredSettings(
  config: Config,
  stored: SettingValues,
  told: (problem: ConfigProblem) => void = () => undefined,
): Config {
  let result = config
  for (const [path, value] of Object.entries(stored)) {
    const apply = Object.hasOwn(CHANGEABLE, path) ? CHANGEABLE[path] : undefined
    const node = nodeAt(path)
    if (apply === undefined || node === undefined || node.kind === 'section') continue
    if (isDeclared(path, config.source)) continue
    const read = readSetting(path, value)
    if ('problem' in read) told(read.problem)
    else result = apply(result, read.value as never)
  }
  return result
}
