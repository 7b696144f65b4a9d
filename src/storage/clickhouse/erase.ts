// Deletes one person's requests at a ClickHouse. Their rows go whole, whatever the store keeps of them as figures: a line there holds its request
// in one piece. It waits until the server has done it, as an erasure is told of as done. What a legal hold keeps stays.

import { GatewayError } from '../../core/error.ts'
import type { Erasure, Hold } from '../../core/content.ts'
import { LIMITS } from '../../core/limits.ts'
import { heldCondition } from '../held-rows.ts'
import { literal, type ClickHouseClient } from './client.ts'

const COLUMNS = { user: 'user_id', key: 'api_key_id' } as const satisfies Record<
  Erasure['kind'],
  string
>

/**
 * Resolves to the number of rows that a hold keeps.
 * @throws GatewayError `storage_unavailable` where it is not done in time, or what the client throws: it is to be asked again then
 */
export async function eraseAtClickHouse(
  client: ClickHouseClient,
  table: string,
  { kind, subject, tenantId }: Pick<Erasure, 'kind' | 'subject' | 'tenantId'>,
  holds: readonly Hold[] = [],
): Promise<number> {
  const person = `tenant_id = ${literal(tenantId)} AND ${COLUMNS[kind]} = ${literal(subject)}`
  const held = heldCondition(
    holds.filter((hold) => hold.tenantId === tenantId),
    literal,
  )
  const going = held === undefined ? person : `${person} AND NOT ${held}`
  const count = async (from: string) => {
    const statement = `SELECT count() AS n FROM ${from}`
    return Number((await client.rows<{ n: number }>(statement, LIMITS.clickhouseQueryMs))[0]?.n)
  }
  if (!(await isThere(client, table))) return 0
  const left = () => count(`${table} WHERE ${going}`)
  if ((await left()) > 0) {
    // A deletion that takes longer than anybody waits for it is not begun again: each writes all of its parts anew.
    const isRunning = await count(
      `system.mutations WHERE is_done = 0 AND database = ${literal(client.database)} AND table = ${literal(table)} AND position(command, ${literal(literal(subject))}) > 0`,
    )
    if (isRunning === 0) {
      await client.run(`ALTER TABLE ${table} DELETE WHERE ${going}`, LIMITS.clickhouseTimeoutMs)
    }
    await until(async () => (await left()) === 0)
  }
  return held === undefined ? 0 : await count(`${table} FINAL WHERE ${person}`)
}

/** Nobody has sent anything yet: there is nothing to be deleted. */
async function isThere(client: ClickHouseClient, table: string): Promise<boolean> {
  const statement = `SELECT name FROM system.tables WHERE database = ${literal(client.database)} AND name = ${literal(table)}`
  return (await client.rows(statement, LIMITS.clickhouseQueryMs)).length > 0
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < LIMITS.clickhouseErasureMs; waitedMs += POLL_MS) {
    if (await isDone()) return
    await Bun.sleep(POLL_MS)
  }
  throw new GatewayError('storage_unavailable', { message: 'ClickHouse is still deleting.' })
}

const POLL_MS = 250
