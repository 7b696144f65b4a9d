// A provider's bill or usage export (CSV) against what was counted here, by day and model. Columns are found by the names of their heads,
// so that exports of several providers and years are read; what is not there is not compared. Pure.

import { NANO_PER_USD } from './nano-usd.ts'
import type { UsageRow } from './ports-money.ts'

/** One line of a bill, of one day and model. */
export interface BillLine {
  /** `2026-11-21`, UTC. */
  readonly day: string
  /** As the bill names it; empty where it does not. */
  readonly model: string
  /** Whole nano-dollars. */
  readonly nanoUsd?: number
  readonly tokens?: number
}

export interface Bill {
  readonly lines: readonly BillLine[]
  /** Lines without a day that can be read, or in another currency. */
  readonly skipped: number
  readonly hasCost: boolean
  readonly hasTokens: boolean
  readonly hasModel: boolean
}

/** One day and model on both sides. */
export interface BillDifference {
  readonly day: string
  readonly model: string
  readonly ours: { readonly nanoUsd: number; readonly tokens: number }
  /** Absent members are not told by the bill. */
  readonly theirs: { readonly nanoUsd?: number; readonly tokens?: number }
}

/** The file cannot be compared, in words for the person who has it. */
export class BillError extends Error {}

/** Heads by what they hold; the first that is there counts. OpenAI: `start_time_iso`, `amount_value`, `line_item`; Anthropic: `usage_date_utc`, `model`, `cost_usd`, `usage_input_tokens_no_cache`. */
const DAYS = [
  'usage_date_utc',
  'start_time_iso',
  'date',
  'day',
  'usage_date',
  'usagedate',
  'start_time',
  'timestamp',
]
const MODELS = [
  'model',
  'model_version',
  'model_name',
  'line_item',
  'meter',
  'meter_name',
  'product',
]
const COSTS = [
  'cost_usd',
  'amount_value',
  'cost_in_usd',
  'cost',
  'amount',
  'amount_usd',
  'total_cost',
  'spend',
]
const CURRENCIES = ['amount_currency', 'currency', 'billing_currency']
/** Every one that is there is added up. */
const TOKENS = [
  'tokens',
  'total_tokens',
  'usage_input_tokens_no_cache',
  'usage_input_tokens_cache_write_5m',
  'usage_input_tokens_cache_write_1h',
  'usage_input_tokens_cache_read',
  'usage_output_tokens',
  'input_tokens',
  'output_tokens',
  'prompt_tokens',
  'completion_tokens',
  'n_context_tokens_total',
  'n_generated_tokens_total',
]

/** Reads a bill. @throws BillError where no day, or neither money nor tokens, can be found */
export function readBill(text: string): Bill {
  const [heads, ...rows] = parseCsv(text)
  const names = (heads ?? []).map((name) =>
    name
      .trim()
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '_'),
  )
  const place = (candidates: readonly string[]) =>
    candidates.map((name) => names.indexOf(name)).find((at) => at >= 0)
  const day = place(DAYS)
  const model = place(MODELS)
  const cost = place(COSTS)
  const currency = place(CURRENCIES)
  const tokens = TOKENS.map((name) => names.indexOf(name)).filter((at) => at >= 0)
  if (day === undefined)
    throw new BillError(`no column with the day (${DAYS.slice(0, 4).join(', ')})`)
  if (cost === undefined && tokens.length === 0) {
    throw new BillError(`no column with money (${COSTS.slice(0, 4).join(', ')}) or tokens`)
  }
  let skipped = 0
  const lines: BillLine[] = []
  for (const row of rows) {
    const at = dayOf(row[day] ?? '')
    const isDollars = currency === undefined || /^(usd|\$|)$/i.test((row[currency] ?? '').trim())
    if (at === undefined || !isDollars) {
      skipped += 1
      continue
    }
    const nanoUsd = cost === undefined ? undefined : nanoOf(row[cost] ?? '')
    const counts = tokens.map((column) => countOf(row[column] ?? ''))
    lines.push({
      day: at,
      model: model === undefined ? '' : (row[model] ?? '').trim(),
      ...(nanoUsd === undefined ? {} : { nanoUsd }),
      ...(tokens.length === 0 ? {} : { tokens: counts.reduce((sum, one) => sum + one, 0) }),
    })
  }
  return {
    lines,
    skipped,
    hasCost: cost !== undefined,
    hasTokens: tokens.length > 0,
    hasModel: model !== undefined,
  }
}

/** Ours and theirs by day and model, in that order. @param ours grouped by day and by the provider's model */
export function compareBill(bill: Bill, ours: readonly UsageRow[]): BillDifference[] {
  interface Both {
    readonly day: string
    model: string
    ours: { nanoUsd: number; tokens: number }
    theirs: { nanoUsd?: number; tokens?: number }
  }
  const both = new Map<string, Both>()
  const at = (day: string, model: string) => {
    const key = `${day} ${bill.hasModel ? modelKey(model) : ''}`
    let found = both.get(key)
    if (found === undefined) {
      found = {
        day,
        model: bill.hasModel ? model : '',
        ours: { nanoUsd: 0, tokens: 0 },
        theirs: {},
      }
      both.set(key, found)
    }
    return found
  }
  for (const line of bill.lines) {
    const { theirs } = at(line.day, line.model)
    if (line.nanoUsd !== undefined) theirs.nanoUsd = (theirs.nanoUsd ?? 0) + line.nanoUsd
    if (line.tokens !== undefined) theirs.tokens = (theirs.tokens ?? 0) + line.tokens
  }
  for (const row of ours) {
    const [day, model] = row.group
    const tokens = row.inputTokens + row.cacheReadTokens + row.cacheWriteTokens + row.outputTokens
    // What nobody was asked for is on no bill.
    if (tokens === 0 && row.costNanoUsd === 0) continue
    const entry = at(new Date(Number(day)).toISOString().slice(0, 10), String(model ?? ''))
    // The names that requests were asked by are the ones people know here.
    entry.model = bill.hasModel ? String(model ?? '') : ''
    entry.ours.nanoUsd += row.costNanoUsd
    entry.ours.tokens += tokens
  }
  return [...both.values()].toSorted((a, b) =>
    a.day === b.day ? (a.model < b.model ? -1 : 1) : a.day < b.day ? -1 : 1,
  )
}

/**
 * What is the same in two names of one model: `Claude Haiku 4.5` and `claude-haiku-4-5-20251001`, `gpt-4o-2024-08-06, input` and
 * `gpt-4o`. Words in any order, without dates and without the kind of token behind a comma.
 */
export function modelKey(name: string): string {
  const bare = name
    .toLowerCase()
    .replace(/,.*$/, '')
    .replace(/^.*\//, '')
    .replace(/[-@ ]?(?:\d{4}-\d{2}-\d{2}|20\d{6})$/, '')
  return bare
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && word !== 'latest')
    .toSorted()
    .join('-')
}

/** A date or time as its day in UTC; seconds or milliseconds since 1970 too. */
function dayOf(text: string): string | undefined {
  const trimmed = text.trim()
  if (/^\d{10}$|^\d{13}$/.test(trimmed)) {
    return new Date(Number(trimmed) * (trimmed.length === 10 ? 1_000 : 1))
      .toISOString()
      .slice(0, 10)
  }
  // A day is a day, wherever it is read.
  const plain = /^(\d{4}-\d{2}-\d{2})(?:[ T]00:00(?::00)?(?:\.0+)?(?:Z|\+00:?00)?)?$/.exec(trimmed)
  if (plain !== null) return plain[1]
  if (!/^\d{4}-\d{2}-\d{2}/.test(trimmed)) return undefined
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/.test(trimmed) ? trimmed : `${trimmed.replace(' ', 'T')}Z`
  const timeMs = Date.parse(zoned)
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs).toISOString().slice(0, 10)
}

/** Dollars as whole nano-dollars; undefined for what is no amount. Bills may hold credits, which are below zero. */
function nanoOf(text: string): number | undefined {
  const clean = text.trim().replaceAll(/[$,\s]/g, '')
  if (!/^-?\d*\.?\d+(?:e-?\d+)?$/i.test(clean)) return undefined
  const nano = Math.round(Number(clean) * NANO_PER_USD)
  return Number.isSafeInteger(nano) ? nano : undefined
}

function countOf(text: string): number {
  const clean = text.trim().replaceAll(/[,_\s]/g, '')
  const value = /^\d{1,15}(?:\.0+)?$/.test(clean) ? Number(clean) : 0
  return Number.isSafeInteger(value) ? value : 0
}

/** Rows of a CSV text (RFC 4180); commas, or semicolons where the first line has no comma. Blank lines are passed over. */
export function parseCsv(text: string): string[][] {
  const start = text.startsWith('\ufeff') ? 1 : 0
  const firstLine = text.slice(start, start + 10_000).split(/\r?\n/, 1)[0] ?? ''
  const separator = firstLine.includes(',') ? ',' : firstLine.includes(';') ? ';' : '\t'
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let isQuoted = false
  const endRow = () => {
    row.push(cell)
    cell = ''
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at]!
    if (isQuoted) {
      if (sign !== '"') cell += sign
      else if (text[at + 1] === '"') {
        cell += '"'
        at += 1
      } else isQuoted = false
    } else if (sign === '"' && cell === '') isQuoted = true
    else if (sign === separator) {
      row.push(cell)
      cell = ''
    } else if (sign === '\n') endRow()
    else if (sign !== '\r') cell += sign
  }
  endRow()
  return rows
}
