// How things go: numbers of the span with what they were in the one before, the same over time by what one likes, and who and what most of it is.

import { Stat, Stats } from '../components/badge.tsx'
import { ButtonLink } from '../components/button.tsx'
import { Chart, type ChartSeries } from '../components/chart.tsx'
import { Field, Select } from '../components/field.tsx'
import { Panel } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { chooseRange, useTimeRange } from '../components/time-range.tsx'
import { formatCompact, formatDuration, formatPercent, formatUsd } from '../format.ts'
import { useQuery } from '../query.ts'
import { navigate, param, setParams } from '../router.tsx'
import { canEverywhere, session } from '../session.ts'
import { readFacets, readSeries, shortTime, type FacetName, type Series } from '../requests/data.ts'
import { FACET_WORDS, FacetList } from '../requests/facets.tsx'

type Point = Series['lines'][number]['points'][number]

const HOUR_MS = 3_600_000
/** Longer spans are told in whole hours. */
const EXACT_MS = 6 * HOUR_MS

const GROUPS = ['model', 'provider', 'key', 'user', 'team', 'tenant'] as const

const MEASURES = {
  cost: { words: 'Spend', of: (point: Point) => point.cost_usd, format: formatUsd },
  tokens: { words: 'Tokens', of: tokensOf, format: formatCompact },
  errors: { words: 'Errors', of: (point: Point) => point.errors, format: formatCompact },
} as const

export function Traffic() {
  const range = useTimeRange('24h')
  const by = GROUPS.find((each) => each === param('by'))
  const measure = MEASURES[(param('show') ?? 'cost') as keyof typeof MEASURES] ?? MEASURES.cost
  const span = [range.id, range.since, range.until]
  const timesOf = (back: number) => {
    const { since, until } = range.moments()
    const [from, to] = [Date.parse(since), Date.parse(until)]
    const begin = to - from > EXACT_MS ? Math.floor(from / HOUR_MS) * HOUR_MS : from
    const size = to - begin
    return {
      since: new Date(begin - back * size).toISOString(),
      until: new Date(back === 0 ? to : begin).toISOString(),
    }
  }
  const polled = { pollMs: range.spanMs <= EXACT_MS ? 10_000 : 30_000, keep: true }
  const now = useQuery(['series', span], (options) => readSeries(timesOf(0), options), polled)
  const before = useQuery(
    ['series-before', span],
    (options) => readSeries(timesOf(1), options),
    polled,
  )
  const grouped = useQuery(
    ['series', span, by],
    (options) =>
      readSeries(
        { ...timesOf(0), ...(by && { by }), ...(by === 'tenant' && ({ tenant: '*' } as object)) },
        options,
      ),
    { ...polled, enabled: by !== undefined },
  )
  const facets = useQuery(
    ['request-facets', span],
    (options) => readFacets(timesOf(0), options),
    polled,
  )
  const shown = by === undefined ? now : grouped
  const groups = GROUPS.filter(
    (each) =>
      each !== 'tenant' || (session.value?.many_tenants === true && canEverywhere('request.read')),
  )
  return (
    <>
      <Loaded query={now}>
        {(series) => (
          <>
            <Tiles
              now={sumOf(series)}
              before={series.is_whole && before.data?.is_whole ? sumOf(before.data) : undefined}
            />
            {!series.is_whole && (
              <p class="soft">Counted since {shortTime(series.counted_from).join(' ')}</p>
            )}
          </>
        )}
      </Loaded>
      {now.data?.lines.length === 0 ? (
        <EmptyState
          icon="list"
          title="Nothing was asked in this time"
          action={<ButtonLink href="/ui/playground">Open the playground</ButtonLink>}
        >
          Choose a longer time, or send a request.
        </EmptyState>
      ) : (
        <>
          <div class="row">
            <Field label="Group by" required hideLabel>
              <Select
                value={by ?? ''}
                options={[
                  { value: '', label: 'All together' },
                  ...groups.map((value) => ({ value, label: `By ${value}` })),
                ]}
                onValue={(value) => setParams({ by: value })}
              />
            </Field>
            <Field label="Show" required hideLabel>
              <Select
                value={param('show') ?? 'cost'}
                options={Object.entries(MEASURES).map(([value, { words }]) => ({
                  value,
                  label: words,
                }))}
                onValue={(value) => setParams({ show: value })}
              />
            </Field>
          </div>
          <Loaded query={shown}>
            {(series) => (
              <div class="grid-2">
                <Grouped title="Requests" series={series} of={(point) => point.requests} />
                <Grouped title={measure.words} series={series} {...measure} />
              </div>
            )}
          </Loaded>
          {now.data !== undefined && (
            <div class="grid-2">
              <Lines
                title="How long it takes"
                series={now.data}
                format={formatDuration}
                lines={TIMES}
              />
              <Lines title="What was out of the ordinary" series={now.data} lines={SIGNS} />
            </div>
          )}
          <Panel title="Most of it">
            <Loaded query={facets}>
              {(found) => (
                <div class="home-top">
                  {(['model', 'provider', 'user', 'key', 'error'] as const).map((facet) => (
                    <FacetList key={facet} facet={facet} facets={found} onChoose={open(facet)} />
                  ))}
                </div>
              )}
            </Loaded>
          </Panel>
        </>
      )}
    </>
  )
}

/** To the requests that have it, of the same time. */
function open(facet: FacetName) {
  return (value: string | undefined) => {
    const query = new URLSearchParams({ [FACET_WORDS[facet][1]]: value ?? '' })
    for (const name of ['range', 'since', 'until']) {
      const given = param(name)
      if (given !== undefined) query.set(name, given)
    }
    navigate(`/ui/requests?${query.toString()}`)
  }
}

function tokensOf(point: Point): number {
  const { cache_read_tokens: read, cache_write_tokens: write, input_tokens: input } = point
  return input + read + write + point.output_tokens
}

const COUNTED = {
  requests: (point: Point) => point.requests,
  errors: (point: Point) => point.errors,
  cost: (point: Point) => point.cost_usd,
  unpriced: (point: Point) => point.unpriced_requests,
  tokens: tokensOf,
  fallbacks: (point: Point) => point.fallbacks,
  hits: (point: Point) => point.cache_hits,
}

function sumOf({ lines }: Series) {
  const points = lines.flatMap((line) => line.points)
  const sum = (of: (point: Point) => number) => points.reduce((all, point) => all + of(point), 0)
  const sums = Object.fromEntries(Object.entries(COUNTED).map(([name, of]) => [name, sum(of)]))
  /** Of all buckets together, by how much was in each: near the truth, and no more. */
  const about = (of: (point: Point) => number | null | undefined) => {
    const known = points.filter((point) => of(point) != null)
    const weight = known.reduce((all, { requests }) => all + requests, 0)
    const whole = known.reduce((all, point) => all + (of(point) ?? 0) * point.requests, 0)
    return weight === 0 ? undefined : whole / weight
  }
  return {
    ...(sums as Record<keyof typeof COUNTED, number>),
    first:
      about((point) => point.first_token_ms?.p50) ?? about((point) => point.first_token_ms?.mean),
    firstHigh: about((point) => point.first_token_ms?.p95),
    total: about((point) => point.total_ms?.p50) ?? about((point) => point.total_ms?.mean),
    totalHigh: about((point) => point.total_ms?.p95),
  }
}

type Sums = ReturnType<typeof sumOf>

function Tiles({ before, now }: { now: Sums; before: Sums | undefined }) {
  const change = (name: keyof Sums) => {
    const [is, was] = [now[name], before?.[name]]
    if (is === undefined || was === undefined || was === 0) return ''
    const share = is / was - 1
    if (Math.abs(share) < 0.005) return 'as before'
    return `${formatPercent(Math.abs(share))} ${share > 0 ? 'more' : 'less'} than before`
  }
  const both = (...words: readonly string[]) => words.filter((each) => each !== '').join('; ')
  const shareOf = (name: 'errors' | 'fallbacks' | 'hits') =>
    both(
      now.requests === 0 ? '' : `${formatPercent(now[name] / now.requests)} of requests`,
      change(name),
    )
  const slow = (high: number | undefined, name: keyof Sums) =>
    both(high === undefined ? '' : `p95 about ${formatDuration(high)}`, change(name))
  return (
    <div class="home-tiles">
      <Stats>
        <Stat
          label="Requests"
          icon="list"
          value={formatCompact(now.requests)}
          hint={change('requests')}
        />
        <Stat
          label="Spend"
          icon="money"
          value={now.unpriced > 0 && now.cost === 0 ? 'unknown' : formatUsd(now.cost)}
          hint={
            now.unpriced > 0
              ? `without ${formatCompact(now.unpriced)} of unknown price`
              : change('cost')
          }
        />
        <Stat
          label="Tokens"
          icon="bolt"
          value={formatCompact(now.tokens)}
          hint={change('tokens')}
        />
        <Stat
          label="First token p50"
          icon="clock"
          value={formatDuration(now.first)}
          hint={slow(now.firstHigh, 'first')}
        />
        <Stat
          label="Whole answer p50"
          icon="clock"
          value={formatDuration(now.total)}
          hint={slow(now.totalHigh, 'total')}
        />
        <Stat
          label="Errors"
          icon="warning"
          value={formatCompact(now.errors)}
          hint={shareOf('errors')}
          {...(now.errors > 0 ? { tone: 'warn' as const } : {})}
        />
        <Stat
          label="Fallbacks"
          icon="route"
          value={formatCompact(now.fallbacks)}
          hint={shareOf('fallbacks')}
        />
        <Stat
          label="Cache hits"
          icon="copy"
          value={formatCompact(now.hits)}
          hint={shareOf('hits')}
        />
      </Stats>
    </div>
  )
}

/** Every bucket of a span, those too in which nothing happened. */
function bucketsOf({ bucket, since, until }: Series): readonly number[] {
  const sizeMs = bucket * 1_000
  const first = Math.floor(Date.parse(since) / sizeMs) * sizeMs
  const count = Math.max(1, Math.ceil((Date.parse(until) - first) / sizeMs))
  return Array.from({ length: count }, (_, at) => first + at * sizeMs)
}

function valuesOf<T>(
  times: readonly number[],
  points: readonly Point[],
  of: (point: Point) => T,
  none: T,
): readonly T[] {
  const found = new Map(points.map((point) => [Date.parse(point.time), of(point)]))
  return times.map((time) => found.get(time) ?? none)
}

interface GroupedProps {
  readonly title: string
  readonly series: Series
  readonly of: (point: Point) => number
  readonly format?: (value: number | null) => string
}

const SERIES_MAX = 7

function Grouped({ format = formatCompact, of, series, title }: GroupedProps) {
  const { by, lines } = series
  const times = bucketsOf(series)
  const isAny = lines.some(({ points }) => points.length > 0)
  const shown = lines
    .slice(0, SERIES_MAX)
    .map(({ is_rest: isRest, name, points, value }): ChartSeries => ({
      label: by === null ? title : isRest ? 'all others' : (name ?? value ?? 'none'),
      values: valuesOf(times, points, of, 0),
    }))
  const rest = lines.slice(SERIES_MAX)
  if (rest.length > 0) {
    const points = rest.map((line) => valuesOf(times, line.points, of, 0))
    const values = times.map((_, at) => points.reduce((all, line) => all + (line[at] ?? 0), 0))
    shown.push({ label: 'the rest', values })
  }
  return (
    <Panel title={title}>
      <Chart
        label={`${title} over time`}
        times={isAny ? times : []}
        series={shown}
        kind={by === null ? 'bars' : 'stacked'}
        format={format}
        onZoom={chooseRange}
      />
    </Panel>
  )
}

type LineOf = readonly [
  label: string,
  of: (point: Point) => number | null,
  tone?: ChartSeries['tone'],
]

const TIMES: readonly LineOf[] = [
  ['first token p50', (point) => point.first_token_ms?.p50 ?? null],
  ['first token p95', (point) => point.first_token_ms?.p95 ?? null],
  ['whole p50', (point) => point.total_ms?.p50 ?? null],
  ['whole p95', (point) => point.total_ms?.p95 ?? null],
]
const SIGNS: readonly LineOf[] = [
  ['errors', (point) => point.errors, 'bad'],
  ['fallbacks', (point) => point.fallbacks, 'warn'],
  ['cache hits', (point) => point.cache_hits, 'good'],
]

function Lines({
  format = formatCompact,
  lines,
  series,
  title,
}: {
  title: string
  series: Series
  lines: readonly LineOf[]
  format?: (value: number | null) => string
}) {
  const all = series.lines.flatMap((line) => line.points)
  // Not every bucket is sampled: what is known is joined.
  const points = all.filter((point) => lines.some(([, of]) => of(point) !== null))
  const times = points.map(({ time }) => Date.parse(time))
  return (
    <Panel title={title}>
      <Chart
        label={`${title} over time`}
        times={times}
        series={lines.map(([label, of, tone]) => ({
          label,
          values: valuesOf(times, points, of, null),
          ...(tone === undefined ? {} : { tone }),
        }))}
        kind="line"
        format={format}
        onZoom={chooseRange}
      />
    </Panel>
  )
}
