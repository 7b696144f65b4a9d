// How requests are sent to a ClickHouse, and whether they are read from there: what the configuration says and the store goes by. Data alone.

import type { NetworkSettings } from './catalog.ts'

export interface ClickHouseSettings {
  /** Without query and credentials. */
  readonly url: string
  readonly database: string
  readonly table: string
  readonly user: string
  /** A secret; empty: none. */
  readonly password: string
  readonly network: NetworkSettings
  /** Whether pages, counts, charts and reports of usage are asked there. */
  readonly read: boolean
  /** Months whose last request is older are dropped; absent: none. */
  readonly retentionMs?: number
}
