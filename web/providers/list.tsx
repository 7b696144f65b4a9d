// All providers with how they fare, and the ways to get another one.

import { unwrap } from '../api.ts'
import { Badge, Status } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { PageHeader, Panel, SearchInput, Toolbar } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Count } from '../components/values.tsx'
import { toast } from '../components/toast.tsx'
import { useQuery } from '../query.ts'
import { Link, navigate, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { deleteProvider } from './acts.ts'
import { AddProvider } from './add.tsx'
import { AzureImport } from './azure.tsx'
import {
  maskOf,
  pageOf,
  providerPath,
  readProviders,
  STATE_ORDER,
  STATES,
  type Provider,
} from './data.ts'

export function ProviderList() {
  const providers = useQuery('providers', readProviders, { pollMs: 15_000 })
  const q = param('q') ?? ''
  const open = (what: 'add' | 'azure' | undefined) =>
    setParams({ add: undefined, azure: undefined, ...(what === undefined ? {} : { [what]: '1' }) })
  const ids = providers.data?.data.map(({ id }) => id) ?? []
  return (
    <>
      <PageHeader
        title="Providers"
        actions={
          can('provider.write') && (
            <>
              {can('discovery.write') && (
                <Button icon="cloud" onClick={() => open('azure')}>
                  Import from Azure
                </Button>
              )}
              <Button variant="primary" icon="plus" onClick={() => open('add')}>
                Add provider
              </Button>
            </>
          )
        }
      >
        Who answers: model services and servers of your own, each with its keys.
      </PageHeader>
      <div class="stack">
        <Toolbar>
          <SearchInput
            label="Search providers"
            value={q}
            onValue={(text) => setParams({ q: text })}
          />
        </Toolbar>
        <Loaded query={providers}>
          {({ data }) => (
            <Panel flush>
              <Table
                caption="Providers"
                rows={data.filter((row) => fits(row, q))}
                keyOf={(row) => `${row.tenant ?? ''}/${row.id}`}
                nameOf={({ id }) => id}
                hrefOf={({ id }) => pageOf(id)}
                columns={COLUMNS}
                initialSort="id"
                actions={actionsOf}
                empty={<Nobody isFiltered={q !== ''} onAdd={() => open('add')} />}
              />
            </Panel>
          )}
        </Loaded>
      </div>
      {param('add') !== undefined && can('provider.write') && providers.data !== undefined && (
        <AddProvider taken={ids} onClose={() => open(undefined)} />
      )}
      {param('azure') !== undefined && can('discovery.write') && (
        <AzureImport onClose={() => open(undefined)} />
      )}
    </>
  )
}

function fits({ base_url: url, id, type }: Provider, q: string): boolean {
  return `${id} ${type} ${url ?? ''}`.toLowerCase().includes(q.trim().toLowerCase())
}

function Nobody({ isFiltered, onAdd }: { isFiltered: boolean; onAdd: () => void }) {
  if (isFiltered) {
    return (
      <EmptyState
        icon="search"
        title="Nothing fits"
        action={<Button onClick={() => setParams({ q: undefined })}>Clear search</Button>}
      >
        No provider has this in its name, type or address.
      </EmptyState>
    )
  }
  return (
    <EmptyState
      icon="cloud"
      title="No providers yet"
      action={
        can('provider.write') && (
          <Button variant="primary" icon="plus" onClick={onAdd}>
            Add provider
          </Button>
        )
      }
    >
      Without one there is nobody to answer. All it takes is a key, or the address of a server.
    </EmptyState>
  )
}

const COLUMNS: readonly Column<Provider>[] = [
  {
    id: 'id',
    title: 'Provider',
    card: 'title',
    cell: (row) => (
      <span class="providers-name">
        <Link href={pageOf(row.id)}>{row.id}</Link>
        <OriginBadge provider={row} />
      </span>
    ),
    sort: ({ id }) => id,
  },
  {
    id: 'state',
    title: 'State',
    cell: (row) => <HealthStatus health={row.health} />,
    sort: ({ health }) => STATE_ORDER.indexOf(health.state),
  },
  { id: 'type', title: 'Type', cell: ({ type }) => type, sort: ({ type }) => type },
  {
    id: 'url',
    title: 'Address',
    cell: ({ base_url: url }) => <span class="providers-url">{url ?? '—'}</span>,
    sort: ({ base_url: url }) => url,
  },
  { id: 'keys', title: 'Keys', cell: (row) => <KeyMasks provider={row} /> },
  {
    id: 'models',
    title: 'Models',
    align: 'end',
    cell: ({ health }) => <Count value={health.models} />,
    sort: ({ health }) => health.models,
  },
]

/** The state in a word, its reason below. */
export function HealthStatus({ health }: { health: Provider['health'] }) {
  const [state, word] = STATES[health.state]
  return (
    <span class="providers-state">
      <Status state={state}>{word}</Status>
      {health.reason !== null && <span class="soft">{health.reason}</span>}
    </span>
  )
}

/** Where it is declared, where that is not here. */
export function OriginBadge({ provider: { origin, read_only: why } }: { provider: Provider }) {
  if (why === null) return null
  return (
    <Badge icon="file" title={why}>
      {origin === 'built-in' ? 'built in' : origin}
    </Badge>
  )
}

const KEYS_SHOWN = 2

function KeyMasks({ provider: { keys } }: { provider: Provider }) {
  if (keys === null || keys.length === 0) return <span class="soft">—</span>
  const rest = keys.length - KEYS_SHOWN
  return (
    <span class="mono providers-keys">
      {keys.slice(0, KEYS_SHOWN).map(maskOf).join(', ')}
      {rest > 0 && <span class="soft"> and {rest} more</span>}
    </span>
  )
}

function actionsOf(row: Provider) {
  const isChangeable = row.read_only === null
  return [
    { label: 'Open', icon: 'eye', href: pageOf(row.id) } as const,
    can('provider.write')
      ? ({
          label: 'Try it',
          icon: 'bolt',
          onSelect: () => navigate(`${pageOf(row.id)}?try=1`),
        } as const)
      : undefined,
    can('discovery.write')
      ? ({ label: 'Ask for its models', icon: 'refresh', onSelect: () => void ask(row) } as const)
      : undefined,
    can('provider.delete') && isChangeable
      ? ({
          label: 'Delete',
          icon: 'trash',
          danger: true,
          onSelect: () => void deleteProvider(row),
        } as const)
      : undefined,
  ]
}

async function ask({ id }: Provider): Promise<void> {
  try {
    const { answered, models, problem } = await unwrap(providerPath(id).discover.post({}))
    if (answered) toast(`${id} lists ${models.length} models.`)
    else toast(`${id} did not list its models: ${problem ?? 'it did not answer'}`, { tone: 'bad' })
  } catch (thrown) {
    toast(thrown instanceof Error ? thrown.message : String(thrown), { tone: 'bad' })
  }
}
