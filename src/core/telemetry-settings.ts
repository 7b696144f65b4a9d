// What is sent out about requests, where and how: the settings of traces and exports as the rest of the program sees them. Words alone;
// it holds secrets in clear, so it must never be logged.

import type { NetworkSettings } from './catalog.ts'

/** How one place that is sent to is reached and treated. */
export interface DeliverySettings {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly network: NetworkSettings
  /** Of one attempt. */
  readonly timeoutMs: number
  readonly batchRows: number
  readonly intervalMs: number
  readonly queueRowsMax: number
}

export interface TracingSettings {
  readonly delivery: DeliverySettings
  readonly protocol: 'protobuf' | 'json'
  /** Share of traces, 0 to 1. */
  readonly sample: number
  /** Whether the client's own decision stands. */
  readonly honourParent: boolean
  readonly keepErrors: boolean
  readonly keepSlowerThanMs?: number
  /** Whether providers are told the trace. */
  readonly propagate: boolean
  /** Whether what is kept of bodies is sent as well. */
  readonly content: boolean
  readonly serviceName: string
  readonly attributes: Readonly<Record<string, string>>
}

export type ExportType = 'webhook' | 'langfuse' | 'otlp-logs'

export interface ExportSettings {
  readonly id: string
  readonly type: ExportType
  readonly delivery: DeliverySettings
  /** Of a webhook: what its bodies are signed with. Never empty. */
  readonly secret?: string
  readonly protocol: 'protobuf' | 'json'
  readonly only: {
    readonly tenants?: readonly string[]
    /** Names or patterns with `*`. */
    readonly models?: readonly string[]
    readonly errors: boolean
  }
  readonly content: boolean
  readonly serviceName: string
  readonly attributes: Readonly<Record<string, string>>
}

/** How one place that is sent to fares. */
export interface SinkStatus {
  readonly id: string
  readonly type: 'traces' | 'clickhouse' | ExportType
  /** Without anything that could be a secret: scheme, host and path, of a webhook without its path. */
  readonly endpoint: string
  readonly queued: number
  readonly sent: number
  readonly dropped: number
  readonly failures: number
  readonly lastError?: string
  readonly lastErrorMs?: number
  readonly lastSentMs?: number
}
