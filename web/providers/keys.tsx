// The keys of one provider: how each fares, a new one, one in place of another, one set aside and one retired.

import { useSignal } from '@preact/signals'
import { ifMatch, unwrap } from '../api.ts'
import { Status, type State } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction, Dialog } from '../components/dialog.tsx'
import { Field, Input } from '../components/field.tsx'
import { Form, useForm } from '../components/form.tsx'
import { Panel } from '../components/page.tsx'
import { EmptyState } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { Count, Duration, RelativeTime } from '../components/values.tsx'
import { invalidate } from '../query.ts'
import { can } from '../session.ts'
import { maskOf, providerPath, type Key, type Provider } from './data.ts'

const TOUCHED = ['provider', 'providers']

export function KeysPanel({ provider }: { provider: Provider }) {
  const adding = useSignal<{ readonly replaces?: Key } | undefined>(undefined)
  const { entra, keys } = provider
  const mayChange = can('provider_key.write') && provider.read_only === null && entra === null
  if (keys === null) {
    return (
      <EmptyState icon="lock" title="Its keys are not shown">
        They belong to the installation, or to somebody with more rights.
      </EmptyState>
    )
  }
  const add = (
    <Button variant="primary" icon="plus" onClick={() => (adding.value = {})}>
      Add key
    </Button>
  )
  return (
    <>
      <Panel
        title="Keys"
        hint={
          entra === null
            ? 'Several are used in turn. One that the provider refuses or limits rests for a while.'
            : 'It is asked with tokens of its Entra ID application.'
        }
        actions={mayChange && keys.length > 0 && add}
        flush
      >
        <Table
          caption={`Keys of ${provider.id}`}
          rows={keys}
          keyOf={({ id }) => id}
          nameOf={({ id }) => id}
          columns={COLUMNS}
          isMuted={({ draining }) => draining}
          {...(mayChange
            ? {
                actions: (key: Key) => [
                  {
                    label: 'Replace',
                    icon: 'refresh' as const,
                    onSelect: () => (adding.value = { replaces: key }),
                  },
                  {
                    label: key.draining ? 'Use again' : 'Set aside',
                    icon: 'off' as const,
                    onSelect: () => void setAside(provider, key),
                  },
                  {
                    label: 'Retire',
                    icon: 'trash' as const,
                    danger: true,
                    onSelect: () => void retire(provider, keys, key),
                  },
                ],
              }
            : {})}
          empty={
            <EmptyState
              icon="key"
              title={entra === null ? 'No keys' : 'No keys needed'}
              action={mayChange && add}
            >
              {entra === null
                ? 'Local servers need none; everybody else refuses requests without one.'
                : 'Its application of Entra ID stands in for them.'}
            </EmptyState>
          }
        />
      </Panel>
      {adding.value !== undefined && (
        <AddKey provider={provider} {...adding.value} onClose={() => (adding.value = undefined)} />
      )}
    </>
  )
}

const KEY_STATES: Readonly<Record<Key['state'], readonly [State, string]>> = {
  fit: ['ok', 'In use'],
  limited: ['degraded', 'Limited'],
  refused: ['down', 'Refused'],
  draining: ['off', 'On its way out'],
}

function KeyStatus({ row }: { row: Key }) {
  const [state, word] = KEY_STATES[row.state]
  return (
    <span class="providers-state">
      <Status state={state}>{word}</Status>
      {row.reason !== null && (
        <span class="soft">
          {row.reason}; for <Duration ms={row.free_in_ms} />
        </span>
      )}
    </span>
  )
}

const COLUMNS: readonly Column<Key>[] = [
  {
    id: 'key',
    title: 'Key',
    card: 'title',
    cell: (key) => (
      <span class="providers-name">
        <code>{maskOf(key)}</code> <span class="soft">{key.id}</span>
      </span>
    ),
  },
  {
    id: 'state',
    title: 'State',
    cell: (key) => <KeyStatus row={key} />,
    sort: ({ state }) => state,
  },
  {
    id: 'used',
    title: 'Used',
    align: 'end',
    cell: ({ used }) => <Count value={used} />,
    sort: ({ used }) => used,
  },
  {
    id: 'failed',
    title: 'Refused',
    align: 'end',
    cell: ({ failed }) => <Count value={failed} />,
    sort: ({ failed }) => failed,
  },
  {
    id: 'left',
    title: 'Left of its limits',
    align: 'end',
    cell: ({ remaining }) => (remaining === null ? '—' : `${Math.round(remaining * 100)} %`),
    sort: ({ remaining }) => remaining,
  },
  {
    id: 'created',
    title: 'Added',
    cell: ({ created }) => <RelativeTime at={created} />,
    sort: ({ created }) => created,
  },
]

interface AddKeyProps {
  readonly provider: Provider
  readonly replaces?: Key
  readonly onClose: () => void
}

function AddKey({ onClose, provider, replaces }: AddKeyProps) {
  const form = useForm({ secret: '', id: '' })
  return (
    <Dialog
      title={replaces === undefined ? 'Add key' : `Replace key ${maskOf(replaces)}`}
      onClose={onClose}
    >
      <Form
        form={form}
        submit={replaces === undefined ? 'Add key' : 'Replace key'}
        onCancel={onClose}
        invalidates={TOUCHED}
        onSubmit={({ id, secret }) =>
          unwrap(
            providerPath(provider.id).keys.post(
              {
                secret: secret.trim(),
                ...(id.trim() === '' ? {} : { id: id.trim() }),
                ...(replaces === undefined ? {} : { replaces: replaces.id }),
              },
              ifMatch(provider),
            ),
          )
        }
        onDone={(made) => {
          toast(`Key ${maskOf(made)} is in use.`)
          onClose()
        }}
      >
        {replaces !== undefined && (
          <p class="soft">
            The old one is on its way out from the same moment on: requests that run with it end
            well. Retire it when nothing uses it any more.
          </p>
        )}
        <Field
          name="secret"
          label="Key"
          required
          hint={`It is sent to ${provider.base_url ?? 'it'} alone.`}
        >
          <Input {...form.bind('secret')} type="password" autocomplete="new-password" />
        </Field>
        <Field name="id" label="Name" hint="For lists and logs.">
          <Input {...form.bind('id')} spellcheck={false} />
        </Field>
      </Form>
    </Dialog>
  )
}

const keyPath = (provider: Provider, { id }: Key) =>
  providerPath(provider.id).keys({ key: encodeURIComponent(id) })

async function setAside(provider: Provider, key: Key): Promise<void> {
  const draining = !key.draining
  const isDone = await confirmAction({
    title: draining ? `Set key ${maskOf(key)} aside?` : `Use key ${maskOf(key)} again?`,
    message: draining
      ? 'It is used only while no other key is fit.'
      : 'It takes its turn with the others again.',
    confirm: draining ? 'Set aside' : 'Use again',
    run: () => unwrap(keyPath(provider, key).patch({ draining })),
  })
  if (isDone) invalidate(...TOUCHED)
}

async function retire(provider: Provider, keys: readonly Key[], key: Key): Promise<void> {
  const isLast = !keys.some(({ draining, id }) => id !== key.id && !draining)
  const isDone = await confirmAction({
    title: `Retire key ${maskOf(key)}?`,
    message: 'It is deleted here. It stays good at the provider until you revoke it there.',
    breaks: [
      ...(key.running > 0 ? [`${key.running} requests run with it; they end as they would.`] : []),
      ...(isLast ? [`No key in use is left: requests to ${provider.id} are refused.`] : []),
    ],
    confirm: 'Retire key',
    danger: true,
    ...(isLast ? { typeName: provider.id } : {}),
    run: () =>
      unwrap(keyPath(provider, key).delete(undefined, { query: { even_the_last: isLast } })),
  })
  if (!isDone) return
  invalidate(...TOUCHED)
  toast(`Key ${maskOf(key)} is retired.`)
}
