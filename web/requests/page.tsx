// Requests: the log searched, narrowed by what its requests have in common, and followed as it grows. What is looked at is in the address, so that
// it can be sent to somebody.

import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Menu } from '../components/menu.tsx'
import { PageHeader, SearchInput, Toolbar } from '../components/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../components/states.tsx'
import { TimeRangePicker, useTimeRange } from '../components/time-range.tsx'
import { VirtualList } from '../components/virtual-list.tsx'
import { formatCount } from '../format.ts'
import { useQuery } from '../query.ts'
import { Link, navigate, param, setParams } from '../router.tsx'
import { can, otherTenant, tenant } from '../session.ts'
import { COLUMNS } from './columns.tsx'
import {
  askingOf,
  FILTERS,
  filtersOf,
  pageOf,
  readFacets,
  shortTime,
  soughtOf,
  type FilterName,
} from './data.ts'
import { FacetLists } from './facets.tsx'
import { Live } from './live.tsx'
import { forgetSearch, listAddress, ROWS_MAX, searchFor, type Search } from './search.ts'
import { useListKeys } from './list-keys.ts'

export default function RequestsPage() {
  const range = useTimeRange('24h')
  const text = param('q') ?? ''
  const filters = filtersOf()
  const isLive = param('live') === '1' && range.id !== 'custom'
  const span = [range.id, range.since, range.until]
  const key = JSON.stringify([tenant.value, span, text, filters])
  const isById = !['error_text', undefined].includes(soughtOf(text)?.name)
  const asking = () => {
    const { since, until } = range.moments()
    // An id is found wherever it is, and what goes up to now has no end.
    const times = range.id === 'custom' ? { since, until } : isById ? {} : { since }
    return askingOf(filters, text, times)
  }
  const begun = useSignal(0)
  const search = searchFor(key, asking)
  useEffect(() => {
    listAddress.value = `/ui/requests${location.search}`
  }, [key, isLive])
  const facets = useQuery(
    ['request-facets', span, text, filters, begun.value],
    (options) => readFacets(asking(), options),
    { keep: true, freshMs: 15_000 },
  )
  const areFacetsShown = useSignal(false)
  return (
    <>
      <PageHeader
        title="Requests"
        actions={
          <>
            <TimeRangePicker range={range} />
            <Button
              icon={isLive ? 'stop' : 'play'}
              aria-pressed={isLive}
              disabled={range.id === 'custom'}
              variant={isLive ? 'primary' : 'default'}
              onClick={() => setParams({ live: isLive ? '' : '1' })}
            >
              {isLive ? 'Stop' : 'Live'}
            </Button>
          </>
        }
      >
        Every request, newest first, with what became of it.
      </PageHeader>
      <Toolbar>
        <SearchBox text={text} />
        <MoreFilters />
        <Export asking={search.asking} />
        <Button
          icon="refresh"
          onClick={() => {
            forgetSearch()
            begun.value += 1
          }}
        >
          Search again
        </Button>
        <span class="requests-narrow">
          <Button
            icon="filter"
            aria-expanded={areFacetsShown.value}
            onClick={() => (areFacetsShown.value = !areFacetsShown.value)}
          >
            Counts
          </Button>
        </span>
      </Toolbar>
      <Chips text={text} filters={filters} />
      <div class="requests">
        <aside
          class={`requests-facets ${areFacetsShown.value ? 'shown' : ''}`}
          aria-label="Counts by value"
        >
          {facets.data === undefined ? (
            facets.problem === undefined ? (
              <Skeleton rows={8} />
            ) : (
              <ErrorState problem={facets.problem} onRetry={() => void facets.refetch()} />
            )
          ) : (
            <>
              <p class="soft">
                {formatCount(facets.data.requests)} requests
                {!facets.data.is_whole && ` since ${shortTime(facets.data.since).join(' ')}`}
              </p>
              <FacetLists facets={facets.data} filters={filters} />
            </>
          )}
        </aside>
        <div class="requests-list">
          {isLive && <Live key={search.key} search={search} />}
          <Found key={`${key} ${begun.value}`} search={search} />
        </div>
      </div>
    </>
  )
}

const TYPING_MS = 250

function SearchBox({ text }: { text: string }) {
  const typed = useSignal(text)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    if (timer.current === undefined) typed.value = text
  }, [text])
  useEffect(() => () => clearTimeout(timer.current), [])
  return (
    <SearchInput
      label="Search"
      placeholder="Id, or text of an error"
      value={typed.value}
      onValue={(next) => {
        typed.value = next
        clearTimeout(timer.current)
        timer.current = setTimeout(() => {
          timer.current = undefined
          setParams({ q: next.trim() })
        }, TYPING_MS)
      }}
    />
  )
}

const MORE: readonly (readonly [label: string, name: FilterName, value: string])[] = [
  ['Streams', 'stream', 'true'],
  ['With a fallback', 'fallback', 'true'],
  ['Partly from cache', 'cached', 'true'],
  ['From the response cache', 'cache', 'hit'],
  ['Stopped by a guardrail', 'verdict', 'blocked'],
  ['Masked by a guardrail', 'verdict', 'masked'],
  ['A guardrail found something', 'verdict', 'hit'],
  ['A guardrail did not answer', 'verdict', 'failed-closed'],
  ['With losses', 'losses', 'true'],
  ['Relayed', 'mode', 'relay'],
  ['Translated', 'mode', 'translate'],
  ['Slower than 1 s', 'min_ms', '1000'],
  ['Slower than 10 s', 'min_ms', '10000'],
  ['First token after 1 s', 'min_first_token_ms', '1000'],
  ['First token after 5 s', 'min_first_token_ms', '5000'],
  ['Dearer than $0.01', 'min_cost_usd', '0.01'],
  ['Dearer than $0.10', 'min_cost_usd', '0.1'],
]

function MoreFilters() {
  return (
    <Menu
      label="Filter"
      icon="filter"
      items={MORE.map(([label, name, value]) => {
        const checked = param(name) === value
        return { label, checked, onSelect: () => setParams({ [name]: checked ? '' : value }) }
      })}
    >
      Filter
    </Menu>
  )
}

/** As a file: all that is found, also beyond what is shown. */
function Export({ asking }: { asking: Search['asking'] }) {
  const save = (more: Readonly<Record<string, string>>) => {
    const { value: other } = otherTenant
    const query = new URLSearchParams({
      ...(asking as Readonly<Record<string, string>>),
      ...(other === undefined ? {} : { tenant: other }),
      ...more,
    })
    const href = `/admin/requests/export?${query.toString()}`
    Object.assign(document.createElement('a'), { href, download: '' }).click()
  }
  return (
    <Menu
      label="Export"
      items={[
        { label: 'JSON lines', icon: 'download', onSelect: () => save({}) },
        can('request.content.read')
          ? {
              label: 'JSON lines with content',
              icon: 'download',
              onSelect: () => save({ content: 'true' }),
            }
          : undefined,
      ]}
    >
      Export
    </Menu>
  )
}

const SOUGHT = {
  log_id: 'Log id',
  request_id: 'Request id',
  trace_id: 'Trace id',
  error_text: 'Text in errors',
}

/** What the list is narrowed by; a click takes one away. */
function Chips({ filters, text }: { text: string; filters: Readonly<Record<string, string>> }) {
  const sought = soughtOf(text)
  const chips: (readonly [name: string, words: string, value: string])[] = [
    ...(sought === undefined ? [] : [['q', SOUGHT[sought.name], sought.value] as const]),
    ...Object.entries(filters).map(
      ([name, value]) => [name, FILTERS[name as FilterName], value] as const,
    ),
  ]
  if (chips.length === 0) return null
  return (
    <div class="row requests-chips">
      {chips.map(([name, words, value]) => (
        <button
          key={name}
          type="button"
          class="requests-chip"
          aria-label={`${words} ${value}: show all`}
          onClick={() => setParams({ [name]: undefined })}
        >
          <Badge tone="info" icon="close">
            {words}: {value}
          </Badge>
        </button>
      ))}
      {chips.length > 1 && (
        <Button
          size="small"
          variant="ghost"
          onClick={() => setParams(Object.fromEntries(chips.map(([name]) => [name, ''])))}
        >
          Clear all
        </Button>
      )}
    </div>
  )
}

function Found({ search }: { search: Search }) {
  const { rows, isBusy, problem, cursor } = search.state.value
  const holder = useRef<HTMLDivElement>(null)
  const listOf = () => holder.current?.querySelector<HTMLElement>('.virtual-list') ?? null
  useLayoutEffect(() => {
    const list = listOf()
    if (list !== null) list.scrollTop = search.top
    if (search.state.peek().cursor === undefined) void search.more()
    else void search.newer()
  }, [search])
  useListKeys(listOf)
  if (rows.length === 0 && problem !== undefined) {
    return <ErrorState problem={problem} onRetry={() => void search.more()} />
  }
  return (
    <div
      ref={holder}
      onScrollCapture={(event) => (search.top = (event.target as HTMLElement).scrollTop)}
    >
      <VirtualList
        label="Requests"
        rows={rows}
        columns={COLUMNS}
        keyOf={(row) => row.log_id}
        rowHeight={34}
        height="max(22rem, calc(100dvh - 12.5rem))"
        onOpen={(row) => navigate(pageOf(row))}
        onEnd={() => void search.more()}
        onTop={() => void search.newer()}
        toneOf={({ status }) => (status >= 500 ? 'bad' : status >= 400 ? 'warn' : undefined)}
        foot={<Foot search={search} />}
        {...(cursor === null && !isBusy ? { empty: <Nothing asking={search.asking} /> } : {})}
      />
    </div>
  )
}

/** What is below the last row: that more comes, how far was looked, or that it was the last. */
function Foot({ search }: { search: Search }) {
  const { cursor, isBusy, problem, rows, scannedTo } = search.state.value
  if (isBusy) {
    return (
      <span role="status">
        Searching on…
        {scannedTo !== undefined && ` looked back to ${shortTime(scannedTo).join(' ')}`}{' '}
        <Button size="small" onClick={() => search.stop()}>
          Stop
        </Button>
      </span>
    )
  }
  if (problem !== undefined) return <span role="alert">{problem.detail}</span>
  if (cursor === null) return <>That was all.</>
  const oldest = rows.at(-1)
  if (rows.length >= ROWS_MAX && oldest !== undefined) {
    const params = new URLSearchParams(location.search)
    params.set('since', search.asking.since ?? '1970-01-01T00:00:00.000Z')
    params.set('until', oldest.time)
    params.delete('range')
    return (
      <Link href={`/ui/requests?${params.toString()}`}>
        {formatCount(rows.length)} are shown. Go on from here
      </Link>
    )
  }
  return (
    <span>
      {scannedTo !== undefined &&
        `Everything since ${shortTime(scannedTo).join(' ')} was looked at. `}
      <Button size="small" onClick={() => void search.more()}>
        Search on
      </Button>
    </span>
  )
}

function Nothing({ asking }: { asking: Search['asking'] }) {
  return (
    <EmptyState icon="list" title="No such request">
      Choose a longer time, or take a filter away. Requests appear here when they have ended.
      {asking.error_text !== undefined &&
        ' What was written was looked for in errors; an id that a program gave itself is found as id:….'}
    </EmptyState>
  )
}
