// Whether the configured Postgres can be used as the store: reached, of a version that is supported, with the schema of this version,
// writable, its clock near ours. The password is in no message, and nothing is changed.

import { migrationsFolder } from '../assets.ts'
import type { Config } from '../config/config.ts'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import {
  inspectPostgres,
  inspectServers,
  type InspectedPostgres,
  type InspectedServer,
} from '../storage/inspect-postgres.ts'
import { systemClock } from '../system.ts'
import type { Finding } from './doctor-steps.ts'
import { counted, formatMs } from './format.ts'
import type { Advice } from './provider-advice.ts'

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** What was found, and the words for it. */
export interface PostgresReport {
  readonly found: InspectedPostgres
  readonly finding: Finding
  /** It can be read as it is. */
  readonly isWhole: boolean
}

/** @throws StorageError in words for the operator when it cannot be used */
export async function postgresReport(
  storage: Extract<Config['storage'], { engine: 'postgres' }>,
): Promise<PostgresReport> {
  const { nowMs } = systemClock
  const found = await inspectPostgres(storage, migrationsFolder, { logger: SILENT, nowMs })
  const { facts, name, schema } = found
  const servers = await inspectServers(storage, SILENT)
  const result = `${name}, PostgreSQL ${facts.version}${serversText(servers)}`
  if (schema.done === 0) {
    return {
      found,
      isWhole: false,
      finding: { skipped: `${result}: the first start makes its tables` },
    }
  }
  const isWhole = schema.pending === 0
  const warning = postgresWarning(found, storage.connections) ?? serversWarning(servers)
  const finding: Finding = warning === undefined ? `${result}, schema current` : { result, warning }
  return { found, isWhole, finding }
}

/** Which of several servers is what; nothing where there is one. */
function serversText(servers: readonly InspectedServer[]): string {
  if (servers.length < 2) return ''
  return `, ${servers.map(({ name, state }) => `${name} is ${STATES[state]}`).join(', ')}`
}

const STATES: Readonly<Record<InspectedServer['state'], string>> = {
  primary: 'the primary',
  standby: 'a standby',
  unreachable: 'not reached',
}

/** What should be known about several servers. */
export function serversWarning(servers: readonly InspectedServer[]): Advice | undefined {
  if (servers.length < 2) return undefined
  // Two ways to one server, through a pair of proxies, are one.
  const primaries = servers.filter(
    ({ started, state }, at) =>
      state === 'primary' &&
      (started === undefined || servers.findIndex((each) => each.started === started) === at),
  )
  if (primaries.length > 1) {
    return {
      reason: `${primaries.map(({ name }) => name).join(' and ')} both take changes: what is written to one is not on the other`,
      todo: 'Stop the one that is not the primary any more, and make it a standby of the other before it starts again.',
    }
  }
  const gone = servers.filter(({ state }) => state === 'unreachable')
  if (gone.length === 0) return undefined
  return {
    reason: `${gone.map(({ name, reason }) => `${name}${reason === undefined ? '' : ` (${reason})`}`).join(' and ')} could not be asked: nothing can take the primary's place there`,
    todo: 'Start it as a standby of the primary, or take it out of storage.url.',
  }
}

/** What should be known about a database that can be used, the worst first. @param connections as they are configured */
export function postgresWarning(
  found: Pick<InspectedPostgres, 'clockSkewMs' | 'facts' | 'schema'>,
  connections: number,
): Advice | undefined {
  const { clockSkewMs, facts, schema } = found
  if (schema.pending > 0) {
    return {
      reason: `its schema is ${counted(schema.pending, 'step')} behind this version`,
      todo: 'The next start takes them; make a backup before. Providers of the store are not tried until then.',
    }
  }
  if (facts.isReadOnly) {
    return {
      reason: 'it is read-only: nothing can be changed or recorded',
      todo: 'Point storage.url at the primary server.',
    }
  }
  if (Math.abs(clockSkewMs) > LIMITS.postgresClockSkewMs) {
    const way = clockSkewMs > 0 ? 'ahead of' : 'behind'
    return {
      reason: `the clock of this machine is ${formatMs(Math.abs(clockSkewMs))} ${way} its`,
      todo: 'Set both by NTP: expiry of keys and windows of limits and budgets go by them.',
    }
  }
  if (connections > facts.connectionsMax) {
    return {
      reason: `storage.connections is ${connections}, and the server allows ${facts.connectionsMax} to all its clients`,
      todo: 'Lower storage.connections, or raise max_connections of the server.',
    }
  }
  return undefined
}
