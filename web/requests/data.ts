// Requests as the pages read them: what is asked, the filters as they stand in the address, and words for what a row says. It draws nothing.

import { api, unwrap } from '../api.ts'
import { formatDay } from '../format.ts'
import { search } from '../router.tsx'

interface Options {
  readonly signal?: AbortSignal
}

type Paging = NonNullable<NonNullable<Parameters<typeof api.requests.get>[0]>['query']>
type Asking = Omit<Paging, 'cursor' | 'limit'>
type SeriesAsking = NonNullable<NonNullable<Parameters<typeof api.requests.series.get>[0]>['query']>

/** Parameters of the address that are filters, as the server calls them, each in words. */
export const FILTERS = {
  status: 'Status',
  error_kind: 'Error',
  model: 'Model',
  provider: 'Provider',
  key: 'Key',
  user: 'User',
  team: 'Team',
  service: 'Service',
  operation: 'Kind',
  client_format: 'Protocol',
  mode: 'Mode',
  finish: 'Finish',
  stream: 'Stream',
  fallback: 'Fallback',
  cached: 'Provider’s cache',
  cache: 'Response cache',
  guardrail: 'Guardrail',
  verdict: 'Verdict',
  losses: 'Losses',
  min_ms: 'Slower than, ms',
  min_first_token_ms: 'First token after, ms',
  min_cost_usd: 'Dearer than, $',
  max_cost_usd: 'Cheaper than, $',
} as const

export type FilterName = keyof typeof FILTERS
export type Filters = Readonly<Record<string, string>>

/** Stands in an address for "has none". */
export const NONE = '(none)'

/** The filters in the address. */
export function filtersOf(): Filters {
  const given = Object.keys(FILTERS).flatMap((name) => {
    const value = search.value.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return Object.fromEntries(given)
}

/** What a text in the search box is looked for as: an id of some kind, or words of an error. */
export function soughtOf(
  text: string,
): { name: 'log_id' | 'request_id' | 'trace_id' | 'error_text'; value: string } | undefined {
  const value = text.trim()
  if (value === '') return undefined
  if (/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value)) return { name: 'log_id', value }
  if (/^[\da-f]{32}$/.test(value)) return { name: 'trace_id', value }
  const id = /^(?:id:\s*(\S+)|(req_\S+))$/.exec(value)
  if (id !== null) return { name: 'request_id', value: id[1] ?? id[2] ?? '' }
  return { name: 'error_text', value }
}

/** What the server is asked: the filters, what is sought, and from when to when. */
export function askingOf(
  filters: Filters,
  text: string,
  times: { readonly since?: string; readonly until?: string },
): Asking {
  const sought = soughtOf(text)
  const wanted = Object.entries(filters).map(([name, value]) => [name, value === NONE ? '' : value])
  return {
    ...Object.fromEntries(wanted),
    ...times,
    ...(sought === undefined ? {} : { [sought.name]: sought.value }),
  } as Asking
}

export const readPage = (query: Paging, { signal }: Options) =>
  unwrap(api.requests.get({ query, fetch: signal === undefined ? {} : { signal } }))

export const readFacets = (query: Asking, { signal }: Options) =>
  unwrap(api.requests.facets.get({ query, fetch: signal === undefined ? {} : { signal } }))

export const readSeries = (query: SeriesAsking, { signal }: Options) =>
  unwrap(api.requests.series.get({ query, fetch: signal === undefined ? {} : { signal } }))

export const readOne = (id: string, { signal }: Options) =>
  unwrap(api.requests({ id }).get({ fetch: signal === undefined ? {} : { signal } }))

export const readContent = (id: string, { signal }: Options) =>
  unwrap(api.requests({ id }).content.get({ fetch: signal === undefined ? {} : { signal } }))

export type RequestRow = Awaited<ReturnType<typeof readPage>>['data'][number]
export type RequestDetail = Awaited<ReturnType<typeof readOne>>
export type RequestContent = Awaited<ReturnType<typeof readContent>>
export type Facets = Awaited<ReturnType<typeof readFacets>>
export type FacetName = keyof Facets['facets']
export type Series = Awaited<ReturnType<typeof readSeries>>
export type { Asking }

export const VERDICT_TONES = {
  pass: 'good',
  blocked: 'bad',
  masked: 'info',
  flagged: 'warn',
  observed: 'neutral',
  'failed-open': 'warn',
  'failed-closed': 'bad',
} as const

const STAGES = { input: 'request', tool_result: 'tool results', output: 'answer' } as const

export const stageName = (stage: keyof typeof STAGES) => STAGES[stage]

/** Legal holds in force, to know which keep a request. */
export const readHolds = ({ signal }: Options) =>
  unwrap(api.holds.get({ query: { limit: 500 }, fetch: signal === undefined ? {} : { signal } }))

export type Hold = Awaited<ReturnType<typeof readHolds>>['data'][number]

/** Whether a hold keeps a request, as the server decides it. */
export function isHeldBy(row: RequestRow, hold: Hold): boolean {
  const { kind, since, subject, until } = hold
  const atMs = Date.parse(row.time)
  const whose = { request: row.log_id, user: row.user, key: row.key, span: null }[kind]
  return (
    whose === subject &&
    (since === null || atMs >= Date.parse(since)) &&
    (until === null || atMs < Date.parse(until))
  )
}

export const pageOf = ({ log_id: id }: Pick<RequestRow, 'log_id'>) => `/ui/requests/${id}`

/** Who asked, as people know them. */
export function whoOf(row: RequestRow): string {
  const { key, key_name: keyName, service, service_name: serviceName, user } = row
  return row.user_name ?? serviceName ?? keyName ?? user ?? service ?? key ?? 'local'
}

const clock = new Intl.DateTimeFormat(navigator.language, { timeStyle: 'medium', hourCycle: 'h23' })

/** Nov 21 and 14:05:09 */
export const shortTime = (iso: string): readonly [day: string, time: string] => [
  formatDay(iso),
  clock.format(new Date(iso)),
]
