// A ClickHouse of the configuration in the words of the program, and the rules that no single node of the schema can hold.

import type { ClickHouseSettings } from '../core/clickhouse-settings.ts'
import { outboundNetwork, type NetworkDefaults } from '../core/network.ts'
import { toNetwork } from './catalog.ts'
import type { Unproven, ValueOf } from './node.ts'
import type { CLICKHOUSE } from './schema-clickhouse.ts'
import type { ProblemList } from './validate.ts'

type Values = ValueOf<typeof CLICKHOUSE>

/** How requests are sent to it; undefined where they are not. */
export function toClickHouse(
  settings: Values,
  network: NetworkDefaults,
): ClickHouseSettings | undefined {
  const { database, password = '', read, retention, table, url, user } = settings
  if (url === undefined) return undefined
  return {
    url,
    database,
    table,
    user,
    password,
    network: outboundNetwork(url, true, network, toNetwork(settings.network)),
    read,
    ...(retention === undefined ? {} : { retentionMs: retention }),
  }
}

/** What ClickHouse takes as a name without marks around it. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Adds a problem for every rule between keys that is broken. */
export function checkClickHouse(
  settings: Unproven<Values> | undefined,
  problems: ProblemList,
): void {
  for (const member of ['database', 'table'] as const) {
    const name = settings?.[member]
    if (name === undefined || NAME.test(name)) continue
    problems.add(`clickhouse.${member}`, 'has letters, digits and underscores alone')
  }
}
