// The models one provider lists, asked for anew on demand, each with a way to an alias of its own.

import { useSignal } from '@preact/signals'
import { api, unwrap } from '../api.ts'
import { Badge, Status } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Panel, SearchInput, Toolbar } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime, Tokens } from '../components/values.tsx'
import { invalidate, useAction, useQuery } from '../query.ts'
import { Link, param, setParams } from '../router.tsx'
import { can } from '../session.ts'
import { providerPath, readListed, type ListedModel, type Provider } from './data.ts'

export function ModelsPanel({ provider }: { provider: Provider }) {
  const { id } = provider
  const q = param('q')
  const naming = useSignal<ListedModel | undefined>(undefined)
  const listed = useQuery(['listed', id, q ?? ''], (reading) => readListed(id, q, reading), {
    keep: true,
    enabled: can('discovery.read'),
  })
  const ask = useAction(() => unwrap(providerPath(id).discover.post({})), {
    onDone: ({ answered, models, problem }) => {
      invalidate('listed', 'provider', 'providers', 'models')
      if (answered) toast(`It lists ${models.length} models.`)
      else toast(`It did not list its models: ${problem ?? 'no answer'}`, { tone: 'bad' })
    },
    onProblem: ({ detail }) => toast(detail, { tone: 'bad' }),
  })
  const askButton = can('discovery.write') && (
    <Button icon="refresh" pending={ask.pending.value} onClick={() => void ask.run()}>
      Ask now
    </Button>
  )
  if (!can('discovery.read')) {
    return <EmptyState icon="lock" title="You may not see what providers list" />
  }
  return (
    <>
      <Panel title="Models it lists" actions={askButton} flush>
        <Toolbar>
          <SearchInput
            label="Search its models"
            value={q ?? ''}
            onValue={(text) => setParams({ q: text })}
          />
        </Toolbar>
        <Loaded query={listed}>
          {({ data, total }) => (
            <>
              <Table
                caption={`Models of ${id}`}
                rows={data}
                keyOf={({ model }) => model}
                nameOf={({ model }) => model}
                columns={columnsOf(provider)}
                initialSort="model"
                isMuted={({ state }) => state !== 'available'}
                {...(can('model.write')
                  ? {
                      actions: (row: ListedModel) => [
                        {
                          label: 'Make an alias',
                          icon: 'route' as const,
                          onSelect: () => (naming.value = row),
                        },
                      ],
                    }
                  : {})}
                empty={
                  <EmptyState
                    icon="list"
                    title={q === undefined ? 'None is known' : 'Nothing fits'}
                  >
                    {q === undefined
                      ? 'It was not asked yet, did not answer, or lists none. Ask now, or try it.'
                      : 'None of its models has this in its name.'}
                  </EmptyState>
                }
              />
              {total > data.length && (
                <p class="panel-empty soft">
                  {data.length} of {total} are shown. Search to see others.
                </p>
              )}
            </>
          )}
        </Loaded>
      </Panel>
      {naming.value !== undefined && (
        <MakeAlias
          provider={provider}
          row={naming.value}
          onClose={() => (naming.value = undefined)}
        />
      )}
    </>
  )
}

function columnsOf({ id }: Provider): readonly Column<ListedModel>[] {
  return [
    {
      id: 'model',
      title: 'Model',
      card: 'title',
      cell: (row) => (
        <span class="providers-name">
          <Link href={`/ui/playground?model=${encodeURIComponent(`${id}/${row.model}`)}`}>
            {row.model}
          </Link>
          {row.base_model !== null && row.base_model !== row.model && (
            <span class="soft">{row.base_model}</span>
          )}
        </span>
      ),
      sort: ({ model }) => model,
    },
    {
      id: 'state',
      title: 'State',
      cell: (row) => <ModelState row={row} />,
      sort: ({ state }) => state,
    },
    {
      id: 'context',
      title: 'Context',
      align: 'end',
      cell: ({ context_window: tokens }) =>
        tokens === null ? <span class="soft">unknown</span> : <Tokens count={tokens} />,
      sort: ({ context_window: tokens }) => tokens,
    },
    {
      id: 'can',
      title: 'Can',
      card: 'hide',
      cell: ({ capabilities }) => (
        <span class="row providers-can">
          {(capabilities ?? []).map((word) => (
            <Badge key={word}>{word}</Badge>
          ))}
        </span>
      ),
    },
    {
      id: 'seen',
      title: 'Last listed',
      card: 'hide',
      cell: ({ last_seen: at }) => <RelativeTime at={at} />,
      sort: ({ last_seen: at }) => at,
    },
  ]
}

function ModelState({ row }: { row: ListedModel }) {
  switch (row.state) {
    case 'available':
      return <Status state="ok">Available</Status>
    case 'retired':
      return <Status state="down">Retired</Status>
    default:
      return (
        <Status state="degraded">
          Gone <RelativeTime at={row.gone_since} />
        </Status>
      )
  }
}

interface MakeAliasProps {
  readonly provider: Provider
  readonly row: ListedModel
  readonly onClose: () => void
}

function MakeAlias({ onClose, provider, row }: MakeAliasProps) {
  const form = useForm({ id: row.model })
  return (
    <Dialog title={`Make an alias for ${row.model}`} onClose={onClose} size="small">
      <Form
        form={form}
        submit="Make alias"
        onCancel={onClose}
        invalidates={['models', 'provider', 'providers']}
        onSubmit={({ id }) =>
          unwrap(
            api.models.post({
              id: id.trim(),
              targets: [{ provider: provider.id, model: row.model }],
            }),
          )
        }
        onDone={(made) => {
          toast(`Alias ${made.id} leads to ${row.model}.`)
          onClose()
        }}
      >
        <Field name="id" label="Name that clients ask for" required>
          <Input {...form.bind('id')} spellcheck={false} />
        </Field>
      </Form>
    </Dialog>
  )
}
