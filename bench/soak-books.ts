// What the executable wrote down, held against what clients and the provider saw: one row for each request, its usage, its money, and
// the budget that was spent. Read once it has stopped, since only then all of it must be there.

import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { INPUT_TOKENS } from './soak-plan.ts'
import type { Told } from './soak-client.ts'

/** Nano-dollars for one token, as PRICE says it in US dollars for a million. */
const NANO_PER_INPUT = 1_000
const NANO_PER_OUTPUT = 10_000
export const PRICE = { input: 1, output: 10 }

interface Row {
  readonly request_id: string
  readonly status: number
  readonly error_kind: string | null
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cost_nano_usd: number | null
}

/** How many rows there are so far. */
export function rowsSoFar(dataFolder: string): number {
  const database = new Database(join(dataFolder, 'weir-log.db'), { readonly: true })
  try {
    database.run('PRAGMA busy_timeout = 2000')
    const row = database
      .query<{ count: number }, []>('SELECT count(*) AS count FROM requests')
      .get()
    return row?.count ?? 0
  } finally {
    database.close()
  }
}

export interface Books {
  readonly rows: number
  readonly outputTokens: number
  readonly nanoUsd: number
  /** Spent of the budget of the key that has one. */
  readonly spentNanoUsd: number
  readonly problems: readonly string[]
}

export function nanoUsdOf(outputTokens: number): number {
  return INPUT_TOKENS * NANO_PER_INPUT + outputTokens * NANO_PER_OUTPUT
}

/** @param purse letters that the nonces of the key with a budget begin with */
export function audit(dataFolder: string, told: readonly Told[], purse: string): Books {
  const database = new Database(join(dataFolder, 'weir-log.db'), { readonly: true })
  const rows = database
    .query<Row, []>(
      'SELECT request_id, status, error_kind, input_tokens, output_tokens, cost_nano_usd FROM requests',
    )
    .all()
  const spent = database
    .query<{ spent: number | null }, []>('SELECT sum(spent_nano_usd) AS spent FROM budget_windows')
    .get()
  database.close()
  const problems = new Problems()
  const byId = new Map<string, Row[]>()
  for (const row of rows) {
    const known = byId.get(row.request_id)
    if (known === undefined) byId.set(row.request_id, [row])
    else known.push(row)
  }
  let purseNanoUsd = 0
  for (const each of told) {
    const found = byId.get(each.requestId) ?? []
    byId.delete(each.requestId)
    const [row] = found
    if (found.length > 1) problems.add('requests with more than one row', each.requestId)
    if (row === undefined) {
      // Who leaves with the request still on its way may never have asked.
      const mayLack = each.bytes === 0 && each.outcome === 'left'
      if (!mayLack) problems.add('requests without a row', `${each.requestId} (${each.outcome})`)
      continue
    }
    const fault = rowFault(each, row)
    if (fault !== undefined) problems.add(fault, `${each.requestId}: ${JSON.stringify(row)}`)
    if (each.errand.plan.nonce.startsWith(purse)) purseNanoUsd += row.cost_nano_usd ?? 0
  }
  for (const id of byId.keys()) problems.add('rows of no request', id)
  const spentNanoUsd = spent?.spent ?? 0
  if (spentNanoUsd !== purseNanoUsd) {
    problems.add('budgets that do not reconcile', `${spentNanoUsd} spent, rows say ${purseNanoUsd}`)
  }
  const sum = (read: (row: Row) => number | null) =>
    rows.reduce((total, row) => total + (read(row) ?? 0), 0)
  return {
    rows: rows.length,
    outputTokens: sum((row) => row.output_tokens),
    nanoUsd: sum((row) => row.cost_nano_usd),
    spentNanoUsd,
    problems: problems.lines(),
  }
}

/** What is wrong with the row of one request. */
function rowFault(each: Told, row: Row): string | undefined {
  if (each.outcome === 'right') {
    if (row.error_kind !== null || row.status !== 200)
      return 'right answers with a row that says otherwise'
    const { pieces } = each.errand.plan
    if (row.output_tokens !== pieces || row.input_tokens !== INPUT_TOKENS) {
      return 'rows whose usage is not what the provider told'
    }
    if (row.cost_nano_usd !== nanoUsdOf(pieces)) return 'rows whose cost is wrong'
  }
  if (each.outcome === 'told' || each.outcome === 'refused') {
    if (row.error_kind === null) return 'errors with a row that tells none'
  }
  return undefined
}

class Problems {
  private readonly found = new Map<string, { count: number; example: string }>()

  add(name: string, example: string): void {
    const known = this.found.get(name)
    if (known === undefined) this.found.set(name, { count: 1, example })
    else known.count += 1
  }

  lines(): string[] {
    return [...this.found].map(([name, { count, example }]) => `${count} ${name}: ${example}`)
  }
}
