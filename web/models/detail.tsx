// One model: who answers it and why, what is said of it, and what a request would come to now.

import { Badge, Status } from '../components/badge.tsx'
import { Button, ButtonLink } from '../components/button.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, PageHeader, Panel } from '../components/page.tsx'
import { Table, type Column } from '../components/table.tsx'
import { RelativeTime, Time, Tokens } from '../components/values.tsx'
import { Link } from '../router.tsx'
import { can, otherTenant } from '../session.ts'
import { lossOf, nameOf, pageOf, type Model, type Target } from './data.ts'
import { CAUSES } from './draft.ts'
import { ExplainPanel } from './explain.tsx'
import { deleteModel } from './list.tsx'
import { PriceList } from './price.tsx'
import { Capabilities, DirectState, Fare, Origin } from './signs.tsx'
import { TryPanel } from './try.tsx'

export function ModelPage({ model }: { model: Model }) {
  const isAlias = model.kind === 'alias'
  return (
    <>
      <PageHeader
        title={model.id}
        back={{ href: isAlias ? '/ui/models' : '/ui/models?kind=direct', label: 'Models & routes' }}
        badges={
          <>
            <Origin model={model} />
            {isAlias ? <Fare model={model} /> : <DirectState status={model.status} />}
          </>
        }
        actions={<Actions model={model} />}
      >
        {isAlias
          ? 'An alias: clients ask for it by this name.'
          : 'A provider’s own model: clients ask for it by this name.'}
      </PageHeader>
      <div class="stack">
        {isAlias && model.read_only !== null && (
          <Notice tone="info" title="Read only">
            {model.read_only}
          </Notice>
        )}
        {model.problems.length > 0 && (
          <Notice tone="warn" title="What keeps it from answering">
            <ul class="plain-list">
              {model.problems.map((problem) => (
                <li key={problem}>{problem}</li>
              ))}
            </ul>
          </Notice>
        )}
        <Panel title="Answered by" flush>
          <Table
            caption={`Targets of ${model.id}`}
            rows={model.targets.toSorted((a, b) => a.order - b.order)}
            columns={columnsFor(model)}
            keyOf={(target) => `${target.order} ${nameOf(target)}`}
          />
        </Panel>
        {can('route.read') && <ExplainPanel id={model.id} />}
        {can('model.invoke') && otherTenant.value === undefined && <TryPanel id={model.id} />}
        {isAlias ? <AliasFacts model={model} /> : <DirectFacts model={model} />}
      </div>
    </>
  )
}

function Actions({ model }: { model: Model }) {
  const name = encodeURIComponent(model.id)
  const isOurs = model.kind === 'alias' && model.read_only === null
  return (
    <>
      <ButtonLink href={`/ui/connect?model=${name}`} icon="plug">
        Connect a tool
      </ButtonLink>
      {can('model.delete') && isOurs && (
        <Button icon="trash" variant="danger" onClick={() => void deleteModel(model.id)}>
          Delete
        </Button>
      )}
      {can('model.write') && model.kind === 'direct' && (
        <ButtonLink href={`/ui/models?new=1&from=${name}`} icon="plus" variant="primary">
          Make an alias
        </ButtonLink>
      )}
      {can('model.write') && isOurs && (
        <ButtonLink href={`${pageOf(model.id)}?edit=1`} icon="edit" variant="primary">
          Edit
        </ButtonLink>
      )}
    </>
  )
}

const ONLY_ALIAS: ReadonlySet<string> = new Set(['order', 'weight'])

/** Those that say something of this model. */
function columnsFor({ kind, targets }: Model): readonly Column<Target>[] {
  const hasTags = targets.some(({ tags }) => tags.length > 0)
  const hasOverrides = targets.some(({ overrides }) => Object.keys(overrides).length > 0)
  return COLUMNS.filter(
    ({ id }) =>
      (kind === 'alias' || !ONLY_ALIAS.has(id)) &&
      (hasTags || id !== 'tags') &&
      (hasOverrides || id !== 'overrides'),
  )
}

const COLUMNS: readonly Column<Target>[] = [
  {
    id: 'name',
    title: 'Provider and model',
    card: 'title',
    cell: (target) =>
      can('provider.read') && target.provider_state !== 'missing' ? (
        <span>
          <Link href={`/ui/providers/${encodeURIComponent(target.provider)}`}>
            {target.provider}
          </Link>
          /{target.model}
        </span>
      ) : (
        nameOf(target)
      ),
  },
  {
    id: 'order',
    title: 'Asked',
    cell: ({ order }) => (
      <span class="models-step">{order === 0 ? 'first' : `order ${order}`}</span>
    ),
  },
  { id: 'weight', title: 'Weight', align: 'end', cell: ({ weight }) => weight },
  {
    id: 'state',
    title: 'State',
    cell: (target) => {
      const loss = lossOf(target)
      if (loss !== undefined) return <Status state="down">{loss}</Status>
      return target.state === null ? (
        <Status state="unknown">not listed</Status>
      ) : (
        <Status state="ok">available</Status>
      )
    },
  },
  {
    id: 'can',
    title: 'Can',
    card: 'hide',
    cell: ({ capabilities }) => <Capabilities words={capabilities} />,
  },
  {
    id: 'tags',
    title: 'Tags',
    card: 'hide',
    cell: ({ tags }) =>
      tags.length === 0 ? (
        <span class="soft">none</span>
      ) : (
        tags.map((tag) => <Badge key={tag}>{tag}</Badge>)
      ),
  },
  {
    id: 'overrides',
    title: 'Overrides',
    card: 'hide',
    cell: ({ overrides }) =>
      Object.keys(overrides).length === 0 ? (
        <span class="soft">none</span>
      ) : (
        <code>{JSON.stringify(overrides)}</code>
      ),
  },
  {
    id: 'context',
    title: 'Context',
    align: 'end',
    cell: ({ context_window: tokens }) =>
      tokens === null ? <span class="soft">unknown</span> : <Tokens count={tokens} />,
  },
  {
    id: 'price',
    title: 'Price, $ per million tokens',
    cell: ({ price }) => <PriceList price={price} />,
  },
]

function AliasFacts({ model }: { model: Model }) {
  const { access, defaults, losses, price, price_changes: changes, routing } = model
  const fallbacks = CAUSES.flatMap(([cause, label]) => {
    const names = routing?.fallbacks?.[cause]
    return names === undefined || names === null ? [] : [[label, names] as const]
  })
  return (
    <div class="grid-2">
      <Panel title="Routing">
        <Facts
          items={[
            ['Strategy', routing?.strategy ?? 'weighted'],
            ['Kept together', routing?.sticky ?? 'no'],
            ['Asks the next too after', routing?.hedge_after ?? 'never'],
            ['Continues broken answers', routing?.continuation === true ? 'yes' : 'no'],
            [
              'Falls back to',
              fallbacks.length === 0 ? (
                <span class="soft">no other model</span>
              ) : (
                <ul class="plain-list">
                  {fallbacks.map(([label, names]) => (
                    <li key={label}>
                      {names.join(', ') || 'none'} <span class="soft">({label.toLowerCase()})</span>
                    </li>
                  ))}
                </ul>
              ),
            ],
          ]}
        />
      </Panel>
      <Panel title="Requests">
        <Facts
          items={[
            ['For', access === null ? 'everyone in the tenant' : access.join(', ') || 'nobody'],
            [
              'Defaults',
              Object.keys(defaults).length === 0 ? (
                <span class="soft">none</span>
              ) : (
                <code>{JSON.stringify(defaults)}</code>
              ),
            ],
            ['What cannot be expressed', losses === 'report' ? 'is reported' : 'is refused'],
            ['Price of its own', price === null ? 'no' : <PriceList price={price} />],
            ...(changes ?? []).map(
              (change) =>
                [
                  'Price later',
                  <span key={change.from}>
                    from <Time at={change.from} />: <PriceList price={change} />
                  </span>,
                ] as const,
            ),
          ]}
        />
      </Panel>
    </div>
  )
}

function DirectFacts({ model: { status } }: { model: Model }) {
  if (status === null) return null
  return (
    <Panel title="What the provider says">
      <Facts
        items={[
          ['State', status.status ?? status.state],
          status.version === null ? undefined : ['Version', status.version],
          status.base_model === null ? undefined : ['Base model', status.base_model],
          status.retires === null ? undefined : ['Retires', <Time key="t" at={status.retires} />],
          ['First seen', <RelativeTime key="f" at={status.first_seen} />],
          ['Last seen', <RelativeTime key="l" at={status.last_seen} />],
          status.gone_since === null
            ? undefined
            : ['Gone since', <Time key="g" at={status.gone_since} />],
        ]}
      />
    </Panel>
  )
}
