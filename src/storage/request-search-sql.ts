// What a filter of the request log is in SQL: over the rows, over the hourly totals as hours in which there may be rows of it, and as a
// number where the totals know it exactly. It only makes text with parameters; who asks it, and how much of it, is the searches'.

import { statusRange, type RequestSearchFilter } from '../core/ports-requests.ts'
import type { SearchReader, SearchValue } from './search-reader.ts'
import { IS_NAMED } from './usage-reconcile.ts'

export type Engine = SearchReader['engine']

/** A text that grows, and its parameters. */
export class SearchText {
  readonly values: SearchValue[] = []
  readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** The place of a parameter. */
  value(value: SearchValue): string {
    this.values.push(value)
    return `${this.engine === 'sqlite' ? '?' : '$'}${this.values.length}`
  }
}

/** A column that holds a text or nothing, and what is asked of it; `''` asks for nothing. */
function same(text: SearchText, column: string, asked: string | undefined): string[] {
  if (asked === undefined) return []
  return asked === '' ? [`COALESCE(${column}, '') = ''`] : [`${column} = ${text.value(asked)}`]
}

function least(text: SearchText, column: string, asked: number | undefined): string[] {
  return asked === undefined ? [] : [`${column} >= ${text.value(asked)}`]
}

function whether(condition: string, asked: boolean | undefined): string[] {
  if (asked === undefined) return []
  return [asked ? condition : `NOT (${condition})`]
}

/** The conditions of a filter over rows, without those of time and tenant. */
export function rowConditions(text: SearchText, filter: RequestSearchFilter): string[] {
  const { engine } = text
  const { maxCostNanoUsd, model, status, stream } = filter
  return [
    ...same(text, 'api_key_id', filter.keyId),
    ...same(text, 'user_id', filter.userId),
    ...same(text, 'team_id', filter.teamId),
    ...same(text, 'service_id', filter.serviceId),
    ...same(text, 'provider_id', filter.providerId),
    ...same(text, 'error_kind', filter.errorKind),
    ...same(text, 'finish', filter.finish),
    ...same(text, 'trace_id', filter.traceId),
    ...same(text, 'operation', filter.operation),
    ...same(text, 'client_format', filter.clientFormat),
    ...same(text, 'mode', filter.mode),
    ...same(text, 'request_id', filter.requestId),
    ...same(text, 'log_id', filter.logId),
    ...(model === undefined ? [] : [modelCondition(text, model)]),
    ...(status === undefined ? [] : [statusCondition(text, status)]),
    ...(stream === undefined ? [] : [`stream = ${text.value(stream)}`]),
    ...whether(engine === 'sqlite' ? "losses <> '[]'" : "losses <> '[]'::jsonb", filter.hasLosses),
    ...verdictConditions(text, filter),
    ...same(text, CACHE_STATE[engine], filter.cacheState),
    ...whether(`${ATTEMPTS[engine]} > 1`, filter.hasFallback),
    ...whether('COALESCE(cache_read_tokens, 0) > 0', filter.isCached),
    ...least(text, 'cost_nano_usd', filter.minCostNanoUsd),
    ...(maxCostNanoUsd === undefined ? [] : [`cost_nano_usd <= ${text.value(maxCostNanoUsd)}`]),
    ...least(text, 'total_ms', filter.minTotalMs),
    ...least(text, 'first_token_ms', filter.minFirstTokenMs),
    ...errorTextCondition(text, filter.errorText),
  ]
}

const ATTEMPTS: Readonly<Record<Engine, string>> = {
  sqlite: 'json_array_length(attempts)',
  postgres: 'jsonb_array_length(attempts)',
}

function modelCondition(text: SearchText, model: string): string {
  const names = ['model_requested', 'model_resolved'].map((column) => same(text, column, model)[0])
  return `(${names.join(' OR ')})`
}

function statusCondition(
  text: SearchText,
  status: NonNullable<RequestSearchFilter['status']>,
): string {
  const [min, end] = statusRange(status)
  return `status >= ${text.value(min)} AND status < ${text.value(end)}`
}

const CACHE_STATE: Readonly<Record<Engine, string>> = {
  sqlite: "json_extract(cache, '$.state')",
  postgres: "(cache ->> 'state')",
}

/** Rules that were asked, one in a row; none where none was. */
const VERDICTS: Readonly<Record<Engine, { rows: string; rule: string; verdict: string }>> = {
  sqlite: {
    rows: 'json_each(guardrails) AS asked',
    rule: "json_extract(asked.value, '$.ruleId')",
    verdict: "json_extract(asked.value, '$.verdict')",
  },
  postgres: {
    rows: 'jsonb_array_elements(guardrails) AS asked',
    rule: "(asked ->> 'ruleId')",
    verdict: "(asked ->> 'verdict')",
  },
}

/** A rule and what it said, of the same entry. */
function verdictConditions(
  text: SearchText,
  { guardrailId, verdict }: RequestSearchFilter,
): string[] {
  if (guardrailId === undefined && verdict === undefined) return []
  const { rows, rule, verdict: said } = VERDICTS[text.engine]
  if (guardrailId === '') {
    const none = `NOT EXISTS (SELECT 1 FROM ${rows})`
    return verdict === undefined ? [none] : [none, '1 = 0']
  }
  const conditions = [
    ...same(text, rule, guardrailId),
    ...(verdict === 'hit' ? [`${said} <> 'pass'`] : same(text, said, verdict)),
  ]
  return [`EXISTS (SELECT 1 FROM ${rows} WHERE ${conditions.join(' AND ')})`]
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

function errorTextCondition(text: SearchText, asked: string | undefined): string[] {
  if (asked === undefined) return []
  const folded = text.value(asked.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
  return [
    text.engine === 'sqlite'
      ? `instr(lower(error_text), ${folded}) > 0`
      : `strpos(translate(error_text, '${LETTERS.toUpperCase()}', '${LETTERS}'), ${folded}) > 0`,
  ]
}

/** The conditions of a filter over the totals' own dimensions, its model apart. */
function dimensionConditions(text: SearchText, filter: RequestSearchFilter): string[] {
  const is = (column: string, asked: string | undefined) =>
    asked === undefined ? [] : [`${column} = ${text.value(asked)}`]
  return [
    ...is('team_id', filter.teamId),
    ...is('user_id', filter.userId),
    ...is('service_id', filter.serviceId),
    ...is('key_id', filter.keyId),
    ...is('provider_id', filter.providerId),
    ...is('operation', filter.operation),
  ]
}

/** The tenant of a line of the totals; by the sign in front SQLite takes the index that holds all dimensions. */
function tenantCondition(text: SearchText, { tenantId }: RequestSearchFilter): string[] {
  if (tenantId === undefined) return []
  return [`${text.engine === 'sqlite' ? '+' : ''}tenant_id = ${text.value(tenantId)}`]
}

/** Conditions over `usage_hourly` without which an hour holds no row of the filter; undefined where every hour may. */
export function hourConditions(
  text: SearchText,
  filter: RequestSearchFilter,
): string[] | undefined {
  const conditions = dimensionConditions(text, filter)
  const { model, status } = filter
  if (model !== undefined) {
    const places = ['model', 'provider_model'].map((column) => `${column} = ${text.value(model)}`)
    // What was refused, or answered without a provider, is in no line of its name.
    conditions.push(`(${places.join(' OR ')} OR model = '')`)
  }
  // Not so errors' kinds and texts: a stream that broke off has one, and the status it began with.
  if (status !== undefined) conditions.push(...statusHours(status))
  // What a line does not know it may have.
  if (filter.hasFallback === true) conditions.push('(fallbacks > 0 OR fallbacks IS NULL)')
  if (filter.isCached === true) conditions.push('cache_read_tokens > 0')
  const sums = [
    ['cost_nano_usd', filter.minCostNanoUsd],
    ['total_ms', filter.minTotalMs],
  ] as const
  for (const [column, asked] of sums) {
    if (asked !== undefined && asked > 0) conditions.push(`${column} >= ${text.value(asked)}`)
  }
  const { minFirstTokenMs } = filter
  if (minFirstTokenMs !== undefined && minFirstTokenMs > 0) {
    const asked = text.value(minFirstTokenMs)
    conditions.push(`(first_token_ms >= ${asked} OR first_token_ms IS NULL)`)
  }
  if (conditions.length === 0) return undefined
  return [...tenantCondition(text, filter), ...conditions]
}

function statusHours(status: NonNullable<RequestSearchFilter['status']>): string[] {
  const [min] = statusRange(status)
  if (min >= 500) return ['COALESCE(server_errors, errors) > 0']
  return min >= 400 ? ['errors > 0'] : ['requests > errors']
}

/** A number that totals hold: how many requests of a line a filter counts, and which of them ended how. */
export interface TotalsCount {
  readonly count: string
  /** Absent where the totals do not know it of these. */
  readonly byStatus?: Readonly<Record<'ok' | '4xx' | '5xx', string>>
  /** Lines that were written before all of this was counted, and which of it they do not know; absent where every line knows it. */
  readonly unknown?: { readonly condition: string; readonly isCount: boolean }
}

const SERVER_ERRORS = 'COALESCE(server_errors, 0)'
const ALL = { ok: 'requests - errors', '4xx': `errors - ${SERVER_ERRORS}`, '5xx': SERVER_ERRORS }
const NONE = { ok: '0', '4xx': '0', '5xx': '0' }
/** Without an error there is nothing to know. */
const UNSORTED = 'server_errors IS NULL AND errors > 0'

/** What of a line of the totals a filter counts; undefined where they do not know. */
export function totalsCount(filter: RequestSearchFilter): TotalsCount | undefined {
  const known = new Set([...DIMENSIONS, 'tenantId', 'sinceMs', 'untilMs'])
  const asked = Object.entries(filter).filter(
    ([name, value]) => value !== undefined && !known.has(name),
  )
  const sorted = { byStatus: ALL, unknown: { condition: UNSORTED, isCount: false } }
  if (asked.length === 0) return { count: 'requests', ...sorted }
  if (asked.length > 1) return undefined
  const { hasFallback, isCached, status } = filter
  if (hasFallback !== undefined) {
    const count = 'COALESCE(fallbacks, 0)'
    const unknown = { condition: 'fallbacks IS NULL', isCount: true }
    return { count: hasFallback ? count : `requests - ${count}`, unknown }
  }
  if (isCached !== undefined) {
    const count = 'COALESCE(cache_hits, 0)'
    const condition = 'cache_hits IS NULL AND cache_read_tokens > 0'
    return {
      count: isCached ? count : `requests - ${count}`,
      unknown: { condition, isCount: true },
    }
  }
  switch (status) {
    case 'ok':
      return { count: ALL.ok, byStatus: { ...NONE, ok: ALL.ok } }
    case 'error':
      return { count: 'errors', ...sorted, byStatus: { ...ALL, ok: '0' } }
    case '4xx':
    case '5xx': {
      const unknown = { condition: UNSORTED, isCount: true }
      return { count: ALL[status], byStatus: { ...NONE, [status]: ALL[status] }, unknown }
    }
    default:
      return undefined
  }
}

const DIMENSIONS = [
  'keyId',
  'userId',
  'teamId',
  'serviceId',
  'model',
  'providerId',
  'operation',
] as const satisfies readonly (keyof RequestSearchFilter)[]

/** The conditions of a filter over the totals from one hour up to another, where `totalsCount` knows it. */
export function totalsConditions(
  text: SearchText,
  filter: RequestSearchFilter,
  sinceMs: number,
  untilMs: number,
): string[] {
  const { model } = filter
  const conditions = [
    `hour_ms >= ${text.value(sinceMs)}`,
    `hour_ms < ${text.value(untilMs)}`,
    ...tenantCondition(text, filter),
    ...dimensionConditions(text, filter),
  ]
  if (model !== undefined) {
    const places = ['model', 'provider_model'].map((column) => `${column} = ${text.value(model)}`)
    conditions.push(`(${places.join(' OR ')})`)
  }
  return conditions
}

/** The dimensions of the totals as a row has them. */
export const ROW_DIMENSIONS = {
  model: `CASE WHEN ${IS_NAMED} THEN COALESCE(model_requested, '') ELSE '' END`,
  provider: "COALESCE(provider_id, '')",
  key: "COALESCE(api_key_id, '')",
  user: "COALESCE(user_id, '')",
  team: "COALESCE(team_id, '')",
  tenant: 'tenant_id',
  operation: 'operation',
} as const

/** The same as the totals have them. */
export const TOTALS_DIMENSIONS = {
  model: 'model',
  provider: 'provider_id',
  key: 'key_id',
  user: 'user_id',
  team: 'team_id',
  tenant: 'tenant_id',
  operation: 'operation',
} as const
