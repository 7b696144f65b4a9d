// One provider: how it fares, its keys, its targets and their breakers, the models it lists and its settings.

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { unwrap } from '../api.ts'
import { Badge, Status } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { Menu } from '../components/menu.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, PageHeader, Panel } from '../components/page.tsx'
import { ErrorState, Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { Tabs } from '../components/tabs.tsx'
import { toast } from '../components/toast.tsx'
import { Count, Duration, RelativeTime } from '../components/values.tsx'
import { invalidate, useAction, useQuery } from '../query.ts'
import { Link, navigate, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { deleteProvider } from './acts.ts'
import {
  providerPath,
  readTargets,
  STATES,
  tryProvider,
  type Probe,
  type Provider,
  type Target,
} from './data.ts'
import { KeysPanel } from './keys.tsx'
import { HealthStatus, OriginBadge } from './list.tsx'
import { ModelsPanel } from './models.tsx'
import { ProbeResult } from './probe.tsx'
import { SettingsPanel } from './settings.tsx'

const TABS = [
  { id: 'state', title: 'State' },
  { id: 'keys', title: 'Keys' },
  { id: 'models', title: 'Models' },
  { id: 'settings', title: 'Settings' },
] as const

type TabId = (typeof TABS)[number]['id']

export function ProviderPage({ provider }: { provider: Provider }) {
  const { id, read_only: readOnly } = provider
  const probe = useSignal<Probe | undefined>(undefined)
  const tryIt = useAction(() => tryProvider(id), {
    onDone: (found) => {
      probe.value = found
      invalidate('provider', 'providers')
    },
  })
  useEffect(() => {
    if (param('try') === undefined) return
    setParams({ try: undefined })
    void tryIt.run()
  }, [])
  const wanted = param('tab')
  const tabs = TABS.filter((tab) => tab.id !== 'keys' || can('provider_key.read'))
  const current: TabId = tabs.find((tab) => tab.id === wanted)?.id ?? 'state'
  const problem = tryIt.problem.value
  return (
    <>
      <PageHeader
        title={id}
        back={{ href: '/ui/providers', label: 'Providers' }}
        badges={
          <>
            <Badge>{provider.type}</Badge>
            <OriginBadge provider={provider} />
          </>
        }
        actions={
          <>
            {can('provider.write') && (
              <Button icon="bolt" pending={tryIt.pending.value} onClick={() => void tryIt.run()}>
                Try it
              </Button>
            )}
            <Menu label="More" items={moreOf(provider)} />
          </>
        }
      >
        {provider.base_url ?? 'All tenants share it.'}
      </PageHeader>
      <div class="stack">
        {readOnly !== null && (
          <Notice tone="info" title="Read only">
            {readOnly}
          </Notice>
        )}
        {provider.warnings.length > 0 && (
          <Notice tone="warn" title="To know">
            <ul class="plain-list">
              {provider.warnings.map((warning) => (
                <li key={warning}>
                  {warning.charAt(0).toUpperCase()}
                  {warning.slice(1)}.
                </li>
              ))}
            </ul>
          </Notice>
        )}
        {tryIt.pending.value && (
          <p class="soft" role="status">
            Asking it with each of its keys…
          </p>
        )}
        {problem !== undefined && <ErrorState problem={problem} title="It was not tried" />}
        {probe.value !== undefined && !tryIt.pending.value && (
          <Panel
            title="Try"
            actions={
              <Button size="small" onClick={() => (probe.value = undefined)}>
                Close
              </Button>
            }
          >
            <ProbeResult probe={probe.value} />
          </Panel>
        )}
        <Tabs
          label={`Parts of ${id}`}
          tabs={tabs}
          current={current}
          onSelect={(tab) => setParams({ tab: tab === 'state' ? undefined : tab })}
        >
          {current === 'state' && <StateTab provider={provider} />}
          {current === 'keys' && <KeysPanel provider={provider} />}
          {current === 'models' && <ModelsPanel provider={provider} />}
          {current === 'settings' && <SettingsPanel provider={provider} />}
        </Tabs>
      </div>
    </>
  )
}

function moreOf(provider: Provider) {
  const isStored = provider.read_only === null
  return [
    can('provider.write')
      ? ({
          label: 'Take as well again',
          icon: 'refresh',
          onSelect: () => void reset(provider),
        } as const)
      : undefined,
    {
      label: 'Requests to it',
      icon: 'list',
      href: `/ui/requests?provider=${encodeURIComponent(provider.id)}`,
    } as const,
    can('provider.delete')
      ? ({
          label: 'Delete',
          icon: 'trash',
          danger: true,
          disabled: isStored ? undefined : 'declared elsewhere',
          onSelect: () => void remove(provider),
        } as const)
      : undefined,
  ]
}

async function remove(provider: Provider): Promise<void> {
  if (await deleteProvider(provider)) navigate('/ui/providers', { replace: true })
}

async function reset({ id }: Provider): Promise<void> {
  let told = ''
  const isDone = await confirmAction({
    title: `Take ${id} as well again?`,
    message:
      'Targets that are left alone and keys that rest are asked again at once, on every replica that can be told. Where it is still down, requests fail until that is noticed again.',
    confirm: 'Take as well',
    run: async () => {
      const { circuits, keys } = await unwrap(providerPath(id).reset.post({}))
      told = `${circuits} targets and ${keys} keys are asked again.`
    },
  })
  if (!isDone) return
  invalidate('provider', 'providers', 'provider-targets')
  toast(told)
}

function StateTab({ provider }: { provider: Provider }) {
  const { health, id, tenant } = provider
  const targets = useQuery(
    ['provider-targets', id],
    (reading) => readTargets(id, tenant, reading),
    { pollMs: 10_000, enabled: can('health.read') },
  )
  return (
    <div class="stack">
      <Panel title="How it fares" hint="As this process knows it.">
        <Facts
          items={[
            ['State', <HealthStatus key="state" health={health} />],
            ['Models it lists', <Count key="models" value={health.models} />],
            ['Listed', <RelativeTime key="listed" at={health.listed_at} none="never" />],
            ['Requests running', <Count key="running" value={health.running} />],
            ['Keys resting', <Count key="keys" value={health.keys_resting} />],
            ['Targets left alone', <Count key="open" value={health.circuits_open} />],
          ]}
        />
      </Panel>
      {can('health.read') && (
        <Panel
          title="Targets"
          hint="Models that were asked, or that aliases lead to. One that fails too often is left alone for a while."
          flush
        >
          <Loaded query={targets}>
            {(rows) => (
              <Table
                caption={`Targets of ${id}`}
                rows={rows}
                keyOf={({ model }) => model}
                columns={TARGET_COLUMNS}
                initialSort="model"
                empty={<p class="panel-empty soft">Nobody has asked for one of its models yet.</p>}
              />
            )}
          </Loaded>
        </Panel>
      )}
      <Panel title="Used by" hint="Aliases that lead to it.">
        {provider.used_by.length === 0 ? (
          <p class="soft">
            No alias leads here; its models are asked for by names that begin with {id}/
          </p>
        ) : (
          <ul class="plain-list">
            {provider.used_by.map(({ is_only: isOnly, model, targets: count }) => (
              <li key={model} class="row">
                <Link href={`/ui/models/${encodeURIComponent(model)}`}>{model}</Link>
                {count > 1 && <span class="soft">{count} targets</span>}
                {isOnly && <Badge tone="warn">nobody else answers it</Badge>}
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </div>
  )
}

function CircuitStatus({ target }: { target: Target }) {
  if (target.circuit === 'open') {
    return (
      <Status state="down">
        Left alone for <Duration ms={target.opens_in_ms} />
      </Status>
    )
  }
  if (target.circuit === 'half_open') return <Status state="pending">Being tried again</Status>
  if (target.limited_for_ms > 0) {
    return (
      <Status state="degraded">
        Limited for <Duration ms={target.limited_for_ms} />
      </Status>
    )
  }
  if (target.first_byte_ms === null && target.error_rate === 0) {
    return <Status state="unknown">{STATES.unknown[1]}</Status>
  }
  return <Status state="ok">Answers</Status>
}

const TARGET_COLUMNS: readonly Column<Target>[] = [
  {
    id: 'model',
    title: 'Model',
    card: 'title',
    cell: ({ model }) => model,
    sort: ({ model }) => model,
  },
  {
    id: 'circuit',
    title: 'State',
    cell: (target) => <CircuitStatus target={target} />,
    sort: ({ circuit }) => circuit,
  },
  {
    id: 'running',
    title: 'Running',
    align: 'end',
    cell: ({ running }) => <Count value={running} />,
    sort: ({ running }) => running,
  },
  {
    id: 'first',
    title: 'First token',
    align: 'end',
    cell: ({ first_byte_ms: ms }) => <Duration ms={ms} />,
    sort: ({ first_byte_ms: ms }) => ms,
  },
  {
    id: 'errors',
    title: 'Errors',
    align: 'end',
    cell: ({ error_rate: rate }) => `${Math.round(rate * 100)} %`,
    sort: ({ error_rate: rate }) => rate,
  },
  {
    id: 'aliases',
    title: 'Aliases',
    cell: ({ used_by_models: names }) => (names.length === 0 ? '—' : names.join(', ')),
  },
]
