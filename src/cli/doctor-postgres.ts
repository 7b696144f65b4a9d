// Whether the configured Postgres can be used as the store: reached, of a version that is supported, with the schema of this version,
// writable, its clock near ours. The password is in no message, and nothing is changed.

import { migrationsFolder } from '../assets.ts'
import type { Config } from '../config/config.ts'
import { LIMITS } from '../core/limits.ts'
import type { Logger } from '../core/ports.ts'
import { inspectPostgres, type InspectedPostgres } from '../storage/inspect-postgres.ts'
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
  const result = `${name}, PostgreSQL ${facts.version}`
  if (schema.done === 0) {
    return {
      found,
      isWhole: false,
      finding: { skipped: `${result}: the first start makes its tables` },
    }
  }
  const isWhole = schema.pending === 0
  const warning = postgresWarning(found, storage.connections)
  const finding: Finding = warning === undefined ? `${result}, schema current` : { result, warning }
  return { found, isWhole, finding }
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
