// The lists of models: aliases, and what providers have of their own. Filters live in the address.

import { Button, ButtonLink } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { Select } from '../components/field.tsx'
import { PageHeader, Panel, SearchInput, Toolbar } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Tabs } from '../components/tabs.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime, Tokens } from '../components/values.tsx'
import { ifMatch, unwrap } from '../api.ts'
import { invalidate, useQuery } from '../query.ts'
import { Link, navigate, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import {
  fareOf,
  lossOf,
  modelPath,
  nameOf,
  pageOf,
  readModel,
  readModels,
  ROWS,
  ROWS_MAX,
  steps,
  type Model,
} from './data.ts'
import { PriceText } from './price.tsx'
import { Capabilities, DirectState, Fare, Origin } from './signs.tsx'

const TABS = [
  { id: 'alias', title: 'Aliases' },
  { id: 'direct', title: 'Providers’ own models' },
] as const

const STATES = [
  { value: '', label: 'Any state' },
  { value: 'available', label: 'Available' },
  { value: 'gone', label: 'Gone' },
  { value: 'retired', label: 'Retired' },
]

export function ModelList() {
  const kind = param('kind') === 'direct' ? 'direct' : 'alias'
  const q = param('q')
  const state = param('state')
  const limit = Math.min(Math.max(Number(param('rows') ?? ROWS) || ROWS, ROWS), ROWS_MAX)
  const filter = { kind, q, state, limit } as const
  const models = useQuery(['models', filter], (reading) => readModels(filter, reading), {
    keep: true,
    pollMs: 60_000,
  })
  return (
    <>
      <PageHeader
        title="Models & routes"
        actions={
          can('model.write') && (
            <ButtonLink href="/ui/models?new=1" variant="primary" icon="plus">
              Create alias
            </ButtonLink>
          )
        }
      >
        A name that clients ask for, and who answers it.
      </PageHeader>
      <Tabs
        label="Kinds of models"
        tabs={TABS}
        current={kind}
        onSelect={(id) =>
          setParams({ kind: id === 'alias' ? undefined : id, state: undefined, rows: undefined })
        }
      >
        <div class="stack">
          <Toolbar>
            <SearchInput
              label="Search models"
              value={q ?? ''}
              onValue={(text) => setParams({ q: text, rows: undefined })}
            />
            <Select
              aria-label="State"
              value={state ?? ''}
              options={STATES}
              onValue={(value) => setParams({ state: value, rows: undefined })}
            />
          </Toolbar>
          <Loaded query={models}>
            {({ data, next_cursor: next, total }) => (
              <Panel flush>
                {kind === 'alias' ? <Aliases rows={data} /> : <Directs rows={data} />}
                {next !== null && <More shown={data.length} total={total} limit={limit} />}
              </Panel>
            )}
          </Loaded>
        </div>
      </Tabs>
    </>
  )
}

function More({ limit, shown, total }: { shown: number; total: number; limit: number }) {
  return (
    <p class="models-more">
      {shown} of {total} are shown.{' '}
      {limit < ROWS_MAX ? (
        <Button size="small" onClick={() => setParams({ rows: String(limit + ROWS) })}>
          Show more
        </Button>
      ) : (
        'Search to see others.'
      )}
    </p>
  )
}

const isFiltered = () => param('q') !== undefined || param('state') !== undefined

function NothingFits() {
  return (
    <EmptyState
      icon="search"
      title="Nothing fits"
      action={
        <Button onClick={() => setParams({ q: undefined, state: undefined })}>Clear filters</Button>
      }
    >
      No model has this in its name, or behind it, in this state.
    </EmptyState>
  )
}

const ALIAS_COLUMNS: readonly Column<Model>[] = [
  {
    id: 'id',
    title: 'Model',
    card: 'title',
    cell: (model) => (
      <span class="models-name">
        <Link href={pageOf(model.id)}>{model.id}</Link>
        <Origin model={model} />
      </span>
    ),
    sort: ({ id }) => id,
  },
  { id: 'targets', title: 'Answered by', cell: (model) => <TargetNames model={model} /> },
  { id: 'state', title: 'State', cell: (model) => <Fare model={model} />, sort: fareOf },
  {
    id: 'context',
    title: 'Context',
    align: 'end',
    card: 'hide',
    cell: (model) => <Context tokens={contextOf(model)} />,
    sort: contextOf,
  },
  {
    id: 'price',
    title: 'Price in / out',
    align: 'end',
    cell: ({ targets }) => <PriceText price={targets[0]?.price ?? null} />,
    sort: ({ targets }) => targets[0]?.price?.input ?? null,
  },
  {
    id: 'access',
    title: 'For',
    card: 'hide',
    cell: ({ access }) =>
      access === null ? <span class="soft">everyone</span> : access.join(', ') || 'nobody',
  },
]

function Aliases({ rows }: { rows: readonly Model[] }) {
  return (
    <Table
      caption="Aliases"
      rows={rows}
      columns={ALIAS_COLUMNS}
      keyOf={({ id }) => id}
      nameOf={({ id }) => id}
      hrefOf={({ id }) => pageOf(id)}
      initialSort="id"
      actions={(model) => [
        { label: 'Open', icon: 'eye', href: pageOf(model.id) },
        can('model.write') && model.read_only === null
          ? { label: 'Edit', icon: 'edit', href: `${pageOf(model.id)}?edit=1` }
          : undefined,
        can('model.write')
          ? {
              label: 'Duplicate',
              icon: 'copy',
              href: `/ui/models?new=1&like=${encodeURIComponent(model.id)}`,
            }
          : undefined,
        can('model.delete') && model.read_only === null
          ? {
              label: 'Delete',
              icon: 'trash',
              danger: true,
              onSelect: () => void deleteModel(model.id),
            }
          : undefined,
      ]}
      empty={
        isFiltered() ? (
          <NothingFits />
        ) : (
          <EmptyState
            icon="route"
            title="No aliases yet"
            action={
              <>
                {can('model.write') && (
                  <ButtonLink href="/ui/models?new=1" variant="primary" icon="plus">
                    Create alias
                  </ButtonLink>
                )}
                <ButtonLink href="/ui/models?kind=direct">See providers’ own models</ButtonLink>
              </>
            }
          >
            Every model of a provider can be asked for as provider/model. An alias gives it a name
            of yours, and others that stand in for it.
          </EmptyState>
        )
      }
    />
  )
}

const DIRECT_COLUMNS: readonly Column<Model>[] = [
  {
    id: 'id',
    title: 'Model',
    card: 'title',
    cell: ({ id }) => <Link href={pageOf(id)}>{id}</Link>,
    sort: ({ id }) => id,
  },
  {
    id: 'state',
    title: 'State',
    cell: ({ status }) => <DirectState status={status} />,
    sort: ({ status }) => status?.state ?? null,
  },
  {
    id: 'can',
    title: 'Can',
    card: 'hide',
    cell: ({ targets }) => <Capabilities words={targets[0]?.capabilities ?? null} />,
  },
  {
    id: 'context',
    title: 'Context',
    align: 'end',
    cell: (model) => <Context tokens={contextOf(model)} />,
    sort: contextOf,
  },
  {
    id: 'price',
    title: 'Price in / out',
    align: 'end',
    cell: ({ targets }) => <PriceText price={targets[0]?.price ?? null} />,
    sort: ({ targets }) => targets[0]?.price?.input ?? null,
  },
  {
    id: 'seen',
    title: 'Last seen',
    card: 'hide',
    cell: ({ status }) => <RelativeTime at={status?.last_seen} />,
    sort: ({ status }) => status?.last_seen ?? null,
  },
]

function Directs({ rows }: { rows: readonly Model[] }) {
  return (
    <Table
      caption="Providers’ own models"
      rows={rows}
      columns={DIRECT_COLUMNS}
      keyOf={({ id }) => id}
      nameOf={({ id }) => id}
      hrefOf={({ id }) => pageOf(id)}
      isMuted={({ status }) => status !== null && status.state !== 'available'}
      actions={(model) => [
        can('model.write')
          ? {
              label: 'Make an alias',
              icon: 'plus',
              href: `/ui/models?new=1&from=${encodeURIComponent(model.id)}`,
            }
          : undefined,
        {
          label: 'Connect a tool',
          icon: 'plug',
          href: `/ui/connect?model=${encodeURIComponent(model.id)}`,
        },
      ]}
      empty={
        isFiltered() ? (
          <NothingFits />
        ) : (
          <EmptyState
            icon="cloud"
            title="No provider has listed anything yet"
            action={
              can('provider.read') && (
                <ButtonLink href="/ui/providers" variant="primary">
                  See providers
                </ButtonLink>
              )
            }
          >
            Models appear here once a provider that lists them has answered.
          </EmptyState>
        )
      }
    />
  )
}

function contextOf({ context_window: own, targets }: Model): number | null {
  return own ?? targets[0]?.context_window ?? null
}

function Context({ tokens }: { tokens: number | null }) {
  return tokens === null ? <span class="soft">unknown</span> : <Tokens count={tokens} />
}

function TargetNames({ model }: { model: Model }) {
  return (
    <span class="models-targets">
      {steps(model.targets).map((group, at) => (
        <span key={at}>
          {at > 0 && <span class="soft">then </span>}
          {group.map((target, index) => (
            <span key={`${nameOf(target)} ${index}`} class="models-target">
              <span class={lossOf(target) === undefined ? '' : 'models-lost'}>
                {nameOf(target)}
              </span>
              {group.length > 1 && <span class="soft number"> {target.weight}</span>}
              {index < group.length - 1 && ', '}
            </span>
          ))}
        </span>
      ))}
    </span>
  )
}

/** Asks, and says which models would lose it. Its present version is the one that is deleted. */
export async function deleteModel(id: string): Promise<void> {
  const reading = { signal: AbortSignal.timeout(10_000) }
  const [seen, { data }] = await Promise.all([
    readModel(id, reading),
    readModels({ kind: 'alias', q: undefined, state: undefined, limit: ROWS_MAX }, reading),
  ])
  const users = data.filter(({ routing }) =>
    Object.values(routing?.fallbacks ?? {}).some((names) => names?.includes(id) === true),
  )
  const isDone = await confirmAction({
    title: `Delete model ${id}?`,
    confirm: 'Delete model',
    danger: true,
    breaks: [
      'Every program that asks for this name is refused from now on.',
      ...users.map((user) => `${user.id} falls back to it, and goes on without it.`),
    ],
    run: () => unwrap(modelPath(id).delete(undefined, ifMatch(seen))),
  })
  if (!isDone) return
  toast(`Model ${id} is deleted.`)
  navigate('/ui/models')
  // Once its page is gone, a frame later: it would ask for what is there no more.
  requestAnimationFrame(() => setTimeout(() => invalidate('models', 'model')))
}
