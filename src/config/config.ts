// The configuration as the rest of Weir sees it: typed, complete, immutable. Durations are milliseconds, sizes bytes, paths
// absolute. It holds secrets in clear, so it must never be logged as a whole; `show.ts` masks.

import type { ApiKey, Model, Provider } from '../core/catalog.ts'
import type { NetworkDefaults } from '../core/network.ts'
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

export interface Config {
  /** Absolute path of the file; absent when there is none. */
  readonly file?: string
  readonly dataFolder: string
  readonly server: ServerConfig
  /** Absolute path of the SQLite file. */
  readonly storage: { readonly file: string }
  /** Absent: the key file in the data folder. */
  readonly secrets: { readonly masterKey?: string }
  readonly auth: { readonly anonymous: 'loopback' | 'never' }
  /** As in force: the environment's switch is already applied. */
  readonly discovery: { readonly environment: boolean; readonly local: boolean }
  /** For providers that the store declares; those below have it already. */
  readonly network: NetworkDefaults
  readonly redis: { readonly url?: string }
  /** Of the file, then of the environment, then `mock`. */
  readonly providers: readonly Provider[]
  /** Local servers to be asked for in the background, and added when they answer. */
  readonly localCandidates: readonly Provider[]
  readonly models: readonly Model[]
  readonly keys: readonly ApiKey[]
  readonly log: {
    readonly requests: 'metadata' | 'content' | 'none'
    readonly level: 'debug' | 'info' | 'warn' | 'error'
    readonly format: 'auto' | 'json' | 'pretty'
  }
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
