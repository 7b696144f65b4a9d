// What was used and spent, grouped by what one wants to know, over a span that is in the address: a chart, a table, and the same as a file.

import { ButtonLink } from '../components/button.tsx'
import { Badge, Stat, Stats } from '../components/badge.tsx'
import { Field, Select } from '../components/field.tsx'
import { Panel } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { chooseRange, TimeRangePicker, useTimeRange } from '../components/time-range.tsx'
import { Count, Money, Tokens } from '../components/values.tsx'
import { useQuery } from '../query.ts'
import { param, setParams } from '../router.tsx'
import { otherTenant } from '../session.ts'
import {
  readUsage,
  type Dimension,
  type Usage,
  type UsageQuery,
  type UsageRow,
} from './money-api.ts'
import { groupName, MEASURES, stepOf, tokensOf, UsageChart, type Measure } from './usage-chart.tsx'

const GROUPS = [
  { value: 'model', label: 'Model' },
  { value: 'key', label: 'Key' },
  { value: 'user', label: 'User' },
  { value: 'team', label: 'Team' },
  { value: 'service', label: 'Service' },
  { value: 'provider', label: 'Provider' },
  { value: 'provider_model', label: 'Provider’s model' },
  { value: 'operation', label: 'Kind of request' },
] as const satisfies readonly { readonly value: Dimension; readonly label: string }[]

const FILTERS = ['key', 'user', 'team', 'service', 'model', 'provider'] as const
const GROUPS_MAX = 10_000

export function UsageTab() {
  const range = useTimeRange('7d')
  const by = GROUPS.find(({ value }) => value === param('by'))?.value ?? 'model'
  const asked = param('measure') ?? 'cost'
  const measure: Measure = asked in MEASURES ? (asked as Measure) : 'cost'
  const filters = FILTERS.flatMap((name) => {
    const value = param(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const filter: UsageQuery = Object.fromEntries(filters)
  const span = [range.id, range.since, range.until]
  const totals = useQuery(
    ['usage', 'totals', span, by, filters],
    (options) => readUsage({ ...filter, ...range.moments(), by: [by], limit: GROUPS_MAX }, options),
    { pollMs: 30_000, keep: true },
  )
  const series = useQuery(
    ['usage', 'series', span, by, filters],
    (options) => {
      const { since, until } = range.moments()
      const step = stepOf(Date.parse(since), Date.parse(until))
      return readUsage({ ...filter, since, until, by: [step, by], limit: GROUPS_MAX }, options)
    },
    { pollMs: 30_000, keep: true },
  )
  return (
    <div class="stack">
      <div class="usage-controls">
        <TimeRangePicker range={range} />
        <Field label="Group by" required hideLabel>
          <Select value={by} options={GROUPS} onValue={(value) => setParams({ by: value })} />
        </Field>
        <Field label="Show" required hideLabel>
          <Select
            value={measure}
            options={Object.entries(MEASURES).map(([value, { words }]) => ({
              value,
              label: words,
            }))}
            onValue={(value) => setParams({ measure: value })}
          />
        </Field>
        {filters.map(([name, value]) => (
          <FilterChip key={name} name={name} value={value} shown={totals.data} />
        ))}
        <span class="push" />
        <ButtonLink
          href={exportHref(filter, range.moments(), by)}
          icon="download"
          download="usage.csv"
        >
          CSV
        </ButtonLink>
      </div>
      <Loaded query={totals}>{({ sum }) => <Sums sum={sum} />}</Loaded>
      <Panel title={`${MEASURES[measure].words} over time`} hint="In UTC.">
        <Loaded query={series}>
          {({ data, group_by: groups, since, until }) => (
            <UsageChart
              label={`${MEASURES[measure].words} over time`}
              rows={data}
              since={since}
              until={until}
              step={groups[0] === 'hour' ? 'hour' : 'day'}
              by={groups[1]}
              measure={measure}
              onZoom={chooseRange}
            />
          )}
        </Loaded>
      </Panel>
      <Panel
        title={`By ${(GROUPS.find(({ value }) => value === by)?.label ?? by).toLowerCase()}`}
        flush
      >
        <Loaded query={totals}>
          {({ data, is_cut: isCut }) => (
            <>
              <UsageTable rows={data} by={by} />
              {isCut && <p class="soft list-note">Those that cost most; there are more.</p>}
            </>
          )}
        </Loaded>
      </Panel>
    </div>
  )
}

interface ChipProps {
  readonly name: (typeof FILTERS)[number]
  readonly value: string
  readonly shown: Usage | undefined
}

/** What is looked at alone; a click looks at all again. */
function FilterChip({ name, shown, value }: ChipProps) {
  const row = shown?.data.find(
    (each) => (each as Readonly<Record<string, unknown>>)[name] === value,
  )
  const words = row === undefined ? value : groupName(row, name)
  return (
    <button
      type="button"
      class="filter-chip"
      aria-label={`${name} ${words}: show all`}
      onClick={() => setParams({ [name]: undefined })}
    >
      <Badge tone="info" icon="close">
        {name}: {words}
      </Badge>
    </button>
  )
}

/** Everything of the span in one row. */
export function Sums({ sum }: { sum: Usage['sum'] }) {
  const { errors, requests, unpriced_requests: unpriced } = sum
  return (
    <Stats>
      <Stat
        label="Cost"
        icon="money"
        value={<Money usd={sum.cost_usd} />}
        hint={
          unpriced === 0 ? undefined : (
            <>
              without <Count value={unpriced} /> of unknown price
            </>
          )
        }
      />
      <Stat label="Requests" icon="list" value={<Count value={requests} />} />
      <Stat
        label="Tokens"
        icon="bolt"
        value={<Tokens count={tokensOf(sum)} />}
        hint={
          <>
            <Tokens count={sum.input_tokens} /> in, <Tokens count={sum.cache_read_tokens} /> cached,{' '}
            <Tokens count={sum.output_tokens} /> out
          </>
        }
      />
      <Stat
        label="Errors"
        icon="warning"
        value={<Count value={errors} />}
        hint={requests === 0 ? undefined : `${((errors / requests) * 100).toFixed(1)} %`}
        {...(errors > 0 ? { tone: 'warn' as const } : {})}
      />
      {sum.response_hits > 0 && (
        <Stat
          label="Saved by the cache"
          icon="copy"
          value={<Money usd={sum.saved_usd} />}
          hint={
            <>
              <Count value={sum.response_hits} /> answers
            </>
          }
        />
      )}
    </Stats>
  )
}

function numberColumn(
  id: string,
  title: string,
  of: (row: UsageRow) => number,
  cell: Column<UsageRow>['cell'],
): Column<UsageRow> {
  return { id, title, align: 'end', sort: of, cell }
}

const REQUESTS = numberColumn(
  'requests',
  'Requests',
  (row) => row.requests,
  (row) => <Count value={row.requests} />,
)
const COST = numberColumn(
  'cost',
  'Cost',
  (row) => row.cost_usd,
  (row) => <CostCell row={row} />,
)
const BRIEF = [
  REQUESTS,
  numberColumn('tokens', 'Tokens', tokensOf, (row) => <Tokens count={tokensOf(row)} />),
  COST,
]
const WHOLE = [
  REQUESTS,
  numberColumn(
    'errors',
    'Errors',
    (row) => row.errors,
    (row) => <Count value={row.errors} />,
  ),
  numberColumn(
    'input',
    'Input',
    (row) => row.input_tokens,
    (row) => <Tokens count={row.input_tokens} />,
  ),
  numberColumn(
    'cached',
    'Cached',
    (row) => row.cache_read_tokens,
    (row) => <Tokens count={row.cache_read_tokens} />,
  ),
  numberColumn(
    'output',
    'Output',
    (row) => row.output_tokens,
    (row) => <Tokens count={row.output_tokens} />,
  ),
  COST,
]

/**
 * A row for each group, those that cost most first.
 * @param isBrief few columns, and nothing to choose
 */
export function UsageTable({
  by,
  isBrief = false,
  rows,
}: {
  by: Dimension
  rows: readonly UsageRow[]
  isBrief?: boolean
}) {
  const title = GROUPS.find(({ value }) => value === by)?.label ?? by
  return (
    <Table
      caption={`Usage by ${title.toLowerCase()}`}
      rows={rows}
      keyOf={(row) => String((row as Readonly<Record<string, unknown>>)[by] ?? '')}
      initialSort="-cost"
      columns={[
        {
          id: 'group',
          title,
          card: 'title',
          sort: (row) => groupName(row, by),
          cell: (row) => (isBrief ? groupName(row, by) : <GroupCell row={row} by={by} />),
        },
        ...(isBrief ? BRIEF : WHOLE),
      ]}
      empty={<p class="soft list-note">Nothing was used in this range.</p>}
    />
  )
}

/** A price that nobody knows is not nothing. */
function CostCell({ row }: { row: UsageRow }) {
  const { cost_usd: usd, requests, errors, unpriced_requests: unpriced } = row
  if (unpriced > 0 && unpriced >= requests - errors) return <Money usd={null} />
  return (
    <>
      <Money usd={usd} />
      {unpriced > 0 && (
        <span class="soft" title={`${unpriced} requests of unknown price are not in it`}>
          {' '}
          +?
        </span>
      )}
    </>
  )
}

function GroupCell({ by, row }: { row: UsageRow; by: Dimension }) {
  const id = (row as Readonly<Record<string, unknown>>)[by]
  const words = groupName(row, by)
  if (typeof id !== 'string') return <span class="soft">none</span>
  if (!FILTERS.some((name) => name === by)) return <>{words}</>
  return (
    <button type="button" class="link" title={id} onClick={() => setParams({ [by]: id })}>
      {words}
    </button>
  )
}

function exportHref(
  filter: UsageQuery,
  { since, until }: { readonly since: string; readonly until: string },
  by: Dimension,
): string {
  const query = new URLSearchParams({
    ...(filter as Record<string, string>),
    since,
    until,
    by: `day,${by}`,
  })
  if (otherTenant.value !== undefined) query.set('tenant', otherTenant.value)
  return `/admin/usage/export?${query.toString()}`
}
