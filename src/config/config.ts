// The configuration as the rest of Weir sees it: typed, complete, immutable. Durations are milliseconds, sizes bytes, paths
// absolute. It holds secrets in clear, so it must never be logged as a whole; `show.ts` masks.

import type { CacheSettings } from '../core/answer-cache.ts'
import type { ApiKey, Model, Provider } from '../core/catalog.ts'
import type {
  AuditContents,
  ContentKeep,
  ContentRule,
  ContentStoreSettings,
  Redaction,
} from '../core/content.ts'
import type { FlagRule } from '../core/flags.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import type { ClickHouseSettings } from '../core/clickhouse-settings.ts'
import type { IssuerSettings } from '../core/issuer.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import type { NetworkDefaults } from '../core/network.ts'
import type { ExportSettings, TracingSettings } from '../core/telemetry-settings.ts'
import type { ReadFile } from './read.ts'
import type { Settings } from './schema.ts'
import type { ConfigProblem } from './problem.ts'
import type { SettingOrigin } from './validate.ts'

export interface ServerConfig {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Without a slash at its end. */
  readonly publicUrl?: string
  /** Addresses and CIDR blocks, readable by `parseAddressRange`. */
  readonly trustedProxies: readonly string[]
  /** Lower case, without ports; `*.` in front takes any subdomain. */
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly bodyBytesMax: number
  readonly bodyTimeoutMs: number
  readonly uploadBytesMax: number
  readonly keepaliveIntervalMs: number
  readonly drainTimeoutMs: number
  readonly stopDelayMs: number
  readonly runningMax: number
  readonly queueMax: number
  readonly queueTimeoutMs: number
}

export type StorageConfig =
  | {
      readonly engine: 'sqlite'
      /** Absolute path of the control database. */
      readonly file: string
    }
  | {
      readonly engine: 'postgres'
      /** Holds a password. */
      readonly url: string
      readonly connections: number
      readonly caFile?: string
    }

export interface SecretsConfig {
  readonly masterKey?: string
  readonly oldKeys: readonly string[]
  /** A program and its arguments. */
  readonly command?: readonly string[]
  readonly keychain: boolean
}

export interface AuthConfig {
  /** As in force: what is not set follows from the rest. */
  readonly anonymous: 'loopback' | 'never'
  readonly local: boolean
  readonly sessionIdleMs: number
  readonly sessionLifetimeMs: number
  readonly issuers: readonly IssuerSettings[]
}

export interface Config {
  /** Absolute path of the file; absent when there is none. */
  readonly file?: string
  readonly dataFolder: string
  /** For whoever shows settings; absent where nobody made it of a file, flags and defaults. */
  readonly source?: ConfigSource
  readonly server: ServerConfig
  readonly storage: StorageConfig
  /** Without a master key, a command or the keychain: the key file in the data folder. */
  readonly secrets: SecretsConfig
  readonly auth: AuthConfig
  /** What is kept of whose requests; they hold in every tenant. */
  readonly content: readonly ContentRule[]
  /** Absent: bodies lie in the store alone. */
  readonly contentStore?: ContentStoreSettings | undefined
  readonly limits: readonly LimitRule[]
  readonly budgets: readonly BudgetRule[]
  /** In the order in which they are asked; they hold for every tenant. */
  readonly guardrails: readonly GuardrailRule[]
  /** What the file says of feature flags, in the order in which it is asked. */
  readonly flags: readonly FlagRule[]
  /** Absent: no request is traced. */
  readonly tracing?: TracingSettings
  readonly exports: readonly ExportSettings[]
  /** Absent: none. */
  readonly clickhouse?: ClickHouseSettings
  /** How replicas share budgets. */
  readonly budgetLeases: { readonly share: number; readonly expiresMs: number }
  readonly cache: CacheSettings
  /** As in force: the environment's switch is already applied. */
  readonly discovery: { readonly environment: boolean; readonly local: boolean }
  /** For providers that the store declares; those below have it already. */
  readonly network: NetworkDefaults
  readonly redis: { readonly url?: string }
  /** Where `weir update --check` asks, and nothing else. */
  readonly updateUrl?: string
  /** Of the file, then of the environment, then `mock`. */
  readonly providers: readonly Provider[]
  /** Local servers to be asked for in the background, and added when they answer. */
  readonly localCandidates: readonly Provider[]
  readonly models: readonly Model[]
  readonly keys: readonly ApiKey[]
  readonly audit: { readonly content: AuditContents }
  readonly log: {
    readonly requests: ContentKeep
    /** Taken out of whatever is kept. */
    readonly redact: readonly Redaction[]
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'pretty'
    /** Which requests are printed, a line each; as in force. */
    readonly access: 'none' | 'errors' | 'all'
    /** Absent: for ever. */
    readonly retentionMs?: number
    /** Of the request log's database. Absent: any. */
    readonly bytesMax?: number
  }
}

/** What a configuration was made of, by the names of the file; it holds secrets in clear as well. */
export interface ConfigSource {
  readonly settings: Settings
  /** Of each value that is not a default. */
  readonly origins: ReadonlyMap<string, SettingOrigin>
}

export interface LoadedConfig {
  readonly config: Config
  /** What could be overlooked and should be told: unusable variables, a second file. */
  readonly warnings: readonly ConfigProblem[]
  /** Every file it was made of, the configuration file first. */
  readonly inputs: readonly ReadFile[]
  /** The same settings by the names of the file, for `config show`. */
  readonly settings: Settings
  /** Of each value that is not a default. */
  readonly origins: ReadonlyMap<string, SettingOrigin>
  readonly dataOrigin: SettingOrigin
}
