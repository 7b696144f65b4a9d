// Whether the configured ClickHouse answers, takes the credential and has the database. Nothing is made there; the password is in no message.

import type { ClickHouseSettings } from '../core/clickhouse-settings.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import { ClickHouseClient, ClickHouseRefusal, literal } from '../storage/clickhouse/client.ts'
import { systemClock } from '../system.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { type Finding, StepFailure, unreached } from './doctor-steps.ts'

/** @throws StepFailure when it does not answer or refuses */
export async function clickHouseFinding(
  settings: ClickHouseSettings | undefined,
): Promise<Finding> {
  if (settings === undefined) return { skipped: 'none configured' }
  const { database, table, url, user } = settings
  const { origin } = new URL(url)
  const transport = createTransport(systemClock, new SharedDeadlines(systemClock))
  const client = new ClickHouseClient(settings, transport)
  try {
    const [found] = await client.rows<{ version: string; tables: number }>(
      `SELECT version() AS version, (SELECT count() FROM system.tables WHERE database = ${literal(database)} AND name = ${literal(table)}) AS tables`,
      LIMITS.probeAnswerTimeoutMs,
    )
    const state =
      Number(found?.tables) > 0
        ? `${database}.${table} is there`
        : `${database}.${table} will be made`
    return `${origin} answers as ${user} (ClickHouse ${String(found?.version)}); ${state}`
  } catch (error) {
    if (error instanceof ClickHouseRefusal) {
      throw new StepFailure({
        reason: `${origin} refuses ${user} (status ${error.status}, code ${error.code ?? 'unknown'})`,
        todo: 'Check user, password and database in `clickhouse`, and what the user may do there. Until then rows wait on disk.',
      })
    }
    if (!(error instanceof GatewayError)) throw error
    throw new StepFailure({
      reason: `${origin} ${unreached(error)}`,
      todo: 'Check clickhouse.url and the firewall. Until it answers, rows wait on disk.',
    })
  }
}
